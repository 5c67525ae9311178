"""Which key was used for which submission or call, and who had which campaign, in a database all processes share.

In:  a key and the submission it is to stand for.
Out: whether the key is free for it, once that is on disk.

A writing thread (`writer.py`) commits a process's reservations in groups; between processes SQLite's own lock
decides, so of several that ask at once one is told that the key is its own. A process that dies between
reserving and storing leaves a key that is not known to be kept; whoever opens its shard next settles it.

Why so: a file of its own, not the registry. It is written for each message that brings a key, and a lost or
damaged one costs a duplicate and no account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import apsw

from relay.model.ids import shard_of
from relay.store.beside import Answered, Had, Known, Reservation
from relay.store.interface import StoreDown
from relay.store.sqlite import answers, campaigns
from relay.store.sqlite.connect import Row, connect_reader, connect_writer, fetch
from relay.store.sqlite.shared import open_shared
from relay.store.sqlite.writer import Writer

PRUNED = 2_000  # keys forgotten in one write

RESERVE = """
insert or ignore into reservation (credential, key, id, shard, recipients, envelope, at, kept)
values (?, ?, ?, ?, ?, ?, ?, ?)
"""
RESERVED = "select id, recipients, envelope, at, kept from reservation where credential = ? and key = ?"
KEEP = "update reservation set kept = 1 where credential = ? and key = ?"
# release: not once its submission is known to be on disk, and not another's.
RELEASE = "delete from reservation where credential = ? and key = ? and id = ? and kept = 0"
# open: what a shard's submissions reserved and never confirmed.
OPEN = "select credential, key, id from reservation where kept = 0 and shard = ?"
PRUNE = """
delete from reservation where (credential, key) in (select credential, key from reservation where at < ? limit ?)
"""


async def open_idempotency(path: Path) -> SqliteIdempotency:
    """Raises StoreDown: it cannot be opened, or a newer version of the program made it."""
    return SqliteIdempotency(path, *await asyncio.get_running_loop().run_in_executor(None, _open, path))


def _open(path: Path) -> tuple[apsw.Connection, apsw.Connection]:
    writer = open_shared(path, "idempotency")
    try:
        return writer, connect_reader(path)
    except apsw.Error as error:
        writer.close(True)
        raise StoreDown(f"{path} cannot be opened: {error}") from error


class SqliteIdempotency:
    """`Idempotency` of `relay.store.interface`."""

    def __init__(self, path: Path, writer: apsw.Connection, reader: apsw.Connection) -> None:
        # It stays open while the writer's connection comes and goes: see `queue.py`.
        self._reader = reader
        self._writer = Writer(lambda: connect_writer(path, cache_kib=4_000), writer, "idempotency")

    async def reserve(self, credential: str, key: str, wanted: Reservation) -> Reservation | None:
        """A caller cancelled meanwhile may leave the key reserved; who must know shields the call.

        Raises:
            StoreFull, StoreDown: not reserved.
        """
        return await self._writer.write(partial(_reserve, credential, key, wanted))

    async def keep(self, credential: str, key: str) -> None:
        await self._writer.write(partial(_run, KEEP, (credential, key)))

    async def release(self, credential: str, key: str, id: str) -> None:
        await self._writer.write(partial(_run, RELEASE, (credential, key, id)))

    async def resolve(self, shard: int, stored: Callable[[str], bool]) -> int:
        """`stored` is called on the event loop, once a key; there are as many as were on their way at the crash."""
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(None, fetch, self._reader, OPEN, (shard,))
            open_claims = await loop.run_in_executor(None, fetch, self._reader, campaigns.OPEN, (shard,))
        except apsw.Error as error:
            raise StoreDown(f"the keys of submissions cannot be read: {error}") from error
        for (id,) in open_claims:
            await (self.keep_claims if stored(id) else self.release_claims)(id)
        released = 0
        for credential, key, id in rows:
            if stored(id):
                await self.keep(credential, key)
            else:
                await self.release(credential, key, id)
                released += 1
        return released

    async def prune(self, before: float) -> int:
        pruned = 0
        while gone := await self._writer.write(partial(_run, PRUNE, (before, PRUNED))):
            pruned += gone
        return pruned

    async def claim(self, keys: Sequence[bytes], id: str, at: float) -> Mapping[bytes, Had]:
        """Raises StoreFull, StoreDown: nothing was taken."""
        return await self._writer.write(partial(campaigns.claim, keys, id, at))

    async def keep_claims(self, id: str) -> None:
        await self._writer.write(partial(_run, campaigns.KEEP, (id,)))

    async def release_claims(self, id: str) -> None:
        await self._writer.write(partial(_run, campaigns.GIVE_BACK, (id,)))

    async def prune_claims(self, before: float) -> int:
        pruned = 0
        while gone := await self._writer.write(partial(_run, campaigns.PRUNE, (before, PRUNED))):
            pruned += gone
        return pruned

    async def begin(self, name: bytes, fingerprint: bytes, at: float, oldest: float) -> Known | None:
        """Raises StoreFull, StoreDown: it was not taken."""
        return await self._writer.write(partial(answers.reserve, name, fingerprint, at, oldest))

    async def answered(self, name: bytes, answer: Answered) -> None:
        await self._writer.write(partial(_run, answers.KEEP, answers.row_of(name, answer)))

    async def forgo(self, name: bytes) -> None:
        await self._writer.write(partial(_run, answers.FORGET, (name,)))

    async def prune_answers(self, before: float) -> int:
        pruned = 0
        while gone := await self._writer.write(partial(_run, answers.PRUNE, (before, PRUNED))):
            pruned += gone
        return pruned

    async def close(self) -> None:
        """Finish what is being written. Calling it again does nothing."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._reader.close()
        self._writer.close()


def _reserve(credential: str, key: str, wanted: Reservation, connection: apsw.Connection) -> Reservation | None:
    row = (
        credential,
        key,
        wanted.id,
        shard_of(wanted.id),
        wanted.recipients,
        wanted.envelope,
        wanted.at,
        int(wanted.kept),
    )
    connection.execute(RESERVE, row)
    if connection.changes():
        return None
    ((id, recipients, envelope, at, kept),) = fetch(connection, RESERVED, (credential, key))
    if id == wanted.id:
        return None  # asked again
    return Reservation(id, recipients, envelope, at, bool(kept))


def _run(statement: str, given: Row, connection: apsw.Connection) -> int:
    connection.execute(statement, given)
    return connection.changes()
