"""What a shard may forget, and how: messages past their retention, the journal's beginning, free pages.

Never forgotten: a message with an unfinished recipient; a message or a journal row the reporter has not read
yet. Each function does a bounded piece, so that the writing thread is free again within milliseconds.
The connection comes last in each, so that what is asked can be bound first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from relay.config.schema import Retention, Sandbox
from relay.store.sqlite import statements as sql
from relay.store.sqlite.connect import Row, fetch, value

MESSAGES = 64  # forgotten in one write
JOURNAL = 2_000  # rows trimmed in one write
VACUUM = 1_024  # pages given back in one call: 4 MiB
SPARE = 16_384  # free pages (64 MiB) the database keeps for the next messages


@dataclass(frozen=True, slots=True)
class Limits:
    contents_before: float  # messages and journal rows that ended earlier may go
    sandbox_before: float  # captured messages that ended earlier
    sandbox_bytes: int  # octets captured messages may take

    @classmethod
    def at(cls, now: float, retention: Retention, sandbox: Sandbox) -> Limits:
        return cls(now - retention.contents, now - sandbox.keep, sandbox.bytes)


@dataclass(frozen=True, slots=True)
class Overdue:
    key: int
    id: str


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

    rows = ended(0, limits.contents_before) or ended(1, limits.sandbox_before)
    if not rows:
        excess = value(connection, sql.SANDBOX_BYTES) - limits.sandbox_bytes
        for row in ended(1, float("inf")) if excess > 0 else ():
            if excess <= 0:
                break
            rows.append(row)
            excess -= row[2]
    return [Overdue(key, ident) for key, ident, _ in rows]


def forget(batch: Sequence[Overdue], connection: apsw.Connection) -> Gone:
    messages = 0
    found: list[tuple[str, int]] = []
    files: list[int] = []
    for each in batch:
        connection.execute(sql.FORGET_MESSAGE, (each.key,))
        if not connection.changes():
            continue
        messages += 1
        span = (each.key << sql.SHIFT, each.key << sql.SHIFT | sql.NUMBERS)
        for key, in_file in fetch(connection, sql.FORGET_CONTENTS, span):
            found.append((each.id, key & sql.NUMBERS))
            if in_file:
                files.append(key)
        connection.execute(sql.FORGET_RECIPIENTS, span)
    if messages:
        connection.execute(sql.REMEMBER_ID, (max(each.id for each in batch),))
    return Gone(messages, tuple(found), tuple(files))


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
