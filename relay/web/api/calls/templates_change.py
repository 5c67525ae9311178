"""Templates, changed: made, replaced, removed.

In:  ResponsiveEmail documents.
Out: what the registry keeps: the document, and subject, html and text it is rendered to.

Why so, where SMTPeter's text is silent: `Location` has no access token, since it ends in logs of others. A document
without a name gets one; a name that is there already is a conflict, as names are unique. `PUT` replaces the whole
document; one that changes nothing makes no version. A form has the document in its field `json`, or its top as
fields. What is stored is rendered at once, so that what is wrong with it is said to whoever stores it and not to
whoever sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from relay.manage import templates
from relay.manage.templates import Uncompiled, name_of
from relay.manage.wrong import Wrong
from relay.model.account import Scope
from relay.model.template import NAME, Format, Template
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.problem import Problem
from relay.web.api.query import value_of
from relay.web.api.rendering import FORMAT, document_of_body, faults, made_of
from relay.web.api.services import Services

FAMILY: Final = "Templates"
ID: Final = Param(name="id", help="of the template, or its name; digits are an id first", example="2")
DOCUMENT: Final[Mapping[str, Any]] = {
    "id": 2,
    "name": "News",
    "from": {"name": "Shop", "address": "shop@example.com"},
    "subject": "News for {$name}",
    "content": {
        "blocks": [
            {"type": "heading", "content": "Hello {$name}"},
            {"type": "text", "content": "Here is what is new."},
        ]
    },
}
_NEW: Final = {name: value for name, value in DOCUMENT.items() if name != "id"}
_ADDRESS: Final = {"type": ["string", "object", "null"]}
_PEOPLE: Final = {"type": ["string", "object", "array", "null"]}
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "a ResponsiveEmail document; GET /template/ID shows one",
    "properties": {
        "name": {"type": "string", "description": f"unique in the account; at most {NAME} characters"},
        "description": {"type": "string"},
        "subject": {"type": "string"},
        "from": _ADDRESS,
        "replyTo": _ADDRESS,
        "to": _PEOPLE,
        "cc": _PEOPLE,
        "headers": {"type": ["object", "null"]},
        "attachments": {"type": ["array", "null"]},
        "text": {"type": "string"},
        "content": {"type": ["string", "object"], "description": "the whole html, or an object with blocks"},
        "data": {"type": ["object", "null"], "description": "values for placeholders that nobody else gives"},
    },
    "additionalProperties": True,
}
_CONTENT: Final = ("content", "blocks", "text", "subject")


class Kept(msgspec.Struct, omit_defaults=True):
    id: int
    warnings: tuple[str, ...] = ()


async def post(services: Services, asked: Asked) -> Answer:
    document = document_of_body(asked.body)
    if document.pop("id", None) is not None:
        raise Problem("bad_value", "id: a new template is given one; PUT changes one that is there", field="/id")
    with _told():
        name = name_of(document["name"]) if document.get("name") is not None else ""
    wanted, warnings = await _rendered(services, asked, document, name=name, number=0)
    with _told():
        kept = templates.add(services.registry, wanted, asked.caller.who)
    return _answered(asked, kept, warnings, _format(asked.path.get("format")))


async def put(services: Services, asked: Asked) -> Answer:
    document = document_of_body(asked.body)
    said = document.pop("id", None)
    path = asked.path.get("id", "")
    form = path if path.lower() in tuple(Format) else None
    before = _named(services, asked, "" if form else path, said, document.get("name"))
    with _told():
        name = name_of(document["name"]) if document.get("name") is not None else before.name
    wanted, warnings = await _rendered(services, asked, document, name=name, number=before.id)
    with _told():
        kept = templates.change(services.registry, wanted, asked.caller.who)
    return _answered(asked, kept, warnings, _format(form))


async def delete(services: Services, asked: Asked) -> Answer:
    gone = templates.remove(services.registry, asked.caller.account, asked.path["id"], asked.caller.who, asked.at)
    return answer(Kept(gone.id), headers={"X-Deleted": f"template {gone.id}"})


def _named(services: Services, asked: Asked, path: str, said: Any, name: Any) -> Template:
    """Which template is meant. Raises Problem, NotFound."""
    account = asked.caller.account
    if said is not None and (isinstance(said, bool) or not isinstance(said, int | str)):
        raise Problem("bad_value", "id: expected the number of a template", field="/id")
    if path:
        found = services.registry.template(account, path)
        if said is not None and str(said) != str(found.id):
            raise Problem("bad_value", f"id: the path says {found.id}", field="/id")
        return found
    if said is not None:
        return services.registry.template(account, str(said))
    if name is None:
        raise Problem("missing", "id: the document has neither an id nor a name", field="/id")
    with _told():
        return services.registry.template(account, name_of(name))


async def _rendered(
    services: Services, asked: Asked, document: dict[str, Any], *, name: str, number: int
) -> tuple[Template, tuple[str, ...]]:
    if not any(document.get(each) for each in _CONTENT):
        raise Problem("missing", "content: the document has no content, text or subject", field="/content")
    if "html" in document and not document.get("content"):  # an empty message would be sent
        raise Problem("missing", "content: it is needed, and html has no meaning: put it there", field="/content")
    with faults():
        made = await made_of(services, document)
    try:
        kept = msgspec.json.encode(document).decode()
    except (ValueError, RecursionError) as error:
        raise Problem("bad_value", f"it cannot be written as JSON again: {error}") from error
    wanted = Template(
        account=asked.caller.account,
        name=name,
        created=asked.at,
        subject=made.subject,
        html=made.html,
        text=made.text,
        document=kept,
        id=number,
    )
    return wanted, made.warnings


@contextmanager
def _told() -> Iterator[None]:
    """What may not be kept, as a Problem."""
    try:
        yield
    except Wrong as error:
        raise Problem("bad_value", error.message, field=f"/{error.field}" if error.field else "") from error
    except Uncompiled as error:
        raise Problem("bad_value", str(error), field=f"/{next(iter(error.faults))}") from error


def _format(given: str | None) -> Format:
    """Where `Location` leads to."""
    return Format.HTML if given is None else Format(value_of(FORMAT, given))


def _answered(asked: Asked, kept: Template, warnings: tuple[str, ...], form: Format) -> Answer:
    location = f"{asked.base}/template/{kept.id}/{form}"
    return answer(Kept(kept.id, warnings), status=201, headers={"Location": location})


_KEPT: Final = (
    Shown(
        help="its id; `warnings` where something about the document is odd",
        status=201,
        example={"id": 2},
        shape=Kept,
        headers={"Location": "where it is, in the format that was named; without it `html`"},
    ),
)
_BODY: Final = Body(help="a ResponsiveEmail document", shape=SCHEMA, example=_NEW)
_BODY_PUT: Final = Body(help="a ResponsiveEmail document with `id` or `name`", shape=SCHEMA, example=dict(DOCUMENT))
_FAULTS: Final = ("missing", "bad_value", "fetch", "conflict")
_RENDERED: Final = (
    "It is rendered at once, and refused where that fails: `field` is a JSON pointer to what is wrong. What `feed` "
    "and `import` show is fetched for that, and again whenever a message is made of the template by `template` of "
    "`POST /send`; messages that name it in a header field get what was fetched when it was stored. At most 1 MiB is "
    "kept of a document: name larger attachments by URL. A form has the document as JSON in the field `json`, or its "
    "properties as fields."
)
_FORMATTED: Final = "The format says where `Location` leads to, and nothing else."


def _call(method: str, path: str, name: str, summary: str, help: str, *params: Param) -> Call:
    return Call(
        method=method,
        path=path,
        name=name,
        family=FAMILY,
        summary=summary,
        help=help,
        scope=Scope.MANAGE,
        handler=post if method == "POST" else put,
        params=params,
        body=_BODY if method == "POST" else _BODY_PUT,
        answers=_KEPT,
        codes=(*_FAULTS, *(("not_found",) if method == "PUT" else ()), *(("bad_parameter",) if params else ())),
        once=method == "POST",
        smtpeter=True,
    )


_POST: Final = (
    "Keeps a new template. A name that the account has already is a conflict; a document without a name gets one "
    f"(`template-1`). {_RENDERED}"
)
_PUT: Final = (
    "Replaces the whole document of a template, found by `id` or `name` in it, and keeps the version before. With "
    f"`id`, `name` may be a new one. {_RENDERED}"
)

CALLS: tuple[Call, ...] = (
    _call("POST", "/template", "template_post", "Make a template", _POST),
    _call("POST", "/template/{format}", "template_post_format", "Make a template", f"{_FORMATTED} {_POST}", FORMAT),
    _call("PUT", "/template", "template_put", "Change a template", _PUT),
    _call(
        "PUT",
        "/template/{id}",
        "template_put_id",
        "Change a template",
        "The template of this id or name. As SMTPeter has it the word may be a format, too: then `id` or `name` in "
        f"the document say which, and `Location` leads to that format. {_PUT}",
        Param(
            name="id",
            help="of the template, its name, or one of the six formats; digits are an id first",
            example="2",
        ),
    ),
    Call(
        method="DELETE",
        path="/template/{id}",
        name="template_delete",
        family=FAMILY,
        summary="Remove a template",
        help="With all its versions, for good. Messages that were sent or wait stay as they are.",
        scope=Scope.MANAGE,
        handler=delete,
        params=(ID,),
        answers=(
            Shown(
                help="it is gone",
                example={"id": 3},
                shape=Kept,
                headers={"X-Deleted": "`template 3`, as SMTPeter's twin has it"},
            ),
        ),
        codes=("not_found",),
        smtpeter=True,
    ),
)
