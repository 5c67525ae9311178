"""Which recipients a selection means: what its statements are given, and in which way they look.

In:  a `Selection`, and a connection that reads.
Out: rows of recipients, as `rows.recipient_state_of` takes them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apsw

from relay.model.ids import parse_id
from relay.model.message import State
from relay.model.order import Selection
from relay.store.sqlite import statements as sql
from relay.store.sqlite.connect import Row, fetch
from relay.store.sqlite.lookup import key_of

OPEN = (State.QUEUED, State.FLIGHT, State.HELD)
Span = tuple[int, int]  # keys of recipients, both included


def given(selection: Selection, states: Iterable[State]) -> dict[str, Any]:
    """What the statements that choose by a selection are bound to."""
    asked = {
        "account": selection.account,
        "credential": selection.credential.casefold(),
        "tag": selection.tag,
        "campaign": selection.campaign,
        "send_cancel_id": selection.send_cancel_id,
        "before": selection.before,
        "since": selection.since,
    }
    return {
        **asked,
        "whole": all(each is None or each == "" for each in asked.values()),
        "states": json.dumps([each.value for each in states]),
        "domain": selection.domain.lower(),
        "site": selection.site,
        "address": selection.address.casefold(),
    }


def spans(connection: apsw.Connection, ids: Iterable[str]) -> list[Span]:
    """Where the named messages and recipients lie. What is no id, or of another shard, is not here."""
    found: list[Span] = []
    for text in ids:
        try:
            wanted = parse_id(text)
        except ValueError:
            continue
        key = key_of(connection, wanted.submission)
        if key is None:
            continue
        base = key << sql.SHIFT
        if wanted.recipient is None:
            found.append((base, base | sql.NUMBERS))
        elif wanted.recipient <= sql.NUMBERS:
            found.append((base | wanted.recipient,) * 2)
    return sorted(set(found))


def listing(connection: apsw.Connection, selection: Selection, limit: int) -> list[Row]:
    """The rows that fit, the earliest next attempt first."""
    wanted = selection.states or OPEN
    asked = {**given(selection, wanted), "limit": limit}
    if selection.ids:
        rows: dict[int, Row] = {}
        for low, high in spans(connection, selection.ids):
            rows.update(
                {row[0]: row for row in fetch(connection, sql.LIST_SPAN, {**asked, "low": low, "high": high})}
            )
        return sorted(rows.values(), key=lambda row: (row[4] is None, row[4] or 0.0, row[0]))[:limit]
    return fetch(connection, _statement(wanted), asked)


def counts(connection: apsw.Connection, selection: Selection) -> Mapping[State, int]:
    """How many rows fit, by state; nothing of them is held in memory."""
    wanted = selection.states or OPEN
    if selection.ids:
        return Counter(State(row[2]) for row in listing(connection, selection, sys.maxsize))
    asked = {**given(selection, wanted), "limit": -1}
    # The inner text is one of our own statements; what a user gave is bound.
    counted = f"select state, count(*) from ({_statement(wanted)}) group by state"  # noqa: S608
    return {State(state): number for state, number in fetch(connection, counted, asked)}


def backlog(connection: apsw.Connection, selection: Selection, limit: int) -> list[Row]:
    """By domain what fits and has not ended, the most first."""
    return fetch(connection, sql.BACKLOG, {**given(selection, OPEN), "limit": limit})


def _statement(wanted: Sequence[State]) -> str:
    if tuple(wanted) == (State.QUEUED,):
        return sql.LIST_QUEUED  # by the index of what waits
    if any(each.final for each in wanted):
        return sql.LIST_ANY
    return sql.LIST_OPEN
