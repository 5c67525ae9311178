"""How often what happened, by the hour: one tally a batch, written in the transaction of its events.

In:  folded journal rows. Out: rows of the table `counted`, so that each event is counted exactly once.

Counted are recipients, by account, and within it by tag, campaign, domain of the recipient and site it was sent to.
Opens and clicks of machines, and tests, are counted apart; mail of the relay's own (DSNs, what it passes on) and
`attempted`, which decides nothing, are not counted.

Why so: names are the clients' to choose, and a tag that is new in each message would fill the disk. So an account
has so many names of a kind a day, and what comes later is counted under OTHER together; its totals stay right.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import apsw

from relay.model.event import Event, EventName
from relay.report import database as sql
from relay.report.fold import addresses, domain_of
from relay.store.interface import Entry
from relay.store.sqlite.connect import fetch, value

HOUR = 3600
DAY_HOURS = 24
NAMES = 1000  # of a kind, an account and a day
OTHER = "(other)"
KNOWN = 400  # sets of names kept in memory
SITES = 10_000  # recipients whose site is kept in memory
LONGEST = 200  # characters of a name
TEST = "test"  # begins the variants of tests: `test`, `test-first`, ...

_ONCE = frozenset({EventName.OPENED, EventName.CLICKED})
# These have no site of their own: it is that of the delivery.
_LATER = _ONCE | {EventName.BOUNCED, EventName.REPLIED, EventName.COMPLAINED, EventName.UNSUBSCRIBED}

Key = tuple[int, str, str, str, str, str]  # hour, kind, account, name, event, variant


class Counts:
    def __init__(self) -> None:
        self._names: OrderedDict[tuple[int, str, str], set[str]] = OrderedDict()
        self._sites: OrderedDict[tuple[str, str], str | None] = OrderedDict()

    def forget(self) -> None:
        """What is remembered may not have been written."""
        self._names.clear()
        self._sites.clear()

    def add(self, database: apsw.Connection, entries: Iterable[Entry]) -> None:
        """Within the caller's transaction, after its events were written."""
        tally: dict[Key, int] = {}
        for entry in entries:
            event = entry.event
            data = event.data
            if event.name is EventName.ATTEMPTED or "origin" in data:
                continue
            hour, name, account = int(event.at // HOUR), event.name._value_, event.account
            variants = self._variants(database, event)
            to = addresses(event)
            many = len(to) or 1
            for kind, called, times in self._names_of(database, hour, event, to, many):
                for variant in variants:
                    key = (hour, kind, account, called, name, variant)
                    tally[key] = tally.get(key, 0) + times
        database.executemany(sql.COUNT, [(*key, count) for key, count in tally.items()])

    def _variants(self, database: apsw.Connection, event: Event) -> Sequence[str]:
        found = self._makers(database, event)
        if event.data.get("test"):
            return [f"{TEST}-{each}" if each else TEST for each in found]
        return found

    def _makers(self, database: apsw.Connection, event: Event) -> Sequence[str]:
        data = event.data
        if data.get("machine"):
            return ("machine",)
        if data.get("resubscribed"):
            return ("back",)
        if event.name in _ONCE and event.recipient is not None:
            database.execute(sql.ONCE, (event.message, event.recipient, event.name._value_))
            if database.changes():
                return ("", "first")
        return ("",)

    def _names_of(
        self, database: apsw.Connection, hour: int, event: Event, to: Sequence[str], many: int
    ) -> Iterable[tuple[str, str, int]]:
        """Kind, name and how many recipients it counts for."""
        data, account = event.data, event.account
        found: list[tuple[str, str, int]] = [("account", "", many)]
        if tags := data.get("tags"):
            each_once = dict.fromkeys(self._bounded(database, hour, "tag", account, each) for each in tags)
            found += [("tag", each, many) for each in each_once]
        if campaign := data.get("campaign"):
            found.append(("campaign", self._bounded(database, hour, "campaign", account, campaign), many))
        if len(to) == 1:
            found.append(("domain", self._bounded(database, hour, "domain", account, domain_of(to[0])), 1))
        else:
            domains: dict[str, int] = {}
            for each in to:
                domain = self._bounded(database, hour, "domain", account, domain_of(each))
                domains[domain] = domains.get(domain, 0) + 1
            found += [("domain", each, count) for each, count in domains.items()]
        site = data.get("site")
        if site is None and event.name in _LATER and to:
            site = self._site(database, (to[0], event.message))
        if site:
            found.append(("site", self._bounded(database, hour, "site", account, site), many))
        return found

    def _site(self, database: apsw.Connection, whose: tuple[str, str]) -> str | None:
        """Where a message to an address was delivered. Kept, so that a flood of opens looks it up once."""
        if whose in self._sites:
            self._sites.move_to_end(whose)
            return self._sites[whose]
        site: str | None = value(database, sql.SITE, whose)
        self._sites[whose] = site
        if len(self._sites) > SITES:
            self._sites.popitem(last=False)
        return site

    def _bounded(self, database: apsw.Connection, hour: int, kind: str, account: str, name: object) -> str:
        """The name, or OTHER where the account has too many today."""
        text = str(name)[:LONGEST]
        day = hour // DAY_HOURS
        key = (day, kind, account)
        known = self._names.get(key)
        if known is None:
            begin = day * DAY_HOURS
            rows = fetch(database, sql.NAMES, (begin, begin + DAY_HOURS, kind, account))
            known = self._names[key] = {row[0] for row in rows}
            if len(self._names) > KNOWN:
                self._names.popitem(last=False)
        if text in known:
            return text
        if len(known) >= NAMES:
            return OTHER
        known.add(text)
        return text
