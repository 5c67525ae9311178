"""What keeps a recipient from being sent right now, in words. No IO.

In:  its state, the way it took at its last attempt, its message and what was done to it last, the marks in force,
     suppressions and orders that concern it, whether a relay runs, the time.
Out: sentences, the decisive one first; none when it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from relay.limits.interface import Kind, Mark
from relay.model.clock import iso
from relay.model.event import Event
from relay.model.message import Message, State
from relay.model.order import Act, Order
from relay.model.suppression import Suppression
from relay.queue.windows import next_open
from relay.store.interface import RecipientState

OVER_QUOTA = "over the quota"  # how the warning begins of a message that waits for its quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    now: float
    marks: tuple[Mark, ...]  # in force
    running: bool  # is there a relay on this data?


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What concerns this recipient."""

    message: Message | None = None
    last: Event | None = None  # the last that decided when it is due, or that it waits
    suppressed: Suppression | None = None
    orders: tuple[Order, ...] = ()  # given, and not carried out yet


def holds(
    recipient: RecipientState, route: Mapping[str, str], situation: Situation, case: Case | None = None
) -> Iterator[str]:
    if recipient.state.final:
        return
    case = case or Case()
    if not situation.running:
        yield "no relay runs on this data"
    yield _first(recipient, situation, case)
    if recipient.state is not State.HELD:
        yield from _window(recipient, situation, case)
    if (found := case.suppressed) is not None:
        about = f" ({found.cause.value}{': ' if found.note else ''}{found.note})"
        until = "" if found.until is None else f" until {iso(found.until)}"
        yield f"{found.address} is suppressed{until}{about}: it ends as suppressed at its next attempt"
    for order in case.orders:
        yield f"order {order.number} of {order.who} ({order.act.value}) is not carried out yet"
    yield from _marked(route, situation)


def _first(recipient: RecipientState, situation: Situation, case: Case) -> str:
    if recipient.state is State.HELD:
        return f"held until an operator releases it{_by(case.last)}"
    if recipient.state is State.FLIGHT:
        return "in flight: being sent now, or waiting for a connection to its site"
    if case.last is not None and case.last.data.get("act") == Act.FAIL:
        return f"is being returned to its sender{_by(case.last)}"
    if recipient.next_attempt is None or recipient.next_attempt <= situation.now:
        return "due: waits for its turn"
    at = iso(recipient.next_attempt)
    if recipient.attempts:
        return f"deferred until {at} after: {recipient.reply or 'no reply'}"
    return f"scheduled for {at}{_cause(recipient, case)}"


def _by(event: Event | None) -> str:
    """`: order 7 of ann: wrong prices`"""
    said = event.data if event is not None else {}
    order = f": order {said['order']} of {said.get('by', '')}" if said.get("order") else ""
    return order + (f": {said['reason']}" if said.get("reason") else "")


def _cause(recipient: RecipientState, case: Case) -> str:
    """Who wanted it later."""
    if case.message is None:
        return ""
    resolved = case.message.resolved
    for warning in resolved.warnings:
        if warning.startswith(OVER_QUOTA):
            return f": {warning}"
    options = resolved.options
    for name, asked in (
        ("send_at_each", recipient.address in options.send_at_each),
        ("send_at", options.send_at is not None),
        ("send_window", bool(options.send_window)),
    ):
        if asked:
            return f" by {name} ({resolved.sources.get(name, 'default')})"
    return ""


def _window(recipient: RecipientState, situation: Situation, case: Case) -> Iterator[str]:
    if case.message is None or not (windows := case.message.resolved.options.send_window):
        return
    opens = next_open(windows, max(situation.now, recipient.next_attempt or 0.0))
    if opens is None or opens >= case.message.deadline:
        yield "its send window does not open again before its deadline"
    elif next_open(windows, situation.now) != situation.now:
        yield f"its send window is closed until {iso(next_open(windows, situation.now) or opens)}"


def _marked(route: Mapping[str, str], situation: Situation) -> Iterator[str]:
    for mark in situation.marks:
        if mark.kind is Kind.PAUSED_SITE and mark.key in _seen(route, route.get("site", "")):
            yield f"its site {mark.key} is paused until {iso(mark.until)}: {mark.why}"
        elif mark.kind is Kind.DEAD_HOST and mark.key in _seen(route, _host(route)):
            yield f"host {mark.key} is left alone until {iso(mark.until)}: {mark.why}"


def _seen(route: Mapping[str, str], name: str) -> tuple[str, ...]:
    """What marks call a site or a host: by its name, or as an egress that is not the default reaches it."""
    return (name, f"{route.get('egress', '')}/{name}") if name else ()


def _host(route: Mapping[str, str]) -> str:
    """The host last tried, as marks name it; another port of its address is another host."""
    address, port = route.get("address", ""), route.get("port", "")
    if not address or not port:
        return ""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
