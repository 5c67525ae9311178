"""A message as a door hands it in, and what it hears back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.model.account import LinkKey, Login
from relay.model.envelope import NO_PARAMETERS, Envelope, Parameters
from relay.model.light import light
from relay.model.options import Resolved
from relay.submission.plan import Plan


@light(frozen=True, slots=True, kw_only=True)
class Resent:
    """A message that left before, and is to leave again."""

    id: str  # of that submission
    resolved: Resolved  # the options as they were decided then
    contents: tuple[bytes, ...]  # as they left
    which: tuple[int, ...]  # number of each recipient's content, by place
    targets: Mapping[int, tuple[str, ...]]  # where links lead, by number of the content
    keys: tuple[LinkKey, ...]  # with which links were signed, those that are still known
    spent: frozenset[str] = frozenset()  # options that do not hold again: they belong to a time, or are done already

    @property
    def personal(self) -> bool:
        return len(self.contents) > 1


@light(frozen=True, slots=True, kw_only=True)
class Submission:
    """A message as a door hands it in."""

    login: Login
    envelope: Envelope
    octets: bytes  # CRLF line ends
    at: float  # when its last octet came
    parameters: Parameters = NO_PARAMETERS  # of ESMTP
    helo: str = ""
    address: str = ""  # of the client
    peer: str = ""  # its address and port
    tls: str = ""  # protocol and cipher; "" in clear text
    esmtp: bool = True
    authenticated: bool = True  # by AUTH; False for a network that is bound to a credential
    listener: str = ""
    http: bool = False  # it came by the HTTP API, not by SMTP
    bare_lf: bool = False  # a bare LF was turned into CRLF
    warnings: tuple[str, ...] = ()  # of the door
    properties: Mapping[str, Any] | None = None  # options asked for beside the message, by any of their names
    defaults: Mapping[str, Any] | None = None  # what holds at this door where nobody says otherwise, by name
    key: str = ""  # the door's own idempotency key, for a message that brings none
    pathless: bool = False  # the client named no reverse-path, and wants no notification
    resent: Resent | None = None  # it left before; `octets` is its first content, without our fields on top


@light(frozen=True, slots=True)
class Taken:
    id: str
    recipients: int
    warnings: tuple[str, ...] = ()
    people: tuple[str, ...] = ()  # addresses by number, archives left out; none where it was taken before
    again: bool = False  # it was taken before, by its idempotency key


@light(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What would become of a message."""

    people: tuple[str, ...]  # addresses by number, archives left out
    reverse_path: str
    resolved: Resolved
    plan: Plan
    contents: tuple[bytes, ...]  # signed
    which: tuple[int, ...]  # the number of each recipient's content
    warnings: tuple[str, ...]
    dropped: Mapping[int, str]  # who would get nothing, by number from 1, and why
