"""Sending with an answer that says more than SMTPeter's: one message, many at once, a ready-made one as it is.

In:  properties as `send` has them; a list of such; the octets of a message with its envelope in the query.
Out: 202 with ids, what was refused, and warnings; of a batch, an answer for each message in its order.

Why so: `send` refuses a message for one bad address, as an application that was written for SMTPeter looks at
nothing but the status. Who calls `messages` reads the answer, so those addresses are refused and the others get
their mail. A batch is never all or nothing: each item is a message of its own, with a key of its own where the batch
has an Idempotency-Key; so one that is sent again after a lost answer sends nothing twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from relay.model.account import Scope
from relay.model.reply import Refused
from relay.store.interface import NotFound, StoreDown, StoreFull
from relay.submission.control.grammar import squeezed
from relay.submission.submission import Submission, Taken
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.problem import Problem, refused
from relay.web.api.room import room
from relay.web.api.sending.documents import EXAMPLE, REHEARSED, SHAPE
from relay.web.api.sending.recipients import NAMES, read_address
from relay.web.api.sending.rehearsal import DRY_RUN, SHOWN, rehearse
from relay.web.api.sending.submit import compose, login, most_recipients, people, submission, submit
from relay.web.api.services import Services

FAMILY: Final = "Messages"
BATCH: Final = 1000  # messages
LANES: Final = 8  # of a batch that are worked on at once
ROOM: Final = 16 << 20  # octets of what all messages of a batch share, in all lanes
_LOG = logging.getLogger("relay.web")


class Accepted(msgspec.Struct):
    recipient: str
    id: str


class Rejected(msgspec.Struct):
    recipient: str
    code: str
    reason: str


class Sent(msgspec.Struct):
    id: str
    accepted: list[Accepted]
    rejected: list[Rejected]
    warnings: list[str]


class Item(msgspec.Struct):
    status: int
    body: dict[str, Any]  # as `POST /messages` would have answered


class Batched(msgspec.Struct):
    messages: list[Item]


# --- one --------------------------------------------------------------------------------------------------


async def send(services: Services, asked: Asked) -> Answer:
    properties, rejected = sift(asked.body)
    made = await compose(services, asked, properties)
    return await _handed_in(services, asked, made, rejected)


async def _handed_in(services: Services, asked: Asked, made: Submission, rejected: list[Rejected]) -> Answer:
    if asked.query["dry_run"]:
        return await rehearse(services, made)
    taken = await submit(services, asked, made)
    told = await _sent(services, taken, made, rejected)
    return answer(told, 202, {"Location": f"{asked.base}/messages/{taken.id}"})


async def _sent(services: Services, taken: Taken, made: Submission, rejected: list[Rejected]) -> Sent:
    accepted = [Accepted(address, id) for id, address in (await people(services, taken, made)).items()]
    return Sent(taken.id, accepted, rejected, list(taken.warnings))


def sift(properties: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Rejected]]:
    """The properties without recipients that are no addresses, and these. Raises Problem: none is left."""
    rejected: list[Rejected] = []
    faults: list[Problem] = []

    def good(address: Any, where: str) -> bool:
        try:
            read_address(address, where)
        except Problem as problem:
            faults.append(problem)
            shown = address if isinstance(address, str) else json.dumps(address)
            rejected.append(Rejected(shown[:320], problem.code, problem.message))
            return False
        return True

    def members(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        """Data by address; keys that are numbers make a list of it, which is left to who reads it."""
        return {key: each for key, each in value.items() if key.isdigit() or good(key, where)}

    kept = dict(properties)
    left = False
    for name, value in properties.items():
        if squeezed(name) not in NAMES:
            continue
        if isinstance(value, Mapping):
            kept[name] = members(value, name)
        elif isinstance(value, list):
            sifted = [
                members(each, f"{name}[{place}]") if isinstance(each, Mapping) else each
                for place, each in enumerate(value)
                if isinstance(each, Mapping) or good(each, f"{name}[{place}]")
            ]
            kept[name] = [each for each in sifted if each != {}]
        left = left or bool(kept[name])
    if faults and not left:
        raise faults[0]
    return kept, rejected


# --- many -------------------------------------------------------------------------------------------------


async def batch(services: Services, asked: Asked) -> Answer:
    items, base = _read_batch(asked.body)
    lanes = asyncio.Semaphore(await _lanes(services, base))
    told: list[Item] = [Item(0, {})] * len(items)

    async def one(place: int) -> None:
        async with lanes:
            told[place] = await _item(services, asked, {**base, **items[place]}, place)

    async with asyncio.TaskGroup() as group:
        for place in range(len(items)):
            group.create_task(one(place))
    statuses = {each.status for each in told}
    status = statuses.pop() if statuses <= {200} or statuses <= {202} else 207
    later = any(each.status == 429 or each.status >= 500 for each in told)
    return replace(answer(Batched(told), status), final=not later)


def _read_batch(body: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    for name in body:
        if name not in ("messages", "base"):
            text = f"{name[:60]}: there is no such property; a batch has messages, and base, which is for all of them"
            raise Problem("unknown_property", text, field=name[:60])
    items, base = body.get("messages"), body.get("base", {})
    if items is None:
        raise Problem("missing", "messages: it is needed", field="messages")
    if not isinstance(items, list) or not all(isinstance(each, Mapping) for each in items):
        raise Problem("bad_value", "messages: expected a list of objects", field="messages")
    if not 0 < len(items) <= BATCH:
        raise Problem("bad_value", f"messages: expected 1 to {BATCH:,} of them, not {len(items):,}", field="messages")
    if not isinstance(base, Mapping):
        raise Problem("bad_value", "base: expected an object", field="base")
    return items, base


async def _lanes(services: Services, base: Mapping[str, Any]) -> int:
    """So many that what they all hold of `base` stays bounded; what each has of its own is in memory anyway."""
    size = len(await services.brief(msgspec.json.encode, base))
    return max(1, min(LANES, ROOM // max(1, size)))


async def _item(services: Services, asked: Asked, properties: Mapping[str, Any], place: int) -> Item:
    """What becomes of one message. Never raises but for a fault of ours."""
    own = replace(asked, key=f"{asked.key}-{place}" if asked.key else "", body=properties)
    try:
        came = await send(services, own)
    except Exception as error:
        problem = _problem(error)
        return Item(problem.status, problem.body())
    assert isinstance(came.body, bytes)
    return Item(came.status, msgspec.json.decode(came.body))


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return refused(error)
    if isinstance(error, NotFound):
        return Problem("not_found", str(error))
    if isinstance(error, StoreFull):
        return Problem("unavailable", "there is no room on the disk now", reply="452 4.3.1")
    if isinstance(error, StoreDown):
        _LOG.error("a message of a batch: %s", error)
        return Problem("unavailable", "what this needs cannot be read or written now", reply="451 4.3.0")
    _LOG.error("a message of a batch could not be taken", exc_info=error)
    return Problem("internal", "a fault of the relay's; its log says more")


# --- ready-made -------------------------------------------------------------------------------------------


async def mime(services: Services, asked: Asked) -> Answer:
    spool, query = asked.spool, asked.query
    if spool is None or not spool.size:
        raise Problem("missing", "there is no body; expected a message")
    whose, options = login(services, asked), _options(query["options"])
    limit = most_recipients(services, asked)
    addresses = list(dict.fromkeys(read_address(each, "to") for each in query["to"]))
    if len(addresses) > limit:
        text = f"to: {len(addresses):,} recipients, over the limit of {limit:,} a message; send several"
        raise Problem("too_many_recipients", text, field="to")
    sender = query["from"]
    if sender is not None:
        sender = "" if sender.strip() in ("", "<>") else read_address(sender, "from")
    async with room(2 * spool.size):
        octets = await services.brief(_crlf, spool.octets)
        made = submission(services, asked, whose, octets, addresses, envelope=sender, options=options)
        return await _handed_in(services, asked, made, [])


def _options(text: str | None) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem("bad_parameter", f"options: this is no JSON: {error}", field="options") from None
    if not isinstance(value, dict):
        raise Problem("bad_parameter", "options: expected a JSON object of options", field="options")
    return value


def _crlf(read: Any) -> bytes:
    """The octets with CRLF at the end of every line. Raises Problem."""
    octets: bytes = read()
    if octets.count(b"\n") != octets.count(b"\r\n"):
        octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if octets.count(b"\r") != octets.count(b"\r\n"):
        raise Problem("unacceptable", "a CR without its LF is in the message; lines end in CRLF, or in LF")
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


# --- rows -------------------------------------------------------------------------------------------------

_SENT = {
    "id": "0r2k9v1m00000001",
    "accepted": [{"recipient": "ann@example.net", "id": "0r2k9v1m00000001-1"}],
    "rejected": [{"recipient": "bob", "code": "bad_value", "reason": "recipients[1]: expected one address"}],
    "warnings": [],
}
_FAULT = {"error": {"message": "subject: expected a text", "code": "bad_value", "field": "subject", "reply": ""}}
_TAKEN = Shown(
    help="It is on disk, and sent from there.",
    status=202,
    example=_SENT,
    shape=Sent,
    headers={"Location": "where its state is"},
)
_CODES: Final = (
    "refused",
    "too_large",
    "bad_value",
    "missing",
    "unknown_property",
    "unacceptable",
    "fetch",
    "too_many_recipients",
    "too_many_requests",
    "unavailable",
)

CALLS: tuple[Call, ...] = (
    Call(
        method="POST",
        path="/messages",
        name="messages_send",
        family=FAMILY,
        summary="Send a message, with an answer that says more",
        help="Properties as `POST /send` has them; options may stand together in `options`. A recipient that is no "
        "address is refused, and the others get the message; where none is left, the call is refused.",
        scope=Scope.SEND,
        handler=send,
        query=(DRY_RUN,),
        body=Body(help="The message, as for `POST /send`.", shape=SHAPE, example=EXAMPLE),
        answers=(_TAKEN, SHOWN),
        codes=_CODES,
        once=True,
    ),
    Call(
        method="POST",
        path="/messages/batch",
        name="messages_batch",
        family=FAMILY,
        summary="Send many messages at once",
        help=f"Up to {BATCH:,} messages, each as for `POST /messages`; what stands in `base` holds for all of them, "
        "unless a message says otherwise. Never all or nothing: each message has its own status and answer, in the "
        "order of the request.",
        scope=Scope.SEND,
        handler=batch,
        query=(DRY_RUN,),
        body=Body(
            help="The messages, and what they have in common.",
            shape={
                "type": "object",
                "required": ["messages"],
                "additionalProperties": False,
                "properties": {
                    "base": {"type": "object"},
                    "messages": {"type": "array", "minItems": 1, "maxItems": BATCH, "items": {"type": "object"}},
                },
            },
            example={
                "base": {"from": "Shop <me@example.com>", "subject": "Your order", "text": "It is on its way."},
                "messages": [{"recipient": "ann@example.net"}, {"recipient": "bob@example.net", "subject": 7}],
            },
        ),
        answers=(
            Shown(
                help="All of them are on disk.",
                status=202,
                example={"messages": [{"status": 202, "body": _SENT}]},
                shape=Batched,
            ),
            Shown(
                help="Not all of them are; each says what became of it.",
                status=207,
                example={"messages": [{"status": 202, "body": _SENT}, {"status": 422, "body": _FAULT}]},
                shape=Batched,
            ),
            Shown(
                help="With `dry_run`: what would become of each.",
                example={"messages": [{"status": 200, "body": REHEARSED}]},
                shape=Batched,
            ),
        ),
        codes=("bad_value", "missing", "unknown_property", "too_large", "unavailable"),
        once=True,
    ),
    Call(
        method="POST",
        path="/messages/mime",
        name="messages_mime",
        family=FAMILY,
        summary="Send a ready-made message as it is",
        help="The body is the message, header and all; lines may end in LF. Its envelope stands in the query. "
        "Control header fields in it hold, and go before `options`.",
        scope=Scope.SEND,
        handler=mime,
        query=(
            Param(
                name="from",
                help="The envelope sender, where failures are reported; empty is the null one. Without it nobody is "
                "told of failures.",
                example="bounces@example.com",
            ),
            Param(
                name="to",
                help="A recipient: a pure address. Repeat it for more.",
                example="ann@example.net",
                many=True,
                required=True,
            ),
            Param(name="options", help="Options, as a JSON object.", example='{"tags": ["invoice"]}'),
            DRY_RUN,
        ),
        body=Body(help="The message.", types=("message/rfc822",), example="From: me@example.com\r\n\r\nHello.\r\n"),
        answers=(replace(_TAKEN, example={**_SENT, "rejected": []}), SHOWN),
        codes=tuple(each for each in _CODES if each != "fetch"),
        once=True,
    ),
)
