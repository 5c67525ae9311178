"""Aggregate reports of DMARC: an index in a small database, and the XML of each in a file beside it.

In:  reports that were read, with their XML; limits.
Out: which are there, by day, by who reports and on what; their XML.

    <data>/dmarc.db                        the index, which all processes share
    <data>/dmarc/2026-01-31/<digest>.xml.gz  a report, as it came, under the day (UTC) it came on

A report is known by its organization, its id and its domain (RFC 7489 section 7.2.1.1, RFC 9990): one that comes
again is not kept again. Its file is durable before its row is, so a row has its file; a file without a row was being
written when a process died, and goes at the next `prune_reports`.

Why so: a report belongs to the account that had the domain when it came, and stays its own if the domain is given to
another one later. No person is named in a report, only domains and addresses of servers, so nobody is erased from it.
Everything here blocks, for the disk: call it in a thread. Each call has a connection of its own, since reports are
few and far between.
"""

from __future__ import annotations

import errno
import gzip
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import apsw

from relay.model.clock import iso
from relay.model.dmarc import Aggregate
from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite.connect import fetch, value
from relay.store.sqlite.layout import make_directory, sync, write
from relay.store.sqlite.shared import open_shared, transaction

DATABASE: Final = "dmarc.db"
DIRECTORY: Final = "dmarc"
SCHEMA: Final = "dmarc"
WHAT: Final = "the list of reports"
ORPHAN: Final = 3600.0  # seconds after which a file without a row is nobody's
SLICE: Final = 500  # reports forgotten in one transaction
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

HELD = "select count(*), ifnull(sum(size), 0) from report"
KNOWN = "select exists (select 1 from report where organization = ? and report_id = ? and domain = ?)"
ADD = """
insert or ignore into report (account, arrived, day, organization, email, reporter, report_id, domain, policy, begin,
    end, file, size, messages, failed_spf, failed_dkim) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
ADD_SENDING = "insert into sending (report, domain, messages, failed_spf, failed_dkim) values (?, ?, ?, ?, ?)"
OLDER = "select number, file, size from report where arrived < ? order by arrived, number limit ?"
OLDEST = "select number, file, size from report order by arrived, number limit ?"
FORGET = "delete from report where number = ?"
FILES = "select file from report where day = ?"


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be kept."""

    octets: int
    count: int


def add_report(data: Path, account: str, report: Aggregate, xml: bytes, at: float, room: Room) -> bool:
    """Keep a report; it is on disk on return. False: it is there already.

    Raises:
        StoreFull: there is no room for it.
        StoreDown: it cannot be kept.
    """
    packed = gzip.compress(xml, 6, mtime=0)
    with closing(open_shared(data / DATABASE, SCHEMA)) as connection, _failing(data):
        if value(connection, KNOWN, (report.organization, report.id, report.domain)):
            return False
        count, octets = fetch(connection, HELD)[0]
        if count >= room.count or octets + len(packed) > room.octets:
            raise StoreFull(f"reports have room for {room.count} and {room.octets} octets, and there are {count}")
        file = _write(data, report, packed, at)
        row = _row(account, report, at, file, len(packed))
        with transaction(connection, WHAT):
            connection.execute(ADD, row)
            if not connection.changes():
                return False
            number = connection.last_insert_rowid()
            sendings = [
                (number, each.domain, each.messages, each.failed_spf, each.failed_dkim) for each in report.sendings
            ]
            connection.executemany(ADD_SENDING, sendings)
        return True


def prune_reports(data: Path, before: float, room: Room, now: float) -> int:
    """Forget those that came before that time, and the oldest until a tenth of the room is free; how many went.

    Raises StoreDown, StoreFull.
    """
    if not (data / DATABASE).exists():
        return 0
    gone = 0
    with closing(open_shared(data / DATABASE, SCHEMA)) as connection, _failing(data):
        while rows := fetch(connection, OLDER, (before, SLICE)):
            gone += _forget(data, connection, rows)
        count, octets = fetch(connection, HELD)[0]
        if count >= room.count or octets >= room.octets * 0.95:
            while count > room.count * 0.9 or octets > room.octets * 0.9:
                rows = fetch(connection, OLDEST, (min(SLICE, max(1, count // 20)),))
                count -= len(rows)
                octets -= sum(size for _, _, size in rows)
                gone += _forget(data, connection, rows)
        fetch(connection, "pragma incremental_vacuum(1000)")
        _sweep(data, connection, now)
    return gone


def _forget(data: Path, connection: apsw.Connection, rows: list[tuple[int, str, int]]) -> int:
    with transaction(connection, WHAT):
        connection.executemany(FORGET, [(number,) for number, _, _ in rows])
    for _, file, _ in rows:
        (data / DIRECTORY / file).unlink(missing_ok=True)
    return len(rows)


def _sweep(data: Path, connection: apsw.Connection, now: float) -> None:
    """Files that no row names, and days without files."""
    for folder in _folders(data):
        known = {file for (file,) in fetch(connection, FILES, (folder.name,))}
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                if f"{folder.name}/{path.name}" not in known and path.stat().st_mtime < now - ORPHAN:
                    path.unlink()
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _folders(data: Path) -> Iterator[Path]:
    if (data / DIRECTORY).is_dir():
        yield from (each for each in (data / DIRECTORY).iterdir() if each.is_dir())


def _write(data: Path, report: Aggregate, packed: bytes, at: float) -> str:
    """The file, durable; its name below the directory of reports."""
    digest = sha256("\0".join((report.organization, report.id, report.domain)).encode("utf-8", "replace"))
    day = iso(at)[:10]
    folder = data / DIRECTORY / day
    make_directory(folder)
    path = folder / f"{digest.hexdigest()[:40]}.xml.gz"
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        write(part, packed)
        part.rename(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync(folder)
    return f"{day}/{path.name}"


def _row(account: str, report: Aggregate, at: float, file: str, size: int) -> tuple[object, ...]:
    counts = [(each.messages, each.failed_spf, each.failed_dkim) for each in report.sendings]
    return (
        account,
        at,
        iso(at)[:10],
        report.organization,
        report.email,
        report.reporter,
        report.id,
        report.domain,
        report.policy,
        report.begin,
        report.end,
        file,
        size,
        *(sum(each[which] for each in counts) for which in range(3)),
    )


@contextmanager
def _failing(data: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(f"no room for a report: {error.strerror}") from error
        raise StoreDown(f"reports cannot be kept in {data / DIRECTORY}: {error}") from error
    except apsw.FullError as error:
        raise StoreFull(f"no room for a report: {error}") from error
    except apsw.Error as error:
        raise StoreDown(f"{data / DATABASE}: {error}") from error


def stamp(at: float) -> str:
    """A time as SMTPeter writes it, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
