"""What becomes of mail that came to a return path: the event that tells of it, and the copy its sender gets.

In:  the mail as it came, and the message of ours it answers. Out: events, and a `NewMessage` to the reverse-path the
     client gave. Pure.

    a complaint                           event `complained`; not passed on
    somebody wants no more                event `unsubscribed`; not passed on
    a report of a failure                 event `bounced`; passed on unless the recipient had NOTIFY=NEVER
    a report of anything else             event `replied`; likewise
    an automatic answer                   event `replied`, with `automatic`; passed on
    not-spam, failed authentication       event `replied`, with `automatic` and `feedback`; passed on
    else, from the null reverse-path      event `bounced`, of class `unknown`; passed on
    anything else                         event `replied`; passed on
    the client gave the null reverse-path: never passed on

What is passed on gets a Received field and is not changed otherwise; it goes from the null reverse-path, and
nobody is told what becomes of it.

Why so: `bounced` is what suppressions and statistics count, so a report that says `delayed` or `relayed` is none,
nor is an automatic answer; what says nothing readable counts as a bounce, as RFC 3464 would have it, but suppresses
nobody. NOTIFY=NEVER is about reports (RFC 3461), and holds back what is certainly one and nothing else. Complaints
stay here: the event says all a client may act on, and the copy of the mail in it is the client's own; a mailbox that
answers or forwards them would tell strangers who complained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay.bounce.classes import reported
from relay.bounce.feedback import COMPLAINTS
from relay.bounce.notice import Action
from relay.bounce.returned import Returned, Told
from relay.bounce.returnpath import Way
from relay.config.bounces import Bounces
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.labels import labels
from relay.model.message import Message, NewMessage, NewRecipient, Origin, State
from relay.returns.originals import Original
from relay.transform.hygiene import Arrival, received

KEPT = 1 << 20  # octets of mail that is kept though nobody gets it


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


def passed_on(original: Original, back: Back) -> bool:
    """Whether the client gets it."""
    if not original.message.envelope.reverse_path:
        return False
    if name_of(original, back) in (EventName.COMPLAINED, EventName.UNSUBSCRIBED):
        return False
    return not (back.returned.report and original.recipient.notify is Notify.NEVER)


def name_of(original: Original, back: Back) -> EventName:
    returned = back.returned
    if returned.feedback is not None:
        kind = returned.feedback.kind
        if kind == "opt-out":
            return EventName.UNSUBSCRIBED
        return EventName.COMPLAINED if kind in COMPLAINTS else EventName.REPLIED
    if original.way is Way.UNSUBSCRIBE and not returned.report and back.envelope.reverse_path:
        return EventName.UNSUBSCRIBED
    if returned.report:
        failed = returned.of(original.recipient.address).action in ("", Action.FAILED)
        return EventName.BOUNCED if failed else EventName.REPLIED
    bounced = not back.envelope.reverse_path and not returned.automatic and original.way is Way.BOUNCE
    return EventName.BOUNCED if bounced else EventName.REPLIED


def kept(original: Original, back: Back) -> bool:
    """Whether the mail is kept for a look at it, as `kept` in its event: a bounce or complaint that nobody gets."""
    telling = name_of(original, back) in (EventName.BOUNCED, EventName.COMPLAINED)
    return telling and len(back.octets) <= KEPT and not passed_on(original, back)


def event(original: Original, back: Back, rules: Bounces, forwarded: str = "", kept_as: str = "") -> Event:
    """What is journalled of the recipient; `forwarded` is the id of the copy, `kept_as` that of what nobody gets."""
    message = original.message
    told = back.returned.of(original.recipient.address)
    name = name_of(original, back)
    data: dict[str, Any] = {
        "from": back.envelope.reverse_path,
        "to": original.recipient.address,
        "size": len(back.octets),
        "peer": back.peer,
        "listener": back.listener,
        "action": told.action,
        "status": told.status,
        "diagnostic": told.diagnostic,
        **labels(message.resolved.options),
        **_of_kind(name, original, back, told, rules),
        "forwarded": forwarded,
        "kept": kept_as,
    }
    return Event(
        name=name,
        at=back.at,
        message=message.id,
        recipient=original.number,
        account=message.account,
        credential=message.credential,
        data={key: value for key, value in data.items() if value or key == "from"},
    )


def _of_kind(name: EventName, original: Original, back: Back, told: Told, rules: Bounces) -> dict[str, Any]:
    """The words only some of these events have."""
    feedback = back.returned.feedback
    if name is EventName.BOUNCED:
        known = reported(told.status, told.diagnostic)
        return {"class": rules.named("bounced", told.status, told.diagnostic, known)}
    if name is EventName.UNSUBSCRIBED:
        group = original.message.resolved.options.suppression_group
        by_mail = feedback is None or original.way is Way.UNSUBSCRIBE
        return {"via": "mailto" if by_mail else "complaint", "group": group}
    if feedback is not None:
        return {
            "feedback": feedback.kind,
            "arrival": feedback.arrival,
            "user_agent": feedback.agent,
            "automatic": name is EventName.REPLIED,
        }
    return {"automatic": back.returned.automatic}


def copy(
    originals: Sequence[Original], back: Back, rules: Bounces, identity: str, hostname: str, lifetime: float
) -> NewMessage:
    """The copy for the client, with the events of all recipients it is about: at least one, of one message."""
    recipient = Recipient(address=originals[0].message.envelope.reverse_path, notify=Notify.NEVER)
    told = [event(each, back, rules, forwarded=identity) for each in originals]
    return _new(originals, back, identity, hostname, lifetime, recipient, State.QUEUED, told)


def keepsake(originals: Sequence[Original], back: Back, rules: Bounces, identity: str, hostname: str) -> NewMessage:
    """What nobody gets, as a message that has ended: forgotten as others are, and with the person it is about."""
    recipient = Recipient(address=originals[0].recipient.address, notify=Notify.NEVER)
    told = [event(each, back, rules, kept_as=identity) for each in originals]
    return _new(originals, back, identity, hostname, 0.0, recipient, State.CANCELLED, told)


def _new(
    originals: Sequence[Original],
    back: Back,
    identity: str,
    hostname: str,
    lifetime: float,
    recipient: Recipient,
    state: State,
    told: Sequence[Event],
) -> NewMessage:
    message, client = originals[0].message, recipient.address
    octets = _stamped(back, identity, hostname)
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
            "origin": Origin.RETURN.value,
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
        recipients=(NewRecipient(number=1, recipient=recipient, state=state, due=back.at),),
        events=(arrival, *told),
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
