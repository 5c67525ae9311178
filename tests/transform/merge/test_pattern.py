"""Regular expressions of templates: they find what Python's find, and cannot run away."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.transform.merge.error import Fault
from relay.transform.merge.pattern import compiled
from relay.transform.merge.state import Given, Limits, State

LIMITS = Limits(steps=10_000_000)


def state(limits: Limits = LIMITS) -> State:
    return State(Given({}, limits), lambda fault: pytest.fail(fault.what))


@pytest.mark.parametrize(
    ("pattern", "by", "text", "result"),
    [
        (r"\d", "n", "a1b22", "anbnn"),
        (r"\d+", "n", "a1b22", "anbn"),
        (r"(\w+)@(\w+)", "$2 at $1 $0 $$ $9", "ann@home", "home at ann ann@home $ "),
        (r"(a)|(b)", r"<\1|\2>", "ab", "<a|><|b>"),
        (r"^a", "x", "aa", "xa"),
        (r"a$", "x", "aa", "ax"),
        (r"\bfoo\b", "bar", "foo food foo", "bar food bar"),
        (r"a*", "-", "baac", "-b--c-"),
        (r"(?i)hello", "bye", "HeLLo", "bye"),
        (r"<.*?>", "", "<b>x</b>", "x"),
        (r"<.*>", "", "<b>x</b>y", "y"),
        (r"[[:alpha:]]+", "w", "ab 12 cd", "w 12 w"),
        (r"[^a-c]", "", "abxcd", "abc"),
        (r"a{2,3}", "x", "aaaaa", "xx"),
        (r"(ab){2}c", "x", "ababc", "x"),
        (r"(?:a|ab)(?:c|bcd)", "x", "abcd", "x"),
        (r"x{y", "!", "x{y", "!"),
        (r"[]a]", "x", "]a", "xx"),
        (r"\.\*", "x", ".*", "x"),
    ],
)
def test_replacing(pattern: str, by: str, text: str, result: str) -> None:
    assert compiled(pattern).replaced(text, by, state()) == result


ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^b]", r"\w", r"\d"])
PLACES = st.sampled_from(["^", "$", r"\b", r"\B"])
COUNTS = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?"])


def patterns() -> st.SearchStrategy[str]:
    single = st.one_of(st.tuples(ATOMS, COUNTS).map("".join), PLACES)
    return st.recursive(
        single,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map("".join),
            st.tuples(inner, inner).map("|".join),
            st.tuples(st.sampled_from(["(", "(?:"]), inner, st.just(")"), COUNTS).map("".join),
        ),
        max_leaves=6,
    )


@settings(max_examples=400, deadline=None)
@given(patterns(), st.text("abc1 \n", max_size=10))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    theirs = re.compile(pattern.replace("$", r"\Z"))
    assert compiled(pattern).found(text, state()) == (theirs.search(text) is not None)


@settings(max_examples=400, deadline=None)
@given(patterns(), st.text("abc1 \n", max_size=10))
def test_the_first_match_is_the_one_python_has(pattern: str, text: str) -> None:
    """Repeated groups are left out: where one can match nothing, Perl and Python differ, too."""
    theirs = re.compile(pattern.replace("$", r"\Z")).search(text)
    if theirs is None or re.search(r"\)(?:[*+?{])", pattern):
        return
    groups = compiled("(" + pattern + ")").replaced(text, "<$1>", state())
    assert groups.startswith(f"{text[: theirs.start()]}<{theirs[0]}>")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(a)\1", "references back"),
        ("(?<=a)b", "not known here"),
        ("(?P<n>a)", "not known here"),
        ("(a", "not closed"),
        ("a)", "too many"),
        ("[a", "no closing bracket"),
        ("[z-a]", "bad character range"),
        ("*a", "repeats nothing"),
        ("a**", "right behind another"),
        ("a{3,2}", "the wrong way round"),
        ("a{9999}", "over 1000 steps"),
        ("((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9})", "over 1000 steps"),
        ("(" * 30 + "a" + ")" * 30, "nested over 20 levels"),
        ("a" * 501, "at most 500 characters"),
        ("a\\", "ends with a backslash"),
        (r"\p{L}", "not known here"),
        ("[[:nope:]]", "not known here"),
    ],
)
def test_what_is_not_known_is_told(pattern: str, said: str) -> None:
    with pytest.raises(Fault, match=re.escape(said)):
        compiled(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a|aa)+$", "(a*)*b", "(a|a)*b", "a*a*a*a*a*b", "(.*)*x", "(?:a?){30}a{30}b", "^(([a-z])+.)+[A-Z]",
        ".*.*.*x", "(x+x+)+y",
    ],
)  # fmt: skip
def test_patterns_that_are_made_to_run_away_end(pattern: str) -> None:
    """Python's `re` takes longer than anybody lives for most of them; here a rendering's steps end them."""
    text, spent = "a" * 2000 + "!", state(Limits())
    try:
        compiled(pattern).found(text, spent)
        compiled(pattern).replaced(text, "", spent)
    except Fault as fault:
        assert fault.what == "over the limit of 200000 steps"
    else:
        assert spent.steps > 0
