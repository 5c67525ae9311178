"""Take in a message: all that happens between its last octet and our 250.

In:  what an SMTP session or the REST API collected.
Out: the id to answer with, once the message is on disk.

    examine (options, permit, plan) -> finish (hygiene, variants, sign) -> store (key, quota, queue, dispatch)

Every door leads here, so a rule added here holds for all.

Why so: what is large, or is made for many recipients, is worked on in two threads, since a signature of megabytes
or a header of as much would stop every session for as long; all else is done sooner than handed over. Templates may
compute for many seconds, so those have two threads of their own, and nobody without one waits behind them. From its
signing until it is on disk a message is in memory twice, as it came and as it leaves; so only so many large ones get
there at once, and the others wait while small ones go by.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from relay.config import Config
from relay.limits.cargo import Cargo
from relay.limits.interface import Limits
from relay.model.clock import Clock
from relay.model.event import Event
from relay.model.ids import IdSource
from relay.model.message import NewMessage
from relay.model.options import NOTHING_ASKED
from relay.model.reply import Refused
from relay.store.beside import Idempotency, Suppressions
from relay.store.interface import Queue, StoreDown, StoreFull
from relay.submission.addressing import Addressed
from relay.submission.campaigns import Campaigns, turn
from relay.submission.directory import Directory
from relay.submission.dispatch import Dispatch
from relay.submission.examine import Case, Examiner, Keys
from relay.submission.faults import Faults, note
from relay.submission.once import Once, key_of
from relay.submission.plan import Plan, plan
from relay.submission.quotas import cost
from relay.submission.record import Decided, distinct, new_message, rejected
from relay.submission.rejections import Rejections
from relay.submission.storing import Parcel, Storing
from relay.submission.submission import Rehearsed, Submission, Taken
from relay.submission.tuning.resending import again
from relay.submission.tuning.tuner import Host, Party, Tuner
from relay.submission.variants import Finished, finish
from relay.transform.headers import Header
from relay.transform.hygiene import Arrival

__all__ = ["Intake", "Submission", "Taken"]

THREAD_OCTETS = 256 << 10
THREAD_COPIES = 8  # signatures of so many take as long
THREAD_HEADER = 32 << 10  # octets of a header; of control fields it may hold a hundred thousand addresses
THREADS = 2  # what waits for them is bounded by the sessions, each of which waits for one message
WORKED_ON = 96 << 20  # octets of large contents from their signing until they are on disk; others wait
ALREADY = "already taken with this idempotency_key; not taken again"

log = logging.getLogger("relay.submission")
T = TypeVar("T")


class Intake:
    """The way in, for one shard."""

    def __init__(
        self,
        *,
        config: Config,
        queue: Queue,
        ids: IdSource,
        directory: Directory,
        dispatch: Dispatch,
        limits: Limits,
        suppressions: Suppressions,
        idempotency: Idempotency,
        keys: Keys,
        host: Host,  # for pictures of messages
        stored: Callable[[str], bool],  # is this submission on disk, in whichever shard? It may read files
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._ids = ids
        self._directory = directory
        self._suppressions = suppressions
        self._keys = keys
        self._tuner = Tuner(host)
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="intake")
        self._slow = ThreadPoolExecutor(THREADS, thread_name_prefix="intake-slow")
        once, campaigns = Once(idempotency, stored), Campaigns(idempotency, stored)
        self._storing = Storing(queue, dispatch, limits, once, campaigns)
        self._rejections = Rejections(queue)
        self._copied = 0  # octets of copies in memory
        self._cargo = Cargo(WORKED_ON)
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Take the messages to come by a new configuration."""
        self._config = config
        self._examiner = Examiner(config, self._directory, self._suppressions, self._keys)

    async def take(self, submission: Submission) -> Taken:
        """Take responsibility for a message; returns when it is on disk.

        Raises:
            Refused: not taken; the reply says why, and an event `rejected` is recorded.
            StoreFull, StoreDown: not taken; the sender may try again.
        """
        size = len(submission.octets)
        if size <= THREAD_OCTETS:
            return await self._take(submission)
        await self._cargo.take(size)
        try:
            return await self._take(submission)
        finally:
            self._cargo.give(size)

    async def _take(self, submission: Submission) -> Taken:
        submission = distinct(submission)
        copied = 0
        try:
            read = None
            if _long_header(submission.octets):
                read = await self._in_thread(self._examiner.reading(submission))
            case = self._examiner.examine(submission, read)
            copied = self._room(_copies(submission, case))
            ident = self._ids.new()
            finished = await self._finish(submission, ident, case)
            if case.copies and case.tuning is not None:  # data and links may have made more of them
                copied += self._room(max(sum(map(len, finished.contents)) - copied, 0))
            warnings = (*_arrival_warnings(submission, case.header), *case.warnings, *finished.warnings)
            stored = await self._storing.store(_parcel(submission, ident, case, finished, warnings))
        except Refused as refused:
            await self._reject(submission, refused)
            raise
        finally:
            self._copied -= copied
        if stored.other is not None:
            return Taken(stored.other.id, stored.other.recipients, (ALREADY,), again=True)
        if finished.faults and case.resolved.options.merge_error_report and not case.plan.sandbox:
            await self._note(submission, ident, case, finished)
        return Taken(ident, len(case.addressed.contents), (*warnings, *stored.warnings), _people(case))

    async def rehearse(self, submission: Submission) -> Rehearsed:
        """What `take` would do; nothing is kept, spent or sent.

        Raises:
            Refused: it would not be taken, as far as can be told without its quota and its idempotency key.
            StoreDown: what decides cannot be read.
        """
        size = len(submission.octets)
        await self._cargo.take(size)
        try:
            return await self._rehearse(distinct(submission))
        finally:
            self._cargo.give(size)

    async def _rehearse(self, submission: Submission) -> Rehearsed:
        copied = 0
        try:
            read = await self._in_thread(self._examiner.reading(submission))
            case = self._examiner.examine(submission, read)
            copied = self._room(_copies(submission, case))
            finished = await self._finish(submission, self._ids.new(), case)
        finally:
            self._copied -= copied
        return Rehearsed(
            people=_people(case),
            reverse_path=case.addressed.envelope.reverse_path,
            resolved=case.resolved,
            plan=case.plan,
            contents=finished.contents,
            which=_settled(case.addressed, finished).contents[: case.addressed.wanted],
            warnings=(*_arrival_warnings(submission, case.header), *case.warnings, *finished.warnings),
            dropped=_dropped(case.addressed, finished),
        )

    async def add_own(self, make: Callable[[str, float], NewMessage]) -> str:
        """Store a message of the relay's own, which then waits in the queue; its id. `make` gets that and the time,
        in a thread. Raises StoreFull, StoreDown."""
        identity = self._ids.new()
        await self._storing.add(await self._in_thread(partial(make, identity, self._clock())))
        return identity

    def rejected(self, event: Event) -> None:
        """Journal what a door refused before there was a message. Best effort; nobody waits for it."""
        self._rejections.add(event)

    async def settle(self) -> None:
        """Finish what a full disk kept from its end; call it now and then. Raises StoreFull, StoreDown."""
        await self._storing.settle()

    async def close(self) -> None:
        """Wait for what is being stored; then let the threads go."""
        await self._storing.close()
        await self._rejections.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)

    def _room(self, octets: int) -> int:
        """Take memory for copies. Raises Refused, 452 4.3.1, where others have it."""
        if octets and self._copied + octets > self._config.limits.memory:
            raise Refused(452, "4.3.1", "No room for so many copies at the moment; please try again later")
        self._copied += octets
        return octets

    async def _finish(self, submission: Submission, ident: str, case: Case) -> Finished:
        """The contents that will leave, signed."""
        envelope, alone = case.addressed.envelope, case.addressed.alone
        content = self._config.content
        arrival = Arrival(
            hostname=self._config.hostname,
            id=ident,
            at=submission.at,
            helo=submission.helo,
            address=submission.address,
            tls=submission.tls,
            esmtp=submission.esmtp,
            http=submission.http,
            authenticated=submission.authenticated,
            smtputf8=envelope.smtputf8,
            recipient=envelope.recipients[0].address if len(envelope.recipients) == 1 else "",
            hide_client=content.hide_client,
        )
        tune = None
        if case.tuning is not None or submission.resent is not None:
            people = tuple(each.address for each in envelope.recipients[: case.addressed.wanted])
            party = Party(id=ident, sender=envelope.reverse_path, people=people)
            if submission.resent is not None:
                tune = partial(again, submission.resent, party, self._keys.link(), self._keys.returns())
            elif case.tuning is not None:
                tune = partial(self._tuner.tune, case.tuning, case.header, case.remove, party)
        work = partial(
            finish,
            case.header,
            arrival,
            case.remove,
            content,
            case.signers,
            case.resolved.options,
            alone,
            case.addressed.shown,
            tune,
            max(self._config.limits.copies, self._config.limits.size),
        )
        long = submission.resent is not None or (case.tuning is not None and case.tuning.long)
        small = len(submission.octets) * (case.copies or 1) <= THREAD_OCTETS and case.copies <= THREAD_COPIES
        if small and not long:
            return work()
        return await self._in_thread(work, self._slow if long else self._threads)

    async def _note(self, submission: Submission, ident: str, case: Case, finished: Finished) -> None:
        """Tell whom the message names of those who could not be filled in. Best effort: the message is taken."""
        people = case.addressed.envelope.recipients[: case.addressed.wanted]
        faults = Faults(
            about=ident,
            to=case.resolved.options.merge_error_report,
            people=[each.address for each in people],
            faults=finished.faults,
            dropped=bool(finished.dropped),
        )
        hostname, login = self._config.hostname, submission.login
        domain = self._directory.governing(hostname)
        signers = self._directory.signers(domain.name) if domain is not None else ()
        try:
            await self._storing.add(
                note(faults, self._ids.new(), self._clock(), login.account, login.credential, hostname, signers)
            )
        except (StoreFull, StoreDown) as fault:
            log.warning("nobody is told that %s could not be filled in for all: %s", ident, fault)

    async def _in_thread(self, work: Callable[[], T], threads: ThreadPoolExecutor | None = None) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads or self._threads, work)

    async def _reject(self, submission: Submission, refused: Refused) -> None:
        """Journal a refusal. Best effort: the client hears of it whatever becomes of the record."""
        try:
            await self._queue.record([rejected(submission, refused.reply, self._clock())])
        except (StoreFull, StoreDown) as fault:
            log.warning("a rejection could not be recorded: %s", fault)


