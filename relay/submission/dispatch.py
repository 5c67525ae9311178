"""How fresh mail reaches delivery without delivery being known here.

Recipients that delivery has room for are stored as in flight and handed over in memory, so that they never
enter the indexes of what waits; the rest is stored as queued, and delivery is told which lanes have work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from relay.model.message import Due, Lane


class Dispatch(Protocol):
    def reserve(self, count: int) -> bool:
        """Room for `count` recipients in flight? If True, `offer` or `forgo` follows."""

    def forgo(self, count: int) -> None:
        """The reserved recipients will not come: their message was not stored."""

    def offer(self, dues: Sequence[Due]) -> None:
        """These are stored as in flight and now delivery's."""

    def waiting(self, shard: int, lanes: Iterable[Lane], due: float) -> None:
        """Recipients were stored as queued in these lanes, the first of them due then."""
