"""The envelope: whom a message is from and for, as SMTP sees it.

Plain values, made once by a session and never changed. A later stage that needs a
different envelope makes a new one with dataclasses.replace().

Standards: RFC 5321 section 3.3, RFC 3461 (DSN parameters), RFC 6152 (BODY), RFC 6531 (SMTPUTF8),
RFC 4865 (FUTURERELEASE), RFC 2852 (DELIVERBY), RFC 6710 (MT-PRIORITY).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum

from relay.model.light import light


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


@light(frozen=True, slots=True, kw_only=True)
class Recipient:
    address: str  # forward-path without brackets, domain in lower case
    notify: Notify = Notify.FAILURE | Notify.DELAY
    original: str | None = None  # ORCPT, `addr-type;address`, decoded from xtext

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@light(frozen=True, slots=True, kw_only=True)
class Envelope:
    reverse_path: str  # "" is the null reverse-path, <>: never answer it with a bounce
    recipients: tuple[Recipient, ...]
    envid: str | None = None  # ENVID, decoded from xtext; goes back in every DSN
    ret: Ret = Ret.HDRS
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverBy:
    """BY= of MAIL (RFC 2852 section 4)."""

    at: float  # unix seconds; the seconds given are counted from the MAIL command
    give_up: bool  # mode R: return the message then; mode N: tell the sender, and go on trying
    trace: bool = False  # T: report each hop that hands it on


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What MAIL and RCPT asked for beside the envelope. None or empty where they did not.

    RET, ENVID, NOTIFY and ORCPT stand in the envelope already, with RFC 3461's default where they were not given;
    what is here tells the two apart, since a parameter beats a control header and a default does not.
    """

    hold_until: float | None = None  # HOLDFOR or HOLDUNTIL, unix seconds
    by: DeliverBy | None = None
    priority: int | None = None  # MT-PRIORITY, -9 to 9
    ret: bool = False  # RET was given
    notified: frozenset[str] = frozenset()  # addresses of recipients whose NOTIFY was given


NO_PARAMETERS = Parameters()
