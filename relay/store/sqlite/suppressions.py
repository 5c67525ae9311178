"""Who gets no mail, in one small database that all processes share.

In:  suppressions by hand, and from the reporter; look-ups, one a recipient and attempt.
Out: the entries that hold.

Why so: a look-up must cost a relay without suppressions next to nothing, and must see an entry another process
made a moment ago. `pragma data_version` tells in microseconds whether anybody else changed the file, so that the
list is empty is remembered until it does; and a worker asks that every few milliseconds at most, since a program that
made an entry has hardly ended by then, and each question lets the writing threads have the interpreter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from math import inf
from pathlib import Path

import apsw

from relay.model.suppression import Cause, Suppression
from relay.store.interface import StoreDown
from relay.store.sqlite.connect import Row, fetch, value
from relay.store.sqlite.shared import open_shared, transaction

CHUNK = 5_000  # entries put in by one transaction: others wait for it some ten milliseconds

# any: whether there is an entry at all.
ANY = "select exists (select 1 from suppression)"
# add, replace: together they tell a new entry from one that was there.
ADD = """
insert or ignore into suppression (note, created, until, address, account, stream, suppression_group, cause)
values (?, ?, ?, ?, ?, ?, ?, ?)
"""
REPLACE = """
update suppression set note = ?, created = ?, until = ?
 where address = ? and account = ? and stream = ? and suppression_group = ? and cause = ?
"""
REMOVE = """
delete from suppression
 where address = ? and account = ? and stream = ? and suppression_group = ? and cause = ifnull(?, cause)
"""
# matching: what names the address itself, the account, the stream and the group goes before what holds for all.
MATCHING = """
select address, account, stream, suppression_group, cause, note, created, until from suppression
 where address in (:address, :domain) and account in ('', :account) and stream in ('', :stream)
   and suppression_group in ('', :group) and (until is null or until > :now)
 order by address = :address desc, account desc, stream desc, suppression_group desc, cause
"""
# listing: by address; a null account means all, and an empty address, too.
LISTING = """
select address, account, stream, suppression_group, cause, note, created, until from suppression
 where address > :after and (:account is null or account = :account)
   and (:address = '' or address in (:address, :domain))
 order by address, account, stream, suppression_group, cause limit :limit
"""
# same: the rest of an address's entries, so that a page ends with its address.
SAME = """
select address, account, stream, suppression_group, cause, note, created, until from suppression
 where address = :address and (:account is null or account = :account)
   and (account, stream, suppression_group, cause) > (:last, :stream, :group, :cause)
 order by account, stream, suppression_group, cause
"""


def open_suppressions(path: Path, lag: float = 0.0) -> SqliteSuppressions:
    """For `lag` seconds a list that was empty is taken to be so still.

    Raises StoreDown: it cannot be opened, or a newer version of the program made it.
    """
    return SqliteSuppressions(open_shared(path, "suppressions"), lag)


class SqliteSuppressions:
    """`Suppressions` of `relay.store.interface`."""

    def __init__(
        self, connection: apsw.Connection, lag: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` is for the lag alone."""
        self._connection = connection
        self._lag = lag
        self._clock = clock
        self._empty_until = -inf
        self._seen: int | None = None  # the version that was looked at; None: ask
        self._empty = False

    def add(self, entries: Iterable[Suppression]) -> int:
        """In transactions of CHUNK entries; a failure leaves the former ones in."""
        new = 0
        for chunk in _chunks(entries):
            self._seen, self._empty_until = None, -inf
            with transaction(self._connection, "the list of suppressions") as connection:
                for each in chunk:
                    row = _row(each)
                    connection.execute(ADD, row)
                    if connection.changes():
                        new += 1
                    else:
                        connection.execute(REPLACE, row)
        return new

    def remove(
        self, account: str, address: str, stream: str = "", *, group: str = "", cause: Cause | None = None
    ) -> bool:
        self._seen = None
        wanted = (address.lower(), account, stream, group, None if cause is None else cause.value)
        with transaction(self._connection, "the list of suppressions") as connection:
            connection.execute(REMOVE, wanted)
            return connection.changes() > 0

    def find(self, account: str, address: str, stream: str, now: float, group: str = "") -> Suppression | None:
        found = self.matching(account, address, stream, now, group)
        return found[0] if found else None

    def matching(self, account: str, address: str, stream: str, now: float, group: str = "") -> Sequence[Suppression]:
        if self._lag and self._clock() < self._empty_until:
            return ()
        try:
            version = value(self._connection, "pragma data_version")
            if version != self._seen:
                self._empty = not value(self._connection, ANY)
                self._seen = version
            if self._empty:
                self._empty_until = self._clock() + self._lag
                return ()
            given = {**_both(address), "account": account, "stream": stream, "group": group, "now": now}
            rows = self._connection.execute(MATCHING, given).fetchall()
        except apsw.Error as error:
            raise StoreDown(f"the list of suppressions cannot be read: {error}") from error
        return [_suppression(row) for row in rows]

    def listing(
        self, account: str | None = None, address: str = "", after: str = "", limit: int = 1000
    ) -> list[Suppression]:
        """The last address comes with all its entries, so a page may be a little longer than `limit`."""
        given = {**_both(address), "account": account, "after": after.lower(), "limit": limit}
        try:
            rows = fetch(self._connection, LISTING, given)
            if len(rows) == limit:
                last, of, stream, group, cause, *_ = rows[-1]
                place = {"address": last, "last": of, "stream": stream, "group": group, "cause": cause}
                rows += fetch(self._connection, SAME, {**place, "account": account})
        except apsw.Error as error:
            raise StoreDown(f"the list of suppressions cannot be read: {error}") from error
        return [_suppression(row) for row in rows]

    def close(self) -> None:
        self._connection.close()


def _chunks(entries: Iterable[Suppression]) -> Iterator[list[Suppression]]:
    rest = iter(entries)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _both(address: str) -> dict[str, str]:
    address = address.lower()
    return {"address": address, "domain": f"@{address.rpartition('@')[2]}"}


def _row(entry: Suppression) -> Row:
    return (
        entry.note,
        entry.created,
        entry.until,
        entry.address.lower(),
        entry.account,
        entry.stream,
        entry.group,
        entry.cause.value,
    )


def _suppression(row: Row) -> Suppression:
    address, account, stream, group, cause, note, created, until = row
    return Suppression(
        account=account,
        address=address,
        stream=stream,
        group=group,
        cause=Cause(cause),
        note=note,
        created=created,
        until=until,
    )
