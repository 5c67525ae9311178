"""Orders of an operator, carried out on the recipients of a shard in pieces between which others write.

In:  an order; a way to read and one to write.
Out: what it came to, and events that say by which order and by whom.

Candidates are looked for on a reading connection, some hundred messages at a time; the writing thread then looks
at each of a piece again, because it may have been claimed meanwhile, and changes what still fits.

Why so: what has not ended is walked in the order it came, by the index that the start of a shard uses, too. What is
taken while an order runs may be met or not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf, nextafter
from typing import Any, Protocol, TypeVar

import apsw

from relay.model.event import Event, EventName
from relay.model.labels import labels
from relay.model.message import Lane, Origin, State
from relay.model.order import Act, Order, Selection
from relay.store.interface import Acted, LaneState
from relay.store.sqlite import statements as sql
from relay.store.sqlite.connect import Row, fetch
from relay.store.sqlite.lookup import Messages
from relay.store.sqlite.rows import event_row, resolved_of
from relay.store.sqlite.selecting import OPEN, given, spans

MESSAGES = 500  # looked through in one read, or fewer with many recipients
RECIPIENTS = 2_000  # of the messages looked through in one read, but for the last one's
PIECE = 500  # recipients changed in one write
LANES = 100  # counted in one read
LATE = 60.0  # seconds

# In which states an order finds work; all that has not ended is the rule.
_MEANT: Mapping[Act, tuple[State, ...]] = {
    Act.RETRY: (State.QUEUED, State.FLIGHT),
    Act.HOLD: (State.QUEUED, State.FLIGHT),
    Act.RELEASE: (State.HELD,),
}

T = TypeVar("T")


class Run(Protocol):
    """Runs a function of a connection elsewhere, in a transaction."""

    async def __call__(self, work: Callable[[apsw.Connection], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """What became of some recipients."""

    changed: int
    in_flight: int
    lanes: frozenset[Lane]  # of those that wait


async def act(read: Run, write: Run, messages: Messages, order: Order, now: float) -> Acted:
    """`messages`: what the writing thread remembers of them."""
    changed = in_flight = 0
    lanes: set[Lane] = set()
    async for keys in _chosen(read, order.act, _meant(order, now)):
        for start in range(0, len(keys), PIECE):
            piece = await write(partial(carry_out, messages, order, now, keys[start : start + PIECE]))
            changed += piece.changed
            in_flight += piece.in_flight
            lanes |= piece.lanes
    found: list[LaneState] = []
    rest = sorted(lanes, key=lambda lane: (lane.domain, lane.account, lane.priority))
    for start in range(0, len(rest), LANES):
        found += await read(partial(_waiting, rest[start : start + LANES]))
    return Acted(changed, in_flight, tuple(found))


# --- choosing ---------------------------------------------------------------------------------------------


def _meant(order: Order, now: float) -> Selection:
    """What the order selects: of one that comes late, only what was there when it was given.

    Why so: an order stays in force for a week, and comes late where a shard could not be written, or is new. One that
    comes in time takes all there is: where the clock was set back just before, mail seems to be of later.
    """
    selection = order.selection
    if selection.ids or now - order.at < LATE:
        return selection
    given_at = nextafter(order.at, inf)
    return replace(selection, before=given_at if selection.before is None else min(selection.before, given_at))


async def _chosen(read: Run, act: Act, selection: Selection) -> AsyncIterator[list[int]]:
    """Keys of the recipients an act on this selection finds, in pieces."""
    states = [each for each in _MEANT.get(act, OPEN) if each in (selection.states or OPEN)]
    if not states:
        return
    asked = given(selection, states)
    if selection.ids:
        for low, high in await read(lambda connection: spans(connection, selection.ids)):
            yield await read(partial(_keys, sql.CHOOSE_SPAN, {**asked, "low": low, "high": high}))
        return
    for sandbox in (0, 1):
        after = 0
        while slice_ := await read(partial(_slice, sandbox, after)):
            after = slice_[-1]
            yield await read(partial(_keys, sql.CHOOSE, {**asked, "messages": json.dumps(slice_)}))


def _keys(statement: str, asked: Mapping[str, Any], connection: apsw.Connection) -> list[int]:
    return [key for (key,) in fetch(connection, statement, asked)]


def _slice(sandbox: int, after: int, connection: apsw.Connection) -> list[int]:
    """Keys of the next messages that have not ended."""
    return list(_lighter(fetch(connection, sql.OPEN, (sandbox, after, MESSAGES))))


def _lighter(rows: Sequence[Row]) -> Iterator[int]:
    room = RECIPIENTS
    for key, recipients in rows:
        if room <= 0:
            return
        room -= recipients
        yield key


def _waiting(lanes: Sequence[Lane], connection: apsw.Connection) -> list[LaneState]:
    found = []
    for lane in lanes:
        ((due, queued),) = fetch(connection, sql.LANE, (lane.domain, lane.account, lane.priority))
        if queued:  # it may have been claimed meanwhile
            found.append(LaneState(lane, due, queued))
    return found


# --- changing ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Move:
    state: State
    next_attempt: float | None
    doomed: str
    event: EventName
    says: Mapping[str, Any] = field(default_factory=dict)


def carry_out(
    messages: Messages, order: Order, now: float, keys: Sequence[int], connection: apsw.Connection
) -> Piece:
    """The order on these recipients, as they are now. It may be run again."""
    changed = in_flight = 0
    lanes: set[Lane] = set()
    closed: Counter[int] = Counter()
    whose: dict[int, Whose] = {}
    events: list[Row] = []
    for key in keys:
        for state, due, doomed, domain, account, priority, address in fetch(connection, sql.STANDING, (key,)):
            in_flight += state == State.FLIGHT
            move = _move(order, now, State(state), due, doomed)
            if move is None:
                continue
            changed += 1
            ended = now if move.state.final else None
            connection.execute(sql.MOVE, (move.state.value, move.next_attempt, move.doomed, ended, key))
            message = key >> sql.SHIFT
            if move.state is State.QUEUED:
                lanes.add(Lane(domain, account, priority))
            elif move.state.final:
                closed[message] += 1
            if message not in whose:
                whose[message] = whose_of(message, connection)
            says = {"to": address, **signed(order), **move.says, **whose[message].labels}
            events.append(event_row(told(move.event, now, whose[message], key & sql.NUMBERS, says)))
    if order.act is Act.RELEASE:
        connection.executemany(sql.RENEW, [(now, order.lifetime, message) for message in whose])
        for message in whose:
            messages.forget(message)
    connection.executemany(sql.CLOSE_RECIPIENTS, [(count, now, message) for message, count in closed.items()])
    connection.executemany(sql.ADD_EVENT, events)
    return Piece(changed, in_flight, frozenset(lanes))


def _move(order: Order, now: float, state: State, due: float | None, doomed: str) -> _Move | None:
    """What the order makes of a recipient; None: nothing, or nothing any more."""
    match order.act, state:
        case Act.RETRY, State.QUEUED if due is None or due > now:
            return _Move(state, now, doomed, EventName.SCHEDULED, {"next": now})
        case Act.HOLD, State.QUEUED:
            return _Move(State.HELD, due, doomed, EventName.HELD)
        case Act.RELEASE, State.HELD:
            due = now if due is None else due
            return _Move(State.QUEUED, due, doomed, EventName.SCHEDULED, {"next": due})
        case Act.FAIL, (State.QUEUED | State.HELD) if not doomed:
            reason = order.reason or "returned by an operator"
            return _Move(State.QUEUED, now, reason, EventName.SCHEDULED, {"next": now})
        case Act.DELETE, (State.QUEUED | State.HELD):
            return _Move(State.CANCELLED, None, "", EventName.CANCELLED)
    return None


def signed(order: Order) -> dict[str, Any]:
    """What every event of an order says: which, what, by whom, and why."""
    says: dict[str, Any] = {"order": order.number, "act": order.act.value, "by": order.who}
    if order.reason:
        says["reason"] = order.reason
    return says


@dataclass(frozen=True, slots=True)
class Whose:
    """What an event has to say of a message, without its envelope."""

    message: str
    account: str
    credential: str
    labels: Mapping[str, Any]  # and whether it is a test, or mail of ours


def whose_of(message: int, connection: apsw.Connection) -> Whose:
    ((ident, account, credential, resolved, sandbox, origin),) = fetch(connection, sql.WHOSE, (message,))
    says = labels(resolved_of(resolved).options)
    if sandbox:
        says["test"] = True
    if origin != Origin.SUBMISSION.value:
        says["origin"] = origin
    return Whose(ident, account, credential, says)


def told(name: EventName, now: float, whose: Whose, number: int, says: Mapping[str, Any]) -> Event:
    return Event(
        name=name,
        at=now,
        message=whose.message,
        recipient=number,
        account=whose.account,
        credential=whose.credential,
        data=says,
    )
