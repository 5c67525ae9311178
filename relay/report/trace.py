"""What was said in every attempt to deliver a message: the SMTP conversations, of its events.

In:  the id of a submission or recipient, and whose it has to be.
Out: a `Traced` for each recipient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.model.clock import iso
from relay.model.event import Event, EventName
from relay.model.ids import parse_id
from relay.report.facts import id_of
from relay.report.history import history
from relay.store.interface import NotFound

_ATTEMPTS = frozenset(
    {EventName.ATTEMPTED, EventName.DEFERRED, EventName.DELIVERED, EventName.FAILED, EventName.EXPIRED}
)
_WORDS = ("egress", "local", "site", "host", "address", "port", "tls", "seconds", "reply", "class", "fault")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step of an attempt, or its end."""

    event: str
    at: str
    attempt: int  # from 1
    facts: Mapping[str, Any]  # egress, local, site, host, address, port, tls, seconds, reply, class, fault
    conversation: list[str]


@dataclass(frozen=True, slots=True)
class Traced:
    id: str
    recipient: str
    attempts: list[Attempt]


def trace(data: Path, account: str, id: str) -> list[Traced]:
    """In the order of recipients; those that were not attempted yet are missing.

    Raises:
        NotFound: nothing is known of it, or it is another account's.
        StoreDown: what should be read cannot be.
    """
    try:
        asked = parse_id(id)
    except ValueError as error:
        raise NotFound(f"there is no message {id[:40]}") from error
    mine = [each.event for each in history(data, asked.submission) if each.event.account == account]
    about = [each for each in mine if asked.recipient is None or each.recipient in (None, asked.recipient)]
    if not about or (asked.recipient is not None and not _has(about, asked.recipient)):
        raise NotFound(f"there is no message {id}")
    found: dict[int, Traced] = {}
    for event in about:
        if event.recipient is None or event.name not in _ATTEMPTS:
            continue
        to = str(event.data.get("to", ""))
        found.setdefault(event.recipient, Traced(id_of(event), to, [])).attempts.append(_attempt(event))
    return [found[number] for number in sorted(found)]


def _has(events: list[Event], recipient: int) -> bool:
    """Whether there is such a recipient."""
    for event in events:
        if event.recipient == recipient:
            return True
        to = event.data.get("to")
        if event.name is EventName.RECEIVED and recipient <= (len(to) if isinstance(to, list) else 1):
            return True
    return False


def _attempt(event: Event) -> Attempt:
    data = event.data
    return Attempt(
        event=event.name.value,
        at=iso(event.at),
        attempt=int(data.get("attempt", 0)),
        facts={word: data[word] for word in _WORDS if word in data},
        conversation=[str(line) for line in data.get("conversation", ())],
    )
