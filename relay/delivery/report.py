"""Who hears what of a message: which reports to write, and as what message they leave.

In:  recipients as they were settled together.
Out: what a sender is to be told of each, and a `NewMessage` for each message and kind of news, with all its
     recipients of this batch; it is stored in the transaction that settles them.

    failed    it failed or expired, and NOTIFY has FAILURE
    delayed   it waits beyond the message's `delay_at`, and NOTIFY has DELAY; once
    relayed   a next hop took it that offers no DSN, and NOTIFY has SUCCESS; or any took it, and BY asked for a trace

Nobody is told of mail with the null reverse-path, of reports and returned mail, or of what stays in the sandbox.

Standards: RFC 3461 sections 4.1 (NOTIFY) and 5.2 (relaying), RFC 2852 section 4.1 (traces; delays of mode N),
RFC 5321 section 6.1 (never answer `<>`).

Why so: a next hop that offers DSN has our NOTIFY and reports itself; two reports of one delivery would contradict
each other. Whoever asks for no news at all (NOTIFY=NEVER) gets no trace, either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from relay.bounce.dsn import delivery_report
from relay.bounce.notice import Action, Case, Report
from relay.delivery.settle import ATTEMPTS, TOO_LATE, Settled
from relay.model.clock import Clock
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.model.message import Message, NewMessage, NewRecipient, Origin, State
from relay.store.interface import StoreDown

log = logging.getLogger(__name__)
Sign = Callable[[bytes, str], bytes]  # content and the domain of its From; the content with its signatures


def news(settled: Settled, sandbox: bool) -> Action | None:
    """What the sender is to be told of this recipient; None: nothing. `sandbox` is the relay-wide one."""
    settlement = settled.settlement
    message, notify = settlement.due.message, settlement.due.recipient.notify
    match settlement.state:
        case State.DELIVERED:
            traced = message.trace and notify is not Notify.NEVER
            wanted = traced or (Notify.SUCCESS in notify and not settled.verdict.facts.dsn)
            action = Action.RELAYED
        case State.FAILED | State.EXPIRED:
            wanted, action = Notify.FAILURE in notify, Action.FAILED
        case State.QUEUED:
            first = settlement.told and not settlement.due.told
            wanted, action = first and Notify.DELAY in notify, Action.DELAYED
        case _:
            return None
    heard = bool(message.envelope.reverse_path) and message.origin is Origin.SUBMISSION
    test = sandbox or message.sandbox or settled.verdict.facts.test
    return action if wanted and heard and not test else None


class Reporter:
    """Writes reports for one relay."""

    def __init__(self, *, hostname: str, lifetime: float, ids: IdSource, clock: Clock, sign: Sign | None) -> None:
        self._hostname = hostname
        self._lifetime = lifetime
        self._ids = ids
        self._clock = clock
        self._sign = sign

    def write(self, message: Message, content: bytes, action: Action, settled: Sequence[Settled]) -> NewMessage:
        """The report for one message; `settled` are recipients of it of which `action` is the news, at least one."""
        now = self._clock()
        identity = self._ids.new()
        octets = delivery_report(
            Report(
                id=identity,
                at=now,
                hostname=self._hostname,
                action=action,
                message=message,
                content=content,
                cases=[_case(each) for each in settled],
            )
        )
        if self._sign is not None:
            try:
                octets = self._sign(octets, self._hostname)
            except StoreDown as error:  # the sender hears of it all the same
                log.error("the report about %s goes unsigned: %s", message.id, error)
        sender = message.envelope.reverse_path
        # A report on a report would go nowhere anyway, but NEVER says so to the next hop, too.
        recipient = Recipient(address=sender, notify=Notify.NEVER)
        envelope = Envelope(reverse_path="", recipients=(recipient,), smtputf8=not sender.isascii())
        report = Message(
            id=identity,
            account=message.account,
            credential=message.credential,
            envelope=envelope,
            received=now,
            deadline=now + self._lifetime,
            size=len(octets),
            origin=Origin.REPORT,
        )
        received = Event(
            name=EventName.RECEIVED,
            at=now,
            message=identity,
            account=message.account,
            credential=message.credential,
            data={
                "from": "",
                "to": sender,
                "size": len(octets),
                "origin": Origin.REPORT.value,
                "about": message.id,
                "action": action.value,
            },
        )
        return NewMessage(
            message=report,
            contents=(octets,),
            recipients=(NewRecipient(number=1, recipient=recipient, due=now),),
            events=(received,),
        )


def _case(settled: Settled) -> Case:
    settlement, verdict = settled.settlement, settled.verdict
    last, expired = settlement.events[-1], settlement.state is State.EXPIRED
    return Case(
        number=settlement.due.number,
        recipient=settlement.due.recipient,
        reply=verdict.outcome.reply,
        host=verdict.facts.host,
        at=last.at,
        expired=expired and verdict.outcome is not TOO_LATE,
        attempts=settlement.attempts if expired and last.data.get("reason") == ATTEMPTS else 0,
    )
