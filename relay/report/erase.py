"""A person's address leaves the report database.

In:  the data directory and an address.
Out: how many events named it; they, and what finds them, say `erased@invalid` instead. What webhooks were still to be
     told of it is told to nobody, and answers kept for an Idempotency-Key that name it are forgotten.

Shards are erased first: what the reporter folds afterwards is clean already. Walked by id, a piece at a time on a
reading connection; changed in small transactions, so that the reporter goes on folding between them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw

from relay.model.event import Event
from relay.report import database as sql
from relay.report.fold import addresses, domain_of, labels
from relay.report.webhooks.letters import forget
from relay.store.erasure import Eraser
from relay.store.interface import StoreDown
from relay.store.requests import Requests
from relay.store.sqlite import answers
from relay.store.sqlite.connect import Row, fetch, value

SLICE = 5_000  # events looked through at once
PIECE = 500  # events changed in one transaction


def erase(data: Path, address: str) -> int:
    """Blocks. Done again, it changes nothing more.

    Raises:
        ValueError: that is no address.
        StoreDown: the database cannot be read or changed; what was done stays done.
    """
    eraser = Eraser(address)
    forget(data, eraser.needle)
    Requests(data).erase(address)
    answers.forget(data / "idempotency.db", address)
    reading = sql.open_to_read(data)
    if reading is None:
        return 0
    changed = after = 0
    with closing(reading), closing(sql.open_to_write(data)) as writing:
        try:
            while (upto := value(reading, sql.PIECE_END, (after, SLICE))) is not None:
                ids = [row[0] for row in fetch(reading, sql.NAMING, (after, upto, eraser.needle))]
                for start in range(0, len(ids), PIECE):
                    changed += _rewrite(writing, ids[start : start + PIECE], eraser)
                after = upto
            writing.execute(sql.ERASE_STRIKES, (address.lower(),))
        except apsw.Error as error:
            raise StoreDown(f"{data / sql.NAME} cannot be changed: {error}") from error
    Requests(data).erase(address)  # what was found while this was going on
    return changed


def _rewrite(connection: apsw.Connection, ids: list[int], eraser: Eraser) -> int:
    changed = 0
    connection.execute("begin immediate")
    try:
        for ident in ids:
            for (text,) in fetch(connection, sql.EVENT_AT, (ident,)):
                cleaned = eraser.event(text)
                if cleaned != text:
                    changed += 1
                    connection.execute(sql.REWRITE_EVENT, (cleaned, ident))
                    _find_by(connection, ident, Event.from_json(text), Event.from_json(cleaned))
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return changed


def _find_by(connection: apsw.Connection, ident: int, was: Event, now: Event) -> None:
    """What an event is found by, as it now is."""
    gone: list[Row] = [(each, was.at, ident) for each in addresses(was)]
    connection.executemany(sql.FORGET_ABOUT, gone)
    connection.executemany(sql.ADD_ABOUT, [(each, now.at, ident, domain_of(each)) for each in addresses(now)])
    before, after = labels(was), labels(now)
    if before != after:
        connection.executemany(sql.FORGET_LABEL, [(*each, was.message) for each in before])
        connection.executemany(sql.ADD_LABEL, [(*each, now.message, now.at) for each in after])
