"""Data requests: all that is known of an address, asked for and fetched once it is put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from relay.http.client import Failed, checked
from relay.model.account import Scope
from relay.model.address import parse_path, printable
from relay.model.clock import iso
from relay.store.interface import NotFound
from relay.store.requests import Request, Stage, TooMany, new_id
from relay.web.api.answers import answer
from relay.web.api.call import JSON, Answer, Asked, Body, Call, Param, Shown
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.requests.tell import NOT_YET, is_own, is_url, state_of

FAMILY = "Data requests"
CHUNK = 256 << 10  # octets
LATER = 3600.0  # seconds until who has too many may have one less

_NEW_ID = "5b0d3f2a9c8e7d6f1a2b"


class DataWanted(msgspec.Struct, forbid_unknown_fields=True):
    email: str
    monitor: str = ""


class Report(msgspec.Struct, forbid_unknown_fields=True):
    report: str = ""
    monitor: str = ""


class Made(msgspec.Struct):
    id: str


async def datarequest_post(services: Services, asked: Asked) -> Answer:
    return await _make(services, asked, asked.body.email, asked.body.monitor, "email", "monitor")


async def datarequest_post_email(services: Services, asked: Asked) -> Answer:
    report = asked.body or Report()
    which = "report" if report.report else "monitor"
    return await _make(services, asked, asked.path["id"], report.report or report.monitor, "id", which)


async def email_data(services: Services, asked: Asked) -> Answer:
    return await _make(services, asked, asked.path["email"], asked.query.get("report") or "", "email", "report")


async def datarequest_status(services: Services, asked: Asked) -> Answer:
    found = await _find(services, asked)
    told = {
        **state_of(found),
        "asked": iso(found.asked),
        "ended": None if found.ended is None else iso(found.ended),
        "monitor": found.told,
    }
    return answer(told)


async def datarequest(services: Services, asked: Asked) -> Answer:
    found = await _find(services, asked)
    if found.stage is Stage.DONE:
        path = services.requests.result(found.id)
        try:
            return Answer(body=_pieces(await services.threaded(path.open, "rb")), media=JSON)
        except FileNotFoundError:
            pass  # it was forgotten just now
    return answer({"info": {"type": "email", "id": found.email}, "data": NOT_YET})


async def _make(
    services: Services, asked: Asked, email: str, monitor: str, email_field: str, monitor_field: str
) -> Answer:
    try:
        address = parse_path(email.strip(), smtputf8=True)
    except ValueError as error:
        raise Problem("bad_value", f"{email_field}: {error}", field=email_field) from error
    if not address:
        raise Problem("bad_value", f"{email_field}: expected an address", field=email_field)
    request = Request(
        id=new_id(),
        account=asked.caller.account,
        credential=asked.caller.token.credential,
        email=address,
        monitor=_monitor(services, asked, monitor.strip(), monitor_field),
        asked=asked.at,
    )
    try:
        await services.requests.add(request)
    except TooMany as error:
        raise Problem("too_many_requests", str(error), retry=LATER) from error
    # Without the address: the audit outlives whoever is erased.
    services.registry.audit(asked.at, asked.caller.who, "datarequest", {"id": request.id})
    return answer(Made(request.id), 202, {"Location": f"{asked.base}/datarequest/{request.id}"})


def _monitor(services: Services, asked: Asked, monitor: str, field: str) -> str:
    """A URL that may be asked, or an address of the account's. Raises Problem."""
    if not monitor:
        return ""
    if is_url(monitor):
        try:
            checked(monitor)
        except Failed as failed:
            raise Problem("bad_value", f"{field}: {failed.text}", field=field) from failed
        return monitor
    try:
        address = parse_path(monitor, smtputf8=True)
    except ValueError as error:
        text = f"{field}: expected a URL, or an address ({error})"
        raise Problem("bad_value", text, field=field) from error
    if not is_own(services, asked.caller.account, address):
        text = f"{field}: {printable(address)} is at no verified domain of the account"
        raise Problem("bad_value", text, field=field)
    return address


async def _find(services: Services, asked: Asked) -> Request:
    found = await services.requests.find(asked.caller.account, asked.path["id"])
    if found is None:
        raise NotFound("there is no such data request")
    return found


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(CHUNK):
            yield piece


