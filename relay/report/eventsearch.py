"""Events of an account in the report database, a page at a time: the newest first, or in the order they were folded.

In:  a `Wanted`, and where the page before ended.
Out: a `Page` of events, each with its place.

A statement never stays open between pages, so that a reader who is slow keeps nobody's log from starting over.

Why so: three ways lead to the events that are wanted, each along an index: those of a message, those of an address or
domain, and else the account's, in the order of time. A label that few messages bear leads to those
messages first; one that many bear is looked for at each event, or all events of all those messages would be sorted.
Who follows gets events in the order they were folded, for a journal may be folded late, and its events then stand
behind others that happened after them; a walk looks at so many rows and says that there are more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from relay.model.event import Event, EventName
from relay.report import database as sql
from relay.report.fold import Label
from relay.store.interface import StoreDown
from relay.store.sqlite.connect import Row, fetch, value

FEW = 2000  # messages with a label that are looked at one by one
WALK = 100_000  # events one page of `following` walks over at most
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,12}\.[0-9]{1,17})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is searched for; all that is given must fit."""

    account: str
    names: frozenset[EventName] = frozenset()  # empty: any
    credential: str = ""  # that handed the message in, in any case
    message: str = ""  # submission id
    recipient: int | None = None  # with `message`: this one, and what concerns all of them
    address: str = ""  # forward-path
    domain: str = ""  # of a forward-path
    labels: tuple[Label, ...] = ()  # the message bears all of them
    since: float | None = None
    until: float | None = None  # not included


@dataclass(frozen=True, slots=True)
class Place:
    """Of an event in the database."""

    id: int
    at: float

    def __str__(self) -> str:
        return f"{self.id}-{self.at!r}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises ValueError."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise ValueError("not a place in a list of events")
        return cls(int(found[1]), float(found[2]))


@dataclass(frozen=True, slots=True)
class Found:
    place: Place
    name: str  # of the journal row: <shard>.<seq>
    event: Event


@dataclass(frozen=True, slots=True)
class Page:
    events: list[Found]
    next: Place | None  # where the next page goes on; None: there is nothing more
    more: bool  # whether the next page may have some already


def newest(connection: apsw.Connection, wanted: Wanted, limit: int, before: Place | None = None) -> Page:
    """Raises StoreDown."""
    statement, given = _newest(connection, wanted, before)
    found = _found(connection, f"{statement} limit :limit", given | {"limit": limit + 1})
    more = len(found) > limit
    return Page(found[:limit], found[limit - 1].place if more else None, more)


def following(connection: apsw.Connection, wanted: Wanted, limit: int, after: Place | None = None) -> Page:
    """Its `next` is never None. Raises StoreDown."""
    last = _value(connection, sql.LAST_EVENT)
    if after is not None and after.id <= last:
        begin, since = after.id, wanted.since
    else:  # from the beginning; also where the database was made anew since
        since = max(wanted.since or 0.0, after.at if after is not None else 0.0)
        first = _value(connection, sql.FIRST_SINCE, (since,))
        begin = last if first is None else first
    upto = min(last, begin + WALK)
    terms = _Terms(wanted)
    terms.add("event.id > :begin and event.id <= :upto", begin=begin, upto=upto)
    terms.time(since, wanted.until)
    terms.concern()
    terms.bearing(wanted.labels)
    statement = f"{_SELECT} from event where {terms} order by event.id limit :limit"
    found = _found(connection, statement, terms.given | {"limit": limit})
    if len(found) == limit:
        return Page(found, found[-1].place, True)
    at = found[-1].place.at if found else after.at if after is not None else since or 0.0
    return Page(found, Place(upto, at), upto < last)


def between(
    connection: apsw.Connection, wanted: Wanted, size: int, after: Place | None = None
) -> Iterator[list[Found]]:
    """All of them in the order of time, so many at a time; only account, names and times are looked at.

    Raises:
        StoreDown: the database cannot be read.
    """
    while True:
        terms = _Terms(wanted)
        # One bound of a kind, or SQLite may take the wider one and walk over all that was told before.
        terms.time(wanted.since if after is None else after.at, wanted.until)
        if after is not None:
            terms.add("(event.at, event.id) > (:since, :id)", id=after.id)
        statement = f"{_SELECT} from {_BY_TIME} where {terms} order by event.at, event.id limit :limit"
        found = _found(connection, statement, terms.given | {"limit": size})
        if found:
            yield found
        if len(found) < size:
            return
        after = found[-1].place


