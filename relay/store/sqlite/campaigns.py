"""Who had which campaign, in the database of idempotency keys: statements, each run inside one write.

In:  keys (digests of account, campaign and address) and the submission that is to bring it to them.
Out: whose keys they were already.

A claim is made before its submission is stored, and kept or given back after, as a reservation of a key is; one that
a crash left open is settled when its shard is opened again.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from relay.model.ids import shard_of
from relay.store.beside import Had
from relay.store.sqlite.connect import fetch

CLAIM = "insert or ignore into had (key, id, shard, at, kept) values (?, ?, ?, ?, 0)"
WHO = "select id, kept from had where key = ?"
KEEP = "update had set kept = 1 where id = ? and kept = 0"
# give back: not once its submission is known to be on disk.
GIVE_BACK = "delete from had where id = ? and kept = 0"
# open: submissions of a shard that were never confirmed.
OPEN = "select distinct id from had where kept = 0 and shard = ?"
PRUNE = "delete from had where key in (select key from had where at < ? limit ?)"


def claim(keys: Sequence[bytes], id: str, at: float, connection: apsw.Connection) -> dict[bytes, Had]:
    """Take those that are free. Of the others, who has them."""
    taken: dict[bytes, Had] = {}
    shard = shard_of(id)
    for key in keys:
        connection.execute(CLAIM, (key, id, shard, at))
        if connection.changes():
            continue
        ((other, kept),) = fetch(connection, WHO, (key,))
        if other != id:
            taken[key] = Had(other, bool(kept))
    return taken
