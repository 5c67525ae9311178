"""What is known of the messages that events are about: from the report database, and of what came back its mail.

In:  events. Out: `Said`, for their records.

Of one thread at a time. A message is looked up once while it is remembered; mail that came back is read where it is
kept, and is empty where it no longer is, or is too long.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw

from relay.model.event import Event, EventName
from relay.report import database as sql
from relay.report.facts import returned_as
from relay.report.smtpeter import Kind, Said
from relay.store.interface import NotFound, StoreDown
from relay.store.readers import Readers
from relay.store.sqlite.connect import value

logger = logging.getLogger("relay.report")

REMEMBERED = 5000  # messages
LARGEST = 1 << 20  # octets of mail that came back


class Messages:
    def __init__(self, data: Path, connection: apsw.Connection) -> None:
        self._data = data
        self._connection = connection
        self._known: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._readers = Readers(data)

    def said(self, event: Event, kind: Kind) -> Said:
        """What a record of that kind needs. Raises StoreDown."""
        sender, template = self._message(event)
        back = event.name is EventName.BOUNCED and kind.prefix == "failures"
        return Said(
            sender=sender,
            template=template,
            delivery=self._delivery(event) if back else {},
            mime=self._mime(event) if "mime" in kind.columns else "",
        )

    def close(self) -> None:
        self._readers.close()

    def _message(self, event: Event) -> tuple[str, int]:
        """Reverse-path, and number of its template."""
        if event.name is EventName.RECEIVED:
            return _of(event)
        known = self._known.get(event.message)
        if known is None:
            text = self._value(sql.RECEIVED, (event.message,))
            known = self._known[event.message] = ("", 0) if text is None else _of(Event.from_json(text))
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(event.message)
        return known

    def _delivery(self, event: Event) -> Mapping[str, Any]:
        text = self._value(sql.DELIVERED, (str(event.data.get("to", "")).lower(), event.message))
        return {} if text is None else Event.from_json(text).data

    def _mime(self, event: Event) -> str:
        submission = returned_as(event)
        if not submission:
            return ""
        try:
            octets = self._readers.of(submission).content(submission, 0)
        except (NotFound, ValueError):
            return ""
        except StoreDown as error:
            logger.debug("what came back as %s cannot be read: %s", submission, error)
            return ""
        return octets.decode("utf-8", "replace") if len(octets) <= LARGEST else ""

    def _value(self, statement: str, given: tuple[Any, ...]) -> Any:
        try:
            return value(self._connection, statement, given)
        except apsw.Error as error:
            raise StoreDown(f"{self._data / sql.NAME} cannot be read: {error}") from error


def _of(event: Event) -> tuple[str, int]:
    return str(event.data.get("from", "")), int(event.data.get("template", 0))
