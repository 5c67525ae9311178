"""A journal row becomes the rows of the report database; and which rows a search wants. No IO.

In:  an `Entry` of a journal.
Out: its row, the addresses it concerns and the tags it gives its message; or whether a filter fits it.

The same functions decide what the database is asked and what is picked from journals that are not folded
yet, so that a search answers the same before and after.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from relay.model.event import Event, EventName
from relay.store.interface import Entry

Row = tuple[int, int, float, str, str, str, str]  # shard, seq, at, name, message, account, JSON


@dataclass(frozen=True, slots=True)
class Folded:
    row: Row
    addresses: tuple[str, ...]  # forward-paths, lower case, each once
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a search wants; all that is given must fit."""

    message: str = ""  # submission id
    recipient: int | None = None  # with `message`: this recipient, and what concerns all of them
    account: str = ""
    address: str = ""  # forward-path
    domain: str = ""  # of a forward-path
    tag: str = ""
    name: EventName | None = None
    since: float | None = None  # times, both ends included
    until: float | None = None


def fold(entry: Entry) -> Folded:
    event = entry.event
    row = (entry.shard, entry.seq, event.at, event.name.value, event.message, event.account, event.to_json())
    return Folded(row, addresses(event), tags(event))


def addresses(event: Event) -> tuple[str, ...]:
    """Whom the event concerns; `to` is one forward-path, or a list where it concerns several."""
    return _each_once(event.data.get("to"))


def tags(event: Event) -> tuple[str, ...]:
    return _each_once(event.data.get("tags"), lower=False)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def fits(wanted: Filter, event: Event, tagged: Collection[str]) -> bool:
    """`tagged`: ids of messages known to bear the wanted tag."""
    if wanted.message and event.message != wanted.message:
        return False
    if wanted.recipient is not None and event.recipient not in (None, wanted.recipient):
        return False
    if wanted.account and event.account != wanted.account:
        return False
    if wanted.name is not None and event.name is not wanted.name:
        return False
    if wanted.since is not None and event.at < wanted.since:
        return False
    if wanted.until is not None and event.at > wanted.until:
        return False
    if wanted.tag and wanted.tag not in tags(event) and event.message not in tagged:
        return False
    if wanted.address or wanted.domain:
        return any(
            (not wanted.address or each == wanted.address.lower())
            and (not wanted.domain or domain_of(each) == wanted.domain.lower())
            for each in addresses(event)
        )
    return True


def query(wanted: Filter) -> tuple[str, dict[str, Any]]:
    """The statement that finds the events that fit, newest first: rows of shard, seq, JSON.

    Each index it uses is in the order of time, so the reader can stop when it has enough. An event that
    concerns several addresses of the wanted domain comes as often, side by side.
    """
    given: dict[str, Any] = {}
    terms: list[str] = []
    about = bool(wanted.address or wanted.domain)
    at = "about.at" if about else "event.at"

    def term(text: str, **values: Any) -> None:
        terms.append(text)
        given.update(values)

    if wanted.address:
        term("about.address = :address", address=wanted.address.lower())
    if wanted.domain:
        term("about.domain = :domain", domain=wanted.domain.lower())
    if wanted.message:
        term("event.message = :message", message=wanted.message)
    if wanted.recipient is not None:
        term(
            "(event.data ->> 'recipient' is null or event.data ->> 'recipient' = :recipient)",
            recipient=wanted.recipient,
        )
    if wanted.account:
        term("event.account = :account", account=wanted.account)
    if wanted.tag:
        term("event.message in (select message from tagged where tag = :tag)", tag=wanted.tag)
    if wanted.name is not None:
        term("event.name = :name", name=wanted.name.value)
    if wanted.since is not None:
        term(f"{at} >= :since", since=wanted.since)
    if wanted.until is not None:
        term(f"{at} <= :until", until=wanted.until)
    source = "about join event on event.id = about.event" if about else "event"
    where = f"where {' and '.join(terms)}" if terms else ""
    # The terms are the fixed texts above; what a user gave is bound.
    return (
        f"select event.shard, event.seq, event.data from {source} {where} "  # noqa: S608
        f"order by {at} desc, {'about.event' if about else 'event.id'} desc",
        given,
    )


def _each_once(given: object, *, lower: bool = True) -> tuple[str, ...]:
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, list | tuple):
        return ()
    return tuple(dict.fromkeys(each.lower() if lower else each for each in map(str, given)))
