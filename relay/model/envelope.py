"""The envelope: whom a message is from and for, as SMTP sees it.

Plain values, made once by a session and never changed. A later stage that needs a
different envelope makes a new one with dataclasses.replace().

Standards: RFC 5321 section 3.3, RFC 3461 (DSN parameters), RFC 6152 (BODY), RFC 6531 (SMTPUTF8).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum


class Notify(IntFlag):
    """When the sender wants to hear of a recipient's fate (RFC 3461 section 4.1)."""

    NEVER = 0
    SUCCESS = 1
    FAILURE = 2
    DELAY = 4


class Body(StrEnum):
    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"


class Ret(StrEnum):
    """How much of the message a DSN returns (RFC 3461 section 4.3)."""

    FULL = "FULL"
    HDRS = "HDRS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    address: str  # forward-path without brackets, domain in lower case
    notify: Notify = Notify.FAILURE | Notify.DELAY
    original: str | None = None  # ORCPT, `addr-type;address`, decoded from xtext

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    reverse_path: str  # "" is the null reverse-path, <>: never answer it with a bounce
    recipients: tuple[Recipient, ...]
    envid: str | None = None  # ENVID, decoded from xtext; goes back in every DSN
    ret: Ret = Ret.HDRS
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
