"""Which events go to which webhook: asked while journals are folded, before the reporter's cursor moves.

In:  journal rows, in order; the webhooks of the registry.
Out: rows in the outbox, on disk when `add` returns.

The outbox keeps how far each journal was read, so that a fold that is done again adds nothing twice, also not what
was sent in between. A row says all that a receiver is told: what the event that brought the message said of it
(tags, metadata, ...) is looked up in this batch or in the report database.

Why so: without a webhook there is no outbox and nothing to do but look at a number, once a batch.
"""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from relay.model.clock import Clock
from relay.model.event import Event, EventName
from relay.model.webhook import Webhook, kinds
from relay.report import database
from relay.report.webhooks.outbox import NAME, New, Outbox, open_outbox
from relay.report.webhooks.payload import ABOUT, pack
from relay.store.interface import Entry, StoreDown, StoreFull
from relay.store.sqlite.connect import fetch
from relay.store.sqlite.hooks import SqliteWebhooks, open_webhooks

logger = logging.getLogger("relay.webhooks")

REMEMBERED = 2000  # messages whose facts are kept
RECOUNT = 60.0  # seconds between counts of what waits for each webhook
REGISTRY = "registry.db"

About = Mapping[str, Any]


class Filler:
    """Of the thread that folds."""

    def __init__(self, data: Path, clock: Clock, room: Callable[[], int]) -> None:
        self._room = room  # events that wait for one webhook at most
        self._data = data
        self._clock = clock
        self._registry: SqliteWebhooks | None = None
        self._version = -1
        self._hooks: dict[str, list[Webhook]] = {}  # by account; those that are sent to
        self._outbox: Outbox | None = None
        self._cursors: dict[int, int] = {}
        self._report: apsw.Connection | None = None
        self._about: OrderedDict[str, About] = OrderedDict()
        self._counts: dict[str, int] = {}
        self._recount_at = 0.0
        self._routes = False

    def add(self, shard: int, entries: Sequence[Entry]) -> None:
        """Keep what is to be told of these rows. Raises StoreDown: nothing of them was kept."""
        if not self._look() or not entries:
            return
        try:
            self._add(shard, entries)
        except StoreFull as error:
            raise StoreDown(str(error)) from error
        except StoreDown:
            self._drop()
            raise

    def _add(self, shard: int, entries: Sequence[Entry]) -> None:
        outbox = self._open()
        after = self._cursors.get(shard, 0)
        rows: list[New] = []
        routes: list[tuple[str, str]] = []
        fresh: dict[str, str] = {}
        lost: dict[str, int] = {}
        for entry in entries:
            if entry.seq <= after or entry.event.account not in self._hooks:
                continue
            if entry.event.name is EventName.RECEIVED:
                self._learn(entry.event)
                if url := _url(entry.event):
                    routes.append((entry.event.message, url))
                    fresh[entry.event.message] = url
            for hook, kind in self._wanted(entry.event, fresh):
                if self._takes(hook):
                    rows.append(self._row(hook, kind, entry))
                else:
                    lost[hook.id] = lost.get(hook.id, 0) + 1
        if rows or routes or lost:
            outbox.add(shard, entries[-1].seq, rows, self._clock(), routes, lost.items())
            self._cursors[shard] = entries[-1].seq
            self._routes = self._routes or bool(routes)
        for ident, count in lost.items():
            logger.error("webhook %s has no room for %d events: %d wait for it", ident, count, self._room())

    def close(self) -> None:
        for each in (self._registry, self._outbox, self._report):
            if each is not None:
                each.close()
        self._registry = self._outbox = self._report = None

    def _drop(self) -> None:
        """The next call opens the outbox anew."""
        outbox, self._outbox = self._outbox, None
        if outbox is not None:
            with contextlib.suppress(apsw.Error):  # it failed already
                outbox.close()

    def _look(self) -> bool:
        """Whether anybody is to be told anything."""
        if self._registry is None:
            path = self._data / REGISTRY
            if not path.exists():
                return False
            self._registry = open_webhooks(path)
        version = self._registry.version()
        if version != self._version:
            self._hooks = {}
            for hook in self._registry.webhooks():
                if hook.ready:
                    self._hooks.setdefault(hook.account, []).append(hook)
            self._version = version
        return bool(self._hooks)

    def _open(self) -> Outbox:
        """The outbox, opened anew where somebody put another file in its place."""
        if self._outbox is None or not (self._data / NAME).exists():
            self._outbox = open_outbox(self._data)
            self._cursors = self._outbox.cursors()
            self._routes = self._outbox.has_routes()
            self._counts = {}
        now = self._clock()
        if not self._recount_at - RECOUNT <= now < self._recount_at:  # or the clock was set back
            self._counts = {}
            self._recount_at = now + RECOUNT
        return self._outbox

    def _wanted(self, event: Event, fresh: Mapping[str, str]) -> list[tuple[Webhook, str]]:
        """The webhooks that are told of it, each with the kind as which."""
        found = [(hook, kind) for hook in self._hooks[event.account] for kind in kinds(hook, event.name, event.data)]
        if found and event.message and (self._routes or fresh):
            assert self._outbox is not None
            url = fresh.get(event.message) or self._outbox.routed(event.message)
            if url is not None:
                return [(hook, kind) for hook, kind in found if hook.url == url]
        return found

    def _takes(self, hook: Webhook) -> bool:
        """Whether there is room for one more."""
        if hook.id not in self._counts:
            assert self._outbox is not None
            self._counts[hook.id] = self._outbox.count(hook.id)
        if self._counts[hook.id] >= self._room():
            return False
        self._counts[hook.id] += 1
        return True

    def _row(self, hook: Webhook, kind: str, entry: Entry) -> New:
        event = entry.event
        ident = f"{entry.shard}-{entry.seq}"
        message = event.message or ident
        lane = message if event.recipient is None else f"{message}-{event.recipient}"
        about = self._facts(event.message) if event.message else {}
        return New(hook=hook.id, event=ident, kind=kind, message=message, lane=lane, data=pack(event, about))

    def _learn(self, event: Event) -> About:
        about = {word: event.data[word] for word in ABOUT if word in event.data}
        self._about[event.message] = about
        self._about.move_to_end(event.message)
        if len(self._about) > REMEMBERED:
            self._about.popitem(last=False)
        return about

    def _facts(self, message: str) -> About:
        """What the event that brought a message said of it; nothing where that is forgotten."""
        if message in self._about:
            self._about.move_to_end(message)
            return self._about[message]
        try:
            if self._report is None:
                self._report = database.open_to_read(self._data)
            rows = fetch(self._report, database.RECEIVED, (message,)) if self._report is not None else []
        except (apsw.Error, StoreDown) as error:
            self._report = None
            logger.debug("the report database cannot be asked about %s: %s", message, error)
            return {}
        return self._learn(Event.from_json(rows[0][0])) if rows else {}


def _url(event: Event) -> str:
    options = event.data.get("options")
    return str(options.get("webhook_url", "")) if isinstance(options, Mapping) else ""
