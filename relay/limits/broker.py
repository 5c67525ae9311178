"""The broker: leases places to the processes of this machine and passes marks on.

In:  lines of its clients (`client.py`), read when the owner's selector says so.
Out: grants to the one that asked, marks to all, each within the same turn of the loop.

It lives in the supervisor: synchronous, no thread, no disk on the way of an answer. Lines are JSON lists:

    client: ["lease", number, place, key, limit, want]    broker: ["leased", number, place, key, granted]
            ["return", place, key, count]                         ["recall", place, key]
            ["mark", kind, key, until, why]                       ["mark", kind, key, until, why]
            ["unmark", kind, key]                                 ["unmark", kind, key]
            ["strike", kind, key, limit, window, rest, why]       ["reset"]  (forget all marks; the list follows)
            ["spend", number, force, charges, names]              ["spent", number, index or -1, used, until]
            ["count", charges, names]
            ["ping"]                                              ["pong"]

`spent` names the charge without room, and -1 where all had room; `count` is what was spent while we were silent.

Why so: a lease that cannot be granted is answered with 0 at once and the other holders are asked to return
what they keep idle (`recall`); the one that asked tries again when it likes. A queue of waiters here would
have to know who still wants the place, and a refused place costs its asker only a moment.

A clock that is set is seen by a second one that nobody sets: a ban of a quarter of an hour lasts that long, though
the clock goes back by a day. Where the machine slept, both went on.
"""

from __future__ import annotations

import json
import logging
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.limits.book import Book
from relay.limits.interface import Kind, Mark, Place
from relay.limits.ledger import Marks, Places, Strikes, told
from relay.limits.link import Link
from relay.limits.quotas import Quotas
from relay.limits.spending import read
from relay.model.clock import Clock

logger = logging.getLogger("relay.limits")

SAVED = "limits.json"  # in the data directory: the marks in force
STEP = 5.0  # seconds
QUOTAS = "quotas.json"  # beside it: what was used of the quotas


@dataclass(slots=True)
class _Client:
    link: Link
    behind: bool = False  # missed a mark because it did not read; gets all of them once it does


