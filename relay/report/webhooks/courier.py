"""The courier: sends what is due for one webhook, as long as there is any.

In:  rows of the outbox, a few at a time; answers of the receiver.
Out: for each row whether it has gone, is tried again, or is given up; and what is known of the endpoint.

Why so: one courier a webhook, each with its own bound of requests under way, and none of them holds more than it is
sending: a receiver that answers late or never keeps nobody waiting but its own events. What waits in the outbox
behind an unsent event of the same recipient is not due, so that requests may go side by side.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from relay.http.client import Client, Failed
from relay.model.account import DkimKey
from relay.model.clock import Clock
from relay.model.webhook import Webhook
from relay.report.webhooks import schedule
from relay.report.webhooks.outbox import Answer, Settled, Waiting
from relay.report.webhooks.payload import Told, body_of, event_id, unpack, wants_mime
from relay.report.webhooks.request import request
from relay.report.webhooks.schedule import Endpoint

logger = logging.getLogger("relay.webhooks")

BATCH = 500  # events in one request of a webhook that takes many
BATCH_OCTETS = 1 << 20  # of their rows
GATHER = 1.0  # seconds that a batch which is not full waits for more
LOOK_AGAIN = 0.5  # seconds between looks for new work while requests are under way
TEXT = 200  # characters of an answer that the log keeps


class Desk(Protocol):
    """What is asked of the outbox; see there."""

    async def endpoint(self, hook: str) -> Endpoint: ...
    async def next(self, hook: str) -> float | None: ...
    async def due(self, hook: str, now: float, limit: int) -> list[Waiting]: ...
    async def settle(
        self,
        hook: str,
        settled: Sequence[Settled],
        answer: Answer,
        endpoint: Endpoint,
        now: float,
        recovered: bool,
    ) -> None: ...

    async def original(self, submission: str) -> str | None:
        """Content of a submission as text; None where it is not at hand any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What couriers share."""

    client: Client
    desk: Desk
    clock: Clock
    random: Random
    nonce: Callable[[], str]
    disable: Callable[[Webhook, str], Awaitable[None]]
    timeout: float
    at_once: int


@dataclass(frozen=True, slots=True)
class _Heard:
    status: int
    text: str
    retry_after: float | None = None


class Courier:
    def __init__(self, hook: Webhook, key: DkimKey | None, means: Means) -> None:
        self.hook = hook  # replaced when it is changed
        self.key = key
        self.stopping = False  # begin nothing more
        self._means = means
        self._endpoint = Endpoint()
        self._flying: dict[asyncio.Task[None], list[Waiting]] = {}

    async def turn(self) -> float | None:
        """Send what is due, and what becomes so meanwhile. When to come again; None: nothing waits.

        Raises StoreFull, StoreDown.
        """
        means = self._means
        self._endpoint = await means.desk.endpoint(self.hook.id)
        try:
            while True:
                await self._begin()
                if not self._flying:
                    due = await means.desk.next(self.hook.id)
                    return None if due is None else max(due, self._endpoint.paused_until, self._gathered(due))
                done, _ = await asyncio.wait(self._flying, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    del self._flying[each]
                    each.result()
        finally:
            for each in self._flying:
                each.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)
            self._flying.clear()

    def _gathered(self, due: float) -> float:
        return due + GATHER if self.hook.batched else due

    async def _begin(self) -> None:
        """Start as many requests as may be under way."""
        now = self._means.clock()
        places = (1 if self._endpoint.away else self._means.at_once) - len(self._flying)
        if places <= 0 or self.stopping or not self.hook.ready or self._endpoint.paused_until > now:
            return
        size = BATCH if self.hook.batched else 1
        flying = {row.id for rows in self._flying.values() for row in rows}
        # The oldest first, so what is under way is among the first.
        found = await self._means.desk.due(self.hook.id, now, len(flying) + places * size)
        rows = [row for row in found if row.id not in flying]
        for _ in range(places):
            batch = _take(rows, size)
            if not batch or (self.hook.batched and not self._full(batch, rows, now)):
                return
            task = asyncio.create_task(self._deliver(batch), name=f"webhook {self.hook.id}")
            self._flying[task] = batch

    def _full(self, batch: list[Waiting], rest: list[Waiting], now: float) -> bool:
        return bool(rest) or len(batch) >= BATCH or now - min(row.came for row in batch) >= GATHER

    async def _deliver(self, rows: list[Waiting]) -> None:
        """One request, and what it comes to."""
        told = [unpack(row.event, row.kind, row.data) for row in rows]
        started, at = time.monotonic(), self._means.clock()
        heard = await self._ask(told)
        now = self._means.clock()
        answer = Answer(
            at=at,
            events=len(rows),
            event=event_id(told[0]),
            attempt=rows[0].attempts + 1,
            status=heard.status,
            text=heard.text[:TEXT],
            seconds=round(time.monotonic() - started, 3),
        )
        was = self._endpoint
        if 200 <= heard.status < 300:
            self._endpoint = schedule.succeeded(was, now)
            settled = [Settled(row=row) for row in rows]
        else:
            self._endpoint = schedule.failed(was, heard.status, heard.retry_after, now, self._means.random)
            settled = [self._again(row, heard, now) for row in rows]
        recovered = was.away and not self._endpoint.failures
        await self._means.desk.settle(self.hook.id, settled, answer, self._endpoint, now, recovered)
        if heard.status == schedule.GONE:
            await self._disable("the receiver answered 410 Gone")
        elif schedule.hopeless(self._endpoint, now):
            days = schedule.DISABLE_AFTER / 86_400
            await self._disable(f"nothing but failures for {days:g} days; the last: {heard.text[:TEXT]}")

    def _again(self, row: Waiting, heard: _Heard, now: float) -> Settled:
        if heard.status == schedule.GONE:
            return Settled(row=row, dead=heard.text)
        again = schedule.next_attempt(row.attempts + 1, now, self._means.random)
        if again is None:
            return Settled(row=row, dead=f"{heard.text} (attempt {row.attempts + 1}, the last one)")
        return Settled(row=row, again=again)

    async def _ask(self, told: Sequence[Told]) -> _Heard:
        means = self._means
        try:
            bodies: list[dict[str, Any]] = []
            for each in told:
                mime = await means.desk.original(wanted) if (wanted := wants_mime(each)) else None
                bodies.append(body_of(each, mime))
            idents = [event_id(each) for each in told]
            asked = request(self.hook, bodies, idents, key=self.key, now=means.clock(), nonce=means.nonce())
            response = await means.client.post(
                self.hook.url, headers=asked.headers, body=asked.body, timeout=means.timeout
            )
        except Failed as error:
            return _Heard(0, error.text)
        except ValueError as error:
            return _Heard(0, f"nothing was sent: {error}")
        wait = response.headers.get("Retry-After")
        retry_after = None if wait is None else schedule.seconds_asked(wait, means.clock())
        return _Heard(response.status, f"{response.status} {_line(response.body)}".strip(), retry_after)

    async def _disable(self, reason: str) -> None:
        if not self.hook.disabled:
            await self._means.disable(self.hook, reason)
        self.stopping = True


def _take(rows: list[Waiting], size: int) -> list[Waiting]:
    """The first rows, which leave the list: so many, or fewer where they are long."""
    octets = count = 0
    for row in rows[:size]:
        octets += len(row.data)
        if count and octets > BATCH_OCTETS:
            break
        count += 1
    taken = rows[:count]
    del rows[:count]
    return taken


def _line(body: bytes) -> str:
    """The first line of an answer, for people."""
    first = body.decode("utf-8", "replace").strip().split("\n", 1)[0]
    return "".join(each if each.isprintable() else " " for each in first)[:TEXT]
