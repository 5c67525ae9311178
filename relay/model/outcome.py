"""Outcomes: what an attempt came to for one recipient, and whose fault it was.

`uncertain`: the connection was lost after the final dot and before its reply (RFC 5321 section 4.5.3.2.6,
RFC 1047). The peer may have the message or not; we try again by default and say so.
"""

from __future__ import annotations

from enum import StrEnum

from relay.model.light import light
from relay.model.reply import Reply


class Fate(StrEnum):
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"


class Fault(StrEnum):
    """Whom the reply speaks of, and so what has to slow down or stop."""

    NONE = "none"
    RECIPIENT = "recipient"  # this address only
    MESSAGE = "message"  # this content, for everybody
    SITE = "site"  # the receiving system; all mail for it waits
    SESSION = "session"  # this connection; another may do


@light(frozen=True, slots=True)
class Outcome:
    fate: Fate
    reply: Reply
    fault: Fault
    reason: str  # class of the reply: "accepted", "no-mailbox", "greylist", "rate", "policy", "uncertain", ...