def _parcel(submission: Submission, ident: str, case: Case, finished: Finished, warnings: tuple[str, ...]) -> Parcel:
    addressed, options, credential = _settled(case.addressed, finished), case.resolved.options, case.credential

    def replan(not_before: float) -> Plan:
        return plan(addressed, options, submission.parameters, case.allowed, submission.at, not_before)

    def make(planned: Plan, more: tuple[str, ...], flight: bool, had: Collection[int] = ()) -> NewMessage:
        told = (*warnings, *more)
        resolved = case.resolved
        if options.merge or options.merge_global:  # it stands in the contents; events need none of it
            resolved = replace(resolved, options=replace(options, merge={}, merge_global={}))
        if told or resolved is not NOTHING_ASKED:  # the store knows this one, and writes nothing for it
            resolved = replace(resolved, warnings=told)
        decided = Decided(
            id=ident,
            contents=finished.contents,
            author=case.author,
            resolved=resolved,
            addressed=addressed,
            plan=planned,
            template=case.tuning.template_id if case.tuning is not None else 0,
            return_host=case.return_host,
            targets=finished.targets,
            links=finished.links,
            had=frozenset(had).union(addressed.copies_of(had)) if had else frozenset(),
            dropped=_dropped(case.addressed, finished),
        )
        return new_message(submission, decided, case.header, flight=flight)

    key = None
    username = credential.username.lower()
    if options.idempotency_key:
        key = key_of(username, options.idempotency_key, ident, addressed.envelope, submission.at)
    elif submission.key:  # no user name has a blank in it, so it is nobody's other key
        key = key_of(f"door {username}", submission.key, ident, addressed.envelope, submission.at)
    whose = None
    if options.dedupe_campaign and options.campaign and not case.plan.sandbox:
        people = enumerate((each.address for each in addressed.envelope.recipients[: addressed.wanted]), 1)
        left = [(number, address) for number, address in people if number - 1 not in finished.dropped]
        whose = turn(case.account.name, options.campaign, left, ident, submission.at)
    return Parcel(
        at=submission.at,
        plan=case.plan,
        replan=replan,
        make=make,
        cost=cost(credential, case.account, addressed.envelope, len(submission.octets)),
        key=key,
        turn=whose,
    )


