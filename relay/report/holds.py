"""What keeps a recipient from being sent right now, in words. No IO.

In:  its state, the way it took at its last attempt, the marks in force, whether a relay runs, the time.
Out: sentences, the decisive one first; none when it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from relay.limits.interface import Kind, Mark
from relay.model.clock import iso
from relay.model.message import State
from relay.store.interface import RecipientState


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    now: float
    marks: tuple[Mark, ...]  # in force
    running: bool  # is there a relay on this data?


def holds(recipient: RecipientState, route: Mapping[str, str], situation: Situation) -> Iterator[str]:
    if recipient.state.final:
        return
    if not situation.running:
        yield "no relay runs on this data"
    if recipient.state is State.HELD:
        yield "held until an operator releases it"
    elif recipient.state is State.FLIGHT:
        yield "in flight: being sent now, or waiting for a connection to its site"
    elif recipient.next_attempt is not None and recipient.next_attempt > situation.now:
        if recipient.attempts:
            yield f"deferred until {iso(recipient.next_attempt)} after: {recipient.reply or 'no reply'}"
        else:
            yield f"scheduled for {iso(recipient.next_attempt)}"
    else:
        yield "due: waits for its turn"
    yield from _marked(route, situation)


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
