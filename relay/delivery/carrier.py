"""One job on its way: content, attempt, and what is left of it, whatever happens.

In:  a job, its route, perhaps a kept connection. Out: the attempt, its verdicts already at the desk; or None if
     none could be made. However it ends, every recipient of the job is decided, put back, or left as `surplus`.
"""

from __future__ import annotations

import asyncio
import logging

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
from relay.store.interface import NotFound, StoreDown

log = logging.getLogger(__name__)
ATTEMPT = 3600.0  # seconds for a whole attempt, whatever its single waits add up to
AGAIN = 60.0  # seconds until mail is tried again that met a fault of ours, or of the store
_LOST_CONTENT = Outcome(Fate.FAILED, Reply(554, "5.3.0", "its content is no longer kept"), Fault.MESSAGE, "content")


class Carrier:
    """Carries jobs over one connection after the other. `connection` is the one that may carry the next."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._patience = Patience(ATTEMPT)
        self.connection: Connection | None = None

    async def carry(self, job: Job, route: Route) -> Attempt | None:
        """Raises what a fault of ours raised, after the mail is safe."""
        tools, desk = self._tools, self._tools.desk
        if not self._in_time(job):
            return None
        if self.connection is not None and tools.pool.worn(self.connection):
            self.close()
        size = job.dues[0].message.size
        attempt: Attempt | None = None
        held = False
        try:
            if desk.crowded(job.dues[0].shard):
                await desk.room(job.dues[0].shard)
            if not tools.cargo.grab(size):
                await tools.cargo.take(size)
            held = True
            content = await desk.content(job.dues[0])
            attempt = Attempt(
                job, content, route, tools.pool, tools.clock, return_path=tools.return_path(job.dues[0])
            )
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
            if held:
                tools.cargo.give(size)
        return attempt

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
        """Close the connection, if there is one."""
        self._patience.close()
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()
