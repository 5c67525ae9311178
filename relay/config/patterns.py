"""Patterns an operator writes, compiled so that no text can make them slow.

In:  a regular expression of a small kind. Out: it, compiled, letters in any case; or ValueError that names what it
     must not have.

    literals   .   [a-z]   [^a-z]   \\d \\s \\w \\b and their opposites   \\. \\( and so on   (a|b)   (?:a|b)
    x?   x{3}   x{0,40}, up to 100 times, of a single character

Why so: Python's engine tries ways through a text one after the other, and some patterns have more ways than time.
Without `*`, `+` and repeated groups the ways a pattern can begin at one place are a number that is known before it
is used; that number is bounded here, and the text by who matches.
"""

from __future__ import annotations

import re

LONGEST = 300  # characters of a pattern
REPEATS = 100
WAYS = 2000  # through a pattern from one place

_TOKEN = re.compile(
    r"(?P<class>\[\^?(?:\\.|[^\\\]\[])+\])|(?P<open>\((?:\?:)?(?!\?))|(?P<close>\))|(?P<bar>\|)|(?P<maybe>\?)|"
    r"\{(?P<least>\d{1,3})(?:,(?P<most>\d{1,3}))?\}|(?P<single>\\[bBdDsSwW]|\\[^A-Za-z0-9]|[^\\\[\](){}|?*+^$]|[\^$])",
    re.DOTALL,
)


def bounded(pattern: str) -> re.Pattern[str]:
    """Raises ValueError."""
    if not pattern or len(pattern) > LONGEST:
        raise ValueError(f"a pattern has 1 to {LONGEST} characters, not {len(pattern)}")
    if (ways := _Ways(pattern).count()) > WAYS:
        raise ValueError(f"the pattern has {ways} ways through a text, over the limit of {WAYS}; make it plainer")
    try:
        return re.compile(pattern, re.IGNORECASE | re.DOTALL)
    except (re.error, OverflowError) as error:
        raise ValueError(f"not a pattern: {error}") from error


class _Ways:
    """How many ways there are through a pattern: in a row they multiply, beside one another they add up."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def count(self) -> int:
        alternatives: list[list[int]] = [[]]  # of each open group: ways of those that are complete
        ways: list[int] = [1]  # of each open group: so far, in the alternative that is read
        last: list[tuple[int, bool]] = []  # of what was read last: its ways, and whether it is a single character
        at = 0
        while at < len(self._pattern):
            found = _TOKEN.match(self._pattern, at)
            if found is None:
                raise ValueError(
                    f"{self._pattern[at : at + 5]!r} cannot stand in a pattern: for * and + say {{0,40}}"
                )
            at = found.end()
            kind = found.lastgroup
            if kind == "open":
                alternatives.append([])
                ways.append(1)
                last = []
            elif kind == "bar":
                alternatives[-1].append(ways[-1])
                ways[-1], last = 1, []
            elif kind == "close":
                if len(ways) == 1:
                    raise ValueError("a ) without its (")
                inside = sum(alternatives.pop()) + ways.pop()
                ways[-1] *= inside
                last = [(inside, False)]
            elif kind in ("class", "single"):
                last = [(1, True)]
            else:
                repeated = self._repeated(found, last)
                ways[-1] = ways[-1] // last[0][0] * repeated
                last = []
            if ways[-1] > WAYS * 1000:
                return ways[-1]
        if len(ways) > 1:
            raise ValueError("a ( without its )")
        return sum(alternatives[0]) + ways[0]

    def _repeated(self, found: re.Match[str], last: list[tuple[int, bool]]) -> int:
        """The ways of what is repeated."""
        if not last:
            raise ValueError(f"{found[0]!r} has nothing to repeat")
        inside, single = last[0]
        if found["maybe"]:
            return inside + 1
        least, most = int(found["least"]), int(found["most"] or found["least"])
        if not single:
            raise ValueError(f"{found[0]!r} repeats a group; only a single character may be repeated")
        if most > REPEATS or least > most:
            raise ValueError(f"{found[0]!r}: at most {REPEATS} times, and the smaller number first")
        return most - least + 1
