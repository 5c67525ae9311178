"""What every engine must do, continued: contents forgotten by order."""

from __future__ import annotations

from typing import Any

import pytest

from relay.model.order import Act
from relay.store.interface import Acted, NotFound
from tests.store.contract import DAY, Shard
from tests.store.contract_orders import LATER, order, states, told
from tests.store.mail import NOON, mail


class DroppingContract:
    async def test_contents_that_are_dropped_are_gone_and_what_became_of_the_message_stays(
        self, shard: Shard
    ) -> None:
        queue = await shard.open()
        ended, waits, other = mail("bob@example.org"), mail(due=NOON + DAY), mail("eve@example.org")
        for each in (ended, waits, other):
            await queue.add(each)
        await queue.act(order(Act.DELETE, ids=(ended.message.id, other.message.id)), LATER)
        ids = (ended.message.id, waits.message.id, "0r2k9v1m00000001")
        assert await queue.act(order(Act.DROP, ids=ids, account="demo"), LATER) == Acted(1, 1)
        assert await queue.act(order(Act.DROP, ids=(other.message.id,), account="somebody"), LATER) == Acted(0, 0)
        reader = shard.reader()
        with pytest.raises(NotFound):
            reader.content(ended.message.id, 0)
        with pytest.raises(NotFound):
            await queue.content(ended.message.id, 0)
        assert states(reader, ended) == ["cancelled"] and told(reader, ended)
        assert reader.content(waits.message.id, 0) == waits.contents[0]
        assert reader.content(other.message.id, 0) == other.contents[0]
        assert await queue.act(order(Act.DROP, ids=ids[:1]), LATER) == Acted(0, 0)

    @pytest.mark.parametrize(
        "chosen",
        [{}, {"account": "demo"}, {"ids": ("0r2k9v1m00000001-1",)}, {"ids": ("0r2k9v1m00000001",), "tag": "x"}],
    )
    async def test_contents_are_dropped_by_ids_of_submissions_alone(
        self, shard: Shard, chosen: dict[str, Any]
    ) -> None:
        queue = await shard.open()
        with pytest.raises(ValueError, match="by the ids of submissions"):
            await queue.act(order(Act.DROP, **chosen), LATER)
