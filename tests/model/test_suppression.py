"""Which suppressions a message goes past."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.model.options import Bypass
from relay.model.suppression import NOT_LISTED, Cause, Suppression, weigh

ANN = Suppression(account="shop", address="ann@example.net", cause=Cause.BOUNCE, created=0.0)
LEFT = replace(ANN, cause=Cause.UNSUBSCRIBE)
NEWS = replace(LEFT, group="news")
COMPLAINED = replace(ANN, cause=Cause.COMPLAINT)
BY_HAND = replace(ANN, cause=Cause.HAND)
EVERY = (ANN, LEFT, NEWS, COMPLAINED, BY_HAND)


def test_without_a_bypass_the_first_entry_holds() -> None:
    assert weigh([], ()) is NOT_LISTED
    assert weigh([], [Bypass.ALL]) is NOT_LISTED
    assert weigh([NEWS, ANN], ()).holds == NEWS


@pytest.mark.parametrize(
    ("bypass", "past"),
    [
        (Bypass.BOUNCE, [ANN]),
        (Bypass.UNSUBSCRIBE, [LEFT]),
        (Bypass.GROUP, [NEWS]),
        (Bypass.COMPLAINT, [COMPLAINED]),
        (Bypass.ALL, list(EVERY)),
    ],
)
def test_a_bypass_goes_past_its_own_cause_alone(bypass: Bypass, past: list[Suppression]) -> None:
    for each in EVERY:
        weighed = weigh([each], [bypass])
        assert weighed.holds == (None if each in past else each)
        assert weighed.passed == ((each.cause.value,) if each in past else ())


def test_what_holds_for_every_account_is_never_passed() -> None:
    for each in EVERY:
        assert weigh([replace(each, account="")], list(Bypass)).holds is not None


def test_all_entries_have_to_be_passed_and_each_cause_is_told_once() -> None:
    assert weigh([ANN, replace(ANN, address="@example.net"), LEFT], [Bypass.BOUNCE, Bypass.UNSUBSCRIBE]).passed == (
        "bounce",
        "unsubscribe",
    )
    assert weigh([ANN, LEFT], [Bypass.BOUNCE]).holds == LEFT
    assert weigh([ANN, LEFT], [Bypass.BOUNCE]).passed == ()
