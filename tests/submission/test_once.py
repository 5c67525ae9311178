"""One submission for each idempotency key: across sessions, workers and deaths."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from relay.model.envelope import Envelope, Recipient
from relay.model.ids import shard_of
from relay.model.reply import Refused
from relay.store.beside import Reservation
from relay.store.interface import StoreDown, StoreFull
from relay.store.sqlite import SqliteQueue, open_idempotency
from relay.submission.once import digest
from relay.worker.stored import Stored
from tests.submission.accounts import AT
from tests.submission.house import PLAIN, SHARD, Broken, House, Slow, built, shard, submission

KEYED = b"X-SMTPeter-IdempotencyKey: k1\r\n" + PLAIN
UNDER_WAY = "451 4.3.0 another submission with this idempotency_key is under way; try again"


async def received(house: House) -> list[str]:
    return [each.message for each in house.events() if each.name.value == "received"]


async def test_a_key_used_again_is_answered_with_the_first_submission(house: House) -> None:
    first = await house.intake().take(submission(KEYED, "a@x.example", "b@x.example"))
    again = await house.intake().take(submission(KEYED, "b@x.example", "a@x.example"))
    assert (again.id, again.recipients) == (first.id, 2)
    assert again.warnings == ("already taken with this idempotency_key; not taken again",)
    assert await received(house) == [first.id]
    assert len(house.room.offered) == 2
    other = await house.intake().take(submission(KEYED.replace(b"k1", b"k2"), "a@x.example", "b@x.example"))
    assert other.id != first.id


async def test_a_key_stands_for_its_envelope_and_belongs_to_its_credential(house: House) -> None:
    first = await house.intake().take(submission(KEYED))
    with pytest.raises(Refused) as caught:
        await house.intake().take(submission(KEYED, "else@example.net"))
    assert str(caught.value.reply).startswith(f"554 5.6.0 idempotency_key: it was used for {first.id}")
    testing = replace(submission().login, credential="testing")
    assert (await house.intake().take(submission(KEYED, "else@example.net", login=testing))).id != first.id


def test_the_order_of_recipients_makes_no_other_envelope() -> None:
    def told(sender: str, *to: str) -> str:
        return digest(Envelope(reverse_path=sender, recipients=tuple(Recipient(address=each) for each in to)))

    assert told("a@x", "b@x", "c@x") == told("a@x", "c@x", "b@x")
    assert len({told("a@x", "b@x"), told("", "b@x"), told("a@x", "c@x"), told("a@x", "b@x", "c@x")}) == 4


async def test_a_message_that_was_not_stored_gives_its_key_back(house: House) -> None:
    house.queue.__class__ = Broken
    with pytest.raises(StoreFull):
        await house.intake().take(submission(KEYED))
    house.queue.__class__ = SqliteQueue
    taken = await house.intake().take(submission(KEYED))
    assert await received(house) == [taken.id]


async def test_who_asks_while_it_is_under_way_comes_back_later(house: House) -> None:
    house.queue.__class__ = Slow
    slow = house.queue
    assert isinstance(slow, Slow)
    slow.may, slow.began = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(10):
        first = asyncio.create_task(house.intake().take(submission(KEYED)))
        await slow.began.wait()
        with pytest.raises(Refused) as caught:
            await house.intake().take(submission(KEYED))
        assert str(caught.value.reply) == UNDER_WAY
        slow.may.set()
        taken = await first
    house.queue.__class__ = SqliteQueue
    assert (await house.intake().take(submission(KEYED))).id == taken.id


async def test_a_session_that_is_cut_off_leaves_no_key_behind(house: House) -> None:
    house.queue.__class__ = Slow
    slow = house.queue
    assert isinstance(slow, Slow)
    slow.may, slow.began = asyncio.Event(), asyncio.Event()
    intake = house.intake()
    async with asyncio.timeout(10):
        session = asyncio.create_task(intake.take(submission(KEYED)))
        await slow.began.wait()
        session.cancel()
        with pytest.raises(asyncio.CancelledError):
            await session
        slow.may.set()
        await intake.close()
    house.queue.__class__ = SqliteQueue
    again = await house.intake().take(submission(KEYED))
    assert await received(house) == [again.id]


class Forgetful:
    """Keys that fail at one of their calls."""

    def __init__(self, keys: object, fails: str) -> None:
        self._keys, self._fails = keys, fails

    def __getattr__(self, name: str) -> object:
        if name != self._fails:
            return getattr(self._keys, name)

        async def fail(*_: object) -> None:
            raise StoreDown("no disk")

        return fail


async def test_a_key_that_was_not_marked_is_found_by_its_message(house: House) -> None:
    good = house.keys
    house.keys = Forgetful(good, "keep")  # type: ignore[assignment]
    first = await house.intake().take(submission(KEYED))
    house.keys = good
    assert (await house.intake().take(submission(KEYED))).id == first.id
    # And was marked on the way.
    found = await good.reserve("app", "k1", Reservation("0" * 16, 1, "", AT, False))
    assert found is not None and found.kept


async def test_a_key_that_could_not_be_given_back_is_given_back_once_that_is_possible(house: House) -> None:
    good = house.keys
    keys = Forgetful(good, "release")
    house.keys = keys  # type: ignore[assignment]
    intake = house.intake()
    house.queue.__class__ = Broken
    with pytest.raises(StoreFull):
        await intake.take(submission(KEYED))
    house.queue.__class__ = SqliteQueue
    with pytest.raises(Refused) as caught:
        await intake.take(submission(KEYED))
    assert str(caught.value.reply) == UNDER_WAY
    with pytest.raises(StoreDown):
        await intake.settle()
    keys._fails = ""
    await intake.settle()
    taken = await intake.take(submission(KEYED))
    assert await received(house) == [taken.id]


async def test_without_the_keys_nothing_is_taken_with_one(house: House) -> None:
    house.keys = Forgetful(house.keys, "reserve")  # type: ignore[assignment]
    with pytest.raises(StoreDown):
        await house.intake().take(submission(KEYED))
    assert await received(house) == []
    assert (await house.intake().take(submission())).id


@pytest.fixture
async def neighbour(house: House) -> AsyncIterator[SqliteQueue]:
    """The shard of another worker."""
    queue = await shard(house.directory, SHARD + 1)
    yield queue
    await queue.close()


async def test_of_two_workers_that_get_one_key_at_once_one_takes_the_message(
    house: House, neighbour: SqliteQueue
) -> None:
    other_keys = await open_idempotency(house.directory / "idempotency.db")  # as another process has it
    mine = house.intake()
    house.keys, own_keys = other_keys, house.keys
    theirs = house.intake(queue=neighbour)
    house.keys = own_keys
    for number in range(20):
        octets = KEYED.replace(b"k1", b"race-%d" % number)
        answers = await asyncio.gather(
            *(intake.take(submission(octets)) for intake in (mine, theirs, mine, theirs)), return_exceptions=True
        )
        taken = {each.id for each in answers if not isinstance(each, BaseException)}
        assert len(taken) == 1
        refused = [each for each in answers if isinstance(each, BaseException)]
        assert all(isinstance(each, Refused) and str(each.reply) == UNDER_WAY for each in refused)
        winner = taken.pop()
        assert Stored(house.directory)(winner)
        assert (await theirs.take(submission(octets))).id == winner
    await other_keys.close()
    kept = {each.message.id for each in house.room.offered}
    assert len(kept) == 20
    assert {shard_of(each) for each in kept} <= {SHARD, SHARD + 1}


DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from relay.store.sqlite import SqliteQueue
from tests.submission.house import built, submission
from tests.submission.test_once import KEYED

class Deadly(SqliteQueue):
    async def add(self, new):
        if sys.argv[2] == "after":
            await super().add(new)
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with built(Path(sys.argv[1])) as house:
        house.queue.__class__ = Deadly
        await house.intake().take(submission(KEYED))

asyncio.run(main())
"""


