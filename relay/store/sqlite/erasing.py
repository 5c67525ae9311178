"""Forgetting a person: an address vanishes from the recipients, messages, contents and journal of a shard.

In:  an order that names the address; a way to read, one to write, and one that is told of contents that went.
Out: how many recipients were theirs; how many could not be touched yet.

Each table is walked by its key, some thousand rows at a time on a reading connection; the rows found are written
anew in small pieces. What stays for later is counted as in flight: recipients that are being attempted, and
those who wait for mail that came *from* the address, whose reverse-path is needed until it has ended. The order
given again takes them, too.

Reports that told of a message to the address, and what came back from it, quote it: their contents go at the
first round of pruning after they have ended, but for those that another shard wrote.

What is erased can no longer be read through SQLite; octets of it may stay in free space of the database and of
the disk until that is used again. (SQLite's `secure_delete` was tried: it left as many, from pages split earlier.)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import apsw

from relay.model.event import EventName
from relay.model.message import State
from relay.model.order import Order, Selection
from relay.store.erasure import ERASED, Eraser
from relay.store.interface import Acted
from relay.store.sqlite import statements as sql
from relay.store.sqlite import targets
from relay.store.sqlite.acting import PIECE, Run, signed, told, whose_of
from relay.store.sqlite.connect import Row, fetch, value
from relay.store.sqlite.lookup import Messages
from relay.store.sqlite.prune import Gone
from relay.store.sqlite.rows import event_row, storable
from relay.store.sqlite.targets import Known

_NOWHERE = ERASED.rpartition("@")[2]

SLICE = 5_000  # rows of a table looked through in one read


@dataclass(frozen=True, slots=True)
class Effaced:
    """What became of some recipients."""

    changed: int
    in_flight: int
    gone: Gone


async def erase(
    read: Run,
    write: Run,
    dropped: Callable[[Gone], Awaitable[None]],
    messages: Messages,
    known: Known,
    order: Order,
    now: float,
) -> Acted:
    """`known`: which sets of targets are there. Raises ValueError: the order names no address, or more than one."""
    eraser = _eraser(order.selection)
    changed = in_flight = 0
    async for keys in _Found(read, sql.RECIPIENTS_END, sql.THEIRS, eraser.folded):
        effaced = await write(partial(_efface, eraser, order, now, messages, known, keys))
        await dropped(effaced.gone)
        changed += effaced.changed
        in_flight += effaced.in_flight
    async for keys in _Found(read, sql.MESSAGES_END, sql.NAMING_MESSAGES, eraser.folded, eraser.needle):
        in_flight += await write(partial(_rename, eraser, messages, keys))
    async for keys in _Found(read, sql.JOURNAL_END, sql.NAMING_EVENTS, eraser.needle):
        await write(partial(_rewrite, eraser, keys))
    return Acted(changed, in_flight)


def _eraser(selection: Selection) -> Eraser:
    others = [each.name for each in fields(selection) if getattr(selection, each.name) != each.default]
    if others != ["address"]:
        raise ValueError(f"an erasure takes an address and nothing else, not {', '.join(others) or 'nothing'}")
    return Eraser(selection.address)


class _Found:
    """Keys of the rows of a table that match, a piece at a time."""

    def __init__(self, read: Run, end: str, statement: str, *wanted: str) -> None:
        self._read = read
        self._end = end
        self._statement = statement
        self._wanted = wanted
        self._after = 0
        self._keys: list[int] = []

    def __aiter__(self) -> _Found:
        return self

    async def __anext__(self) -> list[int]:
        while not self._keys:
            upto, self._keys = await self._read(self._look)
            if upto is None:
                raise StopAsyncIteration
            self._after = upto
        piece, self._keys = self._keys[:PIECE], self._keys[PIECE:]
        return piece

    def _look(self, connection: apsw.Connection) -> tuple[int | None, list[int]]:
        upto = value(connection, self._end, (self._after, SLICE))
        if upto is None:
            return None, []
        rows = fetch(connection, self._statement, (self._after, upto, *self._wanted))
        return upto, [key for (key,) in rows]


def _efface(
    eraser: Eraser,
    order: Order,
    now: float,
    messages: Messages,
    known: Known,
    keys: Sequence[int],
    connection: apsw.Connection,
) -> Effaced:
    changed = in_flight = 0
    closed: Counter[int] = Counter()
    events: list[Row] = []
    told_of: set[str] = set()
    contents: list[tuple[str, int]] = []
    files: list[int] = []
    says = {"to": ERASED, **signed(replace(order, reason=eraser.text(order.reason)))}
    for key in keys:
        for state, content, reply in fetch(connection, sql.REPLIED, (key,)):
            if state == State.FLIGHT:
                in_flight += 1
                continue
            changed += 1
            message = key >> sql.SHIFT
            messages.forget(message)
            whose = whose_of(message, connection)
            told_of.add(whose.message)
            if not State(state).final:
                closed[message] += 1
                state = State.CANCELLED.value
                events.append(event_row(told(EventName.CANCELLED, now, whose, key & sql.NUMBERS, says)))
            connection.execute(sql.EFFACE, (ERASED, _NOWHERE, storable(eraser.text(reply)), state, now, key))
            for in_file in _forget_content(message, content, known, connection):
                contents.append((whose.message, content))
                if in_file:
                    files.append(message << sql.SHIFT | content)
    connection.executemany(sql.CLOSE_RECIPIENTS, [(count, now, message) for message, count in closed.items()])
    connection.executemany(sql.ADD_EVENT, events)
    for ident in told_of:
        reports = {each for row in fetch(connection, sql.TOLD_ELSEWHERE, (ident,)) for each in row if each}
        connection.executemany(sql.DROP_SOON, [(each,) for each in reports])
    return Effaced(changed, in_flight, Gone(0, tuple(contents), tuple(files)))


def _forget_content(message: int, content: int, known: Known, connection: apsw.Connection) -> list[bool]:
    """And where its links lead, unless others got it, too; whether it lies in a file, if it went."""
    base = message << sql.SHIFT
    if value(connection, sql.SHARING, (base, base | sql.NUMBERS, content, ERASED)) is not None:
        return []
    targets.forget((base | content, base | content), known, connection)
    gone = [bool(in_file) for (in_file,) in fetch(connection, sql.FORGET_CONTENT, (base | content,))]
    connection.execute(sql.EMPTIED, (message,))
    return gone


def _rename(eraser: Eraser, messages: Messages, keys: Sequence[int], connection: apsw.Connection) -> int:
    """Take the address out of what messages say; returns how many recipients wait for mail that is theirs."""
    waiting = 0
    for key in keys:
        for reverse_path, resolved, ended, still_open in fetch(connection, sql.NAMED, (key,)):
            if eraser.is_theirs(reverse_path):
                if ended is None:
                    waiting += still_open
                else:
                    reverse_path = ERASED
            if resolved is not None:
                resolved = json.dumps(eraser.value(json.loads(resolved)), ensure_ascii=False)
            connection.execute(sql.RENAME, (reverse_path, resolved, key))
            messages.forget(key)
    return waiting


def _rewrite(eraser: Eraser, keys: Sequence[int], connection: apsw.Connection) -> None:
    for seq in keys:
        for (text,) in fetch(connection, sql.EVENT_AT, (seq,)):
            cleaned = eraser.event(text)
            if cleaned != text:
                connection.execute(sql.REWRITE, (cleaned, seq))
