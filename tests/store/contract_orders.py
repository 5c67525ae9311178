"""What every engine must do, continued: orders of an operator."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from relay.config.schema import Retention
from relay.model.envelope import Envelope, Recipient
from relay.model.event import Event, EventName
from relay.model.message import Lane, NewMessage, State
from relay.model.options import Options, Resolved
from relay.model.order import Act, Order, Selection
from relay.store.interface import Acted, LaneState, NotFound, Queue, Reader
from tests.store.contract import DAY, NET, Shard
from tests.store.mail import HELLO, NOON, deferred, delivered, in_flight, mail, picky

LATER = NOON + 60  # when the orders of these tests are carried out


def order(act: Act, **chosen: Any) -> Order:
    return Order(number=3, at=NOON, who="root", act=act, selection=Selection(**chosen), reason="wartet zu lange")


def states(reader: Reader, new: NewMessage) -> list[str]:
    return [each.state.value for each in reader.recipients(new.message.id)]


def told(reader: Reader, new: NewMessage) -> list[Event]:
    """What happened since it was taken."""
    return [each.event for each in reader.history(new.message.id)][1:]


class OrdersContract:
    async def test_what_waits_is_due_at_once_after_a_retry(self, shard: Shard) -> None:
        queue = await shard.open()
        waits, due = mail(due=NOON + DAY), mail("bob@example.org", due=NOON)
        await queue.add(waits)
        await queue.add(due)
        lanes = (LaneState(NET, LATER, 1),)
        assert await queue.act(order(Act.RETRY), LATER) == Acted(1, 0, lanes)
        (event,) = told(shard.reader(), waits)
        says = {"to": "ann@example.net", "order": 3, "act": "retry", "by": "root", "reason": "wartet zu lange"}
        assert event == Event(
            name=EventName.SCHEDULED,
            at=LATER,
            message=waits.message.id,
            recipient=1,
            account="demo",
            credential="app@example.com",
            data={**says, "next": LATER},
        )
        assert await queue.act(order(Act.RETRY), LATER) == Acted(0, 0)
        assert len((await queue.claim(NET, LATER, 10)).dues) == 1
        assert told(shard.reader(), due) == []
        await queue.close()

    async def test_what_is_held_waits_for_its_release_and_is_due_when_it_was(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("a@example.net", "b@example.org", due=NOON + DAY)
        await queue.add(new)
        assert await queue.act(order(Act.HOLD, domain="example.net"), LATER) == Acted(1, 0)
        reader = shard.reader()
        assert states(reader, new) == ["held", "queued"]
        assert (await queue.claim(NET, NOON + 2 * DAY, 10)).dues == ()
        assert await queue.act(order(Act.HOLD, domain="example.net"), LATER) == Acted(0, 0)
        lanes = (LaneState(NET, NOON + DAY, 1),)
        assert await queue.act(order(Act.RELEASE), LATER) == Acted(1, 0, lanes)
        assert await queue.act(order(Act.RELEASE), LATER) == Acted(0, 0)
        (due,) = (await queue.claim(NET, NOON + DAY, 10)).dues
        assert due.due == NOON + DAY
        assert [(each.name, each.data.get("next")) for each in told(reader, new)] == [
            (EventName.HELD, None),
            (EventName.SCHEDULED, NOON + DAY),
        ]
        await queue.close()

    async def test_what_was_held_has_its_lifetime_before_it_again_unless_it_is_due_by_a_moment(
        self, shard: Shard
    ) -> None:
        queue = await shard.open()
        wanted = {
            "plain": (Options(), NOON + 2 * DAY),
            "short": (Options(), NOON + 5),
            "within": (Options(deliver_within=60.0), NOON + DAY),
            "by": (Options(deliver_by=NOON + 5), NOON + 5),
            "long": (Options(), NOON + 9 * DAY),
        }
        for name, (given, deadline) in wanted.items():
            resolved = Resolved(options=given)
            await queue.add(mail(f"{name}@example.net", resolved=resolved, state=State.HELD, deadline=deadline))
        release = replace(order(Act.RELEASE), lifetime=2 * DAY)
        assert (await queue.act(release, LATER + DAY)).changed == 5
        dues = (await queue.claim(NET, LATER + DAY, 10)).dues
        assert {each.recipient.address.partition("@")[0]: each.message.deadline for each in dues} == {
            "plain": LATER + 3 * DAY,
            "short": LATER + DAY + 5,
            "within": LATER + DAY + 60,
            "by": NOON + 5,
            "long": NOON + 9 * DAY,
        }
        await queue.close()

    async def test_an_order_that_comes_late_leaves_alone_what_came_after_it_was_given(self, shard: Shard) -> None:
        queue = await shard.open()
        before, after = (mail(due=NOON + 9 * DAY, received=at, deadline=NOON + 9 * DAY) for at in (NOON, NOON + 1))
        for new in (before, after):
            await queue.add(new)
        for chosen in ({}, {"account": "demo"}, {"before": NOON + DAY}):
            await queue.act(order(Act.DELETE, **chosen), NOON + DAY)
            reader = shard.reader()
            assert (states(reader, before), states(reader, after)) == (["cancelled"], ["queued"])
        assert (await queue.act(order(Act.HOLD, ids=(after.message.id,)), NOON + DAY)).changed == 1
        assert (await queue.act(order(Act.DELETE), NOON + 1)).changed == 1
        await queue.close()

    async def test_what_was_held_while_it_was_taken_is_released_too(self, shard: Shard) -> None:
        queue = await shard.open()
        await queue.add(mail(state=State.HELD, due=NOON + 5))
        assert (await queue.act(order(Act.RELEASE), LATER)).lanes == (LaneState(NET, NOON + 5, 1),)
        await queue.close()

    async def test_what_is_to_fail_comes_out_doomed_with_the_reason(self, shard: Shard) -> None:
        queue = await shard.open()
        queued, held = mail(due=NOON + DAY), mail(state=State.HELD, due=NOON + DAY)
        for new in (queued, held):
            await queue.add(new)
        fail = order(Act.FAIL)
        assert await queue.act(fail, LATER) == Acted(2, 0, (LaneState(NET, LATER, 2),))
        assert await queue.act(fail, LATER) == Acted(0, 0)
        dues = (await queue.claim(NET, LATER, 10)).dues
        assert [due.doomed for due in dues] == ["wartet zu lange"] * 2
        await queue.release(dues[:1], LATER)
        assert await queue.act(order(Act.RETRY), LATER) == Acted(0, 1)
        (again,) = (await queue.claim(NET, LATER, 10)).dues
        assert again.doomed == "wartet zu lange"
        await queue.close()

    async def test_a_fail_without_a_reason_dooms_as_well(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail()
        await queue.add(new)
        await queue.act(replace(order(Act.FAIL), reason=""), NOON)
        assert (await queue.claim(NET, NOON, 1)).dues[0].doomed == "returned by an operator"
        assert "reason" not in told(shard.reader(), new)[0].data
        await queue.close()

    async def test_what_is_deleted_ends_and_its_message_with_the_last(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=DAY))
        new = mail("a@example.net", "b@example.org")
        await queue.add(new)
        reader = shard.reader()
        assert await queue.act(order(Act.DELETE, ids=(f"{new.message.id}-1",)), LATER) == Acted(1, 0)
        assert await queue.prune(NOON + 9 * DAY) == 0
        assert await queue.act(order(Act.DELETE), LATER) == Acted(1, 0)
        assert await queue.act(order(Act.DELETE), LATER) == Acted(0, 0)
        assert states(reader, new) == ["cancelled", "cancelled"]
        assert [(each.name, each.recipient, each.data["to"]) for each in told(reader, new)] == [
            (EventName.CANCELLED, 1, "a@example.net"),
            (EventName.CANCELLED, 2, "b@example.org"),
        ]
        assert reader.recipients(new.message.id)[0].ended == LATER
        shard.folded(1000)
        assert await queue.prune(LATER + DAY - 1) == 0
        assert await queue.prune(LATER + DAY + 1) == 1
        await queue.close()

    @pytest.mark.parametrize(
        ("act", "counted"),
        [(each, each is not Act.RELEASE) for each in Act if each not in (Act.ERASE, Act.DROP)],
    )
    async def test_what_is_in_flight_is_left_alone_and_counted(self, shard: Shard, act: Act, counted: bool) -> None:
        queue = await shard.open()
        new, ended = mail(state=State.FLIGHT), mail(state=State.FLIGHT)
        for each in (new, ended):
            await queue.add(each)
        await queue.settle([delivered(in_flight(ended)[0])])
        assert await queue.act(order(act), LATER) == Acted(0, int(counted))
        assert await queue.act(order(act, states=(State.DELIVERED,)), LATER) == Acted(0, 0)
        assert states(shard.reader(), new) == ["flight"]
        assert told(shard.reader(), new) == []
        await queue.settle([delivered(in_flight(new)[0])])
        await queue.close()

    @pytest.mark.parametrize(
        "chosen",
        [
            {"domain": "example.net"},
            {"site": "mx"},
            {"account": "demo"},
            {"credential": "App@example.com"},
            {"tag": "a"},
            {"campaign": "spring"},
            {"send_cancel_id": "c"},
            {"address": "ANN@example.net"},
            {"states": (State.HELD, State.QUEUED)},
            {"before": NOON + 1},
            {"since": NOON},
            {"tag": "a", "campaign": "spring", "domain": "example.net"},
        ],
    )
    async def test_an_order_changes_what_it_chooses_and_nothing_else(
        self, shard: Shard, chosen: dict[str, Any]
    ) -> None:
        queue = await shard.open()
        options = Options(tags=("b", "a"), campaign="spring", send_cancel_id="c", tenant="t")
        new = mail(resolved=Resolved(options=options), state=State.FLIGHT)
        await queue.add(new)
        await queue.settle([replace(deferred(in_flight(new)[0], NOON), site="mx")])
        assert (await queue.act(order(Act.DELETE, **{**chosen, "domain": "example.org"}), LATER)).changed == 0
        assert (await queue.act(order(Act.DELETE, **chosen), LATER)).changed == 1
        await queue.close()

    async def test_what_an_order_did_is_told_with_the_labels_of_the_message(self, shard: Shard) -> None:
        queue = await shard.open()
        options = Options(tags=("b", "a"), campaign="spring", metadata={"order": "12"})
        new = mail(resolved=Resolved(options=options), sandbox=True, state=State.HELD)
        await queue.add(new)
        for act in (Act.RELEASE, Act.DELETE):
            await queue.act(order(act), LATER)
        labelled = {"tags": ["b", "a"], "campaign": "spring", "metadata": {"order": "12"}, "test": True}
        events = told(shard.reader(), new)
        assert [each.name for each in events] == [EventName.SCHEDULED, EventName.CANCELLED]
        assert [{word: each.data[word] for word in labelled} for each in events] == [labelled] * 2
        await queue.close()

    async def test_an_order_reaches_everything_in_pieces_and_others_write_between(self, shard: Shard) -> None:
        queue = await shard.open()
        wide = mail(*(f"u{number}@example.net" for number in range(3000)))
        small = [mail(sandbox=number % 2 == 0) for number in range(1500)]
        await asyncio.gather(*(queue.add(each) for each in (wide, *small)))
        acting = asyncio.ensure_future(queue.act(order(Act.HOLD), LATER))
        between = 0
        while not acting.done():
            await queue.add(mail("new@example.com", state=State.SUPPRESSED))
            between += 1
        assert await acting == Acted(4500, 0)
        assert between > 5
        assert shard.reader().counts() == {State.HELD: 4500, State.SUPPRESSED: between}
        released = await queue.act(order(Act.RELEASE), LATER)
        assert released == Acted(4500, 0, (LaneState(NET, NOON, 4500),))
        await queue.close()

    async def test_lanes_that_got_work_are_told_one_by_one(self, shard: Shard) -> None:
        queue = await shard.open()
        urgent = mail(resolved=Resolved(options=Options(priority=8)), state=State.HELD)
        many = [mail(f"a@d{number}.example", state=State.HELD) for number in range(250)]
        await asyncio.gather(*(queue.add(each) for each in (urgent, *many)))
        await queue.add(mail("b@d1.example"))
        lanes = {each.lane: each.queued for each in (await queue.act(order(Act.RELEASE), LATER)).lanes}
        assert len(lanes) == 251
        assert lanes[Lane("example.net", "demo", 8)] == 1
        assert lanes[Lane("d1.example", "demo")] == 2
        await queue.close()


class ErasingContract:
    async def erase(self, queue: Queue, address: str = "Ann@Example.net") -> Acted:
        return await queue.act(order(Act.ERASE, address=address), LATER)

    async def test_an_address_vanishes_from_recipients_contents_and_journal(self, shard: Shard) -> None:
        queue = await shard.open()
        envelope = Envelope(
            reverse_path="me@example.com", recipients=(picky("ann@example.net"), picky("joann@example.net"))
        )
        asked = Options(
            send_at_each={"ANN@example.net": 1.0, "joann@example.net": 2.0}, extra_bcc=("ann@example.net",)
        )
        new = mail(envelope=envelope, contents=(HELLO, b"2"), resolved=Resolved(options=asked), state=State.FLIGHT)
        await queue.add(new)
        ann, joann = in_flight(new)
        said = "550 5.1.1 <ann@EXAMPLE.net>: nobody; see ann@example.net.invalid"
        lines = ["C: RCPT TO:<ann@example.net>", f"S: {said}", "C: RCPT TO:<joann@example.net>"]
        event = Event(
            name=EventName.FAILED,
            at=NOON,
            message=new.message.id,
            recipient=1,
            data={
                "to": ["ann@example.net", "joann@example.net"],
                "conversation": lines,
                "n": [1, {"ann@example.net": 2}],
            },
        )
        await queue.settle(
            [replace(delivered(ann), state=State.FAILED, reply=said, events=(event,)), delivered(joann)]
        )
        await queue.record([Event(name=EventName.REJECTED, at=NOON, message="", data={"from": "ann@example.net"})])

        assert await self.erase(queue) == Acted(1, 0)
        reader = shard.reader()
        gone, other = reader.recipients(new.message.id)
        clean = "550 5.1.1 <erased@invalid>: nobody; see ann@example.net.invalid"
        assert (gone.address, gone.reply, gone.state) == ("erased@invalid", clean, State.FAILED)
        assert other.address == "joann@example.net"
        kept = reader.message(new.message.id)
        assert kept.envelope.recipients[0].original is None
        assert kept.envelope.recipients[1] == picky("joann@example.net")
        assert kept.resolved.options.send_at_each == {"erased@invalid": 1.0, "joann@example.net": 2.0}
        assert kept.resolved.options.extra_bcc == ("erased@invalid",)
        with pytest.raises(NotFound):
            await queue.content(new.message.id, 0)
        assert await queue.content(new.message.id, 1) == b"2"
        failed = next(each.event for each in reader.history(new.message.id) if each.event.name is EventName.FAILED)
        assert failed.data == {
            "to": ["erased@invalid", "joann@example.net"],
            "conversation": ["C: RCPT TO:<erased@invalid>", f"S: {clean}", "C: RCPT TO:<joann@example.net>"],
            "n": [1, {"erased@invalid": 2}],
        }
        assert reader.journal(0, 100)[-1].event.data == {"from": "erased@invalid"}
        assert await self.erase(queue) == Acted(0, 0)
        await queue.close()

    async def test_what_is_unfinished_is_cancelled_and_what_others_got_stays(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("ann@example.net", "bob@example.net", due=NOON + 5)
        alone = mail(state=State.HELD, contents=(b"x" * (1 << 20),))
        for each in (new, alone):
            await queue.add(each)
        assert (await queue.claim(NET, NOON, 1)).next_due == NOON + 5
        assert await self.erase(queue) == Acted(2, 0)
        reader = shard.reader()
        assert (states(reader, new), states(reader, alone)) == (["cancelled", "queued"], ["cancelled"])
        (event,) = told(reader, alone)
        assert (event.name, event.data["to"], event.data["order"]) == (EventName.CANCELLED, "erased@invalid", 3)
        with pytest.raises(NotFound):
            await queue.content(alone.message.id, 0)
        assert await queue.content(new.message.id, 0) == HELLO
        (due,) = (await queue.claim(NET, NOON + 5, 10)).dues
        assert [each.address for each in due.message.envelope.recipients] == ["erased@invalid", "bob@example.net"]
        await queue.settle([delivered(due)])
        shard.folded(1000)
        assert await queue.prune(NOON + 99 * DAY) == 2
        await queue.close()

    async def test_a_message_in_memory_forgets_the_address_too(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("ann@example.net", "bob@example.net")
        await queue.add(new)
        ann, bob = (await queue.claim(NET, NOON, 10)).dues  # from here on the engine may have it in memory
        await queue.release([ann, bob], NOON)
        assert await self.erase(queue) == Acted(1, 0)
        (due,) = (await queue.claim(NET, NOON, 10)).dues
        assert [each.address for each in due.message.envelope.recipients] == ["erased@invalid", "bob@example.net"]
        await queue.close()

    async def test_what_is_in_flight_is_refused_and_counted_and_goes_the_next_time(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail(state=State.FLIGHT)
        await queue.add(new)
        assert await self.erase(queue) == Acted(0, 1)
        assert states(shard.reader(), new) == ["flight"]
        assert await queue.content(new.message.id, 0) == HELLO
        await queue.settle([delivered(in_flight(new)[0])])
        assert await self.erase(queue) == Acted(1, 0)
        assert "ann@example.net" not in str(shard.reader().journal(0, 100)).casefold()
        await queue.close()

    async def test_reports_that_told_of_it_lose_their_contents_once_they_have_ended(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail("ann@example.net", "bob@example.net", state=State.FLIGHT)
        ended, waiting, other = (
            mail("me@example.com", state=State.FLIGHT),
            mail("me@example.com"),
            mail("x@example.com"),
        )
        await queue.add(new)
        ann, _ = in_flight(new)
        event = Event(
            name=EventName.FAILED,
            at=NOON,
            message=new.message.id,
            recipient=1,
            data={"report": ended.message.id, "forwarded": waiting.message.id},
        )
        await queue.settle([replace(delivered(ann), state=State.FAILED, events=(event,))], [ended, waiting, other])
        await queue.settle([delivered(in_flight(ended)[0])])
        await self.erase(queue)
        await queue.prune(LATER)
        with pytest.raises(NotFound):
            await queue.content(ended.message.id, 0)
        assert await queue.content(waiting.message.id, 0) == HELLO
        await queue.act(order(Act.DELETE, address="me@example.com"), LATER)
        await queue.prune(LATER)
        with pytest.raises(NotFound):
            await queue.content(waiting.message.id, 0)
        assert await queue.content(other.message.id, 0) == HELLO
        await queue.close()

    async def test_a_sender_vanishes_once_the_mail_has_ended(self, shard: Shard) -> None:
        queue = await shard.open()
        new = mail(state=State.FLIGHT)
        await queue.add(new)
        assert await self.erase(queue, "me@example.com") == Acted(0, 1)
        assert shard.reader().message(new.message.id).envelope.reverse_path == "me@example.com"
        await queue.settle([delivered(in_flight(new)[0])])
        assert await self.erase(queue, "ME@example.com") == Acted(0, 0)
        assert shard.reader().message(new.message.id).envelope.reverse_path == "erased@invalid"
        await queue.close()

    async def test_every_piece_of_a_large_shard_is_looked_through(self, shard: Shard) -> None:
        queue = await shard.open()
        wide = [f"u{number}@example.net" for number in range(12_000)]
        wide[5000] = wide[11_999] = "ann@example.net"
        news = [mail(*wide), *(mail(contents=(b"x",)) for _ in range(600))]
        await asyncio.gather(*(queue.add(each) for each in news))
        events = [Event(name=EventName.REJECTED, at=NOON, message="", data={"to": to}) for to in wide]
        await queue.record(events)
        assert await self.erase(queue) == Acted(602, 0)
        left = str(shard.reader().journal(0, 100_000))
        assert ("'ann@example.net'" in left, left.count("erased@invalid")) == (False, 602 + 2)
        await queue.close()

    @pytest.mark.parametrize(
        "chosen", [{}, {"address": "ann"}, {"address": "a@b", "account": "demo"}, {"domain": "d"}]
    )
    async def test_an_erasure_takes_an_address_and_nothing_else(self, shard: Shard, chosen: dict[str, str]) -> None:
        queue = await shard.open()
        await queue.add(mail())
        with pytest.raises(ValueError, match="address"):
            await queue.act(order(Act.ERASE, **chosen), LATER)
        assert shard.reader().counts() == {State.QUEUED: 1}
        await queue.close()

    async def test_quoted_and_international_addresses_are_found(self, shard: Shard) -> None:
        queue = await shard.open()
        odd = ('"a \\" b"@example.net', "MÜLLER@example.net")
        new = mail(envelope=Envelope(reverse_path="", recipients=tuple(Recipient(address=each) for each in odd)))
        await queue.add(new)
        await queue.record([Event(name=EventName.REJECTED, at=NOON, message="", data={"to": list(odd)})])
        assert await self.erase(queue, odd[0]) == Acted(1, 0)
        assert await self.erase(queue, "müller@example.net") == Acted(1, 0)
        assert shard.reader().journal(0, 10)[1].event.data == {"to": ["erased@invalid"] * 2}
        await queue.close()
