"""What every engine must do for links of ours in mail: what they name is found, as long as it is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from relay.model.message import State
from relay.model.options import Options, Resolved
from tests.store.contract import Shard
from tests.store.mail import HELLO, NOON, delivered, in_flight, mail

LEADS = ("https://example.com/a?b=1&c=%20", "https://example.com/", "https://example.com/a?b=1&c=%20")


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
