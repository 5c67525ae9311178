"""What was used of each quota in the time that slides behind now. No IO.

In:  charges, the time, and what an earlier book said (`load`).
Out: whether there was room, or when there will be; the book as JSON values (`dump`).

A window is counted in `SLOTS` parts, and the part that is just leaving counts whole: so no time of the length of
the window ever holds more than the limit, and room may come later than it had to by 1/60 of the window at most.

Who is `force`d in is booked for when there is room, not for now: a thousand messages over a quota of a hundred an
hour are so spread over ten hours. Whoever comes later, forced or not, stands behind: there is no room before the
last one's time, and nobody overtakes.

Why so: with everything booked at once the whole backlog would find room in the same moment, an hour from now. Each
quota is a line of its own: a message that waits for its credential's turn is counted for its account when it came,
or the backlog of one credential would keep all others of the account waiting, with room for them.

What can never have its turn is not taken, by force neither: a charge over the limit, or one whose turn would come
more than `AHEAD` from now. Time never goes backwards in here: a clock that is set back without a word (`step`) stands
still until it has caught up.
Everything is bounded: of a full book the key used longest ago is forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from relay.limits.interface import Charge, Spent

SLOTS = 60  # parts of a window
SPAN = SLOTS + 1  # parts that count: the one under way, and as many as a window may touch besides
AHEAD = 7 * 86_400.0  # seconds; longer than mail lives
KEYS = 20_000
CELLS = 200_000  # parts and names, all keys together: some 20 MB, and a few MB in the file


class _Sum:
    """Amounts by part."""

    def __init__(self, cells: Iterable[Sequence[int]] = ()) -> None:
        self._cells = deque((int(slot), int(amount)) for slot, amount in cells)
        self.used = sum(amount for _, amount in self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def last(self) -> int | None:
        return self._cells[-1][0] if self._cells else None

    def expire(self, slot: int) -> None:
        """Forget what a window that ends with `slot` does not touch."""
        while self._cells and self._cells[0][0] <= slot - SPAN:
            self.used -= self._cells.popleft()[1]

    def room(self, charge: Charge, slot: int) -> int:
        """The first part, not before `slot`, in which the charge has room. It is within the limit by itself."""
        over = self.used + charge.amount - charge.limit
        for at, amount in self._cells:
            if over <= 0:
                break
            over -= amount
            slot = max(slot, at + SPAN)
        return slot

    def book(self, charge: Charge, slot: int) -> None:
        self.used += charge.amount
        if self._cells and self._cells[-1][0] == slot:
            slot, amount = self._cells.pop()
            self._cells.append((slot, amount + charge.amount))
        else:
            self._cells.append((slot, charge.amount))

    def dump(self) -> list[Any]:
        return list(self._cells)


class _Names:
    """Names by the part in which each was used last; the oldest first."""

    def __init__(self, cells: Iterable[Sequence[Any]] = ()) -> None:
        self._seen = {str(name): int(slot) for slot, names in cells for name in names}

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def used(self) -> int:
        return len(self._seen)

    @property
    def last(self) -> int | None:
        return next(reversed(self._seen.values()), None)

    def expire(self, slot: int) -> None:
        old = []
        for name, seen in self._seen.items():
            if seen > slot - SPAN:
                break
            old.append(name)
        for name in old:
            del self._seen[name]

    def room(self, charge: Charge, slot: int) -> int:
        asked = set(charge.names)
        over = len(self._seen) + sum(name not in self._seen for name in asked) - charge.limit
        for name, seen in self._seen.items():
            if over <= 0:
                break
            if name not in asked:  # those it needs anyway make no room
                over -= 1
                slot = max(slot, seen + SPAN)
        return slot

    def book(self, charge: Charge, slot: int) -> None:
        for name in charge.names:
            self._seen.pop(name, None)
            self._seen[name] = slot

    def dump(self) -> list[Any]:
        by: dict[int, list[str]] = {}
        for name, seen in self._seen.items():
            by.setdefault(seen, []).append(name)
        return list(by.items())


_Key = tuple[str, float, bool]  # key, window, whether names are counted


class Quotas:
    def __init__(self, keys: int = KEYS, cells: int = CELLS) -> None:
        self._most_keys = keys
        self._most_cells = cells
        self._used: dict[_Key, _Sum | _Names] = {}  # in the order of their last use
        self._cells = 0
        self._latest = -math.inf  # our own time, which does not go back
        self._shift = 0.0  # our own time less the clock's

    def __len__(self) -> int:
        return len(self._used)

    def spend(self, charges: Sequence[Charge], now: float, *, force: bool = False) -> Spent | None:
        """See `interface.Limits.spend`."""
        charges = [each for each in charges if each.amount or each.names]
        never = next((each for each in charges if too_much(each)), None)
        if never is not None:
            return Spent(never, self.used(never), math.inf)
        now = self._time(now)
        slots = [self._turn(each, now) for each in charges]
        short, at = None, now
        for each, slot in zip(charges, slots, strict=True):
            if slot > _slot(now, each.window) and (turn := _begin(slot, each.window)) > at:
                short, at = each, turn
        spent = None
        if short is not None:
            too_far = at > now + AHEAD
            spent = Spent(short, self.used(short), math.inf if too_far else at - self._shift)
            if too_far or not force:
                return spent
        for each, slot in zip(charges, slots, strict=True):
            self._book(each, slot)
        return spent

    def count(self, charges: Iterable[Charge], now: float) -> None:
        """What was used already, whether there was room or not: book it for now."""
        now = self._time(now)
        for each in charges:
            if each.amount or each.names:
                counted = self._used.get(_key(each))
                slot = _slot(now, each.window)
                self._book(each, max(slot, counted.last or slot) if counted else slot)

    def used(self, charge: Charge) -> int:
        """How much of this quota is used, what is booked for later included."""
        counted = self._used.get(_key(charge))
        return counted.used if counted else 0

    def expire(self, now: float) -> None:
        """Forget every key whose window holds nothing any more. Call once a minute or so."""
        now = self._time(now)
        for key, counted in list(self._used.items()):
            self._shrink(counted, _slot(now, key[1]))
            if not counted:
                del self._used[key]

    def step(self, seconds: float) -> None:
        """The clock was set by so much: nothing in the book is older or younger for it."""
        self._shift -= seconds

    def dump(self, now: float) -> dict[str, Any]:
        """Everything, for `load`: in our own time, with what the clock said to it."""
        self.expire(now)
        keys = [[*key, counted.dump()] for key, counted in self._used.items()]
        return {"clock": now, "time": self._latest, "keys": keys}

    def load(self, book: dict[str, Any], now: float) -> None:
        """Take what `dump` gave, in place of what there was. Raises ValueError, TypeError or KeyError."""
        clock, time = float(book["clock"]), float(book["time"])
        used: dict[_Key, _Sum | _Names] = {}
        for key, window, names, cells in book["keys"]:
            if not float(window) > 0:
                raise ValueError(f"a window of {window!r} seconds")
            used[str(key), float(window), bool(names)] = _Names(cells) if names else _Sum(cells)
        self._used = used
        self._cells = sum(map(len, used.values()))
        self._shift, self._latest = time - clock, time
        self.expire(now)
        self._bound()

    def _time(self, now: float) -> float:
        if now + self._shift < self._latest:
            self._shift = self._latest - now
        self._latest = now + self._shift
        return self._latest

    def _turn(self, charge: Charge, now: float) -> int:
        """The first part in which the charge has room, behind all that are booked."""
        slot = _slot(now, charge.window)
        counted = self._used.get(_key(charge))
        if counted is None:
            return slot
        self._shrink(counted, slot)
        return counted.room(charge, max(slot, counted.last or slot))

    def _book(self, charge: Charge, slot: int) -> None:
        key = _key(charge)
        counted = self._used.pop(key, None)
        if counted is None:
            counted = _Names() if charge.names else _Sum()
        before = len(counted)
        counted.book(charge, slot)
        self._cells += len(counted) - before
        self._used[key] = counted
        self._bound()

    def _shrink(self, counted: _Sum | _Names, slot: int) -> None:
        before = len(counted)
        counted.expire(slot)
        self._cells -= before - len(counted)

    def _bound(self) -> None:
        while len(self._used) > 1 and (len(self._used) > self._most_keys or self._cells > self._most_cells):
            self._cells -= len(self._used.pop(next(iter(self._used))))


def too_much(charge: Charge) -> bool:
    """Whether it is over the limit by itself."""
    return (len(set(charge.names)) if charge.names else charge.amount) > charge.limit


def _key(charge: Charge) -> _Key:
    return charge.key, charge.window, bool(charge.names)


def _slot(at: float, window: float) -> int:
    return math.floor(at * SLOTS / window)


def _begin(slot: int, window: float) -> float:
    """A thousandth of the part after its begin, so that the same time is never rounded into the part before."""
    return (slot + 0.001) * window / SLOTS
