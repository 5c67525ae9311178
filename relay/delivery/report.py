"""Who hears of mail that could not be delivered: which reports to write, and as what message they leave.

In:  recipients that ended, as settled together. Out: a `NewMessage` for each message that has bad news, holding all
     of its recipients of this batch; it is stored in the transaction that settles them.

A report goes to the reverse-path unless that is null, the recipient's NOTIFY leaves FAILURE out, the message
is a report itself, or mail stays in the sandbox: the relay's, or the message's own.

Standards: RFC 3461 section 4.1 (NOTIFY), RFC 5321 section 6.1 (never answer `<>`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from relay.bounce.dsn import Ended, Report, failure_report
from relay.delivery.settle import TOO_LATE, Settled
from relay.model.clock import Clock
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.model.message import Message, NewMessage, NewRecipient, Origin, State
from relay.store.interface import StoreDown

log = logging.getLogger(__name__)
Sign = Callable[[bytes, str], bytes]  # content and the domain of its From; the content with its signatures


def has_bad_news(settled: Settled, sandbox: bool) -> bool:
    """Whether the sender is to be told of this recipient."""
    settlement = settled.settlement
    message = settlement.due.message
    return (
        settlement.state in (State.FAILED, State.EXPIRED)
        and bool(message.envelope.reverse_path)
        and Notify.FAILURE in settlement.due.recipient.notify
        and message.origin is not Origin.REPORT
        and not sandbox
        and not message.sandbox
    )


class Reporter:
    """Writes reports for one relay."""

    def __init__(self, *, hostname: str, lifetime: float, ids: IdSource, clock: Clock, sign: Sign | None) -> None:
        self._hostname = hostname
        self._lifetime = lifetime
        self._ids = ids
        self._clock = clock
        self._sign = sign

    def write(self, message: Message, content: bytes, news: Sequence[Settled]) -> NewMessage:
        """The report for one message; `news` are recipients of it that ended badly, at least one."""
        now = self._clock()
        identity = self._ids.new()
        octets = failure_report(
            Report(
                id=identity,
                at=now,
                hostname=self._hostname,
                message=message,
                content=content,
                ended=[_ended(each) for each in news],
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
            data={"from": "", "to": sender, "size": len(octets), "about": message.id},
        )
        return NewMessage(
            message=report,
            contents=(octets,),
            recipients=(NewRecipient(number=1, recipient=recipient, due=now),),
            events=(received,),
        )


def _ended(settled: Settled) -> Ended:
    settlement, verdict = settled.settlement, settled.verdict
    return Ended(
        number=settlement.due.number,
        recipient=settlement.due.recipient,
        reply=verdict.outcome.reply,
        host=verdict.facts.host,
        at=settlement.events[-1].at,
        expired=settlement.state is State.EXPIRED and verdict.outcome is not TOO_LATE,
    )
