"""Limits as a worker sees them, leased from the broker over a Unix socket.

In:  what delivery and submission ask (`interface.Limits`).
Out: answers from memory wherever possible: places are leased in small batches, and a place given back stays
     with us for its next use; what lay idle for a whole second goes back to the broker.

When the broker does not answer within `timeout` seconds, leases are granted from our share of the limit
(`ledger.share`) until it speaks again; places granted meanwhile are ours alone and not told to it. A grant
that comes late is put with the idle ones, and so returned. Quotas are counted by ourselves meanwhile
(`spending.Alone`), and what was spent is told to the broker afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay.limits.interface import GUESSES, Charge, Kind, Limits, Mark, Place, Spent
from relay.limits.ledger import Marks, Strikes, share, told
from relay.limits.spending import Alone, written
from relay.model.clock import Clock

logger = logging.getLogger("relay.limits")

BATCH = 8  # places asked for at once, at most
UNSENT = 1 << 20  # octets the broker may leave unread before we count it as silent
KEY = 512  # characters of a key as the broker sees it; longer ones (the site of many hosts) are digested
WHY = 500  # characters of a mark's reason
LINE = 64 << 10


@dataclass(slots=True)
class _Held:
    used: int = 0  # leased from the broker, in use
    idle: int = 0  # leased, not in use
    least: int = 0  # fewest idle since the last round: these nobody needed
    loose: int = 0  # in use, granted by ourselves while the broker was silent
    asked: int = 0  # questions under way

    def take(self) -> None:
        """Use one of the idle ones."""
        self.idle -= 1
        self.least = min(self.least, self.idle)
        self.used += 1


class BrokerLimits(Limits):
    def __init__(self, sock: socket.socket, workers: int, clock: Clock, *, timeout: float = 0.5) -> None:
        """`workers`: how many processes share the limits, for the time without a broker."""
        self._sock = sock
        self._workers = max(1, workers)
        self._clock = clock
        self._timeout = timeout
        self._held: dict[tuple[Place, str], _Held] = {}
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._alone = Alone(self._workers, clock)
        self._number = 0
        self._marks = Marks()
        self._strikes = Strikes()  # only while the broker is silent
        self._silent = True  # until start()
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def start(self) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._sock, limit=LINE)
        self._silent = False

    async def run(self, *, round_seconds: float = 1.0) -> None:
        """Listen to the broker and return idle places, until cancelled. Losing the broker does not end it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._return_idle(round_seconds))

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def spend(self, charges: Sequence[Charge], *, force: bool = False) -> Spent | None:
        if not charges:
            return None
        self._number = number = self._number + 1
        if not self._silent:
            answer = await self._question(number, ["spend", number, force, *written(charges)])
            if answer is not None:
                index, used, until = answer
                return Spent(charges[index], used, until) if index >= 0 else None
        return self._alone.spend(charges, force=force, number=number)

    async def lease(self, place: Place, key: str, limit: int) -> bool:
        key = _short(key)
        held = self._held.setdefault((place, key), _Held())
        # A grant may be taken by another task before we run again; then ask once more.
        while not held.idle and not self._silent and await self._ask(held, place, key, limit):
            pass
        if held.idle:
            held.take()
            return True
        if self._silent and held.used + held.loose < self._strikes.left(place, key, share(limit, self._workers)):
            held.loose += 1
            # It may have been dropped from the table while we asked and nobody used it.
            self._held[place, key] = held
            return True
        self._tidy(place, key)
        return False

    def at_hand(self, place: Place, key: str) -> bool:
        held = self._held.get((place, _short(key)))
        if held is None or not held.idle:
            return False
        held.take()
        return True

    def give_back(self, place: Place, key: str) -> None:
        key = _short(key)
        held = self._held.get((place, key))
        if held is None:
            return
        if held.loose:
            held.loose -= 1
        elif held.used:
            held.used -= 1
            held.idle += 1
            if place in GUESSES:  # what a strike has taken must not be used again from our stock
                self._hand_in(place, key, everything=True)
        self._tidy(place, key)

    def mark(self, mark: Mark) -> None:
        mark = Mark(mark.kind, _short(mark.key), mark.until, mark.why[:WHY])
        self._marks.put(mark, self._clock())
        self._send(["mark", mark.kind.value, mark.key, mark.until, mark.why])

    def unmark(self, kind: Kind, key: str) -> None:
        self._marks.remove(kind, _short(key))
        self._send(["unmark", kind.value, _short(key)])

    def marked(self, kind: Kind, key: str) -> Mark | None:
        return self._marks.get(kind, _short(key), self._clock())

    def strike(self, kind: Kind, key: str, *, limit: int, window: float, rest: float, why: str) -> None:
        key, why = _short(key), why[:WHY]
        if not self._silent and self._send(["strike", kind.value, key, limit, window, rest, why]):
            return
        now = self._clock()
        mark = self._strikes.strike(kind, key, limit=limit, window=window, rest=rest, why=why, now=now)
        if mark is not None:
            logger.warning("%s", told(mark))
            self._marks.put(mark, now)

    async def _ask(self, held: _Held, place: Place, key: str, limit: int) -> int:
        # Ask for company only when nobody else is asking, and never for so much that the others starve.
        batch = 1 if held.asked or place in GUESSES else max(1, min(BATCH, limit // (4 * self._workers)))
        self._number = number = self._number + 1
        held.asked += 1
        try:
            return await self._question(number, ["lease", number, place.value, key, limit, batch]) or 0
        finally:
            held.asked -= 1

    async def _question(self, number: int, words: list[Any]) -> Any:
        """What the broker answers; None when it does not, and then we are on our own."""
        if not self._send(words):
            self._lost_touch("does not read")
            return None
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(self._timeout):
                return await answer
        except TimeoutError:
            self._lost_touch(f"did not answer within {self._timeout:g} s")
            return None
        finally:
            self._waiting.pop(number, None)

    def _lost_touch(self, how: str) -> None:
        if not self._silent:
            self._silent = True
            logger.warning("the broker of limits %s; this worker keeps to its share of them", how)

    def _send(self, words: list[Any]) -> bool:
        if self._writer is None or self._writer.is_closing():
            return False
        if self._writer.transport.get_write_buffer_size() > UNSENT:
            return False
        self._writer.write(json.dumps(words).encode() + b"\n")
        return True

    async def _listen(self) -> None:
        assert self._reader is not None, "start() comes first"
        while line := await self._reader.readline():
            self._heard(json.loads(line))
        self._lost_touch("is gone")
        self._sock_gone()

    def _sock_gone(self) -> None:
        if self._writer is not None:
            self._writer.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)
        # What we leased is nobody's book any more: it counts as granted by ourselves.
        for held in self._held.values():
            held.loose += held.used
            held.used = held.idle = held.least = 0

    def _heard(self, words: list[Any]) -> None:
        if self._silent:
            self._silent = False
            logger.warning("the broker of limits answers again")
        match words:
            case ["leased", number, place, key, granted]:
                self._granted(number, Place(place), key, granted)
            case ["spent", number, *answer]:
                self._alone.settled(number)
                self._answered(number, answer)
            case ["pong"]:
                # All we asked before is answered: what is still owed, the broker does not know.
                self._alone.pay(lambda charges: self._send(["count", *written(charges)]))
            case ["recall", place, key]:
                self._hand_in(Place(place), key, everything=True)
            case ["mark", kind, key, until, why]:
                self._marks.put(Mark(Kind(kind), key, until, why), self._clock())
            case ["unmark", kind, key]:
                self._marks.remove(Kind(kind), key)
            case ["reset"]:
                self._marks.clear()

    def _granted(self, number: int, place: Place, key: str, granted: int) -> None:
        if granted:
            self._held.setdefault((place, key), _Held()).idle += granted
        self._answered(number, granted)

    def _answered(self, number: int, what: Any) -> None:
        answer = self._waiting.pop(number, None)
        if answer is not None and not answer.done():
            answer.set_result(what)

    async def _return_idle(self, round_seconds: float) -> None:
        while True:
            await asyncio.sleep(round_seconds)
            if self._silent or self._alone.owes:
                self._send(["ping"])
            for place, key in list(self._held):
                self._hand_in(place, key, everything=False)

    def _hand_in(self, place: Place, key: str, *, everything: bool) -> None:
        held = self._held.get((place, key))
        if held is None:
            return
        count = held.idle if everything else held.least
        if count and self._send(["return", place.value, key, count]):
            held.idle -= count
        held.least = held.idle
        self._tidy(place, key)

    def _tidy(self, place: Place, key: str) -> None:
        held = self._held.get((place, key))
        if held is not None and not (held.used or held.idle or held.loose or held.asked):
            del self._held[place, key]


def _short(key: str) -> str:
    if len(key) <= KEY:
        return key
    return f"{key[:64]}...{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
