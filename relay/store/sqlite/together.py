"""What a batch adds and settles, written in a few statements whatever the number of messages.

In:  the writes of a batch, some of which are `Insert` or `Settle`.
Out: what each of them comes to; or an exception, and then the writer runs them one by one.

Each step of a statement lets go of the interpreter's lock, which a busy event loop does not give back for a while;
so a batch wants few of them. Rows are bound many at a time, in powers of two, so that there are few texts to prepare.
What fails takes the whole batch back (`or rollback`), so the engine need not keep what each statement alone changed.

What is added or settled comes before all else of its batch: who claims sees it, and nobody who adds or settles
asks what others of its batch did.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

import apsw

from relay.model.message import Settlement
from relay.store.sqlite import statements as sql
from relay.store.sqlite import targets
from relay.store.sqlite.connect import Row
from relay.store.sqlite.rows import Parcel, event_row, storable
from relay.store.sqlite.targets import Known
from relay.store.sqlite.writes import insert, settle

SIZES = (32, 16, 8, 4, 2, 1)  # rows of one statement
_ROW = re.compile(r"values (\([^()]*\))")
_VERB = re.compile(r"^\s*(insert|update)")


class Unsettled(Exception):
    """Some recipient of the batch was not in flight: each settlement is looked at by itself."""


class Insert:
    """A message to be added."""

    __slots__ = ("parcel",)

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel

    def __call__(self, connection: apsw.Connection) -> None:
        """Raises Exists: a message of that id is kept already."""
        insert(self.parcel, connection)


class Settle:
    """What became of recipients in flight, with the reports that causes. Comes to whether any of them was."""

    __slots__ = ("_settlements", "closed", "events", "now", "parcels", "rows")

    def __init__(self, settlements: Sequence[Settlement], now: float, parcels: Sequence[Parcel]) -> None:
        self._settlements = settlements
        self.now = now
        self.parcels = parcels
        self.rows = [_row(each, now) for each in settlements]
        self.events = [event_row(event) for each in settlements for event in each.events]
        self.closed = Counter(each.due.message.id for each in settlements if each.state.final)

    def __call__(self, connection: apsw.Connection) -> bool:
        settled = settle(self._settlements, self.now, connection)
        if settled or not self._settlements:
            for parcel in self.parcels:
                insert(parcel, connection)
            return True
        return False


def run_together(known: Known, works: Sequence[Any], connection: apsw.Connection) -> list[Any]:
    """`known`: which sets of targets are there. Raises Unsettled, or whatever one of them raised."""
    settles = [work for work in works if type(work) is Settle]
    parcels = [work.parcel for work in works if type(work) is Insert]
    parcels += chain.from_iterable(each.parcels for each in settles)
    _many(sql.ADD_MESSAGE, [each.message for each in parcels], connection)
    _many(sql.ADD_CONTENT, _all(each.contents for each in parcels), connection)
    _many(sql.ADD_RECIPIENT, _all(each.recipients for each in parcels), connection)
    if tracked := _all(each.targets for each in parcels if each.targets):
        _many(sql.ADD_TRACKED, targets.rows(tracked, known, connection), connection)
    rows = _all(each.rows for each in settles)
    if _many(sql.SETTLE_MANY, rows, connection) != len(rows):
        raise Unsettled
    _many(sql.CLOSE_MANY, _closed(settles), connection)
    events = _all(each.events for each in parcels)
    events += _all(each.events for each in settles)
    _many(sql.ADD_EVENT, events, connection)
    return [_result(work, connection) for work in works]


def _closed(settles: Sequence[Settle]) -> list[Row]:
    """For CLOSE_MANY: each message once, since an update takes one of several new values and drops the others.

    While one agent takes over from another, two of them settle recipients of the same message.
    """
    if len(settles) == 1:
        (only,) = settles
        return [(count, only.now, ident) for ident, count in only.closed.items()]
    counts: Counter[str] = Counter()
    for each in settles:
        counts.update(each.closed)
    now = max((each.now for each in settles), default=0.0)
    return [(count, now, ident) for ident, count in counts.items()]


def _result(work: Any, connection: apsw.Connection) -> Any:
    if type(work) is Insert:
        return None
    return True if type(work) is Settle else work(connection)


def _all(rows: Any) -> list[Row]:
    return list(chain.from_iterable(rows))


def _many(statement: str, rows: Sequence[Row], connection: apsw.Connection) -> int:
    """Run a statement that takes one row of values with so many; how many rows it changed."""
    done = changed = 0
    for size in SIZES:
        while len(rows) - done >= size:
            given = rows[done] if size == 1 else tuple(chain.from_iterable(rows[done : done + size]))
            connection.execute(_text(statement, size), given)
            changed += connection.changes()
            done += size
    return changed


@cache
def _text(statement: str, rows: int) -> str:
    many = _ROW.sub(lambda found: f"values {', '.join([found[1]] * rows)}", statement)
    return _VERB.sub(r"\1 or rollback", many)


def _row(settlement: Settlement, now: float) -> Row:
    """For SETTLE_MANY."""
    final = settlement.state.final
    return (
        settlement.state.value,
        settlement.attempts,
        None if final else settlement.next_attempt,
        settlement.reply if settlement.reply.isascii() else storable(settlement.reply),
        now if final else None,
        settlement.site or None,
        settlement.told,
        settlement.due.message.id,
        settlement.due.number,
    )
