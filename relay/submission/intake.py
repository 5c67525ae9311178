"""Take in a message: all that happens between its last octet and our 250.

In:  what an SMTP session or the REST API collected.
Out: the id to answer with, once the message is on disk.

    control -> permit -> hygiene -> sign -> queue -> dispatch

Every door leads here, so a rule added here holds for all.

Why so: contents above 256 KiB are worked on in two threads, since a signature of megabytes would stop every
session for as long; smaller ones are done sooner than handed over. Storing goes on when the session that waits
for it is cut off: recipients stored as in flight must reach delivery, whoever still listens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from relay.config import Content, Limits
from relay.model.clock import Clock
from relay.model.event import Event
from relay.model.ids import IdSource
from relay.model.message import Lane, NewMessage, State
from relay.model.reply import Refused
from relay.store.interface import Queue, StoreDown, StoreFull
from relay.submission.control.reader import Controls, read_controls
from relay.submission.directory import Directory
from relay.submission.dispatch import Dispatch
from relay.submission.permit import Permit, permit
from relay.submission.record import Decided, distinct, dues, new_message, rejected
from relay.submission.rejections import Rejections
from relay.submission.submission import Submission, Taken
from relay.transform.dkim import Signer, sign
from relay.transform.headers import Field, Header, read_header
from relay.transform.hygiene import Arrival, check_loop, tidy
from relay.transform.longlines import Shortened, shorten

__all__ = ["Intake", "Submission", "Taken"]

THREAD_OCTETS = 256 << 10
THREADS = 2  # what waits for them is bounded by the sessions, each of which waits for one message

log = logging.getLogger("relay.submission")


class Intake:
    """The way in, for one shard."""

    def __init__(
        self,
        *,
        hostname: str,
        content: Content,
        limits: Limits,
        lifetime: float,  # seconds; the mail is returned after that
        sandbox: bool,  # relay-wide
        queue: Queue,
        ids: IdSource,
        directory: Directory,
        dispatch: Dispatch,
        clock: Clock,
    ) -> None:
        self._hostname = hostname
        self._content = content
        self._limits = limits
        self._lifetime = lifetime
        self._sandbox = sandbox
        self._queue = queue
        self._ids = ids
        self._directory = directory
        self._dispatch = dispatch
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="intake")
        self._storing: set[asyncio.Task[None]] = set()
        self._rejections = Rejections(queue)

    def reconfigure(self, content: Content, limits: Limits, lifetime: float, sandbox: bool) -> None:
        """Take the messages to come by a new configuration."""
        self._content = content
        self._limits = limits
        self._lifetime = lifetime
        self._sandbox = sandbox

    async def take(self, submission: Submission) -> Taken:
        """Take responsibility for a message; returns when it is on disk.

        Raises:
            Refused: not taken; the reply says why, and an event `rejected` is recorded.
            StoreFull, StoreDown: not taken; the sender may try again.
        """
        submission = distinct(submission)
        try:
            header, controls, granted = self._examine(submission)
            ident = self._ids.new()
            finished = await self._finish(submission, ident, header, controls.fields, granted.signers)
        except Refused as refused:
            await self._reject(submission, refused)
            raise
        warnings = (
            *_arrival_warnings(submission, header),
            *controls.resolved.warnings,
            *granted.warnings,
            *finished.warnings,
        )
        decided = Decided(
            id=ident,
            content=finished.content,
            author=granted.author,
            resolved=replace(controls.resolved, warnings=warnings),
            lifetime=self._lifetime,
            sandbox=self._sandbox or submission.login.sandbox,
        )
        count = len(submission.envelope.recipients)
        await self._keep(partial(new_message, submission, decided, header), count)
        return Taken(ident, count, warnings)

    def rejected(self, event: Event) -> None:
        """Journal what a door refused before there was a message. Best effort; nobody waits for it."""
        self._rejections.add(event)

    async def close(self) -> None:
        """Wait for what is being stored; then let the threads go."""
        if self._storing:
            await asyncio.wait(self._storing)
        await self._rejections.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _examine(self, submission: Submission) -> tuple[Header, Controls, Permit]:
        header = read_header(submission.octets)
        login = submission.login
        controls = read_controls(header, login.control_headers)
        granted = permit(header, submission.envelope.reverse_path, login, self._directory, sandbox=self._sandbox)
        check_loop(header, self._limits.received)
        return header, controls, granted

    async def _finish(
        self, submission: Submission, ident: str, header: Header, remove: Sequence[Field], signers: Sequence[Signer]
    ) -> Shortened:
        recipients = submission.envelope.recipients
        arrival = Arrival(
            hostname=self._hostname,
            id=ident,
            at=submission.at,
            helo=submission.helo,
            address=submission.address,
            tls=submission.tls,
            esmtp=submission.esmtp,
            authenticated=submission.authenticated,
            smtputf8=submission.envelope.smtputf8,
            recipient=recipients[0].address if len(recipients) == 1 else "",
            hide_client=self._content.hide_client,
        )
        work = partial(_final, header, arrival, remove, self._content, signers)
        if len(submission.octets) <= THREAD_OCTETS:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _keep(self, make: Callable[[State], NewMessage], count: int) -> None:
        task = asyncio.get_running_loop().create_task(self._store(make, count))
        self._storing.add(task)
        task.add_done_callback(self._stored)
        await asyncio.shield(task)

    async def _store(self, make: Callable[[State], NewMessage], count: int) -> None:
        """Make it durable and tell delivery: all recipients in flight, or none."""
        flight = self._dispatch.reserve(count)
        try:
            new = make(State.FLIGHT if flight else State.QUEUED)
            await self._queue.add(new)
        except BaseException:
            if flight:
                self._dispatch.forgo(count)
            raise
        if flight:
            self._dispatch.offer(dues(self._queue.shard, new))
        else:
            lanes = {Lane(each.recipient.domain, new.message.account) for each in new.recipients}
            self._dispatch.waiting(self._queue.shard, lanes, new.message.received)

    def _stored(self, task: asyncio.Task[None]) -> None:
        self._storing.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.debug("a message could not be stored: %r", fault)  # its session hears it, if there still is one

    async def _reject(self, submission: Submission, refused: Refused) -> None:
        """Journal a refusal. Best effort: the client hears of it whatever becomes of the record."""
        try:
            await self._queue.record([rejected(submission, refused.reply, self._clock())])
        except (StoreFull, StoreDown) as fault:
            log.warning("a rejection could not be recorded: %s", fault)


def _final(
    header: Header, arrival: Arrival, remove: Sequence[Field], content: Content, signers: Sequence[Signer]
) -> Shortened:
    """The octets that will leave, signed. CPU only, fit for a thread."""
    shortened = shorten(tidy(header, arrival, remove), content.long_lines)
    return replace(shortened, content=sign(shortened.content, signers, arrival.at))


def _arrival_warnings(submission: Submission, header: Header) -> tuple[str, ...]:
    warnings = list(submission.warnings)
    if submission.bare_lf:
        warnings.append("lines ended in a bare LF; they end in CRLF now")
    if header.start:
        warnings.append("the mbox separator on top was cut off")
    return tuple(warnings)
