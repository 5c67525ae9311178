"""Templates, read: listed, in six formats, and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from relay.manage.templates import document_of
from relay.model.account import Scope
from relay.model.clock import iso
from relay.model.template import VERSIONS, Format
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Call, Kind, Param, Shown
from relay.web.api.calls import templates_change
from relay.web.api.calls.templates_change import DOCUMENT, FAMILY, ID
from relay.web.api.query import value_of
from relay.web.api.rendering import FETCHING, FILLING, FORMAT, LETTER, PAGE, PLAIN, shown
from relay.web.api.services import Services

START: Final = Param(name="start", help="the first one, from 0", example="0", kind=Kind.INTEGER, least=0, most=10**9)
LENGTH: Final = Param(name="length", help="at most so many", example="100", kind=Kind.INTEGER, least=1, most=1000)
LENGTH_USUAL: Final = 100
VERSION: Final = Param(
    name="version", help="of the template, from 1", example="3", kind=Kind.INTEGER, least=1, most=10**9
)


class TemplateListed(msgspec.Struct):
    id: int
    name: str


class Version(msgspec.Struct):
    version: int
    changed: str
    note: str
    document: bool  # false: it was written by hand, part by part


async def templates(services: Services, asked: Asked) -> Answer:
    start = value_of(START, asked.path.get("start", "0"))
    length = value_of(LENGTH, asked.path.get("length", str(LENGTH_USUAL)))
    found = services.registry.template_names(asked.caller.account, start, length)
    return answer([TemplateListed(number, name) for number, name in found])


async def template(services: Services, asked: Asked) -> Answer:
    form = Format(value_of(FORMAT, asked.path.get("format", Format.JSON)))
    found = services.registry.template(asked.caller.account, asked.path["id"])
    return await shown(services, document_of(found), form, asked.query)


async def versions(services: Services, asked: Asked) -> Answer:
    found = services.registry.template_versions(asked.caller.account, asked.path["id"])
    return answer([Version(each.version, iso(each.created), each.note, bool(each.document)) for each in found])


async def version(services: Services, asked: Asked) -> Answer:
    number = value_of(VERSION, asked.path["version"])
    found = services.registry.template(asked.caller.account, asked.path["id"], number)
    return answer(document_of(found))


_LIST = [{"id": 1, "name": "Welcome"}, {"id": 2, "name": "News"}]


def _listing(path: str, name: str, *params: Param) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        family=FAMILY,
        summary="List templates",
        help=f"All templates of the account by their id, {LENGTH_USUAL} unless `length` says otherwise (at most "
        f"{LENGTH.most:,}). SMTPeter names no order and no limit.",
        scope=Scope.READ,
        handler=templates,
        params=params,
        answers=(Shown(help="id and name of each", example=_LIST, shape=list[TemplateListed]),),
        codes=("bad_parameter",),
        smtpeter=True,
    )


_READ: Final[dict[str, Any]] = {
    "method": "GET",
    "family": FAMILY,
    "scope": Scope.READ,
    "handler": template,
    "open_query": True,
    "smtpeter": True,
}
_HELP: Final = (
    "The document as it was stored, with its `id`; or what it is rendered to. A template that was written by hand, "
    f"part by part, is shown as a small document. {FILLING} {FETCHING}"
)
_DOCUMENT: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "a ResponsiveEmail document, as it was given",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "subject": {"type": "string"}},
    "required": ["id", "name"],
    "additionalProperties": True,
}
_JSON: Final = Shown(help="`json`: the document", example=DOCUMENT, shape=_DOCUMENT)
_CODES: Final = ("bad_parameter", "not_found", "bad_value", "unacceptable", "fetch")

CALLS: tuple[Call, ...] = (
    _listing("/templates", "templates"),
    _listing("/templates/{start}", "templates_from", START),
    _listing("/templates/{start}/{length}", "templates_range", START, LENGTH),
    Call(
        path="/template/{id}",
        name="template",
        summary="Read a template",
        help="The document as it was stored, with its `id`. It takes no values for placeholders.",
        params=(ID,),
        answers=(_JSON,),
        codes=("bad_parameter", "not_found"),
        **_READ,
    ),
    Call(
        path="/template/{id}/{format}",
        name="template_format",
        summary="Read a template in a format",
        help=_HELP,
        params=(ID, FORMAT),
        answers=(_JSON, PAGE, LETTER, PLAIN),
        codes=_CODES,
        **_READ,
    ),
    *templates_change.CALLS,
    Call(
        method="GET",
        path="/template/{id}/versions",
        name="template_versions",
        family=FAMILY,
        summary="List the versions of a template",
        help=f"Each change makes a version; the newest {VERSIONS} are kept. The newest first.",
        scope=Scope.READ,
        handler=versions,
        params=(ID,),
        answers=(
            Shown(
                help="which there are",
                example=[{"version": 2, "changed": "2026-11-21T16:00:00.000Z", "note": "", "document": True}],
                shape=list[Version],
            ),
        ),
        codes=("not_found",),
    ),
    Call(
        method="GET",
        path="/template/{id}/versions/{version}",
        name="template_version",
        family=FAMILY,
        summary="Read a version of a template",
        help="The document as it was then. `PUT` with it makes it the newest again.",
        scope=Scope.READ,
        handler=version,
        params=(ID, VERSION),
        answers=(_JSON,),
        codes=("bad_parameter", "not_found"),
    ),
)
