"""Hard bounces, complaints and unsubscribes reach the list of suppressions while journals are folded.

In:  journal rows of a batch, within the transaction that folds them.
Out: entries, on disk before the reporter's cursor moves; strikes of what one day is not enough for.

Nothing is lost and nothing is done twice: the list keeps how far each journal was carried into it, in the transaction
of the entries, and strikes are folded like all else. A list that cannot be written stops folding, and the journals
keep what happened; mail waits meanwhile if the list cannot be read either.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import apsw

from relay.config import Config, ConfigError
from relay.config.bounces import DAY, Bounces, bounces_of
from relay.model.clock import Clock
from relay.model.suppression import Suppression
from relay.report import database as sql
from relay.report.consequences import Back, Wanted, consequence, until
from relay.store.interface import Entry, StoreDown, StoreFull
from relay.store.sqlite.connect import value
from relay.store.sqlite.learning import Change, Lift, learn
from relay.store.sqlite.shared import open_shared

logger = logging.getLogger("relay.report")


class Suppressor:
    def __init__(self, config: Config, clock: Clock) -> None:
        """Raises ConfigError: the rules cannot be read."""
        self._path: Path = config.data / "suppressions.db"
        self._clock = clock
        self._config = config
        self._rules: Bounces = bounces_of(config)
        self._list: apsw.Connection | None = None

    def follow(self, config: Config) -> None:
        """Go by a new configuration."""
        if config is self._config:
            return
        self._config = config
        try:
            self._rules = bounces_of(config)
        except ConfigError as error:  # it was good when the supervisor looked
            logger.error("the rules for what comes back stay as they were: %s", error)

    def add(self, report: apsw.Connection, shard: int, entries: Sequence[Entry]) -> None:
        """Raises StoreDown: nothing was changed."""
        changes: list[Change] = []
        for entry in entries:
            found = consequence(entry.event, self._rules)
            if isinstance(found, Back):
                changes.append(Change(entry.seq, Lift(found.account, found.address, found.group)))
            elif found is not None and self._often(report, found, entry.event.at):
                changes.append(Change(entry.seq, _entry(found, entry.event.at)))
        if changes:
            self._write(shard, changes)

    def close(self) -> None:
        opened, self._list = self._list, None
        if opened is not None:
            opened.close(True)

    def _often(self, report: apsw.Connection, wanted: Wanted, at: float) -> bool:
        """Whether it happened on as many days as the rule asks for."""
        action = wanted.action
        if action.after == 1:
            return True
        day = int(at // DAY)
        whose = (wanted.account, wanted.address, wanted.word)
        report.execute(sql.STRIKE, (day, *whose))
        days: int = value(report, sql.STRIKES, (*whose, day - int(action.within // DAY), day))
        return days >= action.after

    def _write(self, shard: int, changes: Sequence[Change]) -> None:
        try:
            if self._list is None:
                self._list = open_shared(self._path, "suppressions")
            learn(self._list, shard, changes, self._clock())
        except (StoreDown, StoreFull) as error:
            try:
                self.close()
            except apsw.Error as fault:  # it failed already; the next look opens it anew
                logger.debug("the list of suppressions could not be closed: %s", fault)
            raise StoreDown(str(error)) from error


def _entry(wanted: Wanted, at: float) -> Suppression:
    return Suppression(
        account=wanted.account,
        address=wanted.address,
        group=wanted.group,
        cause=wanted.cause,
        note=wanted.note,
        created=at,
        until=until(wanted, at),
    )
