"""What concerns a recipient beside its queue: suppressions, and orders of operators that wait to be carried out.

In:  a message that is kept, one of its recipients and its events.
Out: a `Case` for `holds`.

Suppressions and orders lie in databases of their own, which who may only look at the queue cannot open; then they
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from relay.model.event import Event, EventName
from relay.model.ids import Id, parse_id, shard_of
from relay.model.message import Message
from relay.model.order import Order
from relay.model.suppression import Suppression, weigh
from relay.report.holds import Case
from relay.store.interface import Reader, RecipientState, StoreDown
from relay.store.sqlite import open_reader, open_registry, open_suppressions, shard_directory

Concern = Callable[[RecipientState, Sequence[Event]], Case]

_DECIDING = frozenset({EventName.HELD, EventName.SCHEDULED, EventName.DEFERRED})


@contextmanager
def looking(data: Path, message: Message | None, now: float) -> Iterator[Concern]:
    """Ask for each recipient of the message inside; the databases are closed afterwards."""
    with ExitStack() as stack:
        find = _suppressions(data, message, now, stack)
        pending = _orders(data, message, stack)

        def concern(recipient: RecipientState, events: Sequence[Event]) -> Case:
            last = next((each for each in reversed(events) if each.name in _DECIDING), None)
            if recipient.state.final:
                return Case(message=message, last=last)
            return Case(message=message, last=last, suppressed=find(recipient), orders=pending(recipient))

        yield concern


def _suppressions(
    data: Path, message: Message | None, now: float, stack: ExitStack
) -> Callable[[RecipientState], Suppression | None]:
    path = data / "suppressions.db"
    if message is None or not path.exists():
        return lambda recipient: None
    try:
        listed = stack.enter_context(closing(open_suppressions(path)))
    except StoreDown:
        return lambda recipient: None
    options, account = message.resolved.options, message.account

    def find(recipient: RecipientState) -> Suppression | None:
        entries = listed.matching(account, recipient.address, options.stream, now, options.suppression_group)
        return weigh(entries, options.bypass).holds

    return find


def _orders(data: Path, message: Message | None, stack: ExitStack) -> Callable[[RecipientState], tuple[Order, ...]]:
    path = data / "registry.db"
    if message is None or not path.exists():
        return lambda recipient: ()
    shard = shard_of(message.id)
    try:
        registry = stack.enter_context(closing(open_registry(path)))
        waiting = registry.orders(shard)
        if not waiting:
            return lambda recipient: ()
        reader = stack.enter_context(closing(open_reader(shard_directory(data, shard), shard)))
    except StoreDown:
        return lambda recipient: ()
    whose = message.id
    return lambda recipient: tuple(each for each in waiting if _fits(reader, each, Id(whose, recipient.number)))


def _fits(reader: Reader, order: Order, recipient: Id) -> bool:
    """Whether an order is about this recipient, as it is now."""
    named = [parse_id(each) for each in order.selection.ids]
    mine = (Id(recipient.submission), recipient)
    if named and not any(each in mine for each in named):
        return False
    return bool(reader.listing(replace(order.selection, ids=(str(recipient),)), 1))