_SELECT = "select event.id, event.at, event.shard, event.seq, event.data"
_BY_TIME = "event indexed by event_account"
_BY_MESSAGE = "event indexed by event_message"
_ABOUT = "about cross join event on event.id = about.event"


class _Terms:
    """Texts are fixed, what a user gave is bound."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._texts: list[str] = []
        self.given: dict[str, Any] = {}
        self.add("event.account = :account", account=wanted.account)
        if wanted.names:
            self.add(f"event.name in ({', '.join(repr(each.value) for each in sorted(wanted.names))})")
        if wanted.credential:
            self.add("event.data ->> 'credential' = :credential collate nocase", credential=wanted.credential)

    def __str__(self) -> str:
        return " and ".join(self._texts)

    def add(self, text: str, **given: Any) -> None:
        self._texts.append(text)
        self.given.update(given)

    def time(self, since: float | None, until: float | None, at: str = "event.at") -> None:
        if since is not None:
            self.add(f"{at} >= :since", since=since)
        if until is not None:
            self.add(f"{at} < :until", until=until)

    def concern(self) -> None:
        """Message, address and domain, looked for at the event."""
        self.message()
        if terms := self.about():
            self.add(f"exists (select 1 from about where {terms} and at = event.at and event = event.id)")  # noqa: S608

    def about(self) -> str:
        """What a row of `about` has to say, if anything."""
        wanted = {"address": self._wanted.address.lower(), "domain": self._wanted.domain.lower()}
        given = {name: text for name, text in wanted.items() if text}
        self.given.update(given)
        return " and ".join(f"about.{name} = :{name}" for name in given)

    def message(self) -> None:
        wanted = self._wanted
        if wanted.message:
            self.add("event.message = :message", message=wanted.message)
        if wanted.recipient is not None:
            whose = "coalesce(event.data ->> 'recipient', :recipient) = :recipient"
            self.add(whose, recipient=wanted.recipient)

    def bearing(self, labels: tuple[Label, ...]) -> None:
        for number, (kind, text) in enumerate(labels):
            whose = f"kind = :kind{number} and value = :value{number} and labelled.message = event.message"
            given = {f"kind{number}": kind, f"value{number}": text}
            self.add(f"exists (select 1 from labelled where {whose})", **given)  # noqa: S608


def _newest(connection: apsw.Connection, wanted: Wanted, before: Place | None) -> tuple[str, dict[str, Any]]:
    terms = _Terms(wanted)
    about = bool(wanted.address or wanted.domain) and not wanted.message
    at, ident = ("about.at", "about.event") if about else ("event.at", "event.id")
    terms.time(wanted.since, wanted.until if before is None else None, at)
    if before is not None:
        terms.add(f"{at} <= :at and ({at}, {ident}) < (:at, :id)", at=before.at, id=before.id)
    labels, source = list(wanted.labels), _BY_TIME
    if about:
        source = _ABOUT
        terms.message()
        terms.add(terms.about())
    else:
        terms.concern()
        if wanted.message:
            source = _BY_MESSAGE
        elif (rare := _rare(connection, wanted.labels)) is not None:
            source = _BY_MESSAGE
            labels.remove(rare)
            few = "event.message in (select message from labelled where kind = :rare_kind and value = :rare_value)"
            terms.add(few, rare_kind=rare[0], rare_value=rare[1])
    terms.bearing(tuple(labels))
    each_once = "distinct " if wanted.domain and about else ""  # one event may concern several of a domain
    select = _SELECT.replace("select ", f"select {each_once}", 1)
    return f"{select} from {source} where {terms} order by {at} desc, {ident} desc", terms.given


def _rare(connection: apsw.Connection, labels: tuple[Label, ...]) -> Label | None:
    """One that few messages bear."""
    for label in labels:
        if _value(connection, sql.BEARING, (*label, FEW + 1)) <= FEW:
            return label
    return None


def _found(connection: apsw.Connection, statement: str, given: dict[str, Any]) -> list[Found]:
    try:
        rows: list[Row] = fetch(connection, statement, given)
    except apsw.Error as error:
        raise StoreDown(f"the report database cannot be read: {error}") from error
    return [
        Found(Place(ident, at), f"{shard}.{seq}", Event.from_dict(json.loads(text)))
        for ident, at, shard, seq, text in rows
    ]


def _value(connection: apsw.Connection, statement: str, given: tuple[Any, ...] = ()) -> Any:
    try:
        return value(connection, statement, given)
    except apsw.Error as error:
        raise StoreDown(f"the report database cannot be read: {error}") from error
