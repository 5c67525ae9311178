"""Where a page of events goes on, as a parameter says it."""

from __future__ import annotations

from relay.model.address import printable
from relay.report.eventsearch import Place
from relay.web.api.problem import Problem

FAMILY = "Events"
BEHIND = "What happened stands in the answer within two seconds."


def place_of(text: str | None) -> Place | None:
    if not text:
        return None
    try:
        return Place.parse(text)
    except ValueError as error:
        shown = printable(text, 60)
        raise Problem("bad_parameter", f"after: expected what `next` said, not {shown!r}", field="after") from error