_ID = Param(name="id", help="what the request was answered with", example=_NEW_ID)
_MADE = Shown(
    status=202,
    help="the request is on disk, and is carried out",
    example={"id": _NEW_ID},
    shape=Made,
    headers={"Location": "where the result will be"},
)
_MONITOR = (
    "`monitor` is told when it has ended: a URL, which gets a POST with the JSON of the result (over 10 MiB: with "
    "its state alone) and a field `X-Data-Request` with the id, three times within a minute if need be; or an "
    "address at a verified domain of the account, which gets it as an attachment. "
)
_WHAT = (
    "All that is kept of the address for the account is put together: mail to it with its header, text, html and the "
    "names and sizes of its files, also what still waits or came back; all events (deliveries, opens, clicks, "
    "unsubscribing, complaints); suppressions. Mail from the address is not among it. Contents come to 100 MB at "
    "most (`data_requests.size`); what goes beyond is named without them, and `complete` is false. One request is "
    "carried out at a time; it goes on after a restart. Requests and results are kept for 7 days "
    "(`data_requests.keep`), and an account has at most 100 at once (429). `relay erase` forgets those of "
    "the person, too. "
)
_SILENT = (
    "SMTPeter's text says neither how the id is answered nor what states there are, nor what the inner lists are: "
    "here it is 202 with `id`, and each list is a kind, a time (UTC) and a mapping. "
)
_ROW = ["delivered", "2026-11-18 11:06:40", {"id": "0r2k9v1m00000001-1", "to": "ann@example.net"}]
_RESULT = {"info": {"type": "email", "id": "ann@example.net"}, "data": [_ROW], "complete": True}
_RESULT_SHAPE = {
    "type": "object",
    "required": ["info", "data"],
    "properties": {
        "info": {
            "type": "object",
            "required": ["type", "id"],
            "properties": {"type": {"type": "string"}, "id": {"type": "string"}},
        },
        "data": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "array"}}]},
        "complete": {"type": "boolean"},
    },
}
_STATE = {
    "id": _NEW_ID,
    "status": "done",
    "email": "ann@example.net",
    "size": 48211,
    "complete": True,
    "asked": "2026-11-18T11:06:40.000Z",
    "ended": "2026-11-18T11:06:42.000Z",
    "monitor": "told",
}
_STATE_SHAPE = {
    "type": "object",
    "required": ["id", "status", "email", "asked", "ended", "monitor"],
    "properties": {
        "id": {"type": "string"},
        "status": {"type": "string", "enum": [each.value for each in Stage]},
        "email": {"type": "string"},
        "size": {"type": "integer"},
        "complete": {"type": "boolean"},
        "error": {"type": "string"},
        "asked": {"type": "string"},
        "ended": {"type": ["string", "null"]},
        "monitor": {"type": "string"},
    },
}

CALLS: tuple[Call, ...] = (
    Call(
        method="POST",
        path="/datarequest",
        name="datarequest_post",
        family=FAMILY,
        summary="Ask for all data about an address",
        help=_WHAT + _MONITOR + _SILENT,
        scope=Scope.MANAGE,
        handler=datarequest_post,
        body=Body(
            help="the address, and who is told",
            shape=DataWanted,
            example={"email": "ann@example.net", "monitor": "https://shop.example.com/privacy"},
        ),
        answers=(_MADE,),
        codes=("bad_value", "missing", "unknown_property", "unavailable"),
        once=True,
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/datarequest/{id}/status",
        name="datarequest_status",
        family=FAMILY,
        summary="How far a data request is",
        help="`status` is `pending`, `done` or `failed` (with `error`); `size` is the octets of the result. "
        '`monitor` is "" until somebody was told, then `told`, or why that failed. ' + _SILENT,
        scope=Scope.READ,
        handler=datarequest_status,
        params=(_ID,),
        answers=(Shown(help="its state", example=_STATE, shape=_STATE_SHAPE),),
        codes=("not_found", "unavailable"),
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/datarequest/{id}",
        name="datarequest",
        family=FAMILY,
        summary="The data",
        help=f"What was found; `data` is the text `{NOT_YET}` until it is there, and for a request that failed. "
        + _SILENT,
        scope=Scope.READ,
        handler=datarequest,
        params=(_ID,),
        answers=(Shown(help="the data", example=_RESULT, shape=_RESULT_SHAPE),),
        codes=("not_found", "unavailable"),
        smtpeter=True,
    ),
    Call(
        method="POST",
        path="/datarequest/{id}",
        name="datarequest_post_email",
        family=FAMILY,
        summary="Ask for all data about an address (older form)",
        help="As `POST /datarequest`, with the address in the path; `report` is what `monitor` is there.",
        scope=Scope.MANAGE,
        handler=datarequest_post_email,
        params=(Param(name="id", help="the address", example="ann@example.net"),),
        body=Body(
            help="who is told",
            shape=Report,
            example={"report": "https://shop.example.com/privacy"},
            required=False,
        ),
        answers=(_MADE,),
        codes=("bad_value", "unknown_property", "unavailable"),
        once=True,
        smtpeter=True,
        deprecated=True,
    ),
    Call(
        method="GET",
        path="/email/{email}/data",
        name="email_data",
        family=FAMILY,
        summary="Ask for all data about an address (oldest form)",
        help="The forerunner of `POST /datarequest`. It makes a request, too, and so it wants the scope manage.",
        scope=Scope.MANAGE,
        handler=email_data,
        params=(Param(name="email", help="the address", example="ann@example.net"),),
        query=(
            Param(name="report", help="who is told: a URL or an address", example="https://shop.example.com/privacy"),
        ),
        answers=(_MADE,),
        codes=("bad_value", "unavailable"),
        smtpeter=True,
        deprecated=True,
    ),
)
