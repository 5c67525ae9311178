"""Sessions at once, of one address and of all."""

from __future__ import annotations

import pytest

from relay.limits.interface import Place
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


class Stock(LocalLimits):
    """Of which some places are at hand."""

    def __init__(self, **places: int) -> None:
        super().__init__(1, lambda: 0.0)
        self.places = {Place(place): count for place, count in places.items()}

    def at_hand(self, place: Place, key: str) -> bool:
        if not self.places[place]:
            return False
        self.places[place] -= 1
        return True

    def give_back(self, place: Place, key: str) -> None:
        self.places[place] += 1


def test_a_session_is_let_in_at_once_where_both_places_are_at_hand() -> None:
    limits = Stock(**{Place.SESSION.value: 2, Place.SESSIONS.value: 1})
    turnstile, one, two = Turnstile(limits), object(), object()
    assert turnstile.admits(one, "192.0.2.1")
    assert not turnstile.admits(two, "192.0.2.1")
    assert limits.places == {Place.SESSION: 1, Place.SESSIONS: 0}
    turnstile.leave(two)
    turnstile.leave(one)
    assert limits.places == {Place.SESSION: 2, Place.SESSIONS: 1}