def die(directory: Path, when: str) -> None:
    """A worker that is killed at its insert."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(directory), when], cwd=root, timeout=60, check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


async def reopened(directory: Path, when: str) -> tuple[list[str], list[str], int]:
    """What is there before the keys are settled and after: replies to the same message, and how many were freed."""
    die(directory, when)
    (directory / "registry.db").unlink()  # `built` makes it anew
    async with built(directory) as house:
        before: list[str] = []
        after: list[str] = []
        for said in (before, after):
            freed = 0
            if said is after:
                freed = await house.keys.resolve(SHARD, Stored(directory))
            try:
                said.append((await house.intake().take(submission(KEYED))).id)
            except Refused as refused:
                said.append(str(refused.reply))
        return before + after, await received(house), freed


async def test_a_worker_killed_before_its_insert_blocks_the_key_only_until_its_shard_is_opened(
    tmp_path: Path,
) -> None:
    (before, after), messages, freed = await reopened(tmp_path, "before")
    assert before == UNDER_WAY
    assert messages == [after]
    assert freed == 1


async def test_a_worker_killed_after_its_insert_has_taken_the_message(tmp_path: Path) -> None:
    (before, after), messages, freed = await reopened(tmp_path, "after")
    assert [before] == messages == [after]
    assert freed == 0


async def test_a_shard_is_asked_for_its_submissions_and_no_other(house: House) -> None:
    taken = await house.intake().take(submission())
    stored = Stored(house.directory)
    assert stored(taken.id)
    assert not stored("0" * 16)
    assert not stored(taken.id[:-1] + ("0" if taken.id[-1] != "0" else "1"))
    assert not stored("nonsense")
