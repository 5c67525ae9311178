"""What the calls on the queue share: which recipients are meant, and where a page of them goes on.

In:  properties or parameters of a request.
Out: a `Selection` that is held to the caller's account; a place in a listing, as text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from relay.manage.times import ago_or_at
from relay.model.address import ascii_domain, parse_path
from relay.model.ids import parse_id
from relay.model.message import State
from relay.model.order import Selection
from relay.store.interface import NotFound
from relay.store.readers import Readers
from relay.web.api.call import Asked, Param
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY = "Queue"
IDS = 1000  # that a selection names
LONGEST = 1000  # characters of a text
LATEST = 1e11  # seconds; some thousand years
OPEN = tuple(each.value for each in State if not each.final)
DEEPEST = 10_000  # recipients that a listing goes to


class Chosen(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which recipients: everything given must fit."""

    ids: list[str] = []
    states: list[str] = []
    domain: str = ""
    address: str = ""
    site: str = ""
    credential: str = ""
    tag: str = ""
    campaign: str = ""
    send_cancel_id: str = ""
    before: str = ""
    since: str = ""


class _Place(Struct, array_like=True, forbid_unknown_fields=True):
    """Where a page ended."""

    seen: int
    last: bool  # it has no next attempt
    due: float
    message: str
    number: int


PARAMS = (
    Param(name="ids", help="Ids of submissions or recipients, separated by commas.", example="0f3k2m9s8t7u6v5a-1"),
    Param(name="states", help=f"Of {', '.join(OPEN)}, separated by commas; all of them by default.", example="held"),
    Param(name="domain", help="Recipients at this domain.", example="example.net"),
    Param(name="address", help="This recipient.", example="ann@example.net"),
    Param(name="site", help="Those last tried at this site; `explain` names it.", example="mx.example.net"),
    Param(name="credential", help="What this credential handed in.", example="shop-4kd92m"),
    Param(name="tag", help="Messages with this tag.", example="invoice"),
    Param(name="campaign", help="Messages of this campaign.", example="spring"),
    Param(name="send_cancel_id", help="Messages with this `send_cancel_id`.", example="newsletter-17"),
    Param(name="before", help="What came before a time, or longer ago: `2h`.", example="2h"),
    Param(name="since", help="What came then or later, or since so long: `30min`.", example="2026-05-01T08:00:00Z"),
)


def of_query(asked: Asked) -> Chosen:
    given: dict[str, Any] = {each.name: asked.query[each.name] or "" for each in PARAMS}
    for name in ("ids", "states"):
        given[name] = [each for part in given[name].split(",") if (each := part.strip())]
    return Chosen(**given)


async def selection(services: Services, asked: Asked, chosen: Chosen) -> Selection:
    """Held to the account; ids and credentials of others are not there. Raises Problem."""
    account = asked.caller.account
    wanted = Selection(
        ids=tuple(_ids(chosen.ids)),
        states=tuple(_states(chosen.states)),
        domain=_domain(chosen.domain),
        address=_address(chosen.address),
        site=_text("site", chosen.site),
        account=account,
        credential=_credential(services, account, _text("credential", chosen.credential)),
        tag=_text("tag", chosen.tag),
        campaign=_text("campaign", chosen.campaign),
        send_cancel_id=_text("send_cancel_id", chosen.send_cancel_id),
        before=_time("before", chosen.before, asked.at),
        since=_time("since", chosen.since, asked.at),
    )
    if wanted.ids:
        await services.threaded(_must_be, services.data, account, wanted.ids)
    return wanted


def place_text(seen: int, place: tuple[bool, float, str, int]) -> str:
    """What a page says of where the next one begins: how many there were, and behind whom."""
    return base64.urlsafe_b64encode(msgspec.json.encode(_Place(seen, *place))).decode().rstrip("=")


def place_of(text: str) -> tuple[int, tuple[bool, float, str, int]] | None:
    """None at the start. Raises Problem."""
    if not text:
        return None
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        place = msgspec.json.decode(octets, type=_Place)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise Problem("bad_parameter", "after: it is not what a page said", field="after") from error
    if not 0 <= place.seen <= DEEPEST:
        raise Problem("bad_parameter", "after: it is not what a page said", field="after")
    return place.seen, (place.last, place.due, place.message, place.number)


def _must_be(data: Path, account: str, ids: Iterable[str]) -> None:
    """Raises Problem."""
    readers = Readers(data)
    try:
        for each in ids:
            found = parse_id(each)
            try:
                reader = readers.of(found.submission)
                mine = reader.message(found.submission).account == account
                numbers = {state.number for state in reader.recipients(found.submission)} if mine else set()
            except NotFound:
                numbers = set()
            if not numbers or (found.recipient is not None and found.recipient not in numbers):
                raise Problem("not_found", f"there is no message {each}", field="ids")
    finally:
        readers.close()


def _ids(given: list[str]) -> Iterable[str]:
    if len(given) > IDS:
        raise Problem("bad_value", f"ids: at most {IDS}, not {len(given)}", field="ids")
    for each in given:
        try:
            yield str(parse_id(each))
        except ValueError as error:
            raise Problem("not_found", f"there is no message {each[:60]}", field="ids") from error


def _states(given: list[str]) -> Iterable[State]:
    for each in dict.fromkeys(given):
        if each not in OPEN:
            raise Problem("bad_value", f"states: expected {', '.join(OPEN)}, not {each[:40]!r}", field="states")
        yield State(each)


def _text(name: str, given: str) -> str:
    if len(given) > LONGEST or "\0" in given:
        raise Problem("bad_value", f"{name}: at most {LONGEST} characters, and no NUL", field=name)
    return given


def _domain(given: str) -> str:
    try:
        return ascii_domain(given) if given else ""
    except ValueError as error:
        raise Problem("bad_value", f"domain: {error}", field="domain") from error


def _address(given: str) -> str:
    try:
        return parse_path(given, smtputf8=True) if given else ""
    except ValueError as error:
        raise Problem("bad_value", f"address: {error}", field="address") from error


def _credential(services: Services, account: str, username: str) -> str:
    if not username:
        return ""
    found = services.registry.credential(username)
    if found.account != account:
        raise NotFound(f"no credential {username}")
    return found.username


def _time(name: str, given: str, now: float) -> float | None:
    if not given:
        return None
    try:
        at = ago_or_at(given, now)
    except (ValueError, OverflowError):
        at = -1.0
    if not 0 <= at < LATEST:
        said = "expected a time, as 2026-01-31T12:00:00Z, or how long ago, as 2h"
        raise Problem("bad_value", f"{name}: {said}", field=name)
    return at
