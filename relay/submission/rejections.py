"""Refusals before the content, journalled behind the client's back.

In:  a session, what it wanted, and the reply it hears. Out: events `rejected` in the journal of our shard.

Why so: a client that is refused at MAIL hears so at once, and no write to the disk stands before its reply, nor
can it make us keep more than `WAITING` of them: one task writes what has gathered, all of it together, and what
comes while too many wait is counted and told in the log. The record is best effort; the refusal is not.
"""

from __future__ import annotations

import asyncio
import logging

from relay.model.event import Event, EventName
from relay.model.reply import Reply
from relay.smtp.door import SessionInfo
from relay.store.interface import Queue, StoreDown, StoreFull

WAITING = 1000  # events

log = logging.getLogger("relay.submission")


class Rejections:
    """What one worker refused, on its way into the journal."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waiting: list[Event] = []
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None

    def add(self, event: Event) -> None:
        """Record it soon; returns at once."""
        if len(self._waiting) >= WAITING:
            self._dropped += 1
            return
        self._waiting.append(event)
        if self._task is None:
            self._start()

    async def close(self) -> None:
        """Wait for what is to be written."""
        while self._task is not None:
            await asyncio.wait([self._task])

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._write())
        self._task.add_done_callback(self._written)

    async def _write(self) -> None:
        while self._waiting:
            events, self._waiting = self._waiting, []
            try:
                await self._queue.record(events)
            except (StoreFull, StoreDown) as fault:
                self._dropped += len(events)
                log.warning("%d rejections were not recorded: %s", self._dropped, fault)
                self._dropped = 0
        if self._dropped:
            log.warning("%d rejections were not recorded: too many at once", self._dropped)
            self._dropped = 0

    def _written(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("rejections could not be recorded: %r", fault)
        if self._waiting:  # they came between its last look and its end
            self._start()


def refused_early(session: SessionInfo, reply: Reply, at: float, *, sender: str, recipient: str = "") -> Event:
    """The event of a refusal at MAIL, or at RCPT, where the recipient is known."""
    data = {"from": sender, "to": recipient, "peer": session.peer, "listener": session.listener, "reply": str(reply)}
    return Event(
        name=EventName.REJECTED,
        at=at,
        message="",
        account=session.login.account if session.login else "",
        credential=session.login.credential if session.login else "",
        data={key: value for key, value in data.items() if value or key == "from"},
    )
