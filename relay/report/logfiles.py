"""Log files as SMTPeter has them, made while they are read: events of a day, of an account, as rows of a kind.

In:  an account, a day (UTC), a kind.
Out: which days and files there are; the rows of one, in the order of time.

A file is what is folded when its reader comes to it: today's grows, and nothing is kept but the events themselves.
Rows of one chunk are in memory at a time.

Why so: which days and kinds there are is read from the hourly counts, for a look at every event of three months would
take long. DMARC reports are no events: they come from where they are kept, for as long as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

from relay.report import database as sql
from relay.report.counts import HOUR
from relay.report.eventsearch import Wanted, between
from relay.report.messages import Messages
from relay.report.smtpeter import KINDS, Kind, kinds_of, records
from relay.store.interface import StoreDown
from relay.store.sqlite import reports_read as reports
from relay.store.sqlite.connect import fetch

DMARC = "dmarc"
CHUNK = 250  # events in memory; one may be to a thousand recipients
DAY_HOURS = 24
_FILE = re.compile(rf"({'|'.join(KINDS)})\.(\d{{4}}-\d\d-\d\d)\.log", re.ASCII)
_EPOCH = date(1970, 1, 1)

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class LogFile:
    kind: Kind
    day: date

    @property
    def name(self) -> str:
        return f"{self.kind.prefix}.{self.day.isoformat()}.log"

    @classmethod
    def parse(cls, name: str) -> LogFile:
        """Raises ValueError: no log file is called so."""
        found = _FILE.fullmatch(name)
        if found is None:
            raise ValueError(f"expected a date, or PREFIX.YYYY-MM-DD.log with a prefix of {', '.join(KINDS)}")
        return cls(KINDS[found[1]], date.fromisoformat(found[2]))


def day_of(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def begins(day: date) -> float:
    return float((day - _EPOCH).days * DAY_HOURS * HOUR)


def days(data: Path, account: str, since: float, until: float) -> dict[date, list[LogFile]]:
    """The files with rows, by day, from the day of `since` to that of `until`, both included; of DMARC all.

    Raises:
        StoreDown: a database cannot be read.
    """
    happened = _happened(data, account, since, until)
    for day in reports.days(data, account):
        happened.setdefault(date.fromisoformat(day), set()).add(DMARC)
    found = {
        day: [LogFile(kind, day) for kind in KINDS.values() if _in(kind, happened[day])] for day in sorted(happened)
    }
    return {day: files for day, files in found.items() if files}


def _in(kind: Kind, happened: set[str]) -> bool:
    return kind.prefix in happened or any(each.value in happened for each in kind.of)


def _happened(data: Path, account: str, since: float, until: float) -> dict[date, set[str]]:
    """Names of events, by day."""
    connection = sql.open_to_read(data)
    if connection is None:
        return {}
    given = {
        "account": account,
        "first": int(begins(day_of(since)) // HOUR),
        "last": int(begins(day_of(until)) // HOUR) + DAY_HOURS - 1,
    }
    with closing(connection):
        try:
            rows = fetch(connection, sql.DAYS, given)
        except apsw.Error as error:
            raise StoreDown(f"{data / sql.NAME} cannot be read: {error}") from error
    found: dict[date, set[str]] = {}
    for day, event in rows:
        found.setdefault(_EPOCH + timedelta(days=day), set()).add(event)
    return found


def check(data: Path) -> None:
    """Raises StoreDown: the report database cannot be read now."""
    connection = sql.open_to_read(data)
    if connection is not None:
        connection.close()


def rows(data: Path, account: str, file: LogFile) -> Iterator[Row]:
    """Raises StoreDown, perhaps half-way."""
    if file.kind.prefix == DMARC:
        yield from reports.rows_of(data, account, file.day.isoformat())
        return
    connection = sql.open_to_read(data)
    if connection is None:
        return
    since = begins(file.day)
    wanted = Wanted(account=account, names=file.kind.of, since=since, until=since + DAY_HOURS * HOUR)
    with closing(connection), closing(Messages(data, connection)) as messages:
        for found in between(connection, wanted, CHUNK):
            for each in found:
                if file.kind in kinds_of(each.event):
                    said = messages.said(each.event, file.kind)
                    yield from (record.row() for record in records(each.event, file.kind, said))