def _copies(submission: Submission, case: Case) -> int:
    """Octets of all contents, where there may be several."""
    if submission.resent is not None and submission.resent.personal:
        return sum(map(len, submission.resent.contents))
    return case.copies * len(submission.octets)


def _people(case: Case) -> tuple[str, ...]:
    return tuple(each.address for each in case.addressed.envelope.recipients[: case.addressed.wanted])


def _settled(addressed: Addressed, finished: Finished) -> Addressed:
    """Which content each recipient gets; an archive gets what the recipient does whose copy it is."""
    if not finished.which:
        return addressed
    archives = [finished.which[number] for number in addressed.contents[addressed.wanted :]]
    return replace(addressed, contents=(*finished.which, *archives))


def _dropped(addressed: Addressed, finished: Finished) -> dict[int, str]:
    """Who gets nothing, by number from 1: recipients, and archives of theirs."""
    if not finished.dropped:
        return {}
    whose = [*range(addressed.wanted), *addressed.contents[addressed.wanted :]]
    told = enumerate(whose, 1)
    return {number: f"template: {finished.faults[place]}" for number, place in told if place in finished.dropped}


def _long_header(octets: bytes) -> bool:
    return len(octets) > THREAD_HEADER and octets.find(b"\r\n\r\n", 0, THREAD_HEADER) < 0


def _arrival_warnings(submission: Submission, header: Header) -> tuple[str, ...]:
    warnings = list(submission.warnings)
    if submission.bare_lf:
        warnings.append("lines ended in a bare LF; they end in CRLF now")
    if header.start:
        warnings.append("the mbox separator on top was cut off")
    return tuple(warnings)
