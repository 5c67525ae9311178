"""Which lanes to claim now, and when to look again. Pure: time comes in as an argument.

In:  lanes (one domain's mail of one account and priority, in one shard) with the time their earliest recipient is
     due; which domain belongs to which site; which sites are blocked, and until when.
Out: the lanes to claim next, fair among accounts; the time at which there is something to do.

The life of a lane: *waiting* for its time in a heap, *ready*, *out* (given to the caller, who answers with
`claimed`), and back. A ready lane of a blocked site stays where it is and costs nothing until the block ends; nobody
else waits for it.

Accounts take turns, whatever their priorities; a tenant counts as an account of its own (`Message.share`), since
only who was granted a tenant can name it. Within an account the ready lanes of the highest priority go first, and
the order is strict: the lower ones wait while there is something higher that is not blocked. Nobody's mail but the
account's own can hold it up so, and every lane's mail has its deadline.

The caller asks for as many lanes as it has room for, best one by one: it claims, starts the delivery, blocks
a site that has no connection left (`until` may be infinite), and asks again. `unblock_site` when there is
room again costs a step an account with mail for it, not one a domain.

Why so: memory grows with lanes, never with recipients, and half a million recipients of a paused provider
are a few thousand lanes on one closed gate. Ready lanes stand account -> priority -> gate -> lanes, and every pick
turns the ring of accounts and that account's ring of gates by one: an account with ten thousand domains and one
with a single domain get every other turn each, and one provider's thousand domains hold up nobody behind
them. A *gate* is a site; or a domain, as long as its site is not known. Where an account's mail leaves from an
egress of its own choice, its way to a site is another site here, with a gate of its own; that is remembered for each
of its priorities, since what is urgent often leaves from elsewhere than what is not.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from math import inf

from relay.model.message import Lane
from relay.model.options import NORMAL_PRIORITY

SITES = 100_000  # domains whose site is remembered; one forgotten costs a claim that is given back
_SLACK = 1024  # stale heap entries that are not worth a sweep

_Key = tuple[int, Lane]
_Name = tuple[str, str]  # ("site", its name) or ("domain", its name)
_Share = tuple[str, int]  # account and priority


class _Place(Enum):
    WAITING = auto()
    READY = auto()
    OUT = auto()


@dataclass(slots=True, eq=False)
class _Known:
    shard: int
    lane: Lane
    due: float
    place: _Place = _Place.WAITING
    again: float | None = None  # while out: due time of what was stored meanwhile


@dataclass(slots=True, eq=False)
class _Gate:
    name: _Name
    ready: dict[_Share, deque[_Known]] = field(default_factory=dict)


_Gates = OrderedDict[_Gate, None]


class Scheduler:
    """Keeps count of lanes. Belongs to one event loop; nothing here waits."""

    def __init__(self) -> None:
        self._lanes: dict[_Key, _Known] = {}
        self._heap: list[tuple[float, int, _Known]] = []
        self._numbers = count()
        self._gates: dict[_Name, _Gate] = {}
        self._ring: OrderedDict[str, dict[int, _Gates]] = OrderedDict()  # open gates, by account and priority
        self._sites: OrderedDict[str, str] = OrderedDict()  # by domain
        self._own: OrderedDict[tuple[str, _Share], str] = OrderedDict()  # by domain and share
        self._blocks: dict[_Name, float] = {}
        self._ends: list[tuple[float, _Name]] = []  # heap of block ends, stale ones among them

    def __len__(self) -> int:
        """Lanes known, those that are out included."""
        return len(self._lanes)

    def know(self, shard: int, lane: Lane, due: float) -> None:
        """This lane has queued recipients, the earliest of them due then (unix seconds)."""
        known = self._lanes.get((shard, lane))
        if known is None:
            known = self._lanes[shard, lane] = _Known(shard, lane, due)
            self._wait(known)
        elif known.place is _Place.OUT:
            known.again = due if known.again is None else min(known.again, due)
        elif due < known.due:
            known.due = due
            if known.place is _Place.WAITING:
                self._wait(known)

    def due(self, now: float, limit: int) -> list[tuple[int, Lane]]:
        """At most `limit` lanes to claim from, as (shard, lane); each is out until `claimed` says more."""
        self._end_blocks(now)
        self._ripen(now)
        given: list[tuple[int, Lane]] = []
        while len(given) < limit and self._ring:
            known = self._pick()
            if self._gate_name(known.lane) in self._blocks:
                # Its site was learnt after it became ready.
                self._file(known)
                continue
            known.place = _Place.OUT
            given.append((known.shard, known.lane))
        return given

    def claimed(self, shard: int, lane: Lane, next_due: float | None) -> None:
        """The claim is done: the lane's next recipient is due then; None when it holds no other."""
        known = self._lanes.get((shard, lane))
        if known is None:
            if next_due is not None:
                self.know(shard, lane, next_due)
            return
        times = [each for each in (next_due, known.again) if each is not None]
        if known.place is not _Place.OUT:
            if next_due is not None:
                self.know(shard, lane, next_due)
        elif times:
            known.due, known.again = min(times), None
            self._wait(known)
        else:
            del self._lanes[shard, lane]

    def belongs(self, domain: str, site: str, share: _Share = ("", NORMAL_PRIORITY), *, own: bool = False) -> None:
        """Mail for this domain goes to this site; its lanes are held up with the site's from now on.

        `own`: that is so for this account's mail of this priority, whatever others' does. Where it goes several ways,
        it waits for the one that is blocked: a lane is claimed whole, and what cannot go would be claimed again and
        again.
        """
        key = (domain, share)
        if not own and key not in self._own:
            self._sites[domain] = site
            self._sites.move_to_end(domain)
            if len(self._sites) > SITES:
                self._sites.popitem(last=False)
            return
        before = self._own.get(key)
        if before is None or ("site", before) not in self._blocks:
            self._own[key] = site
        self._own.move_to_end(key)
        if len(self._own) > SITES:
            self._own.popitem(last=False)

    def block_site(self, site: str, until: float) -> None:
        """Give out no lane of this site before `until` (may be infinite). Replaces an earlier block."""
        self._block(("site", site), until)

    def unblock_site(self, site: str) -> None:
        self._unblock(("site", site))

    def next_time(self) -> float | None:
        """When `due` may give something: in the past if it would now, None if nothing is on its way.

        A block that ends counts, also when nobody waits behind it.
        """
        if self._ring:
            return 0.0
        while self._heap and not _live(self._heap[0]):
            heapq.heappop(self._heap)
        while self._ends and self._blocks.get(self._ends[0][1]) != self._ends[0][0]:
            heapq.heappop(self._ends)
        times = [heap[0][0] for heap in (self._heap, self._ends) if heap]
        return min(times, default=None)

    def _wait(self, known: _Known) -> None:
        known.place = _Place.WAITING
        heapq.heappush(self._heap, (known.due, next(self._numbers), known))
        if len(self._heap) > 2 * len(self._lanes) + _SLACK:
            waiting = (each for each in self._lanes.values() if each.place is _Place.WAITING)
            self._heap = [(each.due, next(self._numbers), each) for each in waiting]
            heapq.heapify(self._heap)

    def _ripen(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if _live(entry):
                entry[2].place = _Place.READY
                self._file(entry[2])

    def _gate_name(self, lane: Lane) -> _Name:
        site = self._own.get((lane.domain, (lane.account, lane.priority))) if self._own else None
        if site is None:
            site = self._sites.get(lane.domain)
        return ("domain", lane.domain) if site is None else ("site", site)

    def _file(self, known: _Known) -> None:
        """Put a ready lane behind its gate."""
        name = self._gate_name(known.lane)
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = _Gate(name)
        share = (known.lane.account, known.lane.priority)
        gate.ready.setdefault(share, deque()).append(known)
        if name not in self._blocks:
            self._open(gate, share)

    def _pick(self) -> _Known:
        """Take the next lane off the ring, and turn the ring."""
        account, levels = next(iter(self._ring.items()))
        priority = max(levels)
        gates = levels[priority]
        gate = next(iter(gates))
        lanes = gate.ready[account, priority]
        known = lanes.popleft()
        if lanes:
            gates.move_to_end(gate)
        else:
            self._shut(gate, (account, priority))
            del gate.ready[account, priority]
            if not gate.ready:
                del self._gates[gate.name]
        if account in self._ring:
            self._ring.move_to_end(account)
        return known

    def _open(self, gate: _Gate, share: _Share) -> None:
        account, priority = share
        levels = self._ring.get(account)
        if levels is None:
            levels = self._ring[account] = {}
        levels.setdefault(priority, OrderedDict())[gate] = None

    def _shut(self, gate: _Gate, share: _Share) -> None:
        account, priority = share
        levels = self._ring[account]
        del levels[priority][gate]
        if not levels[priority]:
            del levels[priority]
            if not levels:
                del self._ring[account]

    def _block(self, name: _Name, until: float) -> None:
        if name not in self._blocks and name in self._gates:
            for share in self._gates[name].ready:
                self._shut(self._gates[name], share)
        self._blocks[name] = until
        if until == inf:
            return
        heapq.heappush(self._ends, (until, name))
        if len(self._ends) > 2 * len(self._blocks) + _SLACK:
            self._ends = [(end, each) for each, end in self._blocks.items() if end != inf]
            heapq.heapify(self._ends)

    def _unblock(self, name: _Name) -> None:
        if self._blocks.pop(name, None) is None:
            return
        if (gate := self._gates.get(name)) is None:
            return
        for share in gate.ready:
            self._open(gate, share)

    def _end_blocks(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            end, name = heapq.heappop(self._ends)
            if self._blocks.get(name) == end:
                self._unblock(name)


def _live(entry: tuple[float, int, _Known]) -> bool:
    due, _, known = entry
    return known.place is _Place.WAITING and known.due == due
