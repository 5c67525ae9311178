"""One attempt: a job's way through at most two SMTP sessions and five addresses.

In:  a job, its content and route, perhaps a kept connection.
Out: a verdict for each recipient, some perhaps put aside for the next transaction; the connection, if it may be kept.

The next host is asked after connection trouble, and after 421 or 4yz at greeting, EHLO or MAIL; never after a
reply classed rate, greylist or policy. A kept connection that turns out to be closed, or out of step (503
after RSET), does not count: the same mail goes over a new one.

Whoever cancels an attempt asks `undecided` afterwards: recipients without a verdict; `uncertain` says whether the
peer has had the whole message for them.

Why so: a second connection to the same address in clear text, after a broken TLS handshake, counts neither as
another session nor as another address: nothing was said on the first.
"""

from __future__ import annotations

import time
from dataclasses import replace

from relay.delivery.judge import elsewhere, judge
from relay.delivery.pool import Pool
from relay.delivery.ready import Job
from relay.delivery.settle import Facts, Interlude, Verdict
from relay.model.clock import Clock
from relay.model.message import Due
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.model.route import Host, Route
from relay.smtp.client import Coming, Connection, Unconnected
from relay.smtp.dialogue import Answer, Exchange, Step, Trouble, conversation
from relay.smtp.letter import Letter

SESSIONS = 2
ADDRESSES = 5
_NOT_WELL = (Fault.SITE, Fault.SESSION)
_NO_HOST = Answer(Step.CONNECT, Reply(421, "4.4.1", "no host of the site can be reached"), Trouble.CONNECT)


