"""What every engine must do. An engine's test module inherits these classes and says how it is opened.

Here: taking, claiming, settling, owning. Beside it: `contract_reading.py` (reading and forgetting),
`contract_choosing.py` (whom a selection means) and `contract_registry.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Protocol

import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.envelope import Body, Envelope, Ret
from relay.model.event import Event, EventName
from relay.model.message import Lane, Origin, Settlement, State, lane_of
from relay.model.options import Options, Resolved
from relay.store.interface import Exists, NotFound, Queue, Reader, ShardBusy, StoreFull
from tests.store.mail import HELLO, NOON, deferred, delivered, ids, in_flight, mail, picky

DAY = 86_400.0
NET = Lane("example.net", "demo")


class Shard(Protocol):
    """One shard of an engine, to be opened again and again."""

    now: float  # what the shard's clock says

    async def open(self, retention: Retention = ..., sandbox: Sandbox = ..., life: float = ...) -> Queue: ...

    def reader(self) -> Reader: ...

    def folded(self, seq: int) -> None:
        """The reporter has read the journal up to this row."""


class QueueContract:
    # --- taking ---------------------------------------------------------------------------------------

    async def test_what_was_added_is_there_after_reopening(self, shard: Shard) -> None:
        envelope = Envelope(
            reverse_path="",
            recipients=(picky("ann@example.net"), picky("müller@example.org")),
            envid="QQ314159",
            ret=Ret.FULL,
            body=Body.EIGHT_BIT,
            smtputf8=True,
        )
        resolved = Resolved(
            options=Options(tags=("a", "ü")), sources={"tags": "header X-SMTPeter-Tags"}, warnings=("hm",)
        )
        new = mail(
            envelope=envelope,
            contents=(HELLO, b"two\r\n"),
            resolved=resolved,
            peer="[::1]:25",
            origin=Origin.RETURN,
            delay_at=NOON + 4,
            return_host="bounces.example.com",
            trace=True,
        )
        queue = await shard.open()
        await queue.add(new)
        await queue.close()

        queue = await shard.open()
        assert queue.last_id == new.message.id
        assert [await queue.content(new.message.id, number) for number in (0, 1)] == [HELLO, b"two\r\n"]
        (due,) = (await queue.claim(NET, NOON, 10)).dues
        assert due.message == new.message
        assert due.recipient == envelope.recipients[0]
        assert shard.reader().message(new.message.id) == new.message
        await queue.close()

    @pytest.mark.parametrize("size", [0, 1, 128 << 10, (128 << 10) + 1, 3 << 20])
    async def test_contents_of_any_size_come_back_octet_by_octet(self, shard: Shard, size: int) -> None:
        octets = (bytes(range(256)) * (size // 256 + 1))[:size]
        new = mail(contents=(octets,))
        queue = await shard.open()
        await queue.add(new)
        assert await queue.content(new.message.id, 0) == octets
        assert shard.reader().content(new.message.id, 0) == octets
        await queue.close()

    async def test_a_content_that_is_not_there_is_not_found(self, shard: Shard) -> None:
        new = mail()
        queue = await shard.open()
        await queue.add(new)
        for message, number in ((new.message.id, 1), (new.message.id, -1), (ids.new(), 0)):
            with pytest.raises(NotFound):
                await queue.content(message, number)
            with pytest.raises(NotFound):
                shard.reader().content(message, number)
        await queue.close()

    async def test_an_id_is_kept_once_and_its_first_content_stands(self, shard: Shard) -> None:
        new = mail(contents=(b"x" * (1 << 18),))
        queue = await shard.open()
        await queue.add(new)
        with pytest.raises(Exists):
            await queue.add(replace(new, contents=(b"y" * (1 << 18),)))
        assert await queue.content(new.message.id, 0) == b"x" * (1 << 18)
        assert shard.reader().counts() == {State.QUEUED: 1}
        await queue.close()

    async def test_recipients_that_do_not_fit_the_envelope_are_refused(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("ann@example.net", "bob@example.net")
        for wrong in (
            replace(new, recipients=new.recipients[:1]),
            replace(new, recipients=new.recipients[::-1]),
            replace(new, contents=()),
        ):
            with pytest.raises(ValueError, match=new.message.id):
                await queue.add(wrong)
        assert shard.reader().counts() == {}
        await queue.close()

    async def test_one_bad_write_among_many_takes_no_neighbour_with_it(self, shard: Shard) -> None:
        queue = await shard.open()
        twice = mail()
        await queue.add(twice)
        good = [mail() for _ in range(20)]
        writes = [queue.add(each) for each in (*good[:10], twice, *good[10:])]
        fates = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(each) for each in fates] == [type(None)] * 10 + [Exists] + [type(None)] * 10
        assert shard.reader().counts() == {State.QUEUED: 21}
        await queue.close()

    async def test_a_message_to_thousands_is_one_message(self, shard: Shard) -> None:
        new = mail(*(f"u{number}@example.net" for number in range(5000)))
        queue = await shard.open()
        await queue.add(new)
        claim = await queue.claim(NET, NOON, 10_000)
        assert [due.number for due in claim.dues] == list(range(1, 5001))
        assert {id(due.message) for due in claim.dues} == {id(claim.dues[0].message)}
        await queue.settle([delivered(due) for due in claim.dues])
        assert shard.reader().counts() == {State.DELIVERED: 5000}
        await queue.close()

    async def test_no_message_is_taken_when_the_disk_is_too_full(self, shard: Shard) -> None:
        queue = await shard.open(Retention(min_free=1 << 62))
        with pytest.raises(StoreFull):
            await queue.add(mail())
        assert shard.reader().counts() == {}
        await queue.close()

    async def test_text_that_is_no_unicode_is_kept_as_well_as_can_be(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail(state=State.FLIGHT)
        await queue.add(new)
        said = "550 caf\udce9 \x00"
        (due,) = in_flight(new)
        event = Event(name=EventName.FAILED, at=NOON, message=new.message.id, recipient=1, data={"reply": said})
        await queue.settle([Settlement(due=due, state=State.FAILED, attempts=1, reply=said, events=(event,))])
        (state,) = shard.reader().recipients(new.message.id)
        assert (state.state, state.reply) == (State.FAILED, "550 caf? \x00")
        assert shard.reader().history(new.message.id)[-1].event.data["reply"] == "550 caf? \x00"
        await queue.close()

    # --- claiming -------------------------------------------------------------------------------------

    async def test_a_recipient_is_handed_out_once(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail("ann@example.net"))
        assert [due.recipient.address for due in (await queue.claim(NET, NOON, 10)).dues] == ["ann@example.net"]
        again = await queue.claim(NET, NOON + DAY, 10)
        assert (again.dues, again.next_due) == ((), None)
        await queue.close()

    async def test_claims_keep_to_their_lane_and_take_the_earliest_first(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail("late@example.net", due=NOON + 2))
        await queue.add(mail("early@example.net", due=NOON + 1))
        await queue.add(mail("later@example.net", due=NOON + 3))
        await queue.add(mail("other@example.org", due=NOON))
        await queue.add(mail("theirs@example.net", account="else", due=NOON))
        claim = await queue.claim(NET, NOON + 10, 2)
        assert [due.recipient.address for due in claim.dues] == ["early@example.net", "late@example.net"]
        assert [due.due for due in claim.dues] == [NOON + 1, NOON + 2]
        assert claim.next_due == NOON + 3
        await queue.close()

    async def test_each_priority_and_each_tenant_has_a_lane_of_its_own(self, shard: Shard) -> None:
        queue = await shard.open()
        urgent, theirs, plain = (
            mail(resolved=Resolved(options=options))
            for options in (Options(priority=9), Options(tenant="t1"), Options(tags=("a",)))
        )
        for new in (urgent, theirs, plain):
            await queue.add(new)
        lanes = (Lane("example.net", "demo", 9), Lane("example.net", "demo/t1"), NET)
        assert {each.lane for each in await queue.lanes()} == set(lanes)
        for new, lane in zip((urgent, theirs, plain), lanes, strict=True):
            claim = await queue.claim(lane, NOON, 10)
            assert ([due.message for due in claim.dues], claim.next_due) == ([new.message], None)
            assert lane_of(new.message, claim.dues[0].recipient) == lane
        await queue.close()

    async def test_what_is_not_due_is_not_claimed_but_its_time_is_told(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail(due=NOON + 60))
        claim = await queue.claim(NET, NOON + 59, 10)
        assert (claim.dues, claim.next_due) == ((), NOON + 60)
        assert len((await queue.claim(NET, NOON + 60, 10)).dues) == 1
        await queue.close()

    async def test_lanes_tell_what_waits_and_not_what_is_in_flight(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail("a@example.net", "b@example.net", "c@example.org", due=NOON + 5))
        await queue.add(mail("d@example.net", due=NOON + 1))
        await queue.add(mail("e@example.com", state=State.FLIGHT))
        await queue.add(mail("f@example.com", state=State.HELD))
        found = {each.lane.domain: (each.due, each.queued) for each in await queue.lanes()}
        assert found == {"example.net": (NOON + 1, 3), "example.org": (NOON + 5, 1)}
        await queue.close()

    async def test_a_released_recipient_waits_as_if_never_claimed(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail())
        first = (await queue.claim(NET, NOON, 1)).dues
        await queue.release(first, NOON + 30)
        (again,) = (await queue.claim(NET, NOON + 30, 1)).dues
        assert again == replace(first[0], due=NOON + 30)
        await queue.settle([delivered(again)])
        await queue.release([again], NOON)
        assert (await queue.claim(NET, NOON + DAY, 1)).dues == ()
        await queue.close()

    async def test_what_was_in_flight_is_due_at_once_after_reopening(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail("a@example.net", state=State.FLIGHT))
        await queue.add(mail("b@example.net", sandbox=True))
        await queue.add(mail("c@example.net", due=NOON + DAY))
        assert len((await queue.claim(NET, NOON, 10)).dues) == 1
        await queue.close()

        shard.now = NOON + 100
        queue = await shard.open()
        dues = (await queue.claim(NET, NOON + 100, 10)).dues
        assert [(due.recipient.address, due.due) for due in dues] == [
            ("a@example.net", NOON + 100),
            ("b@example.net", NOON + 100),
        ]
        await queue.close()

    # --- settling -------------------------------------------------------------------------------------

    async def test_a_deferred_recipient_comes_back_when_due(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail())
        (due,) = (await queue.claim(NET, NOON, 10)).dues
        await queue.settle([deferred(due, NOON + 3600)])
        assert (await queue.claim(NET, NOON + 3599, 10)).dues == ()
        (again,) = (await queue.claim(NET, NOON + 3600, 10)).dues
        assert (again.attempts, again.due) == (1, NOON + 3600)
        await queue.close()

    async def test_the_last_site_and_who_was_told_are_remembered(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail()
        await queue.add(new)
        for site, told, known in (("mx.example.net", False, False), ("", True, True), ("", False, True)):
            (due,) = (await queue.claim(NET, NOON, 10)).dues
            await queue.settle([replace(deferred(due, NOON), site=site, told=told)])
            (due,) = (await queue.claim(NET, NOON, 10)).dues
            assert (due.told, due.doomed) == (known, "")
            await queue.release([due], NOON)
            assert shard.reader().recipients(new.message.id)[0].site == "mx.example.net"
        await queue.close()

    async def test_the_first_outcome_of_a_recipient_stands(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("ann@example.net", "bob@example.net", state=State.FLIGHT)
        await queue.add(new)
        ann, bob = in_flight(new)
        await queue.settle([delivered(ann)])
        await queue.settle([deferred(ann, NOON + 1)], [mail("me@example.com")])
        await queue.settle([deferred(ann, NOON + 1), delivered(bob)])
        reader = shard.reader()
        assert [each.state for each in reader.recipients(new.message.id)] == [State.DELIVERED] * 2
        assert [each.event.name.value for each in reader.history(new.message.id)] == [
            "received",
            "delivered",
            "delivered",
        ]
        assert reader.counts() == {State.DELIVERED: 2}  # and no report for what was refused
        await queue.close()

    async def test_a_report_is_kept_together_with_what_caused_it(self, shard: Shard) -> None:
        queue = await shard.open()
        new, report = mail(state=State.FLIGHT), mail("me@example.com", contents=(b"r" * (1 << 18),))
        await queue.add(new)
        (due,) = in_flight(new)
        await queue.settle([Settlement(due=due, state=State.FAILED, attempts=1, reply="550 no")], [report])
        assert await queue.content(report.message.id, 0) == b"r" * (1 << 18)
        assert shard.reader().counts() == {State.FAILED: 1, State.QUEUED: 1}
        assert queue.last_id == report.message.id
        await queue.close()

    async def test_nothing_is_settled_when_its_report_cannot_be_kept(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail(state=State.FLIGHT)
        await queue.add(new)
        with pytest.raises(Exists):
            await queue.settle([delivered(in_flight(new)[0])], [new])
        assert [each.state for each in shard.reader().recipients(new.message.id)] == [State.FLIGHT]
        await queue.close()

    async def test_back_into_the_queue_needs_a_time(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail(state=State.FLIGHT)
        await queue.add(new)
        (due,) = in_flight(new)
        for state in (State.QUEUED, State.FLIGHT):
            with pytest.raises(ValueError, match="settled as"):
                await queue.settle([Settlement(due=due, state=state, attempts=1)])
        await queue.close()

    # --- owning ---------------------------------------------------------------------------------------

    async def test_a_shard_has_one_owner(self, shard: Shard) -> None:
        queue = await shard.open()
        with pytest.raises(ShardBusy):
            await shard.open()
        await queue.close()
        await queue.close()
        await (await shard.open()).close()

    async def test_an_empty_shard_has_no_last_id(self, shard: Shard) -> None:
        queue = await shard.open()
        assert (queue.last_id, queue.shard) == (None, 7)
        await queue.close()

    async def test_a_reader_sees_what_the_owner_writes_later_and_stays_when_it_leaves(self, shard: Shard) -> None:
        queue = await shard.open()
        reader = shard.reader()
        assert reader.counts() == {}
        new = mail()
        await queue.add(new)
        assert reader.counts() == {State.QUEUED: 1}
        await queue.close()
        assert reader.content(new.message.id, 0) == HELLO
        queue = await shard.open()
        await queue.add(mail())
        assert reader.counts() == {State.QUEUED: 2}
        await queue.close()
