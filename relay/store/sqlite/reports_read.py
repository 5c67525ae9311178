"""Aggregate reports of DMARC, looked at: which there are for an account, their counts, their XML.

In:  the data directory, and whose they are.
Out: days, rows and XML. Works while the relay runs and while it is stopped. Blocks: call it in a thread.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from relay.store.interface import NotFound, StoreDown
from relay.store.sqlite.connect import check_version, connect_frozen, connect_reader, fetch, schema_version
from relay.store.sqlite.reports import DATABASE, DIRECTORY, SCHEMA, stamp

# The columns of a line of `dmarc.DATE.log`, in order.
COLUMNS = (
    "time", "organizationName", "email", "reportId", "begin", "end", "domain", "sendingDomain", "messages",
    "failedSpf", "failedDkim",
)  # fmt: skip

DAYS = "select distinct day from report where account = ? order by day"
# A reporter is asked for by its domain, or by the name of its organization where that is one.
PLACE = """
select file from report
 where account = ? and day = ? and domain = ? and (reporter = ?4 or lower(organization) = ?4)
 order by number limit 1 offset ?5
"""
LINES = """
select report.arrived, organization, email, report_id, begin, end, report.domain,
       ifnull(sending.domain, ''), ifnull(sending.messages, 0), ifnull(sending.failed_spf, 0),
       ifnull(sending.failed_dkim, 0)
  from report left join sending on sending.report = report.number
 where report.account = ? and report.day = ? order by report.number, sending.domain
"""
LISTING = """
select number, arrived, day, organization, email, reporter, report_id, domain, policy, begin, end, messages,
       failed_spf, failed_dkim,
       (select count(*) from report as former where former.account = report.account and former.day = report.day
           and former.domain = report.domain and former.reporter = report.reporter and former.number < report.number)
  from report
 where account = :account and (:before is null or number < :before) and (:domain = '' or domain = :domain)
   and (:since is null or arrived >= :since) and (:until is null or arrived < :until)
 order by number desc limit :limit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A report that is kept."""

    number: int
    arrived: float
    day: str  # it came on, YYYY-MM-DD, UTC
    organization: str
    email: str
    reporter: str  # domain
    id: str  # its organization's
    domain: str
    policy: str
    begin: float
    end: float
    messages: int
    failed_spf: int
    failed_dkim: int
    place: int  # among those of its day, reporter and domain, from 0


def days(data: Path, account: str) -> list[str]:
    """The days on which reports came, YYYY-MM-DD, UTC. Raises StoreDown."""
    with _reading(data) as connection:
        return [] if connection is None else [day for (day,) in fetch(connection, DAYS, (account,))]


def report_xml(data: Path, account: str, day: str, reporter: str, domain: str, place: int) -> bytes:
    """The XML as it came. Raises NotFound, StoreDown."""
    with _reading(data) as connection:
        given = (account, day, domain.lower(), reporter.lower(), place)
        rows = [] if connection is None else fetch(connection, PLACE, given)
    if not rows:
        raise NotFound(f"there is no report {place} of {reporter} on {domain} of {day}")
    try:
        return gzip.decompress((data / DIRECTORY / rows[0][0]).read_bytes())
    except FileNotFoundError:
        raise NotFound("that report is kept no longer") from None
    except (OSError, EOFError, zlib.error) as error:
        raise StoreDown(f"a report cannot be read: {error}") from error


def rows_of(data: Path, account: str, day: str) -> Iterator[tuple[str | int, ...]]:
    """Lines of the log file of a day, in the order of `COLUMNS`: one for each domain in From of each report, in the
    order they came; times as SMTPeter writes them. Raises StoreDown."""
    with _reading(data) as connection:
        if connection is None:
            return
        try:
            for at, name, email, ident, begin, end, *rest in connection.execute(LINES, (account, day)):
                yield (stamp(float(at)), name, email, ident, stamp(float(begin)), stamp(float(end)), *rest)
        except apsw.Error as error:
            raise StoreDown(f"{data / DATABASE} cannot be read: {error}") from error


def listing(
    data: Path,
    account: str,
    *,
    before: int | None = None,
    limit: int = 100,
    domain: str = "",
    since: float | None = None,
    until: float | None = None,
) -> list[Kept]:
    """The newest first, those that came before the one of number `before`. Raises StoreDown."""
    given = {
        "account": account,
        "before": before,
        "limit": limit,
        "domain": domain.lower(),
        "since": since,
        "until": until,
    }
    with _reading(data) as connection:
        rows = [] if connection is None else fetch(connection, LISTING, given)
    return [Kept(**dict(zip(Kept.__slots__, row, strict=True))) for row in rows]


@contextmanager
def _reading(data: Path) -> Iterator[apsw.Connection | None]:
    """None where there are none yet."""
    path = data / DATABASE
    if not path.exists():
        yield None
        return
    try:
        try:
            connection = connect_reader(path)
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            connection = connect_frozen(path)  # a directory we may only read, and nobody writes
        with closing(connection):
            if schema_version(connection) == 0:  # a process is making it just now
                yield None
                return
            check_version(connection, SCHEMA)
            yield connection
    except apsw.Error as error:
        raise StoreDown(f"{path} cannot be read: {error}") from error
