"""What every engine must do, continued: reading a shard from outside, and forgetting what is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.event import Event, EventName
from relay.model.message import NewMessage, State
from relay.model.options import Archive, Options, Resolved
from relay.model.order import Selection
from relay.store.interface import Backlog, NotFound, Queue
from tests.store.contract import DAY, Shard
from tests.store.mail import HELLO, NOON, deferred, delivered, ids, in_flight, mail

HEADER = HELLO.partition(b"hello")[0]


class ReadingContract:
    # --- reading --------------------------------------------------------------------------------------

    async def test_recipients_tell_state_attempts_times_and_last_reply(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("ann@example.net", "bob@example.net", "cy@example.net", state=State.FLIGHT, contents=(b"0", b"1"))
        await queue.add(new)
        ann, bob, _ = in_flight(new)
        shard.now = NOON + 3
        await queue.settle([delivered(ann), deferred(bob, NOON + 9)])
        first, second, third = shard.reader().recipients(new.message.id)
        assert (first.address, first.state, first.attempts, first.ended) == (
            "ann@example.net",
            State.DELIVERED,
            1,
            NOON + 3,
        )
        assert (first.reply, first.next_attempt) == ("250 2.0.0 ok", None)
        assert (second.state, second.next_attempt, second.ended) == (State.QUEUED, NOON + 9, None)
        assert (third.number, third.state, third.content, third.reply) == (3, State.FLIGHT, 1, "")
        assert shard.reader().recipients(ids.new()) == []
        with pytest.raises(NotFound):
            shard.reader().message(ids.new())
        await queue.close()

    async def test_the_journal_is_read_on_from_where_one_stopped(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail(state=State.FLIGHT)
        await queue.add(new)
        refused = Event(name=EventName.REJECTED, at=NOON, message="", data={"reply": "550 no", "n": [1, None]})
        await queue.record([refused])
        await queue.settle([delivered(in_flight(new)[0])])
        reader = shard.reader()
        entries = reader.journal(0, 10)
        assert [each.event.name.value for each in entries] == ["received", "rejected", "delivered"]
        assert entries[0].event == new.events[0]
        assert entries[1].event == refused
        assert reader.journal(entries[0].seq, 1) == [entries[1]]
        assert reader.journal(entries[2].seq, 10) == []
        assert reader.history(new.message.id) == [entries[0], entries[2]]
        assert entries[0].id == f"7.{entries[0].seq}"
        await queue.close()

    async def test_listings_choose_by_state_and_domain(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail("b@example.net", due=NOON + 2))
        await queue.add(mail("a@example.org", due=NOON + 1))
        await queue.add(mail("held@example.net", state=State.HELD, due=NOON + 3))
        done = mail("done@example.net", state=State.FLIGHT)
        await queue.add(done)
        await queue.settle([delivered(in_flight(done)[0])])
        reader = shard.reader()

        def addresses(states: tuple[State, ...] = (), domain: str = "", limit: int = 100) -> list[str]:
            return [each.address for _, each in reader.listing(Selection(states=states, domain=domain), limit)]

        assert addresses() == ["a@example.org", "b@example.net", "held@example.net"]
        assert addresses(limit=1) == ["a@example.org"]
        assert addresses(domain="Example.net") == ["b@example.net", "held@example.net"]
        assert addresses((State.QUEUED,)) == ["a@example.org", "b@example.net"]
        assert addresses((State.QUEUED,), "example.net") == ["b@example.net"]
        assert addresses((State.HELD,)) == ["held@example.net"]
        assert addresses((State.DELIVERED, State.FAILED)) == ["done@example.net"]
        assert reader.listing(Selection(states=(State.DELIVERED,)))[0][0] == done.message
        assert reader.counts() == {State.QUEUED: 2, State.HELD: 1, State.DELIVERED: 1}
        await queue.close()

    async def test_a_backlog_is_told_by_domain_the_longest_first(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail("b@example.org", due=NOON + 1))
        await queue.add(mail("held@example.net", state=State.HELD, due=NOON + 3))
        await queue.add(mail("a@example.net", due=NOON + 5))
        await queue.add(mail("c@example.net", due=NOON + 4))
        done = mail("done@example.com", state=State.FLIGHT)
        await queue.add(done)
        await queue.add(mail("flying@example.edu", state=State.FLIGHT))
        await queue.settle([delivered(in_flight(done)[0])])
        reader = shard.reader()
        assert reader.backlog(Selection()) == [
            Backlog("example.net", 2, 0, 1, NOON + 4),
            Backlog("example.edu", 0, 1, 0, None),
            Backlog("example.org", 1, 0, 0, NOON + 1),
        ]
        assert [each.domain for each in reader.backlog(Selection(), 1)] == ["example.net"]
        assert reader.backlog(Selection(account="nobody")) == []
        await queue.close()

    # --- forgetting -----------------------------------------------------------------------------------

    async def test_what_a_selection_means_is_counted_by_state(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("ann@example.net", "bob@example.org", state=State.FLIGHT)
        held = mail("cy@example.net", "dan@example.net", state=State.HELD)
        for each in (new, held, mail("eve@example.net")):
            await queue.add(each)
        await queue.settle([delivered(in_flight(new)[0])])
        count = shard.reader().matching
        assert count(Selection()) == {State.FLIGHT: 1, State.HELD: 2, State.QUEUED: 1}
        assert count(Selection(domain="example.net")) == {State.HELD: 2, State.QUEUED: 1}
        assert count(Selection(states=(State.QUEUED,))) == {State.QUEUED: 1}
        assert count(Selection(states=(State.DELIVERED, State.HELD))) == {State.DELIVERED: 1, State.HELD: 2}
        assert count(Selection(ids=(held.message.id,), address="CY@example.net")) == {State.HELD: 1}
        assert count(Selection(account="nobody")) == {}
        await queue.close()

    async def test_a_message_is_forgotten_when_its_time_is_over_and_the_reporter_has_read_it(
        self, shard: Shard
    ) -> None:
        queue = await shard.open(Retention(contents=DAY))
        small, large = mail(state=State.FLIGHT), mail(state=State.FLIGHT, contents=(b"l" * (1 << 20),))
        for new in (small, large):
            await queue.add(new)
            await queue.settle([delivered(in_flight(new)[0])])
        reader = shard.reader()
        assert await queue.prune(NOON + DAY + 1) == 0  # the reporter has not read the journal
        last = reader.journal(0, 10)[-1].seq
        shard.folded(last)
        assert await queue.prune(NOON + DAY - 1) == 0  # too early
        assert await queue.prune(NOON + DAY + 1) == 2
        for new in (small, large):
            with pytest.raises(NotFound):
                await queue.content(new.message.id, 0)
            with pytest.raises(NotFound):
                reader.message(new.message.id)
        assert (reader.counts(), reader.journal(0, 10)) == ({}, [])
        await queue.close()

    async def test_a_message_sent_under_a_return_path_outlives_its_contents_for_late_bounces(
        self, shard: Shard
    ) -> None:
        queue = await shard.open(Retention(contents=DAY, returns=60 * DAY))
        new = mail(state=State.FLIGHT, return_host="bounces.example.com", contents=(b"l" * (1 << 20),))
        plain = mail(state=State.FLIGHT)
        for each in (new, plain):
            await queue.add(each)
            await queue.settle([delivered(in_flight(each)[0])])
        reader = shard.reader()
        shard.folded(reader.journal(0, 10)[-1].seq)
        assert await queue.prune(NOON + DAY + 1) == 1
        with pytest.raises(NotFound):
            reader.message(plain.message.id)
        with pytest.raises(NotFound):
            await queue.content(new.message.id, 0)
        assert reader.message(new.message.id) == new.message
        assert [each.state for each in reader.recipients(new.message.id)] == [State.DELIVERED]
        assert await queue.prune(NOON + 60 * DAY - 1) == 0
        assert reader.message(new.message.id) == new.message
        assert await queue.prune(NOON + 60 * DAY + 1) == 1
        with pytest.raises(NotFound):
            reader.message(new.message.id)
        await queue.close()

    async def ended(self, queue: Queue, sandbox: bool = False, **options: Any) -> NewMessage:
        """A message that was delivered at NOON, with one content in a row and one in a file."""
        new = mail(
            "a@example.net",
            "b@example.net",
            state=State.FLIGHT,
            contents=(HELLO, HELLO + b"x" * (1 << 20)),
            resolved=Resolved(options=Options(**options)),
            sandbox=sandbox,
        )
        await queue.add(new)
        first, second = in_flight(new)
        await queue.settle([delivered(first)])
        assert await queue.prune(NOON + 99 * DAY) == 0
        assert [len(await queue.content(new.message.id, number)) for number in (0, 1)] == list(map(len, new.contents))
        await queue.settle([delivered(second)])
        return new

    @pytest.mark.parametrize("sandbox", [False, True])
    async def test_nothing_is_kept_of_a_content_that_shall_not_be_archived(self, shard: Shard, sandbox: bool) -> None:
        queue = await shard.open(Retention(contents=99 * DAY), Sandbox(keep=99 * DAY))
        new = await self.ended(queue, sandbox, archive=Archive.NONE)
        await queue.prune(NOON)
        for number in (0, 1):
            with pytest.raises(NotFound):
                await queue.content(new.message.id, number)
        assert shard.reader().message(new.message.id) == new.message
        assert [each.state for each in shard.reader().recipients(new.message.id)] == [State.DELIVERED] * 2
        await queue.close()

    async def test_the_header_alone_is_kept_where_no_more_shall_be(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=99 * DAY))
        new = await self.ended(queue, archive=Archive.HEADERS, retention=DAY)
        await queue.prune(NOON)
        for number in (0, 1):
            assert await queue.content(new.message.id, number) == HEADER
        await queue.prune(NOON + DAY - 1)
        assert await queue.content(new.message.id, 0)
        await queue.prune(NOON + DAY)
        with pytest.raises(NotFound):
            await queue.content(new.message.id, 0)
        await queue.close()

    async def test_a_message_has_its_own_time_bounded_by_the_relays(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=10 * DAY))
        short, long = (
            mail(state=State.SUPPRESSED, resolved=Resolved(options=Options(retention=days * DAY))) for days in (1, 50)
        )
        for new in (short, long):
            await queue.add(new)
        shard.folded(1000)
        assert await queue.prune(NOON + DAY - 1) == 0
        assert await queue.content(short.message.id, 0) == HELLO
        assert await queue.prune(NOON + DAY) == 0
        with pytest.raises(NotFound):
            await queue.content(short.message.id, 0)
        assert await queue.content(long.message.id, 0) == HELLO
        assert await queue.prune(NOON + 10 * DAY + 1) == 2
        with pytest.raises(NotFound):
            shard.reader().message(long.message.id)
        await queue.close()

    async def test_many_contents_go_in_one_round(self, shard: Shard) -> None:
        queue = await shard.open()
        for archive in (Archive.NONE, Archive.HEADERS):
            news = [
                mail(state=State.SUPPRESSED, resolved=Resolved(options=Options(archive=archive))) for _ in range(150)
            ]
            await asyncio.gather(*(queue.add(each) for each in news))
        await queue.prune(NOON)
        assert {await queue.content(each.message.id, 0) for each in news} == {HEADER}
        await queue.close()

    async def test_numbers_of_forgotten_rows_and_ids_are_not_used_again(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=DAY))
        new = mail(state=State.FLIGHT)
        await queue.add(new)
        await queue.settle([delivered(in_flight(new)[0])])
        last = shard.reader().journal(0, 10)[-1].seq
        shard.folded(last)
        assert await queue.prune(NOON + 2 * DAY) == 1
        await queue.close()

        queue = await shard.open()
        assert queue.last_id == new.message.id
        await queue.add(mail())
        assert shard.reader().journal(0, 10)[0].seq > last
        await queue.close()

    async def test_nothing_unfinished_is_forgotten(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=DAY), Sandbox(keep=DAY, bytes=0))
        half = mail("a@example.net", "b@example.net", state=State.FLIGHT)
        for new in (half, mail(), mail(state=State.HELD), mail(sandbox=True)):
            await queue.add(new)
        await queue.settle([delivered(in_flight(half)[0])])
        shard.folded(1000)
        assert await queue.prune(NOON + 1000 * DAY) == 0
        assert await queue.content(half.message.id, 0) == HELLO
        await queue.close()

    async def test_a_message_whose_recipients_were_all_suppressed_has_ended(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=DAY))
        await queue.add(mail(state=State.SUPPRESSED))
        shard.folded(1000)
        assert await queue.prune(NOON + DAY - 1) == 0
        assert await queue.prune(NOON + DAY + 1) == 1
        await queue.close()

    async def test_the_sandbox_forgets_by_its_own_time(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=100 * DAY), Sandbox(keep=DAY))
        real, kept = mail(state=State.FLIGHT), mail(state=State.FLIGHT, sandbox=True)
        for new in (real, kept):
            await queue.add(new)
            await queue.settle([delivered(in_flight(new)[0])])
        shard.folded(1000)
        assert await queue.prune(NOON + 2 * DAY) == 1
        assert await queue.content(real.message.id, 0) == HELLO
        with pytest.raises(NotFound):
            await queue.content(kept.message.id, 0)
        await queue.close()

    async def test_the_sandbox_keeps_no_more_octets_than_it_may_and_the_oldest_goes_first(self, shard: Shard) -> None:
        queue = await shard.open(sandbox=Sandbox(bytes=2500))
        captured = [mail(state=State.FLIGHT, sandbox=True, contents=(b"x" * 1000,)) for _ in range(5)]
        for number, new in enumerate(captured):
            shard.now = NOON + number
            await queue.add(new)
            await queue.settle([delivered(in_flight(new)[0])])
        shard.folded(1000)
        assert await queue.prune(NOON + 10) == 3
        for new in captured[:3]:
            with pytest.raises(NotFound):
                shard.reader().message(new.message.id)
        for new in captured[3:]:
            assert shard.reader().content(new.message.id, 0) == b"x" * 1000
        await queue.close()

    async def test_the_journal_keeps_what_is_young_or_unread(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=DAY))
        for hours in range(10):
            await queue.record([Event(name=EventName.REJECTED, at=NOON + hours * 3600, message="")])
        entries = shard.reader().journal(0, 100)
        shard.folded(entries[4].seq)
        await queue.prune(NOON + DAY + 2.5 * 3600)
        assert shard.reader().journal(0, 100) == entries[3:]
        await queue.prune(NOON + 2 * DAY)
        assert shard.reader().journal(0, 100) == entries[5:]
        await queue.close()
