"""A message of the relay's own with a file in it, for somebody who asked for it. Pure.

In:  whom it is for, what it says, the file. Out: a `NewMessage` from the null reverse-path, to be stored.
"""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass

from relay.bounce.wording import quoted_printable
from relay.model.clock import rfc5322
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.message import Message, NewMessage, NewRecipient, Origin
from relay.transform.dkim import Signer, sign

LIFETIME = 86_400.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    account: str
    credential: str
    to: str  # one address, parsed
    subject: str  # ASCII
    text: str  # with CRLF
    name: str  # of the file, ASCII; "" where there is none
    file: bytes  # JSON
    hostname: str
    signers: Sequence[Signer]
    sandbox: bool


def enclosing(enclosure: Enclosure, identity: str, at: float) -> NewMessage:
    octets = sign(_written(enclosure, identity, at), enclosure.signers, at)
    recipient = Recipient(address=enclosure.to, notify=Notify.NEVER)
    data = {"from": "", "to": enclosure.to, "size": len(octets), "origin": Origin.REPORT.value}
    received = Event(
        name=EventName.RECEIVED,
        at=at,
        message=identity,
        account=enclosure.account,
        credential=enclosure.credential,
        data=data,
    )
    return NewMessage(
        message=Message(
            id=identity,
            account=enclosure.account,
            credential=enclosure.credential,
            envelope=Envelope(reverse_path="", recipients=(recipient,), smtputf8=not enclosure.to.isascii()),
            received=at,
            deadline=at + LIFETIME,
            size=len(octets),
            origin=Origin.REPORT,
            sandbox=enclosure.sandbox,
        ),
        contents=(octets,),
        recipients=(NewRecipient(number=1, recipient=recipient, due=at),),
        events=(received,),
    )


def _written(enclosure: Enclosure, identity: str, at: float) -> bytes:
    boundary = f"=_{identity}"  # no line of quoted-printable or base64 begins with --=_
    head = [
        f"From: <MAILER-DAEMON@{enclosure.hostname}>",
        f"To: <{enclosure.to}>",
        f"Subject: {enclosure.subject}",
        f"Date: {rfc5322(at)}",
        f"Message-ID: <{identity}@{enclosure.hostname}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
    ]
    pieces = ["\r\n".join(head).encode(), quoted_printable(enclosure.text.encode())]
    if enclosure.name:
        part = [
            "",
            f"--{boundary}",
            "Content-Type: application/json",
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{enclosure.name}"',
            "",
            "",
        ]
        pieces += ["\r\n".join(part).encode(), encodebytes(enclosure.file).replace(b"\n", b"\r\n").rstrip()]
    return b"".join(pieces) + f"\r\n--{boundary}--\r\n".encode()
