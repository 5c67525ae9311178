"""Return paths: only our own are read back, whatever was done to their letters, and only in their time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.bounce.returnpath import VALID, ReturnPath, Way, make, read
from relay.model.account import ReturnKey

DAY = 86_400.0
OLD = ReturnKey(number=1, secret=b"a" * 32, created=0.0)
NEW = ReturnKey(number=2, secret=b"b" * 32, created=30 * DAY)
RECIPIENT = "0r2k9v1m00000001-7"


@given(st.text("0123456789abcdefghijklmnopqrstuv", min_size=16, max_size=16), st.integers(1, 9_999_999))
def test_what_was_made_is_read_back_in_any_case(submission: str, number: int) -> None:
    key = ReturnKey(number=999_999_999, secret=b"z" * 32, created=0.0)
    recipient = f"{submission}-{number}"
    local = make(key, recipient)
    assert len(local) <= 64
    assert local.isascii() and local.replace("-", "").isalnum() and local == local.lower()
    for each in (local, local.upper(), local.title()):
        assert read(each, [key], 0.0) == ReturnPath(recipient)


def test_the_address_stays_as_it_is() -> None:
    """Mail is on its way with these: a change of their form would lose its bounces."""
    assert make(OLD, RECIPIENT) == "b1-0r2k9v1m00000001-7-44cik3pob2d1l8vhk5ojfb12"


@pytest.mark.parametrize("at", range(len(make(OLD, RECIPIENT))))
def test_no_letter_of_it_can_be_changed(at: int) -> None:
    local = make(OLD, RECIPIENT)
    for other in "0123456789abcdefghijklmnopqrstuvwxyz-":
        if other != local[at]:
            with pytest.raises(ValueError, match="not a return path"):
                read(local[:at] + other + local[at + 1 :], [NEW, OLD], 0.0)


@given(st.text(max_size=100))
def test_other_addresses_are_none_of_ours(text: str) -> None:
    with pytest.raises(ValueError, match="not a return path"):
        read(text, [NEW, OLD], 0.0)


def test_a_key_that_was_forgotten_or_is_another_relays_signs_nothing() -> None:
    with pytest.raises(ValueError, match="not a return path"):
        read(make(OLD, RECIPIENT), [NEW], 0.0)
    with pytest.raises(ValueError, match="not a return path"):
        read(make(ReturnKey(number=2, secret=b"c" * 32, created=0.0), RECIPIENT), [NEW, OLD], 0.0)
    with pytest.raises(ValueError, match="not a return path"):
        read(make(OLD, RECIPIENT), [], 0.0)


def test_an_old_key_is_good_for_sixty_days_after_it_was_replaced_and_the_newest_always() -> None:
    local = make(OLD, RECIPIENT)
    replaced = NEW.created
    assert read(local, [NEW, OLD], replaced + VALID) == ReturnPath(RECIPIENT)
    with pytest.raises(ValueError, match="no longer valid"):
        read(local, [NEW, OLD], replaced + VALID + 1)
    assert read(local, [OLD], replaced + 100 * VALID) == ReturnPath(RECIPIENT)
    assert read(make(NEW, RECIPIENT), [NEW, OLD], replaced + 100 * VALID) == ReturnPath(RECIPIENT)


def test_an_address_to_unsubscribe_by_is_no_return_path_and_the_reverse() -> None:
    local = make(OLD, RECIPIENT, Way.UNSUBSCRIBE)
    assert read(local.upper(), [OLD], 0.0) == ReturnPath(RECIPIENT, Way.UNSUBSCRIBE)
    with pytest.raises(ValueError, match="not a return path"):
        read("b" + local[1:], [OLD], 0.0)
