"""What a message costs of its quotas, and what the client hears when there is no room.

In:  the quotas of credential and account, the final recipients, the octets of the message.
Out: `Charge`s for the limits, parted by what is done when they do not fit; and replies.

Why so: octets are counted once a message, as they came, and not once a recipient: that is what the client sent. A
message that could never fit is refused for good, or its client would come back with it for days.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf

from relay.limits.interface import Charge, Spent
from relay.model.account import NO_QUOTA, Account, Credential, OverQuota, Quota
from relay.model.clock import iso
from relay.model.envelope import Envelope
from relay.model.reply import Refused

HOUR, DAY = 3600.0, 86_400.0
_SPANS = {HOUR: "an hour", DAY: "a day"}
_WORDS = {"domains": "new recipient domains"}


@dataclass(frozen=True, slots=True)
class Cost:
    strict: tuple[Charge, ...]  # no room: refused
    patient: tuple[Charge, ...]  # no room: taken, and sent later


def cost(credential: Credential, account: Account, envelope: Envelope, octets: int) -> Cost | None:
    """None where there is no quota."""
    if credential.quota is NO_QUOTA and account.quota is NO_QUOTA:  # as the registry reads one without limits
        return None
    strict: list[Charge] = []
    patient: list[Charge] = []
    for who, quota in (
        (f"credential {credential.username.lower()}", credential.quota),
        (f"account {account.name}", account.quota),
    ):
        (patient if quota.over is OverQuota.DELAY else strict).extend(_charges(who, quota, envelope, octets))
    return Cost(tuple(strict), tuple(patient))


def refusal(spent: Spent) -> Refused:
    """452 4.7.1 with the time at which there is room; 550 5.7.1 where there never is."""
    if isinf(spent.until):
        return Refused(550, "5.7.1", f"the message alone is over the quota of {_told(spent)}")
    return Refused(452, "4.7.1", f"over the quota of {_told(spent)}; there is room at {iso(spent.until)}")


def delay(spent: Spent) -> str:
    """The warning of a message that waits for its quota."""
    return f"over the quota of {_told(spent)}; it is sent from {iso(spent.until)} on"


def _charges(who: str, quota: Quota, envelope: Envelope, octets: int) -> list[Charge]:
    recipients = len(envelope.recipients)
    found: list[Charge] = []
    for what, amount, hour, day in (
        ("messages", 1, quota.messages_hour, quota.messages_day),
        ("recipients", recipients, quota.recipients_hour, quota.recipients_day),
        ("bytes", octets, quota.bytes_hour, quota.bytes_day),
        ("domains", 0, quota.domains_hour, quota.domains_day),
    ):
        for window, limit in ((HOUR, hour), (DAY, day)):
            if limit is not None:
                names = tuple(dict.fromkeys(each.domain for each in envelope.recipients)) if what == "domains" else ()
                found.append(Charge(f"{who} {what} {window:g}", window, limit, amount, names))
    return found


def _told(spent: Spent) -> str:
    who, what, _ = spent.charge.key.rsplit(" ", 2)  # a name may have blanks in it
    span = _SPANS.get(spent.charge.window, f"in {spent.charge.window:g} s")
    return f"{who}: {spent.charge.limit} {_WORDS.get(what, what)} {span} ({spent.used} used)"
