"""The file in which the broker keeps the book of quotas from one start to the next.

In:  the book (`quotas.Quotas`) and the time.
Out: `quotas.json` in the data directory, written every few seconds when something was spent.

A crash forgets what was spent since the last writing. A file that makes no sense is told of and begun anew:
quotas that are counted from nothing are better than a relay that does not start.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from relay.limits.quotas import Quotas
from relay.model.clock import Clock

logger = logging.getLogger("relay.limits")

EVERY = 3.0  # seconds between two writings
SHARE = 50  # and at least this many times as long as the last one took
EXPIRE = 60.0


class Book:
    def __init__(self, quotas: Quotas, path: Path | None, clock: Clock) -> None:
        """`path` is None: nothing is kept."""
        self._quotas = quotas
        self._path = path
        self._clock = clock
        self._changed = False
        self._write_at = 0.0
        self._expire_at = 0.0
        if path is not None:
            _read(path, quotas, clock())

    def touch(self) -> None:
        self._changed = True

    def tick(self) -> None:
        """Call about once a second."""
        now = time.monotonic()
        if now >= self._expire_at:
            self._expire_at = now + EXPIRE
            self._quotas.expire(self._clock())
        if self._changed and now >= self._write_at:
            self.write()

    def write(self) -> None:
        """Write it now, if it changed."""
        if self._path is None or not self._changed:
            return
        self._changed = False
        began = time.monotonic()
        fresh = self._path.with_suffix(".new")
        try:
            fresh.touch(0o600)
            fresh.write_text(json.dumps(self._quotas.dump(self._clock()), separators=(",", ":")))
            fresh.replace(self._path)
        except OSError as error:  # the book is also in memory; a full disk must not stop the keeper
            logger.warning("cannot write %s: %s", self._path, error)
        took = time.monotonic() - began
        self._write_at = began + max(EVERY, SHARE * took)


def _read(path: Path, quotas: Quotas, now: float) -> None:
    try:
        quotas.load(json.loads(path.read_text()), now)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError, KeyError) as error:
        logger.warning("%s cannot be read, so all quotas are counted anew: %r", path, error)
