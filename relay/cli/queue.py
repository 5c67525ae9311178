"""`relay queue`: who waits for what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import ConfigOption, JsonOption, settings
from relay.cli.output import print_fields, print_json, print_table, when
from relay.model.ids import Id
from relay.model.message import Message, State
from relay.model.order import Selection

if TYPE_CHECKING:
    from relay.store.interface import RecipientState


def queue(
    state: Annotated[
        list[State] | None,
        typer.Option("--state", help="Only recipients in this state; may be given again. Default: all not final."),
    ] = None,
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Only recipients at this domain.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    counts: Annotated[bool, typer.Option("--counts", help="How many recipients are in each state.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List recipients that wait, the next attempt first.

    Final states (delivered, failed, ...) are listed when asked for, while their messages are kept.
    """
    from relay.cli.shards import every_reader

    checked = settings(config)
    if counts:
        total: Counter[State] = Counter()
        for reader in every_reader(checked):
            total.update(reader.counts())
        shown = {each.value: total[each] for each in State}
        print_json(shown) if as_json else print_fields(shown)
        return
    selection = Selection(states=tuple(state or ()), domain=domain.lower())
    found: list[tuple[Message, RecipientState]] = []
    for reader in every_reader(checked):
        found += reader.listing(selection, limit)
    found.sort(key=lambda each: (each[1].next_attempt or each[0].received, each[0].id, each[1].number))
    described = [_describe(*each) for each in found[:limit]]
    if as_json:
        print_json(described)
    else:
        columns = ["id", "state", "attempts", "next", "from", "to", "reply"]
        print_table(columns, [[each[name] for name in columns] for each in described])


def _describe(message: Message, recipient: RecipientState) -> dict[str, Any]:
    return {
        "id": str(Id(message.id, recipient.number)),
        "state": recipient.state.value,
        "attempts": recipient.attempts,
        "next": when(recipient.next_attempt),
        "from": message.envelope.reverse_path or "<>",
        "to": recipient.address,
        "account": message.account,
        "received": when(message.received),
        "deadline": when(message.deadline),
        "size": message.size,
        "reply": recipient.reply,
    }
