"""Patterns of operators: what they may say, and that no text makes them slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config.patterns import LONGEST, WAYS, bounded


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("user.{0,40}unknown", "550 User <ann@example.net> unknown"),
        (r"\b(spf|dkim)\b.{0,9}fail", "DKIM check failed"),
        ("(is )?disabled|[xyz]{2}", "xy"),
        (r"^5\.1\.1", "5.1.1 no"),
        ("doesn.t have an? .{1,20} account", "doesn't have a yahoo.com account"),
    ],
)
def test_plain_patterns_find_what_they_say_in_any_case(pattern: str, text: str) -> None:
    assert bounded(pattern).search(text)
    assert not bounded(pattern).search("250 ok")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "1 to 300 characters"),
        ("x" * (LONGEST + 1), "not 301"),
        ("a*", r"for \* and \+ say"),
        ("a+b", r"for \* and \+ say"),
        ("(a|b){2}", "repeats a group"),
        ("a{0,101}", "at most 100 times"),
        ("a{9,1}", "smaller number first"),
        ("a{1}{2}", "nothing to repeat"),
        ("?", "nothing to repeat"),
        (r"(a)\1", "cannot stand"),
        ("(?=a)", "cannot stand"),
        ("(?i)a", "cannot stand"),
        ("(a", "without its"),
        ("a)", "without its"),
        ("[z-a]", "not a pattern"),
        ("(a?)(a?)a?a?a?a?a?a?a?a?a?" + "a" * 11, f"over the limit of {WAYS}"),
        (".{0,100}.{0,100}x", "10201 ways"),
    ],
)
def test_what_could_be_slow_or_is_no_pattern_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        bounded(pattern)


@given(st.text("ab.|()?{}0129,[]\\^$*+ ", max_size=30))
def test_every_text_is_a_pattern_or_refused(pattern: str) -> None:
    try:
        found = bounded(pattern)
    except ValueError:
        return
    assert isinstance(found, re.Pattern)
