"""DMARC records: the one of a day, whose percentage climbs; and reading one that is published. Pure.

In:  the policy an account wants, a date, where reports go. Out: the text of the record.

Standards: RFC 7489 sections 6.3 (tags) and 6.4 (grammar).

Why so: a policy is made stricter in steps, and a percentage that climbs is the smallest of them. We do not host the
account's DNS, so the record is printed anew each day, for its owner or a script of theirs to publish. Before its
first day a climbing policy is `none`: `pct=0` does not mean that, since receivers treat those that `reject` passes
over as `quarantine` (section 6.6.4). Who asks for an end without a start has no climb: the percentage holds at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from math import floor

from relay.model.account import Dmarc, Domain

POLICIES = ("none", "quarantine", "reject")  # the weakest first
LOCAL_PART = "dmarc"  # of the address at a domain's bounce host that gets its aggregate reports
PREFIX = "_dmarc"


def share(dmarc: Dmarc, today: date) -> int | None:
    """The percentage of a day; None: the policy has not begun."""
    start = date.fromisoformat(dmarc.start) if dmarc.start else None
    end = date.fromisoformat(dmarc.end) if dmarc.end else None
    if start is None:
        return dmarc.percentage
    if today < start:
        return None
    if end is None or today >= end:
        return dmarc.percentage
    return floor(dmarc.percentage * (today - start).days / (end - start).days)


def record(dmarc: Dmarc, today: date, addresses: Iterable[str]) -> str:
    """The text of the TXT record at `_dmarc.DOMAIN` for a day."""
    percentage = share(dmarc, today)
    tags = ["v=DMARC1", f"p={dmarc.policy if percentage is not None else 'none'}"]
    if percentage is not None and percentage < 100:
        tags.append(f"pct={percentage}")
    reports = [f"mailto:{_uri(each)}" for each in addresses]
    if reports:
        tags.append(f"rua={','.join(reports)}")
    return "; ".join(tags)


def addresses(domain: Domain) -> tuple[str, ...]:
    """Where its aggregate reports go: to us, where it has a bounce host to take them, and to whom it names."""
    return tuple(dict.fromkeys((*ours(domain), *domain.dmarc.addresses)))


def ours(domain: Domain) -> tuple[str, ...]:
    """The one that is ours."""
    return (f"{LOCAL_PART}@{domain.bounce_host}",) if domain.bounce_host else ()


def read(text: str) -> Mapping[str, str] | None:
    """The tags of a record, in lower case; None: it is no DMARC record."""
    if not text.replace(" ", "").lower().startswith("v=dmarc1"):
        return None
    return {
        name.strip(): value.strip() for name, _, value in (each.partition("=") for each in text.lower().split(";"))
    }


def weaker(tags: Mapping[str, str], dmarc: Dmarc, today: date) -> str:
    """In what a published record falls short of the one of the day; "" where it does not."""
    percentage = share(dmarc, today)
    wanted = dmarc.policy if percentage is not None else "none"
    policy = tags.get("p", "")
    if policy not in POLICIES:
        return "has no policy"
    if POLICIES.index(policy) < POLICIES.index(wanted):
        return f"says p={policy}, and not p={wanted}"
    if policy == wanted != "none" and _percentage(tags) < (percentage or 0):
        return f"says pct={_percentage(tags)}, and not pct={percentage} as it should today"
    return ""


def _percentage(tags: Mapping[str, str]) -> int:
    text = tags.get("pct", "100")
    return min(100, int(text)) if text.isascii() and text.isdigit() and len(text) < 4 else 100


def _uri(address: str) -> str:
    """In a mailto URI of a list (section 6.2): a comma ends one, and an exclamation mark its size."""
    return address.replace("%", "%25").replace(",", "%2C").replace("!", "%21").replace(";", "%3B")
