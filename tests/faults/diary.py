"""A shard at work while the disk is recorded, and what was promised at each moment.

In:  a data directory, and random numbers that decide who comes, goes and is forgotten.
Out: a diary: which message was answered for when, which recipient was settled, which message was let go. After a
     cut at any moment `check` opens what is left and holds it against the diary.

A promise holds from the moment the store returned. What was under way at the cut may be there or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import apsw

from relay.config.schema import Retention, Sandbox
from relay.model.account import Account
from relay.model.message import Due, Lane, State
from relay.store.beside import Reservation
from relay.store.interface import NotFound
from relay.store.sqlite import (
    SqliteIdempotency,
    SqliteQueue,
    SqliteReader,
    open_idempotency,
    open_queue,
    open_reader,
    open_registry,
    shard_directory,
    write_cursor,
)
from relay.worker.stored import Stored
from tests.store.mail import NOON, deferred, delivered, in_flight, mail

SHARD = 7
DAY = 86_400.0
NEVER = float("inf")
UNUSED = "select key from target_set where key not in (select target_set from tracked)"
ORPHANS = "select key from tracked where key >> 24 not in (select key from message)"
SIZES = (300, 4_000, 9_000, 40_000, 100_000, 140_000, 300_000)  # the last two lie in files
WEIGHTS = (6, 6, 6, 2, 1, 1, 1)
LEADS = tuple(tuple(f"https://example.com/{each}/{link}" for link in range(each * 20)) for each in range(4))
LANES = tuple(Lane(f"{name}.example", "demo") for name in ("north", "south"))


@dataclass(slots=True)
class Kept:
    """One message; times are of time.monotonic()."""

    contents: tuple[bytes, ...]
    recipients: int
    leads: tuple[str, ...] = ()  # where the links of content 0 lead
    answered: float = NEVER
    ended: dict[int, tuple[float, float]] = field(default_factory=dict)  # recipient -> settling began, was answered
    leaving: float = NEVER  # when the shard was told to forget it

    def until(self, at: float) -> Kept:
        ended = {
            number: (begun, done if done <= at else NEVER)
            for number, (begun, done) in self.ended.items()
            if begun <= at
        }
        answered, leaving = (each if each <= at else NEVER for each in (self.answered, self.leaving))
        return Kept(self.contents, self.recipients, self.leads, answered, ended, leaving)


@dataclass(slots=True)
class Diary:
    mail: dict[str, Kept] = field(default_factory=dict)
    accounts: dict[str, float] = field(default_factory=dict)  # name -> when it was there
    now: float = NOON  # the relay's clock

    def until(self, at: float) -> Diary:
        """What a cut leaves of it, for the next run: what was not answered then was not promised."""
        return Diary(
            {ident: each.until(at) for ident, each in self.mail.items()},
            {name: there for name, there in self.accounts.items() if there <= at},
            self.now,
        )

    def promised(self, at: float) -> int:
        return sum(each.answered <= at < each.leaving for each in self.mail.values())


class Work:
    """One run of a shard, its keys and the registry: from opening to closing."""

    def __init__(self, root: Path, diary: Diary, random: Random) -> None:
        self.root, self.diary, self.random = root, diary, random

    async def run(self, steps: int, tasks: int = 3) -> None:
        async with self._open() as (queue, keys):
            await asyncio.gather(*(self._steps(queue, keys, steps // tasks) for _ in range(tasks)))

    @contextlib.asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[SqliteQueue, SqliteIdempotency]]:
        registry = open_registry(self.root / "registry.db")
        name = f"account{self.random.randrange(1 << 32)}"
        registry.add_account(Account(name=name, created=NOON))
        self.diary.accounts[name] = time.monotonic()
        keys = await open_idempotency(self.root / "idempotency.db")
        directory = shard_directory(self.root, SHARD)
        queue = await open_queue(
            directory, SHARD, Retention(contents=DAY), Sandbox(), lambda: self.diary.now, life=DAY
        )
        try:
            yield queue, keys
        finally:
            await queue.close()
            await keys.close()
            registry.close()

    async def _steps(self, queue: SqliteQueue, keys: SqliteIdempotency, count: int) -> None:
        for _ in range(count):
            lot = self.random.random()
            if lot < 0.65:
                await self._take(queue, keys)
            elif lot < 0.95:
                await self._deliver(queue)
            else:
                await self._forget(queue)

    async def _take(self, queue: SqliteQueue, keys: SqliteIdempotency) -> None:
        random = self.random
        sizes = random.choices(SIZES, WEIGHTS, k=random.choice((1, 1, 1, 2)))
        contents = tuple(random.randbytes(size) for size in sizes)
        flies = random.random() < 0.5
        to = [
            f"u{number}@{random.choice(LANES).domain}" for number in range(max(len(sizes), random.choice((1, 1, 3))))
        ]
        leads = (*random.choice(LEADS), *(("https://example.com/own",) if random.random() < 0.2 else ()))
        new = mail(
            *to,
            contents=contents,
            state=State.FLIGHT if flies else State.QUEUED,
            due=self.diary.now,
            links=bool(leads),
        )
        new = replace(new, targets={0: leads} if leads else {})
        ident = new.message.id
        kept = self.diary.mail[ident] = Kept(contents, len(to), leads)
        wanted = Reservation(ident, len(to), "digest", self.diary.now, False)
        assert await keys.reserve("app", ident, wanted) is None
        await queue.add(new)
        kept.answered = time.monotonic()
        await keys.keep("app", ident)
        if flies:
            await self._settle(queue, in_flight(new, SHARD))

    async def _deliver(self, queue: SqliteQueue) -> None:
        dues = (await queue.claim(self.random.choice(LANES), self.diary.now + 1, 5)).dues
        if self.random.random() < 0.2:
            await queue.release(dues, self.diary.now)
        else:
            await self._settle(queue, dues)

    async def _settle(self, queue: SqliteQueue, dues: tuple[Due, ...] | list[Due]) -> None:
        settlements = []
        for due in dues:
            if self.random.random() < 0.8:
                self.diary.mail[due.message.id].ended[due.number] = (time.monotonic(), NEVER)
                settlements.append(delivered(due, self.diary.now))
            else:
                settlements.append(deferred(due, self.diary.now))
        await queue.settle(settlements)
        for each in settlements:
            if each.state.final:
                ended = self.diary.mail[each.due.message.id].ended
                ended[each.due.number] = (ended[each.due.number][0], time.monotonic())

    async def _forget(self, queue: SqliteQueue) -> None:
        """All that ended so far is past its retention."""
        for each in self.diary.mail.values():
            if len(each.ended) == each.recipients:
                each.leaving = min(each.leaving, time.monotonic())
        self.diary.now += 2 * DAY
        write_cursor(shard_directory(self.root, SHARD), 1 << 40)
        await queue.prune(self.diary.now)


async def check(root: Path, diary: Diary, at: float) -> list[str]:
    """Open what a cut at `at` left of the root, and look for what was promised before; what is wrong with it.

    Afterwards the shard has taken one more message, so that it is known to go on.
    """
    faults = _registry(root, diary, at)
    directory = shard_directory(root, SHARD)
    keys = await open_idempotency(root / "idempotency.db")
    queue = await open_queue(directory, SHARD, Retention(), Sandbox(), lambda: NOON)
    try:
        await keys.resolve(SHARD, Stored(root))
        with contextlib.closing(open_reader(directory, SHARD)) as reader:
            there = {ident: _wrong(reader, ident, kept, at) for ident, kept in diary.mail.items()}
        faults += [f"{ident}: {fault}" for ident, fault in there.items() if fault]
        for ident, kept in diary.mail.items():
            other = Reservation("0" * 16, 1, "digest", NOON, False)
            if kept.answered <= at and (await keys.reserve("app", ident, other) or other).id != ident:
                faults.append(f"{ident}: its key is free for another")
        new = mail("last@north.example", due=NOON - 1)
        await queue.add(new)
        if (found := await queue.content(new.message.id, 0)) != new.contents[0]:
            faults.append(f"a new message has {len(found)} octets")
        faults += _files(directory)
    finally:
        await queue.close()
        await keys.close()
    return faults


def _registry(root: Path, diary: Diary, at: float) -> list[str]:
    with contextlib.closing(open_registry(root / "registry.db")) as registry:
        names = {each.name for each in registry.accounts()}
    return [f"account {name} is lost" for name, there in diary.accounts.items() if there <= at and name not in names]


def _wrong(reader: SqliteReader, ident: str, kept: Kept, at: float) -> str:
    """What is not as it was promised of one message; "" when nothing is."""
    recipients = reader.recipients(ident)
    if not recipients:
        return "lost" if kept.answered <= at < kept.leaving else ""
    for number, octets in enumerate(kept.contents):
        try:
            found = reader.content(ident, number)
        except NotFound:
            if kept.leaving <= at:  # its links may be kept a moment longer
                break
            return f"content {number} is lost"
        if found != octets:
            return f"content {number} differs ({len(found)} octets, not {len(octets)})"
    tracked = reader.tracked(ident, 1)
    if tracked is None or tracked.targets != kept.leads:
        return f"its links lead to {None if tracked is None else len(tracked.targets)} targets, not {len(kept.leads)}"
    if len(recipients) != kept.recipients:
        return f"{len(recipients)} recipients, not {kept.recipients}"
    for each in recipients:
        begun, done = kept.ended.get(each.number, (NEVER, NEVER))
        if done <= at and each.state is not State.DELIVERED:
            return f"recipient {each.number} was delivered and is {each.state}"
        if begun > at and each.state is not State.QUEUED:
            return f"recipient {each.number} was not delivered and is {each.state}"
    return ""


def _files(directory: Path) -> list[str]:
    faults = []
    for path in (directory / "queue.db", *directory.parents[1].glob("*.db")):
        with contextlib.closing(apsw.Connection(str(path))) as connection:
            said = connection.execute("pragma integrity_check").fetchall()
            if said != [("ok",)]:
                faults.append(f"{path.name}: {said}")
            if path.name == "queue.db":
                faults += [f"set {key} of targets is nobody's" for (key,) in connection.execute(UNUSED)]
                faults += [
                    f"content {key} leads somewhere and has no message" for (key,) in connection.execute(ORPHANS)
                ]
                rows = {str(key) for (key,) in connection.execute("select key from content where octets is null")}
                files = {each.name for each in (directory / "contents").iterdir()}
                faults += [f"content {each} has no file" for each in rows - files]
                faults += [f"file {each} has no row" for each in files - rows]
    return faults
