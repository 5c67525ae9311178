"""Sessions at once, of one address and of all."""

from __future__ import annotations

import pytest

from relay.limits.turnstile import Turnstile
from relay.model.reply import Refused
from tests.limits.local import LocalLimits


async def test_places_are_of_an_address_and_of_all_and_come_back_with_the_session() -> None:
    limits = LocalLimits(1, lambda: 0.0)
    here, other = Turnstile(limits), Turnstile(limits)  # two doors of a machine
    one, two, three = object(), object(), object()
    await here.enter(one, "192.0.2.1", of_one=1, of_all=2)
    with pytest.raises(Refused) as refused:
        await here.enter(two, "192.0.2.1", of_one=1, of_all=2)
    assert str(refused.value.reply) == "421 4.7.0 At most 1 sessions at once from 192.0.2.1"
    here.leave(two)
    await other.enter(two, "192.0.2.2", of_one=1, of_all=2)
    with pytest.raises(Refused) as refused:
        await other.enter(three, "192.0.2.3", of_one=1, of_all=2)
    assert str(refused.value.reply) == "421 4.3.2 At most 2 sessions at once; please try again later"
    other.leave(three)  # closed is said of refused ones, too
    here.leave(one)
    here.leave(one)
    await other.enter(three, "192.0.2.3", of_one=1, of_all=2)
