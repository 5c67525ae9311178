"""What the machine-wide limits remember: places taken, failures counted, marks in force. No IO.

In:  who wants what, and the time.
Out: how many places are granted; which mark a failure caused; which marks are in force.

The broker keeps one of each for the machine; a worker without a broker keeps its own. Everything here
is bounded: a table that is full refuses places, and forgets the oldest failure or mark for a new one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from relay.limits.interface import GUESSES, Kind, Mark, Place
from relay.model.address import printable
from relay.model.clock import iso

KEYS = 100_000  # addresses and sites with places taken at once
STRIKES = 50_000  # keys with failures under observation
MARKS = 20_000

Who = TypeVar("Who", bound=Hashable)


def share(limit: int, workers: int) -> int:
    """The part of a machine-wide limit that is one worker's without asking."""
    return max(1, limit // max(1, workers))


@dataclass(slots=True)
class _Taken(Generic[Who]):
    total: int = 0
    by: dict[Who, int] = field(default_factory=dict)


class Places(Generic[Who]):
    """How many places of each key are taken, and by whom."""

    def __init__(self, keys: int = KEYS) -> None:
        self._keys = keys
        self._taken: dict[tuple[Place, str], _Taken[Who]] = {}

    def lease(self, who: Who, place: Place, key: str, limit: int, want: int) -> int:
        """Give up to `want` places of at most `limit` for this key, all holders together; 0 when none is left."""
        taken = self._taken.get((place, key))
        if taken is None:
            if len(self._taken) >= self._keys:
                return 0
            taken = _Taken()
        granted = max(0, min(want, limit - taken.total))
        if granted:
            taken.total += granted
            taken.by[who] = taken.by.get(who, 0) + granted
            self._taken[place, key] = taken
        return granted

    def give_back(self, who: Who, place: Place, key: str, count: int) -> None:
        """Take places back; never more than `who` has, so a confused holder cannot free another's."""
        taken = self._taken.get((place, key))
        if taken is None:
            return
        has = taken.by.get(who, 0)
        count = min(count, has)
        taken.total -= count
        if count == has:
            taken.by.pop(who, None)
        else:
            taken.by[who] = has - count
        if not taken.total:
            del self._taken[place, key]

    def depart(self, who: Who) -> None:
        """`who` is gone, and so are its places."""
        for (place, key), taken in list(self._taken.items()):
            if who in taken.by:
                self.give_back(who, place, key, taken.by[who])

    def held(self, place: Place, key: str) -> int:
        taken = self._taken.get((place, key))
        return taken.total if taken else 0

    def holders(self, place: Place, key: str) -> list[Who]:
        taken = self._taken.get((place, key))
        return list(taken.by) if taken else []


class Strikes:
    """Failures of each key within its window."""

    def __init__(self, keys: int = STRIKES) -> None:
        self._keys = keys
        self._times: dict[tuple[Kind, str], list[float]] = {}

    def strike(
        self, kind: Kind, key: str, *, limit: int, window: float, rest: float, why: str, now: float
    ) -> Mark | None:
        """Count a failure; the `limit`-th within `window` seconds gives the mark to set for `rest` seconds."""
        times = [at for at in self._times.pop((kind, key), ()) if at > now - window]
        times.append(now)
        if len(times) >= limit:
            return Mark(kind, key, now + rest, why)
        while len(self._times) >= self._keys:
            self._times.pop(next(iter(self._times)))
        self._times[kind, key] = times  # at the end: the table forgets who failed longest ago
        return None

    def step(self, seconds: float) -> None:
        """The clock was set by so much."""
        for key, times in self._times.items():
            self._times[key] = [at + seconds for at in times]

    def left(self, place: Place, key: str, limit: int) -> int:
        """The limit of a place less the strikes that count against it, at least one: the window is not looked at."""
        kind = GUESSES.get(place)
        return limit if kind is None else max(1, limit - len(self._times.get((kind, key), ())))


def told(mark: Mark) -> str:
    """The mark that strikes became, as a line for the log."""
    if mark.kind is Kind.BANNED_USER:
        user, _, address = mark.key.rpartition(" ")
        whom = f"user={printable(user)} address={address}"
    elif mark.kind is Kind.BANNED_ADDRESS:
        whom = f"address={mark.key}"
    else:
        whom = f"key={mark.key}"
    return f"{mark.kind} {whom} until={iso(mark.until)}: {mark.why}"


class Marks:
    """What everybody should know until a given time."""

    def __init__(self, bound: int = MARKS) -> None:
        self._bound = bound
        self._marks: dict[tuple[Kind, str], Mark] = {}

    def put(self, mark: Mark, now: float) -> None:
        """A later mark replaces an earlier one of the same kind and key; one already over removes it."""
        self._marks.pop((mark.kind, mark.key), None)
        if mark.until <= now:
            return
        if len(self._marks) >= self._bound:
            self.expire(now)
        while len(self._marks) >= self._bound:
            self._marks.pop(next(iter(self._marks)))
        self._marks[mark.kind, mark.key] = mark

    def remove(self, kind: Kind, key: str) -> None:
        self._marks.pop((kind, key), None)

    def get(self, kind: Kind, key: str, now: float) -> Mark | None:
        mark = self._marks.get((kind, key))
        if mark is None or mark.until > now:
            return mark
        del self._marks[kind, key]
        return None

    def expire(self, now: float) -> None:
        for each in [each for each in self._marks.values() if each.until <= now]:
            del self._marks[each.kind, each.key]

    def clear(self) -> None:
        self._marks.clear()

    def step(self, seconds: float) -> None:
        """The clock was set by so much: what is in force stays so for as long as it was to be."""
        for key, mark in self._marks.items():
            self._marks[key] = dataclasses.replace(mark, until=mark.until + seconds)

    def all(self, now: float) -> list[Mark]:
        return [each for each in self._marks.values() if each.until > now]
