"""The list of suppressions as an account sees it: its own entries, and those that the operator made for everybody.

In:  the list; whose; which entries.
Out: entries by address, lazily; what an account may take off it or change.

Why so: a complaint stands for good where an account could take it away, since whoever complained is not asked again;
so an account can put one on its list, and only an operator takes it off.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from relay.manage.suppression_files import COMPLAINT, Bad
from relay.manage.wrong import Beyond
from relay.model.suppression import Cause, Suppression
from relay.store.beside import Suppressions

SLICE = 1000  # entries read at once
SCANNED = 100_000  # entries looked at for one page


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; everything given must fit."""

    address: str = ""  # entries that concern it, its domain's too
    cause: str = ""
    stream: str | None = None  # "" are those that hold for every stream
    group: str | None = None

    def fits(self, entry: Suppression) -> bool:
        return (
            (not self.cause or entry.cause.value == self.cause)
            and self.stream in (None, entry.stream)
            and self.group in (None, entry.group)
        )


def every(
    listed: Suppressions, account: str, *, operators: bool, address: str = "", after: str = ""
) -> Iterator[Suppression]:
    """By address, from the one behind `after`."""
    ways = [_of(listed, account, address, after)]
    if operators:
        ways.append(_of(listed, "", address, after))
    return heapq.merge(*ways, key=lambda entry: entry.address)


def page(
    listed: Suppressions, account: str, wanted: Wanted, after: str, limit: int
) -> tuple[list[Suppression], str | None]:
    """At most about `limit` entries, whole addresses; and what the next page is behind, None at the end."""
    found: list[Suppression] = []
    last = after
    entries = every(listed, account, operators=True, address=wanted.address, after=after)
    for seen, entry in enumerate(entries):
        if entry.address != last and (len(found) >= limit or seen >= SCANNED):
            return found, last
        last = entry.address
        if wanted.fits(entry):
            found.append(entry)
    return found, None


def removable(there: Iterable[Suppression]) -> list[Suppression]:
    """Of an account's own entries for an address those it may take off: all. Raises Beyond: a complaint is among
    them."""
    found = list(there)
    if any(each.cause is Cause.COMPLAINT for each in found):
        raise Beyond("cause", COMPLAINT)
    return found


def check_own(entry: Suppression) -> None:
    """Whether an account may put it on its list: no complaint with an end, or it could end one. Raises Beyond."""
    if entry.cause is Cause.COMPLAINT and entry.until is not None:
        raise Beyond("until", COMPLAINT)


@dataclass(slots=True)
class Tally:
    """What an import came to so far."""

    good: int = 0
    new: int = 0
    bad: int = 0
    faults: list[Bad] = field(default_factory=list)  # the first of them

    def taken(self, read: Iterable[Suppression | Bad], shown: int) -> Iterator[Suppression]:
        """The good ones; `shown`: faults that are kept."""
        for each in read:
            if isinstance(each, Suppression):
                self.good += 1
                yield each
                continue
            self.bad += 1
            if len(self.faults) < shown:
                self.faults.append(each)


def _of(listed: Suppressions, account: str, address: str, after: str) -> Iterator[Suppression]:
    while found := listed.listing(account, address, after, SLICE):
        yield from found
        after = found[-1].address
