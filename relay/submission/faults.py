"""The note to whom a message names in `merge_error_report`: who could not be filled in, and why.

In:  the submission, what was wrong for whom. Out: a `NewMessage` from the null reverse-path, to be stored. Pure.

Why so: it is told after the message was taken, since the client's 250 must not wait for a note on it; at most a
hundred recipients are named, as a mailing with a wrong placeholder fails for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.bounce.wording import quoted_printable
from relay.model.clock import rfc5322
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.message import Message, NewMessage, NewRecipient, Origin
from relay.transform.dkim import Signer, sign

NAMED = 100  # recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    about: str  # id of the submission
    to: str  # who is told
    people: Sequence[str]  # recipients' addresses
    faults: Mapping[int, str]  # by place in `people`
    dropped: bool  # they got nothing; else the message with what could be filled in


def note(
    faults: Faults, identity: str, at: float, account: str, credential: str, hostname: str, signers: Sequence[Signer]
) -> NewMessage:
    octets = sign(_written(faults, identity, at, hostname), signers, at)
    recipient = Recipient(address=faults.to, notify=Notify.NEVER)
    return NewMessage(
        message=Message(
            id=identity,
            account=account,
            credential=credential,
            envelope=Envelope(reverse_path="", recipients=(recipient,), smtputf8=not faults.to.isascii()),
            received=at,
            deadline=at + 86_400.0,
            size=len(octets),
            origin=Origin.REPORT,
        ),
        contents=(octets,),
        recipients=(NewRecipient(number=1, recipient=recipient, due=at),),
        events=(
            Event(
                name=EventName.RECEIVED,
                at=at,
                message=identity,
                account=account,
                credential=credential,
                data={
                    "from": "",
                    "to": faults.to,
                    "size": len(octets),
                    "origin": Origin.REPORT.value,
                    "about": faults.about,
                },
            ),
        ),
    )


def _written(faults: Faults, identity: str, at: float, hostname: str) -> bytes:
    count = len(faults.faults)
    fate = "They got nothing." if faults.dropped else "They got it with an empty place where it failed."
    lines = [
        f"Message {faults.about} could not be filled in for {count} of {len(faults.people)} recipients. {fate}",
        "",
        *(f"{faults.people[place]}: {why}" for place, why in list(faults.faults.items())[:NAMED]),
    ]
    if count > NAMED:
        lines.append(f"and {count - NAMED} more")
    head = [
        f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>",
        f"To: <{faults.to}>",
        f"Subject: Placeholders of message {faults.about}",
        f"Date: {rfc5322(at)}",
        f"Message-ID: <{identity}@{hostname}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    ]
    body = quoted_printable("\r\n".join((*lines, "")).encode())
    return "\r\n".join((*head, "", "")).encode() + body
