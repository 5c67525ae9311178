"""`relay events`: what happened, the newest last, as in a log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import ConfigOption, JsonOption, relay_data, settings, store_errors
from relay.cli.output import print_json, print_table, times_as_text
from relay.model.clock import iso, system_clock
from relay.model.event import Event, EventName
from relay.model.ids import Id

if TYPE_CHECKING:
    from relay.report.search import Filter

_SHORT = (
    "from",
    "to",
    "about",
    "report",
    "size",
    "attempt",
    "class",
    "reply",
    "host",
    "next",
    "warnings",
    "test",
)  # for the table


def events(
    message_id: Annotated[str, typer.Option("--id", metavar="ID", help="Of a submission or of a recipient.")] = "",
    name: Annotated[EventName | None, typer.Option("--event", help="Only events of this name.")] = None,
    account: Annotated[str, typer.Option(metavar="NAME", help="Only this account's.")] = "",
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Only of this recipient.")] = "",
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Only of recipients at this domain.")] = "",
    tag: Annotated[str, typer.Option(metavar="TAG", help="Only of messages with this tag.")] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Not before: 2026-01-31T12:00:00Z, or 2h, 30min, 7d ago.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Not after, likewise.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show events, the newest last. JSON is an array of objects, in the words of the log."""
    from relay.report.search import Filter
    from relay.report.search import events as search

    checked = settings(config)
    wanted = _about(Filter(name=name, account=account, address=to, domain=domain, tag=tag), message_id, since, until)
    with store_errors(checked.data):
        found = [each.event for each in reversed(search(relay_data(checked), wanted, limit))]
    if as_json:
        print_json([describe(each) for each in found])
    else:
        columns = ["time", "event", "id", "what"]
        rows = [(iso(each.at), each.name.value, _id(each), _words(describe(each))) for each in found]
        print_table(columns, rows)


def _about(wanted: Filter, message_id: str, since: str, until: str) -> Filter:
    from dataclasses import replace

    from relay.cli.shards import known_id

    if message_id:
        found, _ = known_id(message_id)
        wanted = replace(wanted, message=found.submission, recipient=found.recipient)
    return replace(wanted, since=_time(since, "--since"), until=_time(until, "--until"))


def _time(text: str, option: str) -> float | None:
    """A time, or how long ago."""
    from relay.config import parse_duration

    if not text:
        return None
    try:
        return system_clock() - parse_duration(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a time nor a duration", param_hint=option) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def describe(event: Event) -> dict[str, Any]:
    """An event in JSON's types, times as text."""
    described: dict[str, Any] = {"time": iso(event.at), "event": event.name.value}
    if event.message:
        described["id"] = _id(event)
    if event.account:
        described["account"] = event.account
    if event.credential:
        described["credential"] = event.credential
    return {**described, **times_as_text(event.data)}


def _id(event: Event) -> str:
    return str(Id(event.message, event.recipient)) if event.message else "-"


def _words(described: Mapping[str, Any]) -> str:
    if described.get("about") and described.get("from") == "":
        described = {**described, "from": "<>"}  # a report of ours
    shown = {name: described[name] for name in _SHORT if described.get(name) not in (None, "", [])}
    return " ".join(f"{name}={_value(value)}" for name, value in shown.items())


def _value(value: Any) -> str:
    if isinstance(value, str) and value and not any(each.isspace() or each == '"' for each in value):
        return value
    return json.dumps(value, ensure_ascii=False)
