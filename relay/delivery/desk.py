"""What sites and their carriers ask of the agent, and the tools they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from relay.config import Delivery
from relay.delivery.pool import Pool
from relay.delivery.settle import Verdict
from relay.limits.cargo import Cargo
from relay.limits.interface import Limits
from relay.model.clock import Clock
from relay.model.message import Due

CARGO = 256 << 20  # octets of contents in attempts at once


class Desk(Protocol):
    """Where contents come from and verdicts go."""

    def content(self, due: Due) -> Awaitable[bytes]:
        """Raises NotFound, StoreDown."""

    def decide(self, verdicts: Iterable[Verdict]) -> None:
        """Write these down."""

    def put_back(self, dues: Iterable[Due], delay: float = 0.0) -> None:
        """Return recipients to the queue, due after so many seconds."""

    def crowded(self, shard: int) -> bool:
        """Whether `room` would wait."""

    async def room(self, shard: int) -> None:
        """Until outcomes are written down fast enough to send on."""

    def rests(self, gate: str, until: float) -> None:
        """Hand out no mail for this site, as its egress reaches it, before then (may be infinite)."""

    def has_room(self, gate: str) -> None:
        """The site was full, and is about to run dry; hand out more."""

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it, and see it fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What all sites of a process share."""

    delivery: Delivery
    pool: Pool
    limits: Limits
    clock: Clock
    desk: Desk
    return_path: Callable[[Due], str | None]  # what goes on the wire in place of the reverse-path; raises StoreDown
    cargo: Cargo = field(default_factory=lambda: Cargo(CARGO))
