"""What becomes of mail that came to a return path: the event that tells of it, and the copy its sender gets.

In:  the mail as it came, and the message of ours it answers. Out: events, and a `NewMessage` to the reverse-path the
     client gave. Pure.

    a report, or the null reverse-path    event `bounced`; passed on unless the recipient had NOTIFY=NEVER
    a report of anything but a failure    event `replied`; likewise
    anything else                         event `replied`; passed on
    the client gave the null reverse-path: never passed on

What is passed on gets a Received field and is not changed otherwise; it goes from the null reverse-path, and
nobody is told what becomes of it.

Why so: `bounced` is what suppressions and statistics will count, so a report that says `delayed` or `relayed` is
none. What cannot be told yet (an automatic answer from the null reverse-path, a bounce in words of its own) counts
as a bounce, as RFC 3464 would have it, and is left to who reads the whole message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay.bounce.notice import Action
from relay.bounce.returned import Returned
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.message import Message, NewMessage, NewRecipient, Origin
from relay.returns.originals import Original
from relay.transform.hygiene import Arrival, received


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """Mail as it came to our door."""

    envelope: Envelope
    octets: bytes
    returned: Returned
    at: float
    helo: str = ""
    address: str = ""  # of the client
    peer: str = ""  # its address and port
    tls: str = ""
    esmtp: bool = True
    listener: str = ""

    @property
    def notice(self) -> bool:
        """Whether a mail system wrote it, not a person."""
        return self.returned.report or not self.envelope.reverse_path


def passed_on(original: Original, back: Back) -> bool:
    """Whether the client gets it."""
    if not original.message.envelope.reverse_path:
        return False
    return not (back.notice and original.recipient.notify is Notify.NEVER)


def event(original: Original, back: Back, forwarded: str = "") -> Event:
    """What is journalled of the recipient; `forwarded` is the id of the copy, if there is one."""
    message = original.message
    told = back.returned.of(original.recipient.address)
    bounced = back.notice and told.action in ("", Action.FAILED)
    data: dict[str, Any] = {
        "from": back.envelope.reverse_path,
        "to": original.recipient.address,
        "size": len(back.octets),
        "peer": back.peer,
        "listener": back.listener,
        "action": told.action,
        "status": told.status,
        "diagnostic": told.diagnostic,
        "tags": list(message.resolved.options.tags),
        "forwarded": forwarded,
    }
    return Event(
        name=EventName.BOUNCED if bounced else EventName.REPLIED,
        at=back.at,
        message=message.id,
        recipient=original.number,
        account=message.account,
        credential=message.credential,
        data={key: value for key, value in data.items() if value or key == "from"},
    )


def copy(originals: Sequence[Original], back: Back, identity: str, hostname: str, lifetime: float) -> NewMessage:
    """The copy for the client, with the events of all recipients it is about: at least one, of one message."""
    message = originals[0].message
    octets = _stamped(back, identity, hostname)
    client = message.envelope.reverse_path
    recipient = Recipient(address=client, notify=Notify.NEVER)
    envelope = Envelope(
        reverse_path="",
        recipients=(recipient,),
        body=back.envelope.body,
        smtputf8=back.envelope.smtputf8 or not client.isascii(),
    )
    arrival = Event(
        name=EventName.RECEIVED,
        at=back.at,
        message=identity,
        account=message.account,
        credential=message.credential,
        data={
            "from": back.envelope.reverse_path,
            "to": client,
            "size": len(octets),
            "peer": back.peer,
            "listener": back.listener,
            "about": originals[0].id if len(originals) == 1 else message.id,
        },
    )
    return NewMessage(
        message=Message(
            id=identity,
            account=message.account,
            credential=message.credential,
            envelope=envelope,
            received=back.at,
            deadline=back.at + lifetime,
            size=len(octets),
            origin=Origin.RETURN,
            sandbox=message.sandbox,
            peer=back.peer,
        ),
        contents=(octets,),
        recipients=(NewRecipient(number=1, recipient=recipient, due=back.at),),
        events=(arrival, *(event(each, back, identity) for each in originals)),
    )


def _stamped(back: Back, identity: str, hostname: str) -> bytes:
    recipients = back.envelope.recipients
    field = received(
        Arrival(
            hostname=hostname,
            id=identity,
            at=back.at,
            helo=back.helo,
            address=back.address,
            tls=back.tls,
            esmtp=back.esmtp,
            authenticated=False,
            smtputf8=back.envelope.smtputf8,
            recipient=recipients[0].address if len(recipients) == 1 else "",
            hide_client=False,
        )
    )
    return field + back.octets
