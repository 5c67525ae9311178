"""The queue as operators and applications look at it and act on it: what is said of it, and orders given.

In:  readers of shards, a selection; an act.
Out: what waits, counted and listed, in JSON's types; an order in the registry, with its audit.

Why so: whoever owns a shard carries orders out (`relay.worker.orders`), so giving one is a row and nothing more. Who
asks for an account gives its name in the selection, and reaches nothing else by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from relay.model.clock import iso
from relay.model.ids import Id
from relay.model.message import Message, State
from relay.model.order import Act, Done, Order, Selection
from relay.store.interface import Backlog, Reader, RecipientState, Registry

WAITING = (State.QUEUED, State.HELD)
# The states of recipients that an act changes.
CHANGES: Mapping[Act, tuple[State, ...]] = {
    Act.RETRY: (State.QUEUED,),
    Act.HOLD: (State.QUEUED,),
    Act.RELEASE: (State.HELD,),
    Act.FAIL: WAITING,
    Act.DELETE: WAITING,
}


def readers(data: Path) -> Iterator[Reader]:
    """All shards in turn, each closed before the next. Raises StoreDown."""
    from relay.store.sqlite import existing_shards, open_reader, shard_directory

    for shard in sorted(existing_shards(data)):
        with closing(open_reader(shard_directory(data, shard), shard)) as opened:
            yield opened


def count(opened: Iterable[Reader], selection: Selection) -> Counter[State]:
    """How many recipients fit, by state; without waiting for anybody."""
    total: Counter[State] = Counter()
    for reader in opened:
        total.update(reader.matching(selection))
    return total


def listing(opened: Iterable[Reader], selection: Selection, limit: int) -> list[tuple[Message, RecipientState]]:
    """The next attempt first."""
    found: list[tuple[Message, RecipientState]] = []
    for reader in opened:
        found += reader.listing(selection, limit)
    found.sort(key=place)
    return found[:limit]


def place(found: tuple[Message, RecipientState]) -> tuple[bool, float, str, int]:
    """Where a recipient stands in a listing."""
    message, recipient = found
    return (recipient.next_attempt is None, recipient.next_attempt or 0.0, message.id, recipient.number)


def backlog(opened: Iterable[Reader], selection: Selection, limit: int) -> list[Backlog]:
    """The domains with the most that waits; all shards together, so far as each names them."""
    found: dict[str, Backlog] = {}
    for reader in opened:
        for each in reader.backlog(selection, limit):
            one = found.get(each.domain)
            found[each.domain] = each if one is None else _together(one, each)
    ranked = sorted(found.values(), key=lambda each: (-(each.queued + each.flight + each.held), each.domain))
    return ranked[:limit]


def _together(one: Backlog, other: Backlog) -> Backlog:
    dues = [each for each in (one.due, other.due) if each is not None]
    return Backlog(
        one.domain,
        one.queued + other.queued,
        one.flight + other.flight,
        one.held + other.held,
        min(dues) if dues else None,
    )


def give(registry: Registry, order: Order) -> Order:
    """Keep an order and who gave it; with its number. Raises StoreDown, StoreFull."""
    kept = registry.add_order(order)
    registry.audit(order.at, order.who, f"queue {order.act.value}", {**_audited(order), "order": kept.number})
    return kept


def _audited(order: Order) -> Mapping[str, object]:
    """Who asks to be forgotten must not be remembered in the audit."""
    told = describe_selection(order.selection)
    if order.act is Act.ERASE:
        told = {"domain": order.selection.address.rpartition("@")[2]}
    return {**told, "reason": order.reason} if order.reason else told


def is_everything(selection: Selection) -> bool:
    """Whether it names nothing but states."""
    return not describe_selection(selection).keys() - {"states"}


def describe_selection(selection: Selection) -> dict[str, Any]:
    """What is given of it, in JSON's types."""
    found: dict[str, Any] = {
        "ids": list(selection.ids),
        "domain": selection.domain,
        "site": selection.site,
        "account": selection.account,
        "credential": selection.credential,
        "tag": selection.tag,
        "campaign": selection.campaign,
        "send_cancel_id": selection.send_cancel_id,
        "address": selection.address,
        "states": [each.value for each in selection.states],
        "before": None if selection.before is None else iso(selection.before),
        "since": None if selection.since is None else iso(selection.since),
    }
    return {name: value for name, value in found.items() if value}


def describe(message: Message, recipient: RecipientState) -> dict[str, Any]:
    return {
        "id": str(Id(message.id, recipient.number)),
        "state": recipient.state.value,
        "attempts": recipient.attempts,
        "next": _when(recipient.next_attempt),
        "from": message.envelope.reverse_path or "<>",
        "to": recipient.address,
        "account": message.account,
        "credential": message.credential,
        "received": _when(message.received),
        "deadline": _when(message.deadline),
        "ended": _when(recipient.ended),
        "size": message.size,
        "site": recipient.site,
        "reply": recipient.reply,
    }


def describe_order(order: Order, done: Iterable[Done], shards: Iterable[int]) -> dict[str, Any]:
    """What an order came to; `shards`: those there are."""
    came = {each.shard: each for each in done}
    outstanding = sorted(set(shards) - came.keys())
    return {
        "order": order.number,
        "act": order.act.value,
        "at": iso(order.at),
        "who": order.who,
        "reason": order.reason,
        "selection": describe_selection(order.selection),
        "done": not outstanding,
        "changed": sum(each.changed for each in came.values()),
        "in_flight": sum(each.in_flight for each in came.values()),
        "outstanding": outstanding,
    }


def _when(at: float | None) -> str | None:
    return None if at is None else iso(at)
