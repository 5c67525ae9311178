"""What every engine must do, continued: which recipients a selection means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from relay.model.message import NewMessage, State
from relay.model.options import Options, Resolved
from relay.model.order import Selection
from tests.store.contract import DAY, Shard
from tests.store.mail import NOON, deferred, delivered, ids, in_flight, mail


def optioned(*addresses: str, **given: Any) -> NewMessage:
    return mail(*addresses, resolved=Resolved(options=Options(**given)))


class ChoosingContract:
    @pytest.mark.parametrize(
        ("selection", "chosen"),
        [
            (Selection(), {"plain", "tagged", "Über", "old", "theirs"}),
            (Selection(domain="Example.org"), {"Über"}),
            (Selection(site="mx.example.net"), {"plain"}),
            (Selection(account="else"), {"theirs"}),
            (Selection(credential="APP@example.com"), {"plain", "tagged", "Über", "old", "theirs"}),
            (Selection(credential="other@example.com"), set()),
            (Selection(tag="news"), {"tagged"}),
            (Selection(tag="new"), set()),
            (Selection(campaign="spring"), {"tagged"}),
            (Selection(send_cancel_id="c1"), {"tagged"}),
            (Selection(address="ÜBER@EXAMPLE.ORG"), {"Über"}),
            (Selection(address="ber@example.org"), set()),
            (Selection(before=NOON), {"old"}),
            (Selection(since=NOON), {"plain", "tagged", "Über", "theirs"}),
            (Selection(since=NOON - DAY, before=NOON - DAY), set()),
            (Selection(states=(State.HELD,)), {"theirs"}),
            (Selection(states=(State.DELIVERED,)), {"done"}),
            (
                Selection(states=(State.DELIVERED, State.QUEUED), domain="example.net"),
                {"plain", "tagged", "old", "done"},
            ),
            (Selection(tag="news", domain="example.org"), set()),
        ],
    )
    async def test_all_that_is_asked_for_must_fit(self, shard: Shard, selection: Selection, chosen: set[str]) -> None:
        queue = await shard.open()
        plain, done = mail("plain@example.net", state=State.FLIGHT), mail("done@example.net", state=State.FLIGHT)
        for new in (
            plain,
            done,
            optioned("tagged@example.net", tags=("a", "news"), campaign="spring", send_cancel_id="c1"),
            mail("Über@example.org"),
            mail("old@example.net", received=NOON - DAY),
            mail("theirs@example.net", account="else", state=State.HELD),
        ):
            await queue.add(new)
        tried = replace(deferred(in_flight(plain)[0], NOON + 1), site="mx.example.net")
        await queue.settle([tried, delivered(in_flight(done)[0])])
        found = shard.reader().listing(selection)
        assert {state.address.partition("@")[0] for _, state in found} == chosen
        await queue.close()

    async def test_ids_name_a_message_or_one_of_its_recipients(self, shard: Shard) -> None:
        queue = await shard.open()
        first, second = mail("a@example.net", "b@example.net", due=NOON + 1), mail("c@example.net", "d@example.net")
        for new in (first, second):
            await queue.add(new)

        def chosen(*idents: str, limit: int = 100, **others: Any) -> list[str]:
            found = shard.reader().listing(Selection(ids=idents, **others), limit)
            return [f"{message.id}-{state.number}" for message, state in found]

        one, two = first.message.id, second.message.id
        assert chosen(one) == [f"{one}-1", f"{one}-2"]
        assert chosen(f"{one}-2", two) == [f"{two}-1", f"{two}-2", f"{one}-2"]
        assert chosen(one, f"{one}-1") == [f"{one}-1", f"{one}-2"]
        assert chosen(one, two, limit=3) == [f"{two}-1", f"{two}-2", f"{one}-1"]
        assert chosen(one, address="b@example.net") == [f"{one}-2"]
        assert chosen(ids.new(), "no id", f"{one}-3") == []
        await queue.close()
