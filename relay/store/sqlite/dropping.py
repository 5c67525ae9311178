"""Contents that somebody wants gone before their time, by order.

In:  an order that names messages by their ids; a way to read, one to write, one that is told of contents that went.
Out: how many messages lost their contents, and how many have not ended and keep them.

Rows, events and what links lead to stay, as after the retention of contents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields
from functools import partial

import apsw

from relay.model.ids import parse_id
from relay.model.order import Order, Selection
from relay.store.interface import Acted
from relay.store.sqlite import lookup, prune
from relay.store.sqlite import statements as sql
from relay.store.sqlite.acting import Run
from relay.store.sqlite.connect import fetch, value
from relay.store.sqlite.prune import Gone, Overdue

_TAKEN = frozenset({"ids", "account"})


async def drop(read: Run, write: Run, dropped: Callable[[Gone], Awaitable[None]], order: Order) -> Acted:
    """Raises ValueError: the order names no messages, or selects by anything else; StoreFull, StoreDown."""
    changed = waiting = 0
    for start in range(0, len(_ids(order.selection)), prune.MESSAGES):
        ids = order.selection.ids[start : start + prune.MESSAGES]
        found = await read(partial(_find, ids, order.selection.account))
        waiting += sum(still_open for _, still_open in found)
        ended = [each for each, still_open in found if not still_open]
        gone = await write(partial(prune.drop, ended))
        await dropped(gone)
        changed += len({message for message, _ in gone.contents})
    return Acted(changed, waiting)


def _ids(selection: Selection) -> tuple[str, ...]:
    given = {each.name for each in fields(selection) if getattr(selection, each.name) != each.default}
    if not selection.ids or given - _TAKEN or any(parse_id(each).recipient for each in selection.ids):
        raise ValueError("contents are dropped by the ids of submissions, and of an account, and by nothing else")
    return selection.ids


def _find(ids: tuple[str, ...], account: str, connection: apsw.Connection) -> list[tuple[Overdue, bool]]:
    """Those that are there, and whether they have yet to end."""
    found = []
    for ident in ids:
        key = lookup.key_of(connection, ident)
        if key is None:
            continue
        ((_, whose, *_),) = fetch(connection, sql.WHOSE, (key,))
        if account in ("", whose):
            found.append((Overdue(key, ident), bool(value(connection, sql.STILL_OPEN, (key,)))))
    return found
