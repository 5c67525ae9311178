"""What calls of the HTTP API answered, in the database of idempotency keys: each function runs inside one write.

In:  the digest of account, call and key; the digest of the request; what was answered.
Out: whether the name is free for this request, and else what is known of the one that has it.

A row without an answer belongs to a request that is being worked on, or to one that ended without an answer to
keep: a crash came, or it was too long, or it failed on our side. Which of them it is, the process knows that works.

Why so: names are digests, since paths and keys may hold addresses; answers hold addresses, too, so `forget` takes
those out that name a person. A row without its answer stays, and keeps the request from being carried out twice.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import apsw

from relay.store.beside import Answered, Known
from relay.store.erasure import Eraser
from relay.store.interface import StoreDown
from relay.store.sqlite.connect import Row, connect_writer, fetch, teach_folding, value

SLICE = 500  # answers looked through in one transaction

# reserve: a row from before the time that keys are kept for is as good as none.
RESERVE = """
insert into answer (name, fingerprint, at) values (?1, ?2, ?3)
on conflict (name) do update set fingerprint = ?2, at = ?3, status = null, media = null, headers = null, body = null
where at < ?4
"""
KNOWN = "select fingerprint, status, media, headers, body from answer where name = ?"
KEEP = "update answer set status = ?, media = ?, headers = ?, body = ? where name = ?"
FORGET = "delete from answer where name = ?"
PRUNE = "delete from answer where rowid in (select rowid from answer where at < ? limit ?)"
# erase: answers are UTF-8; a body that was compressed or is no text names nobody we could find.
SLICE_END = "select max(rowid) from (select rowid from answer where rowid > ? order by rowid limit ?)"
UNSAY = """
update answer set status = null, media = null, headers = null, body = null
where rowid > ? and rowid <= ? and status is not null
and (instr(folded(cast(body as text)), ?3) or instr(folded(headers), ?3))
"""


def reserve(name: bytes, fingerprint: bytes, at: float, oldest: float, connection: apsw.Connection) -> Known | None:
    """Take a name for a request; None: it is ours. Rows from before `oldest` do not count."""
    connection.execute(RESERVE, (name, fingerprint, at, oldest))
    if connection.changes():
        return None
    ((other, status, media, headers, body),) = fetch(connection, KNOWN, (name,))
    if status is None:
        return Known(other, None)
    return Known(other, Answered(status, media, json.loads(headers), body))


def row_of(name: bytes, answered: Answered) -> Row:
    """For `KEEP`."""
    headers = json.dumps(dict(answered.headers), ensure_ascii=False)
    return (answered.status, answered.media, headers, answered.body, name)


def forget(path: Path, address: str) -> int:
    """Take out the answers that name an address, in a database that others may have open; how many.

    Blocks. Raises ValueError: that is no address; StoreDown.
    """
    needle = Eraser(address).needle
    if not path.exists():
        return 0
    count = after = 0
    try:
        with closing(connect_writer(path, cache_kib=4_000)) as connection:
            teach_folding(connection)
            if not value(connection, "select 1 from sqlite_master where name = 'answer'"):
                return 0  # of a former schema, which kept none
            while (upto := value(connection, SLICE_END, (after, SLICE))) is not None:
                connection.execute(UNSAY, (after, upto, needle))
                count += connection.changes()
                after = upto
    except apsw.Error as error:
        raise StoreDown(f"{path} cannot be changed: {error}") from error
    return count
