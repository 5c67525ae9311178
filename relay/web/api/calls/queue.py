"""The queue of the account: what waits, and orders to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from relay.manage.queue import CHANGES, backlog, count, describe, describe_order, give, is_everything, place, readers
from relay.manage.queue import listing as list_queue
from relay.model.account import Scope
from relay.model.clock import iso
from relay.model.message import State
from relay.model.order import Act, Order, Selection
from relay.store.interface import Backlog, NotFound
from relay.store.sqlite import existing_shards
from relay.web.api import orders
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Kind, Param, Shown
from relay.web.api.calls.queue_shared import (
    DEEPEST,
    FAMILY,
    OPEN,
    PARAMS,
    Chosen,
    of_query,
    place_of,
    place_text,
    selection,
)
from relay.web.api.managed import AFTER, LIMIT
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.api.shapes import OrderDone, OrderGiven, Recipients, Waiting

LONGEST = 500  # characters of a reason


class Given(Chosen, forbid_unknown_fields=True, kw_only=True):
    """An order."""

    act: Literal["retry", "hold", "release", "fail", "delete"]
    reason: str = ""
    everything: bool = False
    dry_run: bool = False


async def queue_get(services: Services, asked: Asked) -> Answer:
    wanted = await selection(services, asked, of_query(asked))
    limit = asked.query["limit"]

    def work() -> tuple[dict[State, int], list[Backlog]]:
        return dict(count(readers(services.data), wanted)), backlog(readers(services.data), wanted, limit)

    states, domains = await services.threaded(work)
    return answer(
        {
            "states": {name: states.get(State(name), 0) for name in OPEN},
            "domains": [_domain(each) for each in domains],
        }
    )


async def queue_messages(services: Services, asked: Asked) -> Answer:
    wanted, limit = await selection(services, asked, of_query(asked)), asked.query["limit"]
    seen, behind = place_of(asked.query["after"]) or (0, None)
    deep = seen + limit + 1

    found = await services.threaded(lambda: list_queue(readers(services.data), wanted, deep))
    rest = [each for each in found if behind is None or place(each) > behind]
    page = rest[:limit]
    more = bool(page) and (len(rest) > limit or len(found) >= deep)
    reached = seen + len(page)
    following = place_text(reached, place(page[-1])) if more and reached <= DEEPEST else None
    return answer({"recipients": [describe(*each) for each in page], "next": following})


async def queue_order(services: Services, asked: Asked) -> Answer:
    body: Given = asked.body
    act, wanted = Act(body.act), await selection(services, asked, body)
    if len(body.reason) > LONGEST or not body.reason.isprintable():
        raise Problem("bad_value", f"reason: a line of at most {LONGEST} characters", field="reason")
    found = await services.threaded(lambda: count(readers(services.data), wanted))
    told: dict[str, Any] = {
        "act": act.value,
        "concerned": sum(found[each] for each in CHANGES[act]),
        "in_flight": found[State.FLIGHT],
        "dry_run": body.dry_run,
    }
    if body.dry_run:
        return answer({"order": None, **told})
    if is_everything(replace(wanted, account="")) and not body.everything:
        text = f"this would {act.value} everything that waits: select less, or say everything: true"
        raise Problem("missing", text, field="everything")
    orders.room(services, asked, existing_shards(services.data))
    order = give(services.registry, _order(services, asked, act, wanted, body.reason))
    where = {"Location": f"{asked.base}/queue/orders/{order.number}"}
    return answer({"order": order.number, **told}, 202, where)


async def queue_order_get(services: Services, asked: Asked) -> Answer:
    number = asked.path["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Problem("not_found", f"no order {number[:40]}")
    order = services.registry.order(int(number))
    if order.selection.account != asked.caller.account:
        raise NotFound(f"no order {number}")
    shards = existing_shards(services.data)
    return answer(describe_order(order, services.registry.done(order.number), shards))


def _order(services: Services, asked: Asked, act: Act, wanted: Selection, reason: str) -> Order:
    return Order(
        number=0,
        at=services.clock(),
        who=asked.caller.who,
        act=act,
        selection=wanted,
        reason=reason,
        lifetime=services.config.delivery.lifetime if act is Act.RELEASE else 0.0,
    )


def _domain(waiting: Backlog) -> dict[str, Any]:
    return {
        "domain": waiting.domain,
        "queued": waiting.queued,
        "flight": waiting.flight,
        "held": waiting.held,
        "next": None if waiting.due is None else iso(waiting.due),
    }


_RECIPIENT = {
    "id": "0f3k2m9s8t7u6v5a-1",
    "state": "queued",
    "attempts": 2,
    "next": "2026-05-01T08:20:00.000Z",
    "from": "me@example.com",
    "to": "ann@example.net",
    "account": "shop",
    "credential": "shop-4kd92m",
    "received": "2026-05-01T08:00:00.000Z",
    "deadline": "2026-05-02T08:00:00.000Z",
    "ended": None,
    "size": 4321,
    "site": "mx.example.net",
    "reply": "451 4.7.1 Greylisted, please try again",
}
_ORDER = {"order": 17, "act": "hold", "concerned": 1200, "in_flight": 3, "dry_run": False}
_DOMAINS = Param(
    name="limit",
    help="At most so many domains.",
    example="100",
    kind=Kind.INTEGER,
    default=100,
    least=1,
    most=1000,
)
_CODES = ("bad_parameter", "bad_value", "not_found", "unavailable")

CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/queue",
        name="queue_get",
        family=FAMILY,
        summary="What waits",
        help=(
            "How many recipients of the account's mail wait, by state, and at which domains; those with the most "
            "first. What has ended is not counted. Without parameters it is all of the account."
        ),
        scope=Scope.READ,
        handler=queue_get,
        query=(*PARAMS, _DOMAINS),
        answers=(
            Shown(
                help="Counts.",
                shape=Waiting,
                example={
                    "states": {"queued": 1200, "flight": 3, "held": 0},
                    "domains": [
                        {
                            "domain": "example.net",
                            "queued": 1200,
                            "flight": 3,
                            "held": 0,
                            "next": "2026-05-01T08:20:00.000Z",
                        }
                    ],
                },
            ),
        ),
        codes=_CODES,
    ),
    Call(
        method="GET",
        path="/queue/messages",
        name="queue_messages",
        family=FAMILY,
        summary="Who waits for what",
        help=(
            "Recipients that have not ended, the next attempt first. Pages go on behind the last recipient of the "
            f"one before, so that what is delivered meanwhile moves nothing; they go to about {DEEPEST:,} "
            "recipients: select less to see others. Messages that ended are at `/messages` and in events."
        ),
        scope=Scope.READ,
        handler=queue_messages,
        query=(*PARAMS, LIMIT, AFTER),
        answers=(
            Shown(help="A page of recipients.", shape=Recipients, example={"recipients": [_RECIPIENT], "next": None}),
        ),
        codes=_CODES,
    ),
    Call(
        method="POST",
        path="/queue/orders",
        name="queue_order",
        family=FAMILY,
        summary="Act on what waits",
        help=(
            "`retry`: queued mail is due now (a closed send window still holds). `hold`: queued mail waits for a "
            "`release`, which puts it back, to be tried for its whole lifetime from then on. `fail`: waiting mail "
            "goes back to its sender, with a report. `delete`: waiting mail ends without a word. What is being "
            "sent just now is left alone, and so is what comes later. An order names what it is about, or says "
            "`everything: true`. It is given, and carried out by whoever owns each part of the queue, mostly "
            "within a second: `concerned` is how many fit when it was given, and what it came to is at `Location`. "
            "An order that cannot be carried out at once stays in force for a week. With `dry_run` it is not "
            "given: 200."
        ),
        scope=Scope.MANAGE,
        handler=queue_order,
        body=Body(
            help="an act, and which recipients it is about",
            shape=Given,
            example={"act": "hold", "campaign": "spring", "reason": "wrong prices"},
        ),
        answers=(
            Shown(
                help="Given.",
                status=202,
                shape=OrderGiven,
                example=_ORDER,
                headers={"Location": "Where it says what it came to."},
            ),
            Shown(help="Only counted.", shape=OrderGiven, example={**_ORDER, "order": None, "dry_run": True}),
        ),
        codes=("bad_value", "missing", "unknown_property", "not_found", "too_many_requests", "unavailable"),
        once=True,
    ),
    Call(
        method="GET",
        path="/queue/orders/{number}",
        name="queue_order_get",
        family=FAMILY,
        summary="What an order came to",
        help=(
            "`changed` and `in_flight` (which were left alone) are recipients, of the parts of the queue that have "
            "done it; `outstanding` are the shards that have not. Orders are remembered for a week. Those that the "
            "operator gave are not shown."
        ),
        scope=Scope.READ,
        handler=queue_order_get,
        params=(Param(name="number", help="Of the order.", example="17"),),
        answers=(
            Shown(
                help="The order.",
                shape=OrderDone,
                example={
                    "order": 17,
                    "act": "hold",
                    "at": "2026-05-01T08:00:00.000Z",
                    "who": "token 4kd92mzq7r",
                    "reason": "wrong prices",
                    "selection": {"account": "shop", "campaign": "spring"},
                    "done": True,
                    "changed": 1200,
                    "in_flight": 3,
                    "outstanding": [],
                },
            ),
        ),
        codes=("not_found", "unavailable"),
    ),
)