class Attempt:
    """Made for one job, run once."""

    def __init__(
        self, job: Job, letter: Letter, route: Route, pool: Pool, clock: Clock, coming: Coming | None = None
    ) -> None:
        """`letter` is of all recipients of the job; `coming` tells of the next one, see `Connection.send`."""
        self.undecided: list[Due] = list(job.dues)
        self.surplus: list[Due] = []  # too many for the transaction; the next one takes them at once
        self.verdicts: list[Verdict] = []
        self.reached = False  # a server answered our mail in good order
        self.in_vain = False  # what stood in the way is TLS that the message demands: no news of the site
        self._letter = letter
        self._coming = coming
        self._route = route
        self._pool = pool
        self._clock = clock
        self._began = time.monotonic()
        self._known: list[Host] | None = None
        self._all_asked = False
        self._sessions = 0
        self._interludes: list[Interlude] = []
        self._connection: Connection | None = None

    @property
    def _hosts(self) -> list[Host]:
        """Those to ask next; looked at only when a kept connection does not do, which it does for most mail."""
        if self._known is None:
            alive = self._pool.alive(self._route)
            self._all_asked = len(alive) == len(self._route.hosts) <= ADDRESSES
            self._known = alive[:ADDRESSES]
        return self._known

    @property
    def uncertain(self) -> bool:
        return self._connection is not None and self._connection.speaker.handed_over

    @property
    def connection(self) -> Connection | None:
        """The one in use; None before the first and after one that broke."""
        return self._connection

    async def run(self, kept: Connection | None) -> None:
        """Until every recipient has its verdict. The connection that is left stands in `connection`."""
        self._connection = kept
        while self.undecided:
            if self._connection is None and not await self._connect():
                return
            connection = self._connection
            assert connection is not None
            fresh = connection.used == 0
            if fresh:
                self._sessions += 1
            await self._transact(connection, fresh)
            if self.undecided or not connection.usable:
                connection.close()
                self._connection = None

    async def _connect(self) -> bool:
        """Open a connection to the first host that lets us; else all recipients share the last answer."""
        answer, said, facts = _NO_HOST, ["-- every host was unreachable a moment ago"], self._facts(None)
        while self._hosts and self._sessions < SESSIONS:
            host = self._hosts.pop(0)
            try:
                self._connection = await self._pool.connect(self._route, host)
            except Unconnected as error:
                answer, said, facts = error.answer, error.conversation, self._facts(host)
                if answer.step is not Step.CONNECT:
                    self._sessions += 1
                outcome = self._outcome(answer)
                if not elsewhere(answer, outcome) or not self._hosts or self._sessions >= SESSIONS:
                    break
                self._interludes.append(Interlude(at=self._clock(), outcome=outcome, facts=facts, conversation=said))
                continue
            if self._connection.tls_broken:
                self._tell_of_broken_tls(self._connection, host)
            return True
        outcome = self._outcome(answer)
        self.in_vain = self._route.tls_asked and outcome.reason == "tls"
        dues, self.undecided = self.undecided, []
        self.verdicts += [self._verdict(due, outcome, facts, said) for due in dues]
        return False

    async def _transact(self, connection: Connection, fresh: bool) -> None:
        dues = self.undecided
        letter = self._letter
        if len(dues) < len(letter.recipients):  # the others are decided
            letter = replace(letter, recipients=tuple([due.recipient for due in dues]))
        record: Exchange = []
        result = await connection.send(letter, record, self._coming)
        connection.speaker.handed_over = False  # it is answered, or the answer is that there is none
        answers = result.answers
        if connection.lost_step:
            self._pool.lost_step(connection)
        if result.void or (not fresh and all(map(_stale, answers))):
            if fresh:  # the host is not to blame, and may be asked again
                self._sessions -= 1
                self._hosts.insert(0, connection.hop.host)
            return  # as if it had never been tried: the connection is of no use, and the mail unharmed
        outcomes = [judge(answer) for answer in answers]
        facts = self._facts(connection.hop.host, connection, result.notes)
        again: list[Due] = []
        for index, (due, answer, outcome) in enumerate(zip(dues, answers, outcomes, strict=True)):
            if outcome.reason == "too-many-recipients" and any(each.step is Step.MESSAGE for each in answers):
                self.surplus.append(due)
            elif elsewhere(answer, outcome) and self._sessions < SESSIONS and self._hosts:
                again.append(due)
            else:
                said = conversation(record, index)
                if fresh:
                    said = [*connection.opening, *said]
                self.verdicts.append(self._verdict(due, outcome, facts, said))
        self.reached = self.reached or not any([each.fault in _NOT_WELL for each in outcomes])
        self.undecided = again
        if again:
            first = next(number for number, due in enumerate(dues) if due is again[0])
            said = [*(connection.opening if fresh else ()), *conversation(record, first)]
            self._interludes.append(
                Interlude(at=self._clock(), outcome=outcomes[first], facts=facts, conversation=said)
            )

    def _outcome(self, answer: Answer) -> Outcome:
        """A host that takes no mail at all (521) speaks for itself; it takes all of them to fail the mail."""
        outcome = judge(answer)
        others = any(each.outcome.fate is not Fate.FAILED for each in self._interludes)
        if outcome.fate is Fate.FAILED and (others or self._hosts or not self._all_asked):
            return Outcome(Fate.DEFERRED, outcome.reply, outcome.fault, outcome.reason)
        return outcome

    def _tell_of_broken_tls(self, connection: Connection, host: Host) -> None:
        answer = Answer(Step.STARTTLS, Reply(451, "4.7.5", connection.tls_broken), Trouble.TLS)
        self._interludes.append(
            Interlude(
                at=self._clock(),
                outcome=judge(answer),
                facts=self._facts(host),
                conversation=list(connection.opening),
            )
        )

    def _verdict(self, due: Due, outcome: Outcome, facts: Facts, said: list[str]) -> Verdict:
        return Verdict(due=due, outcome=outcome, facts=facts, conversation=said, interludes=tuple(self._interludes))

    def _facts(self, host: Host | None, connection: Connection | None = None, notes: tuple[str, ...] = ()) -> Facts:
        return Facts(
            egress=self._route.egress,
            site=self._route.site,
            host=host.name if host else "",
            address=host.address if host else "",
            port=host.port if host else 0,
            local=connection.local if connection else "",
            tls=connection.tls if connection else "",
            demand=self._route.tls.value if self._route.tls_asked else "",
            dsn=connection is not None and connection.offers.dsn,
            seconds=time.monotonic() - self._began,
            warnings=notes,
        )

    def cut_short(self, why: str) -> None:
        """Decide what is undecided, since the attempt was ended from outside."""
        step = Step.MESSAGE if self.uncertain else Step.DATA
        outcome = judge(Answer(step, Reply(421, "4.4.2", why), Trouble.LOST))
        connection = self._connection
        facts = self._facts(connection.hop.host if connection else None, connection)
        self.verdicts += [self._verdict(due, outcome, facts, [f"-- {why}"]) for due in self.undecided]
        self.undecided = []


def _stale(answer: Answer) -> bool:
    """What a kept connection answers when the server had closed it, or lost count."""
    if answer.reply.code == 503 and not answer.trouble:
        return True
    return answer.step is Step.MAIL and (answer.trouble is Trouble.LOST or answer.reply.code == 421)
