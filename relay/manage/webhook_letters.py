"""What became of requests to webhooks, what waits for them and what was given up, in JSON's types.

In:  the data directory, and which webhook. Out: how it fares, its last answers, its dead letters; these sent again.

Why so: it reads the outbox beside the running reporter, which sees what is replayed within a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from relay.model.clock import iso
from relay.report.webhooks import letters
from relay.report.webhooks.letters import Chosen
from relay.report.webhooks.outbox import Outbox, open_outbox, read_outbox
from relay.report.webhooks.schedule import Endpoint

__all__ = ["Chosen", "answers", "dead", "fresh_start", "replay", "states"]


def states(data: Path, idents: Sequence[str], now: float) -> dict[str, dict[str, Any]]:
    """How each webhook fares. Raises StoreDown."""
    found = {}
    with _reading(data) as outbox:
        for ident in idents:
            endpoint = outbox.endpoint(ident) if outbox is not None else Endpoint()
            found[ident] = {
                "waiting": outbox.count(ident) if outbox is not None else 0,
                "dead": letters.dead_count(outbox, ident) if outbox is not None else 0,
                "lost": endpoint.lost,
                "failures": endpoint.failures,
                "failing_since": _when(endpoint.failing_since),
                "paused_until": _when(endpoint.paused_until) if endpoint.paused_until > now else None,
                "last_success": _when(endpoint.last_success),
            }
    return found


def answers(data: Path, ident: str, limit: int) -> list[dict[str, Any]]:
    """The last requests, the newest first. Raises StoreDown."""
    with _reading(data) as outbox:
        found = letters.answers(outbox, ident, limit) if outbox is not None else []
    return [
        {
            "at": iso(each.at),
            "event": each.event,
            "events": each.events,
            "attempt": each.attempt,
            "status": each.status or None,
            "seconds": each.seconds,
            "answer": each.text,
        }
        for each in found
    ]


def dead(data: Path, chosen: Chosen, limit: int, after: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Events that were given up, the oldest first; and the place of the last of them. Raises StoreDown."""
    with _reading(data) as outbox:
        found = letters.dead(outbox, chosen, limit, after) if outbox is not None else []
    described = [
        {
            "id": f"evt_{each.event}" + (f"-{each.kind}" if each.kind else ""),
            "event": each.name,
            "at": iso(each.at),
            "died": iso(each.died),
            "attempts": each.attempts,
            "reason": each.reason,
        }
        for each in found
    ]
    return described, found[-1].id if found else after


def replay(data: Path, chosen: Chosen, now: float) -> int:
    """Send again what was given up, with the ids it had. How many. Raises StoreFull, StoreDown."""
    with closing(open_outbox(data)) as outbox:
        return letters.replay(outbox, chosen, now)


def fresh_start(data: Path, ident: str, now: float) -> None:
    """Forget the failures of a webhook that is enabled again; what waits is tried now. Raises StoreDown."""
    with _reading(data) as outbox:
        if outbox is None:
            return
    with closing(open_outbox(data)) as opened:
        opened.begin_anew(ident, now)


@contextmanager
def _reading(data: Path) -> Iterator[Outbox | None]:
    outbox = read_outbox(data)
    try:
        yield outbox
    finally:
        if outbox is not None:
            outbox.close()


def _when(at: float | None) -> str | None:
    return None if at is None else iso(at)
