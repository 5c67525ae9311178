"""What a client still sends of a body that nobody wants, before a connection that ends with its answer is closed.

In:  the application's `receive`, and the fields of a request. Out: nothing; some of the rest is read and left.

Why so: a connection that is closed with octets unread is reset, and the answer is lost with it: a client that sends
`Connection: close`, as PHP's streams and Python's urllib do, would see a broken connection where it was told 401 or
413, and try again. Without that field the server reads on by itself. Who waits for `100 Continue` is told without.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

LINGER = 15.0  # seconds


class Inbound:
    """`receive` that knows whether all came."""

    def __init__(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> dict[str, Any]:
        message = await self._receive()
        self._ended = not message.get("more_body", False)
        return message

    async def rest(self, limit: int, seconds: float = LINGER) -> None:
        """Read on, so many octets at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._ended and limit > 0:
                    limit -= len((await self()).get("body", b""))


def is_last(scope: Mapping[str, Any]) -> bool:
    """Whether the connection ends with the answer to this request, and its body comes unasked."""
    fields = {name.lower(): value.lower() for name, value in scope["headers"]}
    if b"expect" in fields:
        return False
    return scope.get("http_version") == "1.0" or b"close" in fields.get(b"connection", b"")