class Broker:
    def __init__(
        self,
        selector: selectors.BaseSelector,
        clock: Clock,
        saved: Path | None = None,
        steady: Clock = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        """`steady`: seconds of a clock that is never set.

        `saved`: where the marks in force are written by `tick`, and read from at start; the quotas beside it.
        """
        self._selector = selector
        self._clock = clock
        self._steady = steady
        self._offset = clock() - steady()
        self._saved = saved
        self._changed = False
        self._clients: dict[str, _Client] = {}
        self._places: Places[str] = Places()
        self._strikes = Strikes()
        self._marks = Marks()
        self._quotas = Quotas()
        self._book = Book(self._quotas, saved.with_name(QUOTAS) if saved else None, clock)
        self._acts: dict[str, Callable[..., None]] = {
            "lease": self._lease,
            "return": self._return,
            "mark": self._mark,
            "unmark": self._unmark,
            "strike": self._strike,
            "spend": self._spend,
            "count": self._count,
            "ping": lambda who: self._send(who, ["pong"]),
        }
        if saved is not None:
            for mark in read_marks(saved, clock()):
                self._marks.put(mark, clock())

    def connect(self, who: str) -> socket.socket:
        """A new client; returns its end of the connection. An earlier one of that name has gone."""
        self.disconnect(who)
        ours, theirs = socket.socketpair()
        link = Link(
            ours,
            self._selector,
            lambda line: self._received(who, line),
            lambda: self.disconnect(who),
            lambda: self._drained(who),
        )
        self._clients[who] = _Client(link)
        self._replay(who)
        return theirs

    def disconnect(self, who: str) -> None:
        """The client is gone: its places are free again."""
        client = self._clients.pop(who, None)
        if client is not None:
            client.link.close()
            self._places.depart(who)

    def tick(self) -> None:
        """Call about once a second: writes marks and quotas to their files, if they changed."""
        self._look_at_clock()
        self._book.tick()
        if self._saved is None or not self._changed:
            return
        self._changed = False
        marks = [_words(each) for each in self._marks.all(self._clock())]
        fresh = self._saved.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(marks))
            fresh.chmod(0o600)
            fresh.replace(self._saved)
        except OSError as error:  # the marks are also in memory; a full disk must not stop the keeper
            logger.warning("cannot write %s: %s", self._saved, error)

    def end(self) -> None:
        """Before the end: write what was not written yet."""
        self.tick()
        self._book.write()

    def forget(self) -> None:
        """For a forked child: close its copies of the sockets."""
        for client in self._clients.values():
            client.link.forget()

    def held(self, place: Place, key: str) -> int:
        return self._places.held(place, key)

    def _received(self, who: str, line: bytes) -> None:
        try:
            act, *arguments = json.loads(line)
            self._acts[act](who, *arguments)
        except (ValueError, LookupError, TypeError) as error:
            logger.error("%s sent the broker what it does not understand (%r); cut off", who, error)
            self.disconnect(who)

    def _lease(self, who: str, number: int, place: str, key: str, limit: int, want: int) -> None:
        limit = self._strikes.left(Place(place), key, limit)
        granted = self._places.lease(who, Place(place), key, limit, want)
        self._send(who, ["leased", number, place, key, granted], beyond_bound=True)
        if not granted:
            for other in self._places.holders(Place(place), key):
                if other != who:
                    self._send(other, ["recall", place, key])

    def _return(self, who: str, place: str, key: str, count: int) -> None:
        self._places.give_back(who, Place(place), key, count)

    def _look_at_clock(self) -> None:
        """Take notice where the clock was set; a slow correction is none."""
        offset = self._clock() - self._steady()
        seconds, self._offset = offset - self._offset, offset
        if abs(seconds) < STEP:
            return
        logger.warning("the clock was set by %+.0f s; pauses, bans and quotas last as long as they were to", seconds)
        for each in (self._marks, self._strikes, self._quotas):
            each.step(seconds)
        self._changed = True
        self._book.touch()
        for who in list(self._clients):
            self._replay(who)

    def _spend(self, who: str, number: int, force: bool, rows: list[Any], names: list[Any]) -> None:
        self._look_at_clock()
        charges = read(rows, names)
        spent = self._quotas.spend(charges, self._clock(), force=force)
        self._book.touch()
        answer = [-1, 0, 0] if spent is None else [charges.index(spent.charge), spent.used, spent.until]
        self._send(who, ["spent", number, *answer], beyond_bound=True)

    def _count(self, _who: str, rows: list[Any], names: list[Any]) -> None:
        self._quotas.count(read(rows, names), self._clock())
        self._book.touch()

    def _mark(self, who: str, kind: str, key: str, until: float, why: str) -> None:
        self._marked(Mark(Kind(kind), key, until, why), but=who)

    def _unmark(self, who: str, kind: str, key: str) -> None:
        self._marks.remove(Kind(kind), key)
        self._changed = True
        self._tell(["unmark", kind, key], but=who)

    def _strike(self, _who: str, kind: str, key: str, limit: int, window: float, rest: float, why: str) -> None:
        self._look_at_clock()
        mark = self._strikes.strike(
            Kind(kind), key, limit=limit, window=window, rest=rest, why=why, now=self._clock()
        )
        if mark is not None:
            logger.warning("%s", told(mark))
            self._marked(mark, but="")

    def _marked(self, mark: Mark, but: str) -> None:
        self._marks.put(mark, self._clock())
        self._changed = True
        self._tell(["mark", *_words(mark)], but=but)

    def _tell(self, words: Sequence[Any], but: str) -> None:
        for who in list(self._clients):
            if who != but:
                self._send(who, words)

    def _send(self, who: str, words: Sequence[Any], *, beyond_bound: bool = False) -> None:
        client = self._clients[who]
        if not client.link.send(json.dumps(words).encode(), beyond_bound=beyond_bound):
            client.behind = True

    def _drained(self, who: str) -> None:
        if who in self._clients and self._clients[who].behind:
            self._replay(who)

    def _replay(self, who: str) -> None:
        client = self._clients[who]
        client.behind = False
        self._send(who, ["reset"], beyond_bound=True)
        for mark in self._marks.all(self._clock()):
            self._send(who, ["mark", *_words(mark)], beyond_bound=True)


def read_marks(path: Path, now: float) -> list[Mark]:
    """The marks in force when the broker last wrote them; none when there is no such file."""
    try:
        given = json.loads(path.read_text())
        marks = [Mark(Kind(kind), str(key), float(until), str(why)) for kind, key, until, why in given]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        logger.warning("%s cannot be read, so no pause or ban is carried over: %s", path, error)
        return []
    return [each for each in marks if each.until > now]


def _words(mark: Mark) -> list[Any]:
    return [mark.kind.value, mark.key, mark.until, mark.why]
