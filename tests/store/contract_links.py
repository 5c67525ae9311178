"""What every engine must do for links of ours in mail: what they name is found, as long as it is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from relay.config.schema import Retention, Sandbox
from relay.model.message import NewMessage, State
from relay.model.options import Archive, Options, Resolved
from relay.model.order import Act, Order, Selection
from relay.store.interface import Acted, NotFound, Reader
from tests.store.contract import DAY, Shard
from tests.store.mail import HELLO, NOON, delivered, in_flight, mail

LEADS = ("https://example.com/a?b=1&c=%20", "https://example.com/", "https://example.com/a?b=1&c=%20")


def linked(*addresses: str, targets: tuple[str, ...] = LEADS, **given: Any) -> NewMessage:
    """One message, whose contents all lead to the same places."""
    new = mail(*addresses, links=True, **given)
    return replace(new, targets=dict.fromkeys(range(len(new.contents)), targets))


def leads(reader: Reader, new: NewMessage, number: int = 1) -> tuple[str, ...] | None:
    found = reader.tracked(new.message.id, number)
    return None if found is None else found.targets


class LinksContract:
    async def test_a_link_leads_to_its_recipient_and_its_targets(self, shard: Shard) -> None:
        resolved = Resolved(options=Options(tags=("a", "ü"), campaign="spring"))
        new = replace(
            mail(
                "ann@example.net",
                "bob@example.org",
                contents=(HELLO, HELLO + b"for bob"),
                links=True,
                author="example.com",
                return_host="bounces.example.com",
                resolved=resolved,
                state=State.FLIGHT,
            ),
            targets={0: LEADS, 1: (*LEADS, "https://example.net/bob")},
        )
        queue = await shard.open()
        await queue.add(new)
        shard.now = NOON + 7
        await queue.settle([delivered(in_flight(new)[1])])
        reader = shard.reader()
        ann, bob = (reader.tracked(new.message.id, number) for number in (1, 2))
        assert ann is not None and bob is not None
        assert (ann.address, ann.state, ann.ended, ann.content) == ("ann@example.net", State.FLIGHT, None, 0)
        assert (bob.address, bob.state, bob.ended, bob.content) == ("bob@example.org", State.DELIVERED, NOON + 7, 1)
        assert (ann.targets, bob.targets) == (LEADS, (*LEADS, "https://example.net/bob"))
        assert (bob.shard, bob.message, bob.number) == (7, new.message.id, 2)
        assert (bob.account, bob.credential, bob.sender) == ("demo", "app@example.com", "me@example.com")
        assert (bob.author, bob.return_host, bob.options) == ("example.com", "bounces.example.com", resolved.options)
        assert (bob.received, bob.links, bob.test, bob.erased) == (NOON, True, False, False)
        assert reader.message(new.message.id) == new.message
        await queue.close()

    async def test_a_link_to_what_is_not_there_leads_to_nothing(self, shard: Shard) -> None:
        new = mail(links=True, sandbox=True)
        queue = await shard.open()
        await queue.add(new)
        reader = shard.reader()
        found = reader.tracked(new.message.id, 1)
        assert found is not None and (found.targets, found.test) == ((), True)
        for number in (0, 2, -1, 1 << 23):
            assert reader.tracked(new.message.id, number) is None
        assert reader.tracked("0" * 16, 1) is None
        await queue.close()

    @pytest.mark.parametrize(
        "targets",
        [
            ("https://example.com/" + "x" * 60_000,),
            tuple(f"https://example.com/{number}?q=ü" for number in range(400)),
            ("https://example.com/\udce4\0\n", "", "a\0b"),
        ],
        ids=["long", "many", "strange"],
    )
    async def test_targets_of_any_kind_come_back_as_they_were(self, shard: Shard, targets: tuple[str, ...]) -> None:
        new = replace(mail(links=True), targets={0: targets})
        queue = await shard.open()
        await queue.add(new)
        found = shard.reader().tracked(new.message.id, 1)
        assert found is not None and found.targets == targets
        await queue.close()

    async def test_messages_that_lead_to_the_same_places_and_others_keep_theirs_apart(self, shard: Shard) -> None:
        queue = await shard.open()
        sets = [LEADS, LEADS[::-1], LEADS[:1], (LEADS[0] + "\0" + LEADS[1],), LEADS[:2]]
        news = [replace(mail(links=True), targets={0: sets[number % 5]}) for number in range(50)]
        for start in range(0, 50, 10):
            await asyncio.gather(*(queue.add(each) for each in news[start : start + 10]))
        await queue.close()
        reader = shard.reader()
        for number, each in enumerate(news):
            found = reader.tracked(each.message.id, 1)
            assert found is not None and found.targets == sets[number % 5]

    async def test_targets_without_links_or_of_no_content_are_refused(self, shard: Shard) -> None:
        queue = await shard.open()
        for wrong in (
            replace(mail(), targets={0: LEADS}),
            replace(mail(links=True), targets={1: LEADS}),
            replace(mail(links=True), targets={-1: LEADS}),
        ):
            with pytest.raises(ValueError, match=wrong.message.id):
                await queue.add(wrong)
        assert shard.reader().counts() == {}
        await queue.close()

    @pytest.mark.parametrize(
        ("links", "host", "days"),
        [(True, "", 20), (False, "bounces.example.com", 10), (True, "bounces.example.com", 20), (False, "", 1)],
    )
    async def test_links_work_for_their_life_after_the_message_ended(
        self, shard: Shard, links: bool, host: str, days: int
    ) -> None:
        queue = await shard.open(Retention(contents=DAY, returns=10 * DAY), life=20 * DAY)
        new = mail(state=State.SUPPRESSED, links=links, return_host=host)
        if links:
            new = replace(new, targets={0: LEADS})
        await queue.add(new)
        shard.folded(1000)
        reader = shard.reader()
        assert await queue.prune(NOON + DAY + 1) == (days == 1)
        with pytest.raises(NotFound):
            await queue.content(new.message.id, 0)
        if days > 1:
            assert await queue.prune(NOON + days * DAY - 1) == 0
            assert reader.message(new.message.id) == new.message
            assert leads(reader, new) == (LEADS if links else ())
            assert await queue.prune(NOON + days * DAY + 1) == 1
        assert reader.tracked(new.message.id, 1) is None
        await queue.close()

    @pytest.mark.parametrize(("returns", "life", "days"), [(30, 20, 30), (5, 20, 20), (5, 1, 10)])
    async def test_the_longest_of_several_reasons_decides(
        self, shard: Shard, returns: int, life: int, days: int
    ) -> None:
        queue = await shard.open(Retention(contents=10 * DAY, returns=returns * DAY), life=life * DAY)
        new = linked(state=State.SUPPRESSED, return_host="bounces.example.com")
        await queue.add(new)
        shard.folded(1000)
        assert await queue.prune(NOON + days * DAY - 1) == 0
        assert leads(shard.reader(), new) == LEADS
        assert await queue.prune(NOON + days * DAY + 1) == 1
        assert shard.reader().tracked(new.message.id, 1) is None
        await queue.close()

    async def test_links_outlive_contents_that_shall_not_be_kept(self, shard: Shard) -> None:
        queue = await shard.open()
        new = linked(state=State.SUPPRESSED, resolved=Resolved(options=Options(archive=Archive.NONE)))
        await queue.add(new)
        await queue.prune(NOON)
        with pytest.raises(NotFound):
            await queue.content(new.message.id, 0)
        assert leads(shard.reader(), new) == LEADS
        await queue.close()

    async def test_links_of_the_sandbox_go_with_their_message(self, shard: Shard) -> None:
        queue = await shard.open(sandbox=Sandbox(keep=DAY))
        new = linked(state=State.SUPPRESSED, sandbox=True)
        await queue.add(new)
        shard.folded(1000)
        assert await queue.prune(NOON + DAY + 1) == 1
        assert shard.reader().tracked(new.message.id, 1) is None
        await queue.close()

    async def test_targets_stay_for_those_that_share_them_and_come_again(self, shard: Shard) -> None:
        queue = await shard.open(Retention(contents=DAY), life=DAY)
        old, young = (linked(state=State.SUPPRESSED, received=NOON + days * DAY) for days in (0, 5))
        await asyncio.gather(queue.add(old), queue.add(young))
        shard.folded(1000)
        assert await queue.prune(NOON + 3 * DAY) == 1
        reader = shard.reader()
        assert (reader.tracked(old.message.id, 1), leads(reader, young)) == (None, LEADS)
        assert await queue.prune(NOON + 9 * DAY) == 1
        for _ in range(3):
            again = linked()
            await queue.add(again)
            assert leads(reader, again) == LEADS
        await queue.close()

    async def test_links_of_the_erased_lead_to_nobody_and_their_own_to_nothing(self, shard: Shard) -> None:
        queue = await shard.open()
        own, shared = (*LEADS, "https://example.com/?for=ann@example.net"), LEADS
        both = linked("ann@example.net", "bob@example.org", state=State.FLIGHT, targets=shared)
        each = mail("ann@example.net", "bob@example.org", contents=(HELLO, HELLO), links=True)
        each = replace(each, targets={0: own, 1: shared})
        alone = linked("ann@example.net", targets=own, contents=(b"x" * (1 << 18),))
        for new in (both, each, alone):
            await queue.add(new)
        await queue.settle([delivered(due) for due in in_flight(both)])
        selection = Selection(address="ann@example.net")
        order = Order(number=3, at=NOON, who="cli", act=Act.ERASE, selection=selection, reason="")
        assert await queue.act(order, NOON) == Acted(3, 0)
        reader = shard.reader()
        for new, left in ((both, shared), (each, ()), (alone, ())):
            found = reader.tracked(new.message.id, 1)
            assert found is not None and (found.erased, found.address) == (True, "erased@invalid")
            assert found.targets == left
        for new in (both, each):
            found = reader.tracked(new.message.id, 2)
            assert found is not None and (found.erased, found.targets) == (False, shared)
        later = linked("bob@example.org", targets=own)
        await queue.add(later)
        assert leads(reader, later) == own
        await queue.close()
