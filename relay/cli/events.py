"""`relay events`: what happened, the newest last, as in a log."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import ConfigOption, relay_data, settings, store_errors
from relay.cli.output import print_json, print_line, print_table, text
from relay.cli.times import ago
from relay.model.clock import iso
from relay.model.event import Event, EventName
from relay.model.ids import Id
from relay.model.times import times_as_text

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
    "due",
    "warnings",
    "test",
    "feedback",
    "automatic",
    "via",
    "group",
    "resubscribed",
    "url",
    "machine",
    "act",
    "by",
    "reason",
)  # for the table
_LOOK = 250  # milliseconds between looks for what is new


def events(
    message_id: Annotated[str, typer.Option("--id", metavar="ID", help="Of a submission or of a recipient.")] = "",
    name: Annotated[EventName | None, typer.Option("--event", help="Only events of this name.")] = None,
    account: Annotated[str, typer.Option(metavar="NAME", help="Only this account's.")] = "",
    credential: Annotated[str, typer.Option(metavar="NAME", help="Only of mail this credential handed in.")] = "",
    sender: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="Only of messages with this reverse-path.")
    ] = "",
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Only of this recipient.")] = "",
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Only of recipients at this domain.")] = "",
    tag: Annotated[str, typer.Option(metavar="TAG", help="Only of messages with this tag.")] = "",
    campaign: Annotated[str, typer.Option(metavar="NAME", help="Only of messages of this campaign.")] = "",
    message_ref: Annotated[str, typer.Option(metavar="REF", help="Only of messages with this message_ref.")] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Not before: 2026-01-31T12:00:00Z, or 2h, 30min, 7d ago.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Not after, likewise.")] = "",
    limit: Annotated[
        int | None,
        typer.Option(min=0, show_default=False, help="The newest so many. Default: 100; with --follow 10."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, and show events as they come.")] = False,
    config: ConfigOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: an array; with --follow one object a line.")
    ] = False,
) -> None:
    """Show events, the newest last, in the words of the log.

    With --follow it goes on until Ctrl-C, through stops and starts of the relay.
    """
    from relay.report.search import Filter
    from relay.report.search import events as search

    checked = settings(config)
    asked = Filter(
        name=name,
        account=account,
        credential=credential,
        sender=sender,
        address=to,
        domain=domain,
        tag=tag,
        campaign=campaign,
        message_ref=message_ref,
    )
    wanted = _about(asked, message_id, since, until)
    data = relay_data(checked)
    with store_errors(checked.data):
        if follow:
            _follow(data, wanted, 10 if limit is None else limit, as_json)
            return
        most = 100 if limit is None else limit
        found = [each.event for each in reversed(search(data, wanted, most))] if most else []
    print_all([describe(each) for each in found], as_json)


def print_all(described: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Events as `describe` makes them."""
    if as_json:
        print_json(described)
    else:
        columns = ["time", "event", "id", "what"]
        print_table(columns, [(each["time"], each["event"], each.get("id", "-"), _words(each)) for each in described])


def _about(wanted: Filter, message_id: str, since: str, until: str) -> Filter:
    from dataclasses import replace

    from relay.cli.shards import known_id

    if message_id:
        found, _ = known_id(message_id)
        wanted = replace(wanted, message=found.submission, recipient=found.recipient)
    return replace(wanted, since=ago(since, "--since"), until=ago(until, "--until"))


def _follow(data: Path, wanted: Filter, limit: int, as_json: bool) -> None:
    """Until Ctrl-C, or until nobody reads what is printed."""
    from relay.report.follow import Follower

    try:
        with closing(Follower(data, wanted)) as follower:
            for entry in follower.before(limit) if limit else ():
                print_one(describe(entry.event), as_json)
            while True:
                for entry in follower.fresh():
                    print_one(describe(entry.event), as_json)
                sys.stdout.flush()
                if unread(_LOOK):
                    return
    except KeyboardInterrupt:
        sys.stdout.flush()


def unread(milliseconds: int) -> bool:
    """Wait so long; at once True when the reader of standard output goes away."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # no file, as under a test
        descriptor = -1
    poll = select.poll()
    if descriptor >= 0:
        poll.register(descriptor, 0)  # an error is always told
    return any(state & (select.POLLERR | select.POLLNVAL) for _, state in poll.poll(milliseconds))


def print_one(described: Mapping[str, Any], as_json: bool) -> None:
    """An event as `describe` makes it, as it comes."""
    if as_json:
        print_line(described)
        return
    head = f"{described['time']}  {described['event']:<10}  {described.get('id', '-'):<18}"
    print(f"{head}  {text(_words(described))}".rstrip())


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
