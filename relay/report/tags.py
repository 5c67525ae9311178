"""Statistics of a tag, as SMTPeter had them: read from the hourly counts.

In:  an account and a tag. Out: its numbers, over all the time that counts are kept; those that were active of late.

Why so: opens and clicks are those of people: what machines made is counted apart and left out. `unique` is once a
message, which is one recipient's here, as everywhere with SMTPeter. First and last are the hours of it, for hours are
what is counted.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from relay.report import database as sql
from relay.report.counts import HOUR, OTHER, TEST
from relay.report.smtpeter import moment
from relay.store.interface import StoreDown
from relay.store.sqlite.connect import Row, fetch

DAY_HOURS = 24
_LOOKS = (2, 31, None)  # days looked back over for tags that were active; the next only where that was too few
_COUNTS = {
    ("received", ""): "messages",
    ("delivered", ""): "deliveries",
    ("opened", ""): "all_opens",
    ("opened", "first"): "unique_opens",
    ("clicked", ""): "all_clicks",
    ("clicked", "first"): "unique_clicks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagStatistics:
    tag: str
    first: str  # hour of its first message, `YYYY-MM-DD hh:mm:ss`, UTC
    last: str  # hour of what happened last
    all_opens: int = 0
    unique_opens: int = 0
    all_clicks: int = 0
    unique_clicks: int = 0
    messages: int = 0
    deliveries: int = 0


def of_tag(data: Path, account: str, tag: str, *, test: bool = False) -> TagStatistics | None:
    """None: nothing was counted under it. Raises StoreDown."""
    connection = sql.open_to_read(data)
    if connection is None:
        return None
    with closing(connection):
        return _of(connection, account, tag, test)


def recent(data: Path, account: str, now: float, limit: int, *, test: bool = False) -> list[TagStatistics]:
    """The tags that were active last, the latest first. Raises StoreDown."""
    connection = sql.open_to_read(data)
    if connection is None:
        return []
    with closing(connection):
        names: list[str] = []
        for days in _LOOKS:
            since = 0 if days is None else int(now // HOUR) - days * DAY_HOURS
            given = {"since": since, "account": account, "other": OTHER, "test": int(test), "limit": limit}
            names = [row[0] for row in _fetch(connection, sql.RECENT_TAGS, given)]
            if len(names) == limit:
                break
        found = [_of(connection, account, name, test) for name in names]
        return [each for each in found if each is not None]


def _of(connection: apsw.Connection, account: str, tag: str, test: bool) -> TagStatistics | None:
    counts: dict[str, int] = {}
    hours: list[int] = []
    for event, variant, count, first, last in _fetch(connection, sql.TAG, {"account": account, "name": tag}):
        if variant.startswith(TEST) is not test:
            continue
        hours += [first, last]
        if name := _COUNTS.get((event, variant.removeprefix(TEST).removeprefix("-"))):
            counts[name] = count
    if not hours:
        return None
    return TagStatistics(tag=tag, first=moment(min(hours) * HOUR), last=moment(max(hours) * HOUR), **counts)


def _fetch(connection: apsw.Connection, statement: str, given: dict[str, Any]) -> list[Row]:
    try:
        return fetch(connection, statement, given)
    except apsw.Error as error:
        raise StoreDown(f"the report database cannot be read: {error}") from error
