"""A campaign comes to nobody twice: across messages, workers and deaths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.model.event import EventName
from relay.model.message import State
from relay.model.reply import Refused
from relay.store.interface import StoreFull
from relay.store.sqlite import SqliteQueue
from relay.worker.stored import Stored
from tests.submission.house import PLAIN, SHARD, Broken, House, Slow, built, submission
from tests.submission.test_once import Forgetful

SPRING = b"X-SMTPeter-Campaign: spring\r\nX-SMTPeter-DedupeCampaign: yes\r\n" + PLAIN
ANN, BOB, CAR = "ann@x.example", "bob@x.example", "car@x.example"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with built(tmp_path) as house:
        yield house


async def test_who_had_it_ends_as_suppressed_and_the_others_get_it(house: House) -> None:
    first = await house.intake().take(submission(SPRING, ANN, BOB))
    assert first.warnings == ()
    second = await house.intake().take(submission(SPRING, "Bob@x.example", CAR))
    assert second.warnings == ("dedupe_campaign: 1 of 2 recipients had it already, and do not get it again",)
    _, (bob, car) = house.kept(second.id)
    assert (bob.state, car.state) == (State.SUPPRESSED, State.FLIGHT)
    assert [each.recipient.address for each in house.room.offered] == [ANN, BOB, CAR]
    assert house.room.reserved == 3  # none for who gets nothing
    (told,) = [each for each in house.events() if each.name is EventName.SUPPRESSED]
    assert (told.message, told.recipient, told.data["to"]) == (second.id, 1, "Bob@x.example")
    assert (told.data["reason"], told.data["campaign"]) == ("duplicate campaign", "spring")


async def test_another_campaign_and_a_message_that_does_not_ask_go_to_everybody(house: House) -> None:
    await house.intake().take(submission(SPRING, ANN))
    for content in (SPRING.replace(b"spring", b"summer"), SPRING.replace(b"yes", b"no"), PLAIN):
        taken = await house.intake().take(submission(content, ANN))
        assert house.kept(taken.id)[1][0].state is State.FLIGHT


async def test_a_message_to_nobody_else_is_taken_and_kept(house: House) -> None:
    await house.intake().take(submission(SPRING, ANN))
    taken = await house.intake().take(submission(SPRING, ANN))
    assert [each.state for each in house.kept(taken.id)[1]] == [State.SUPPRESSED]
    assert house.room.reserved == 1


async def test_an_archive_gets_no_copy_of_what_nobody_gets(house: House) -> None:
    house.credential(grants=frozenset({"archive-copy"}))
    copied = b"X-SMTPeter-ArchiveTo: vault@x.example\r\n" + SPRING
    await house.intake().take(submission(SPRING, ANN))
    alone = await house.intake().take(submission(copied, ANN))
    assert [each.state for each in house.kept(alone.id)[1]] == [State.SUPPRESSED] * 2
    shared = await house.intake().take(submission(copied, ANN, BOB))
    states = [each.state for each in house.kept(shared.id)[1]]
    assert states == [State.SUPPRESSED, State.FLIGHT, State.FLIGHT]


async def test_a_test_claims_nobody(house: House) -> None:
    taken = await house.intake().take(submission(b"X-SMTPeter-Sandbox: accept\r\n" + SPRING, ANN))
    assert house.kept(taken.id)[1][0].state is State.FLIGHT
    real = await house.intake().take(submission(SPRING, ANN))
    assert house.kept(real.id)[1][0].state is State.FLIGHT


async def test_a_message_that_was_not_stored_gives_its_recipients_back(house: House) -> None:
    house.queue.__class__ = Broken
    with pytest.raises(StoreFull):
        await house.intake().take(submission(SPRING, ANN))
    house.queue.__class__ = SqliteQueue
    taken = await house.intake().take(submission(SPRING, ANN))
    assert house.kept(taken.id)[1][0].state is State.FLIGHT


async def test_recipients_that_could_not_be_given_back_are_given_back_once_that_is_possible(house: House) -> None:
    good = house.keys
    keys = Forgetful(good, "release_claims")
    house.keys = keys  # type: ignore[assignment]
    intake = house.intake()
    house.queue.__class__ = Broken
    with pytest.raises(StoreFull):
        await intake.take(submission(SPRING, ANN))
    house.queue.__class__ = SqliteQueue
    keys._fails = ""
    with pytest.raises(Refused):
        await intake.take(submission(SPRING, ANN))
    await intake.settle()
    taken = await intake.take(submission(SPRING, ANN))
    assert house.kept(taken.id)[1][0].state is State.FLIGHT


async def test_who_asks_while_it_is_under_way_comes_back_later_and_takes_nobody_along(house: House) -> None:
    house.queue.__class__ = Slow
    slow = house.queue
    assert isinstance(slow, Slow)
    slow.may, slow.began = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(10):
        first = asyncio.create_task(house.intake().take(submission(SPRING, ANN)))
        await slow.began.wait()
        with pytest.raises(Refused) as caught:
            await house.intake().take(submission(SPRING, BOB, ANN))
        assert str(caught.value.reply).startswith("451 4.3.0 dedupe_campaign: another message of this campaign")
        slow.may.set()
        await first
    house.queue.__class__ = SqliteQueue
    taken = await house.intake().take(submission(SPRING, BOB, ANN))
    assert [each.state for each in house.kept(taken.id)[1]] == [State.FLIGHT, State.SUPPRESSED]


async def test_what_was_stored_and_not_marked_counts_now_and_after_a_start(house: House) -> None:
    good = house.keys
    house.keys = Forgetful(good, "keep_claims")  # type: ignore[assignment]
    await house.intake().take(submission(SPRING, ANN, BOB))
    house.keys = good
    taken = await house.intake().take(submission(SPRING, ANN))
    assert house.kept(taken.id)[1][0].state is State.SUPPRESSED
    house.keys = Forgetful(good, "keep_claims")  # type: ignore[assignment]
    await house.intake().take(submission(SPRING, CAR))
    house.keys = good
    await good.resolve(SHARD, Stored(house.directory))
    again = await house.intake().take(submission(SPRING, BOB, CAR))
    assert [each.state for each in house.kept(again.id)[1]] == [State.SUPPRESSED] * 2


async def test_an_idempotency_key_goes_before_the_campaign(house: House) -> None:
    keyed = b"X-SMTPeter-IdempotencyKey: k\r\n" + SPRING
    first = await house.intake().take(submission(keyed, ANN))
    again = await house.intake().take(submission(keyed, ANN))
    assert again.id == first.id
    assert [each.name for each in house.events()].count(EventName.SUPPRESSED) == 0
