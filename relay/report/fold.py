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
Label = tuple[
    str, str
]  # kind (tag, campaign, message_ref, template, from) and value; all events of a message are found by it


@dataclass(frozen=True, slots=True)
class Folded:
    row: Row
    addresses: tuple[str, ...]  # forward-paths, lower case, each once
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a search wants; all that is given must fit."""

    message: str = ""  # submission id
    recipient: int | None = None  # with `message`: this recipient, and what concerns all of them
    account: str = ""
    credential: str = ""
    address: str = ""  # forward-path
    domain: str = ""  # of a forward-path
    sender: str = ""  # reverse-path of the message
    tag: str = ""
    campaign: str = ""
    message_ref: str = ""
    name: EventName | None = None
    since: float | None = None  # times, both ends included
    until: float | None = None

    @property
    def labels(self) -> tuple[Label, ...]:
        """What the message must be labelled with."""
        wanted = (
            ("tag", self.tag),
            ("campaign", self.campaign),
            ("message_ref", self.message_ref),
            ("from", self.sender.lower()),
        )
        return tuple((kind, value) for kind, value in wanted if value)


def fold(entry: Entry) -> Folded:
    event = entry.event
    text = entry.text or event.to_json()
    row = (entry.shard, entry.seq, event.at, event.name.value, event.message, event.account, text)
    return Folded(row, addresses(event), labels(event))


def addresses(event: Event) -> tuple[str, ...]:
    """Whom the event concerns; `to` is one forward-path, or a list where it concerns several."""
    return _each_once(event.data.get("to"))


def labels(event: Event) -> tuple[Label, ...]:
    """What an event says of its message as a whole; none where it has no message."""
    if not event.message:
        return ()
    found = [("tag", each) for each in _each_once(event.data.get("tags"), lower=False)]
    found += [(each, str(event.data[each])) for each in ("campaign", "message_ref") if event.data.get(each)]
    if event.name is EventName.RECEIVED:
        if sender := event.data.get("from"):
            found.append(("from", str(sender).lower()))
        if template := event.data.get("template"):
            found.append(("template", str(template)))
    return tuple(found)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def fits(wanted: Filter, event: Event, labelled: Collection[tuple[Label, str]]) -> bool:
    """`labelled`: wanted labels, each with the id of a message known to bear it."""
    if wanted.message and event.message != wanted.message:
        return False
    if wanted.recipient is not None and event.recipient not in (None, wanted.recipient):
        return False
    if wanted.account and event.account != wanted.account:
        return False
    if wanted.credential and event.credential.lower() != wanted.credential.lower():
        return False
    if wanted.name is not None and event.name is not wanted.name:
        return False
    if wanted.since is not None and event.at < wanted.since:
        return False
    if wanted.until is not None and event.at > wanted.until:
        return False
    if not all((each, event.message) in labelled or _says(event, each) for each in wanted.labels):
        return False
    if wanted.address or wanted.domain:
        return any(
            (not wanted.address or each == wanted.address.lower())
            and (not wanted.domain or domain_of(each) == wanted.domain.lower())
            for each in addresses(event)
        )
    return True


def _says(event: Event, label: Label) -> bool:
    """Whether the event itself bears the label; that of a refused message is found by nothing else."""
    kind, value = label
    if kind == "from":
        return str(event.data.get("from", "")).lower() == value
    return value in _each_once(event.data.get(_WORDS[kind]), lower=False)


_WORDS = {"tag": "tags", "campaign": "campaign", "message_ref": "message_ref"}


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
    if wanted.credential:
        term("event.data ->> 'credential' = :credential collate nocase", credential=wanted.credential)
    for kind, value in wanted.labels:
        bears = f"event.message in (select message from labelled where kind = '{kind}' and value = :{kind})"  # noqa: S608
        if kind == "from":
            bears = f"({bears} or lower(event.data ->> 'from') = :from)"
        term(bears, **{kind: value})
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
