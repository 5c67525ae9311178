"""One job on its way: content, attempt, and what is left of it, whatever happens.

In:  a job, its route, perhaps a kept connection. Out: the attempt, its verdicts already at the desk; or None if
     none could be made. However it ends, every recipient of the job is decided, put back, or left as `surplus`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Protocol

from relay.delivery.attempt import Attempt
from relay.delivery.desk import Tools
from relay.delivery.patience import Patience
from relay.delivery.ready import Job
from relay.delivery.screen import opening
from relay.delivery.settle import TOO_LATE, Verdict
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.model.route import Route
from relay.smtp.client import Connection
from relay.smtp.letter import Letter, soundness
from relay.store.interface import NotFound, StoreDown

log = logging.getLogger(__name__)
ATTEMPT = 3600.0  # seconds for a whole attempt, whatever its single waits add up to
AGAIN = 60.0  # seconds until mail is tried again that met a fault of ours, or of the store
_LOST_CONTENT = Outcome(Fate.FAILED, Reply(554, "5.3.0", "its content is no longer kept"), Fault.MESSAGE, "content")


class Line(Protocol):
    """Where the jobs of a carrier come from."""

    def follow(self) -> Job | None:
        """A job that may go out next, by the same connection."""

    def unfollow(self, job: Job) -> None:
        """It could not, and waits again, before the others."""


@dataclass(slots=True, eq=False)
class _Load:
    """A job with what it takes to carry it."""

    job: Job
    letter: Letter | None = None  # once its content is in memory; then it holds cargo


class Carrier:
    """Carries jobs over one connection after the other. `connection` is the one that may carry the next."""

    def __init__(self, tools: Tools, line: Line) -> None:
        self._tools = tools
        self._line = line
        self._patience = Patience(ATTEMPT)
        self._coming: _Load | None = None  # its envelope went out behind the last message
        self.connection: Connection | None = None

    @property
    def coming(self) -> Job | None:
        """The job that has to be carried next, if that is settled."""
        return self._coming.job if self._coming is not None else None

    async def carry(self, job: Job, route: Route) -> Attempt | None:
        """Raises what a fault of ours raised, after the mail is safe."""
        tools, desk = self._tools, self._tools.desk
        load, self._coming = self._coming or _Load(job), None
        attempt: Attempt | None = None
        try:
            if not self._in_time(job):
                if load.letter is not None:  # its envelope stands on the wire
                    self.close()
                return None
            if self.connection is not None and tools.pool.worn(self.connection):
                self.close()
            if desk.crowded(job.dues[0].shard):
                await desk.room(job.dues[0].shard)
            letter = load.letter
            if letter is None:
                if not tools.cargo.grab(_size(job)):
                    await tools.cargo.take(_size(job))
                letter = await self._fetch(load)
            attempt = Attempt(job, letter, route, tools.pool, tools.clock, self._look_ahead)
            await self._run(attempt)
        except NotFound:
            desk.decide([Verdict(due=due, outcome=_LOST_CONTENT) for due in job.dues])
        except StoreDown as error:
            log.error("a content cannot be read now, its mail waits %g s: %s", AGAIN, error)
            desk.put_back(job.dues, AGAIN)
        except asyncio.CancelledError:  # a drain
            self._leave(job, attempt, 0.0)
            raise
        except Exception:  # a fault of ours; not at once again, or it would be met in a circle
            self._leave(job, attempt, AGAIN)
            raise
        else:
            desk.decide(attempt.verdicts)
            self.connection = attempt.connection
        finally:
            if load.letter is not None:
                tools.cargo.give(_size(job))
        return attempt

    async def _fetch(self, load: _Load) -> Letter:
        """The letter of a job that cargo was taken for, which goes back if it fails. Raises NotFound, StoreDown."""
        first = load.job.dues[0]
        try:
            content = await self._tools.desk.content(first)
            sound = await soundness(content)
            envelope, path = first.message.envelope, self._tools.return_path(first)
        except BaseException:
            self._tools.cargo.give(_size(load.job))
            raise
        if path is not None:  # goes on the wire in place of the reverse-path
            envelope = replace(envelope, reverse_path=path)
        recipients = tuple([due.recipient for due in load.job.dues])
        load.letter = Letter(envelope=envelope, recipients=recipients, content=content, sound=sound)
        return load.letter

    async def _look_ahead(self, connection: Connection) -> Letter | None:
        """The letter after the one under way, if the same connection can carry it; it is ours from now on."""
        tools = self._tools
        if not tools.pool.may_follow(connection):
            return None
        job = self._line.follow()
        if job is None or not self._in_time(job):
            return None
        load = self._coming = _Load(job)
        if tools.cargo.grab(_size(job)):
            try:
                return await self._fetch(load)
            except (NotFound, StoreDown):  # it is met again when the job's own turn comes
                pass
        self._coming = None
        self._line.unfollow(job)
        return None

    def _in_time(self, job: Job) -> bool:
        """Whether it may begin now: while it waited for a connection, its deadline or its window may have passed."""
        now = self._tools.clock()
        message = job.dues[0].message  # of them all: they share a content
        opens: float | None = now
        if message.resolved.options.send_window:
            opens = opening(message, now)
        if now >= message.deadline or opens is None:
            self._tools.desk.decide([Verdict(due=due, outcome=TOO_LATE, attempted=False) for due in job.dues])
            return False
        if opens > now:
            self._tools.desk.put_back(job.dues, opens - now)
            return False
        return True

    async def _run(self, attempt: Attempt) -> None:
        try:
            with self._patience:
                await attempt.run(self.connection)
        except TimeoutError:
            attempt.cut_short(f"the attempt was given up after {ATTEMPT:g} s")

    def _leave(self, job: Job, attempt: Attempt | None, delay: float) -> None:
        """Settle what the peer has had up to its final dot, and give back what it has not."""
        desk = self._tools.desk
        if attempt is None:
            desk.put_back(job.dues, delay)
            return
        if attempt.uncertain:
            attempt.cut_short("given up by us while the final dot was waiting for its reply")
        desk.decide(attempt.verdicts)
        desk.put_back([*attempt.undecided, *attempt.surplus], delay)
        if attempt.connection is not None:
            attempt.connection.speaker.abort()

    def close(self) -> None:
        """Close the connection, if there is one; the job that was to follow waits again."""
        self._patience.close()
        coming, self._coming = self._coming, None
        if coming is not None:
            if coming.letter is not None:
                self._tools.cargo.give(_size(coming.job))
            self._line.unfollow(coming.job)
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


def _size(job: Job) -> int:
    """Octets of cargo; all recipients of a job share one content."""
    return job.dues[0].message.size
