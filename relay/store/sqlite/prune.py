"""What a shard may forget, and how: messages past their retention, the journal's beginning, free pages.

A message that left under a return path of ours lingers without its contents, so that late bounces find its sender;
so does one with links of ours, and where they lead. Never forgotten: a message or a content with an unfinished
recipient; a message or a journal row the reporter has not read yet. The contents of a message that asked for it go
earlier than its rows, or are cut to their header. Each function does a bounded piece, so that the writing thread is
free again within milliseconds.
The connection comes last in each, so that what is asked can be bound first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from relay.config.schema import Retention, Sandbox
from relay.store.sqlite import statements as sql
from relay.store.sqlite import targets
from relay.store.sqlite.connect import Row, fetch, value
from relay.store.sqlite.contents import header_of, read_header
from relay.store.sqlite.targets import Known

MESSAGES = 64  # forgotten in one write
CUTS = 8  # messages cut to their headers in one write; each may have a thousand contents
JOURNAL = 2_000  # rows trimmed in one write
VACUUM = 1_024  # pages given back in one call: 4 MiB
SPARE = 16_384  # free pages (64 MiB) the database keeps for the next messages


@dataclass(frozen=True, slots=True)
class Limits:
    contents_before: float  # messages and journal rows that ended earlier may go
    lingering: Mapping[int, float]  # what lingers for one reason or another (column `sandbox`), and ended earlier
    sandbox_before: float  # captured messages that ended earlier
    sandbox_bytes: int  # octets captured messages may take

    @classmethod
    def at(cls, now: float, retention: Retention, sandbox: Sandbox, life: float) -> Limits:
        """`life`: seconds for which links work."""
        returns, links = max(retention.contents, retention.returns), max(retention.contents, life)
        kept = {sql.LINGERING: returns, sql.LINKED: links, sql.LINKED_LINGERING: max(returns, links)}
        lingering = {reason: now - seconds for reason, seconds in kept.items()}
        return cls(now - retention.contents, lingering, now - sandbox.keep, sandbox.bytes)


@dataclass(frozen=True, slots=True)
class Overdue:
    key: int
    id: str
    lingers: bool = False  # only its contents go now
    links: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    messages: int
    contents: tuple[tuple[str, int], ...]  # by message and number
    files: tuple[int, ...]  # keys of those that lie in files


def overdue(cursor: int, limits: Limits, connection: apsw.Connection) -> list[Overdue]:
    """The next messages to forget, at most MESSAGES."""

    def ended(sandbox: int, before: float) -> list[Row]:
        return fetch(
            connection, sql.OVERDUE, {"sandbox": sandbox, "before": before, "cursor": cursor, "limit": MESSAGES}
        )

    wanted = {0: limits.contents_before, **limits.lingering, 1: limits.sandbox_before}
    rows = next(filter(None, (ended(*each) for each in wanted.items())), [])
    if not rows:
        excess = value(connection, sql.SANDBOX_BYTES) - limits.sandbox_bytes
        for row in ended(1, float("inf")) if excess > 0 else ():
            if excess <= 0:
                break
            rows.append(row)
            excess -= row[2]
    return [Overdue(key, ident, bool(lingers), bool(links)) for key, ident, _, lingers, links in rows]


def forget(known: Known, batch: Sequence[Overdue], connection: apsw.Connection) -> Gone:
    messages = 0
    found: list[tuple[str, int]] = []
    files: list[int] = []
    for each in batch:
        connection.execute(sql.LINGER if each.lingers else sql.FORGET_MESSAGE, (each.key,))
        if not connection.changes():
            continue
        messages += not each.lingers
        span = _span(each.key)
        for key, in_file in fetch(connection, sql.FORGET_CONTENTS, span):
            found.append((each.id, key & sql.NUMBERS))
            if in_file:
                files.append(key)
        if not each.lingers:
            connection.execute(sql.FORGET_RECIPIENTS, span)
            if each.links:
                targets.forget(span, known, connection)
    if messages:
        connection.execute(sql.REMEMBER_ID, (max(each.id for each in batch if not each.lingers),))
    return Gone(messages, tuple(found), tuple(files))


def to_drop(now: float, connection: apsw.Connection) -> list[Overdue]:
    """The next messages whose contents are to go before them, at most MESSAGES."""
    return [Overdue(*row) for row in fetch(connection, sql.TO_DROP, (now, MESSAGES))]


def drop(batch: Sequence[Overdue], connection: apsw.Connection) -> Gone:
    found: list[tuple[str, int]] = []
    files: list[int] = []
    for each in batch:
        connection.execute(sql.DROPPED, (each.key,))
        if not connection.changes():
            continue
        for key, in_file in fetch(connection, sql.FORGET_CONTENTS, _span(each.key)):
            found.append((each.id, key & sql.NUMBERS))
            if in_file:
                files.append(key)
    return Gone(0, tuple(found), tuple(files))


@dataclass(frozen=True, slots=True)
class Headers:
    """What is to be left of a message's contents."""

    message: Overdue
    contents: tuple[tuple[int, bytes], ...]  # by key
    files: tuple[int, ...]  # keys of those that lay in files


def to_cut(directory: Path, now: float, connection: apsw.Connection) -> list[Headers]:
    """The next messages whose contents are to be cut to their header, at most a few."""
    found = []
    for key, ident in fetch(connection, sql.TO_CUT, (now, CUTS)):
        left: list[tuple[int, bytes]] = []
        files = []
        for content, octets in connection.execute(sql.CONTENTS, _span(key)):
            if octets is None:
                files.append(content)
            left.append((content, read_header(directory, content) if octets is None else header_of(octets)))
        found.append(Headers(Overdue(key, ident), tuple(left), tuple(files)))
    return found


def cut(batch: Sequence[Headers], connection: apsw.Connection) -> Gone:
    found: list[tuple[str, int]] = []
    files: list[int] = []
    for each in batch:
        octets = sum(len(header) for _, header in each.contents)
        connection.execute(sql.CUT, (octets, each.message.key))
        if connection.changes():
            connection.executemany(sql.CUT_CONTENT, [(header, key) for key, header in each.contents])
            found += [(each.message.id, key & sql.NUMBERS) for key, _ in each.contents]
            files += each.files
    return Gone(0, tuple(found), tuple(files))


def _span(message: int) -> tuple[int, int]:
    return message << sql.SHIFT, message << sql.SHIFT | sql.NUMBERS


def folded(cursor: int, before: float, connection: apsw.Connection) -> int | None:
    """Up to which row the journal's beginning may go now; None: nothing may."""
    upto: int | None = value(connection, sql.FOLDED, (cursor, JOURNAL, before))
    return upto


def roomy(connection: apsw.Connection) -> bool:
    """Whether there are more free pages than the next messages will use."""
    free, pages = (value(connection, f"pragma {name}") for name in ("freelist_count", "page_count"))
    return bool(free > SPARE and free > pages // 4)


def shrink(connection: apsw.Connection) -> None:
    """Give some free pages back to the file system."""
    fetch(connection, f"pragma incremental_vacuum({VACUUM})")
