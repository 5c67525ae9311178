"""Memory for ready-made messages that handlers hold while intake works on them: who has none waits.

Why so: intake bounds what it works on, and not what waits for it; and what a handler read is in memory by then.
One for the process, as its memory is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.limits.cargo import Cargo

WORKED_ON = 96 << 20  # octets

_cargo = Cargo(WORKED_ON)


@asynccontextmanager
async def room(octets: int) -> AsyncIterator[None]:
    """Held for the block; it begins once there is room."""
    await _cargo.take(octets)
    try:
        yield
    finally:
        _cargo.give(octets)
