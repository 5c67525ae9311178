"""Suppressions: who gets no mail of the account."""

from __future__ import annotations

from contextlib import closing

from msgspec import Struct

from relay.manage.suppression_lists import check_own, every, page, removable
from relay.manage.suppressions import LATEST, describe, entry
from relay.manage.times import ahead_or_at
from relay.model.account import Scope
from relay.model.suppression import Cause, Suppression
from relay.store.sqlite import open_suppressions
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.calls import suppressions_files
from relay.web.api.calls.suppressions_shared import (
    CAUSE,
    FAMILY,
    FILTERS,
    GROUP,
    SHOWN,
    STREAM,
    address_of,
    audit,
    wanted_of,
)
from relay.web.api.managed import AFTER, LIMIT, told
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.api.shapes import Removed, SuppressionPage, SuppressionShown, SuppressionsOf


class Entry(Struct, forbid_unknown_fields=True, kw_only=True):
    """A suppression, without its address."""

    stream: str = ""
    group: str = ""
    cause: Cause = Cause.HAND
    note: str = ""
    until: str | float | None = None


async def suppressions_get(services: Services, asked: Asked) -> Answer:
    wanted, path = wanted_of(asked), services.data / "suppressions.db"
    account, after, limit = asked.caller.account, asked.query["after"], asked.query["limit"]

    def work() -> tuple[list[Suppression], str | None]:
        with closing(open_suppressions(path)) as listed:
            return page(listed, account, wanted, after, limit)

    found, following = await services.threaded(work)
    return answer({"suppressions": [describe(each) for each in found], "next": following})


async def suppression_get(services: Services, asked: Asked) -> Answer:
    address = address_of(asked.path["address"])
    found = list(every(services.suppressions, asked.caller.account, operators=True, address=address))
    if not found:
        raise Problem("not_found", f"{address} is not on the list")
    return answer({"address": address, "suppressions": [describe(each) for each in found]})


async def suppression_put(services: Services, asked: Asked) -> Answer:
    body: Entry = asked.body if asked.body is not None else Entry()
    address = address_of(asked.path["address"])
    try:
        made = entry(
            address,
            created=asked.at,
            account=asked.caller.account,
            stream=body.stream,
            group=body.group,
            cause=body.cause.value,
            note=body.note,
            until=_until(body.until, asked.at),
        )
    except ValueError as error:
        raise Problem("bad_value", str(error)) from error
    with told():
        check_own(made)
    new = services.suppressions.add([made])
    place = {"stream": made.stream, "group": made.group, "cause": made.cause.value}
    audit(services, asked, "suppress add", {"entries": 1, "new": new, **place})
    return answer(describe(made), 201 if new else 200)


async def suppression_delete(services: Services, asked: Asked) -> Answer:
    address, wanted, account = address_of(asked.path["address"]), wanted_of(asked), asked.caller.account
    own = every(services.suppressions, account, operators=False, address=address)
    with told():
        found = removable(each for each in own if each.address == address and wanted.fits(each))
    if not found:
        raise Problem("not_found", f"{address} is not on the list of this account{_but(services, address)}")
    for each in found:
        services.suppressions.remove(account, address, each.stream, group=each.group, cause=each.cause)
    audit(services, asked, "suppress remove", {"entries": len(found), "cause": wanted.cause})
    return answer({"removed": len(found)})


def _until(given: str | float | None, now: float) -> float | None:
    if given is None or given == "":
        return None
    try:
        at = float(given) if isinstance(given, int | float) else ahead_or_at(given, now)
    except (ValueError, OverflowError):
        at = -1.0
    if not 0 <= at < LATEST:
        raise Problem("bad_value", "until: expected a time before the year 10000, or 30d from now", field="until")
    return at


def _but(services: Services, address: str) -> str:
    by_operator = any(each.address == address for each in services.suppressions.listing("", address))
    return "; the operator's entry for everybody stays" if by_operator else ""


_ADDRESS = Param(name="address", help="An address; `@example.net` is everybody there.", example="ann@example.net")
_WHOSE = (
    "`account` is empty where the operator put somebody on the list for everybody; such entries cannot be changed. "
)

CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/suppressions",
        name="suppressions_get",
        family=FAMILY,
        summary="List suppressions",
        help=(
            f"By address: those of the account, and the operator's. {_WHOSE}All entries of an address stand on one "
            "page, so it may have a few more than `limit`. With filters a page may have fewer, and still a `next`."
        ),
        scope=Scope.READ,
        handler=suppressions_get,
        query=(*FILTERS, LIMIT, AFTER),
        answers=(
            Shown(help="A page of them.", shape=SuppressionPage, example={"suppressions": [SHOWN], "next": None}),
        ),
        codes=("bad_parameter", "unavailable"),
    ),
    *suppressions_files.CALLS,
    Call(
        method="GET",
        path="/suppressions/{address}",
        name="suppression_get",
        family=FAMILY,
        summary="Is an address suppressed?",
        help=f"All entries that concern it: its own, its domain's, the operator's. {_WHOSE}",
        scope=Scope.READ,
        handler=suppression_get,
        params=(_ADDRESS,),
        answers=(
            Shown(
                help="Its entries.",
                shape=SuppressionsOf,
                example={"address": "ann@example.net", "suppressions": [SHOWN]},
            ),
        ),
        codes=("bad_parameter", "not_found", "unavailable"),
    ),
    Call(
        method="PUT",
        path="/suppressions/{address}",
        name="suppression_put",
        family=FAMILY,
        summary="Suppress an address",
        help=(
            "An empty `stream` or `group` is every one. What is there already for the same stream, group and cause "
            "gets the new note and end. `until` is a time, unix seconds, or `30d` from now; null is for good. A "
            "complaint has no end."
        ),
        scope=Scope.MANAGE,
        handler=suppression_put,
        params=(_ADDRESS,),
        body=Body(
            help="where it holds, and why",
            shape=Entry,
            example={"group": "news", "cause": "unsubscribe", "note": "asked by phone"},
            required=False,
        ),
        answers=(
            Shown(help="It was there; as it is now.", shape=SuppressionShown, example=SHOWN),
            Shown(help="It is on the list.", status=201, shape=SuppressionShown, example=SHOWN),
        ),
        codes=("bad_parameter", "bad_value", "unknown_property", "scope", "unavailable"),
    ),
    Call(
        method="DELETE",
        path="/suppressions/{address}",
        name="suppression_delete",
        family=FAMILY,
        summary="Take an address off the list",
        help=(
            "All entries of the account for exactly this address, or those that fit. A complaint is taken off by the "
            "operator only: 403, and nothing is removed; naming another `cause` leaves it alone."
        ),
        scope=Scope.MANAGE,
        handler=suppression_delete,
        params=(_ADDRESS,),
        query=(CAUSE, STREAM, GROUP),
        answers=(Shown(help="How many entries went.", shape=Removed, example={"removed": 1}),),
        codes=("bad_parameter", "scope", "not_found", "unavailable"),
    ),
)
