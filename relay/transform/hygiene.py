"""What is done to every message, asked or not: Received on top, Date and Message-ID when missing, and
Bcc, Resent-Bcc and Return-Path out. Everything else stays byte for byte.

In:  a content's header, the facts of its arrival, fields that others want out (control headers).
Out: a draft of the new content, before long lines are seen to and signatures are put on.

Standards: RFC 5321 section 4.4 (Received), RFC 6409 section 8 (what a submission server may add),
RFC 5322 section 3.6.3 (Bcc), RFC 3848 and RFC 6531 section 4.3 (protocol names in Received).

Why so: the client's address and name are left out of Received unless the operator wants them: where somebody
sat when he wrote is nobody's business but the operator's, who has it in the log. `for` names a recipient only
when he is the only one, since others would learn of him. No name for HTTP is registered for Received; `HTTP` and
`HTTPS` are what large web mail services write there, and what readers of headers understand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from relay.model.clock import rfc5322
from relay.model.light import light
from relay.model.reply import Refused
from relay.transform.draft import Draft
from relay.transform.headers import Field, Header, Shape

REMOVED = frozenset({b"bcc", b"resent-bcc", b"return-path"})
_UNFIT = re.compile(r"[^A-Za-z0-9._:\[\]-]")


@light(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How a message came: what its Received field tells."""

    hostname: str  # ours
    id: str  # of the submission
    at: float
    helo: str = ""
    address: str = ""  # of the client
    tls: str = ""  # protocol and cipher; "" in clear text
    esmtp: bool = True
    http: bool = False  # by the HTTP API, and not by SMTP
    authenticated: bool = True
    smtputf8: bool = False
    recipient: str = ""  # the only one; "" where there are several
    copy: int = 0  # number of the recipient whose own copy this is; 0: the content is for all
    hide_client: bool = True

    @property
    def protocol(self) -> str:
        """ESMTPSA and its kin (RFC 3848); UTF8SMTPSA where SMTPUTF8 was asked for; HTTP or HTTPS."""
        if self.http:
            return "HTTPS" if self.tls else "HTTP"
        if not self.esmtp:
            return "SMTP"
        name = "UTF8SMTP" if self.smtputf8 else "ESMTP"
        return f"{name}{'S' if self.tls else ''}{'A' if self.authenticated else ''}"


def check_loop(header: Header, limit: int) -> None:
    """Raises Refused, 554 5.4.6, when the message went through more than `limit` servers."""
    count = len(header.shape.places.get(b"received", ()))
    if count > limit:
        text = f"the message seems to loop: it has {count} Received fields, over the limit of {limit}"
        raise Refused(554, "5.4.6", text)


def tidy(header: Header, arrival: Arrival, remove: Sequence[Field] = (), add: Sequence[bytes] = ()) -> Draft:
    """The content with our fields on top, and without those that must not go out.

    `add` are further fields, each with its CRLF. A Message-ID that is taken out is replaced by ours.
    """
    out = tuple({each.start: each for each in (*header.at(header.shape.known(_removed)), *remove)}.values())
    top = []
    if not header.has(b"date"):
        top.append(f"Date: {rfc5322(arrival.at)}\r\n".encode())
    if sum(each.name == b"message-id" for each in out) == len(header.shape.places.get(b"message-id", ())):
        copy = f"-{arrival.copy}" if arrival.copy else ""
        top.append(f"Message-ID: <{arrival.id}{copy}@{arrival.hostname}>\r\n".encode())
    return Draft(header, received(arrival), (*top, *add), out)


def _removed(shape: Shape) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(shape.names) if name in REMOVED)


def received(arrival: Arrival) -> bytes:
    """Our Received field, with its CRLF."""
    client = ""
    if not arrival.hide_client:
        where = f"IPv6:{arrival.address}" if ":" in arrival.address else arrival.address
        client = f"from {_fit(arrival.helo) or 'unknown'} ([{_fit(where)}])\r\n\t"
    tls = f" ({_fit_words(arrival.tls)})" if arrival.tls and not arrival.http else ""
    to = f"\r\n\tfor <{arrival.recipient}>" if arrival.recipient else ""
    return (
        f"Received: {client}by {arrival.hostname} with {arrival.protocol}{tls} id {arrival.id}{to};\r\n"
        f"\t{rfc5322(arrival.at)}\r\n"
    ).encode()


def _fit(text: str) -> str:
    """A stranger's word, in the characters of host names and literals."""
    return _UNFIT.sub("?", text[:255])


@lru_cache(maxsize=64)  # protocol and cipher: a handful of pairs
def _fit_words(text: str) -> str:
    return " ".join(_fit(each) for each in text.split())
