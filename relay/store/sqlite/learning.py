"""Events become suppressions, each exactly once.

In:  what a journal row asks of the list: an entry to put in, or one to lift.
Out: the list, changed in one transaction with the number of the last row.

Each cause has an entry of its own, so what was put in by hand is never touched here. An entry is made longer and
never shorter. What is over counts as not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apsw

from relay.model.suppression import Suppression
from relay.store.sqlite.connect import value
from relay.store.sqlite.shared import transaction

LEARNT = "select seq from learnt where shard = ?"
LEARN = "insert into learnt (shard, seq) values (?, ?) on conflict (shard) do update set seq = excluded.seq"
PUT = """
insert into suppression (note, created, until, address, account, stream, suppression_group, cause)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict do update set note = excluded.note, created = excluded.created, until = excluded.until
 where until is not null and (excluded.until is null or excluded.until > until)
"""
LIFT = """
delete from suppression
 where address = ? and account = ? and stream = '' and suppression_group = ? and cause = 'unsubscribe'
"""


@dataclass(frozen=True, slots=True)
class Lift:
    """Who unsubscribed is back."""

    account: str
    address: str  # lower case
    group: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    seq: int  # of the journal row it follows from
    what: Suppression | Lift


def learn(connection: apsw.Connection, shard: int, changes: Iterable[Change], now: float) -> int:
    """How many entries were put in or lifted. Raises StoreFull, StoreDown: none was."""
    done = 0
    with transaction(connection, "the list of suppressions"):
        known = value(connection, LEARNT, (shard,)) or 0
        last = known
        for each in changes:
            if each.seq > known:
                done += _do(connection, each.what, now)
                last = max(last, each.seq)
        connection.execute(LEARN, (shard, last))
    return done


def _do(connection: apsw.Connection, what: Suppression | Lift, now: float) -> bool:
    if isinstance(what, Lift):
        connection.execute(LIFT, (what.address, what.account, what.group))
    elif what.until is not None and what.until <= now:
        return False
    else:
        key = (what.address, what.account, what.stream, what.group, what.cause.value)
        connection.execute(PUT, (what.note, what.created, what.until, *key))
    return connection.changes() > 0
