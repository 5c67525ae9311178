"""`events` over the API: looked back at, or followed by asking again and again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from relay.cli.frame import CommandError, ExitCode
from relay.cli.remote.client import Faulty, remote
from relay.model.event import EventName

LOOK = 1.0  # seconds between looks for what is new
AGAIN = 3.0  # seconds until a relay that did not answer is asked again


def events(
    message_id: Annotated[str, typer.Option("--id", metavar="ID", help="Of a submission or of a recipient.")] = "",
    event: Annotated[EventName | None, typer.Option("--event", help="Only events of this name.")] = None,
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: an array; with --follow one object a line.")
    ] = False,
) -> None:
    """Show events of the account, the newest last, in the words of the log.

    With --follow it goes on until Ctrl-C, through stops and starts of the relay.
    """
    from relay.cli.events import print_all

    asked = {
        "message": message_id,
        "event": event and event.value,
        "credential": credential,
        "sender": sender,
        "recipient": to,
        "domain": domain,
        "tag": tag,
        "campaign": campaign,
        "message_ref": message_ref,
        "since": since,
        "until": until,
    }
    given = {name: value for name, value in asked.items() if value}
    if follow:
        _follow(given, 10 if limit is None else limit, as_json)
        return
    most = 100 if limit is None else limit
    found = remote().pages("/events", "events", most, **given) if most else []
    print_all([_described(each) for each in reversed(found)], as_json)


def _described(told: Mapping[str, Any]) -> dict[str, Any]:
    """As the local command names its fields: `id` is the message's, and not the event's own."""
    head: dict[str, Any] = {"time": told["at"], "event": told["event"]}
    if "message" in told:
        head["id"] = told["message"]
    return head | {name: value for name, value in told.items() if name not in ("id", "at", "event", "message")}


def _follow(asked: Mapping[str, str], limit: int, as_json: bool) -> None:
    """Until Ctrl-C, or until nobody reads what is printed.

    Why so: the place to go on from is asked for before the events of the past are, and what those have already is
    passed over; so nothing is shown twice, and nothing is left out in between.
    """
    from relay.cli.events import print_one

    try:
        place = remote().get("/events", order="oldest", limit=1, since="0s")["next"]
        before = remote().pages("/events", "events", limit, **asked) if limit else []
        seen = {each["id"] for each in before}
        for each in reversed(before):
            print_one(_described(each), as_json)
        wanted = {name: value for name, value in asked.items() if name != "since"}
        while True:
            page, pause = _page(wanted, place)
            for each in page["events"]:
                if each["id"] not in seen:
                    print_one(_described(each), as_json)
            place = page["next"] or place
            sys.stdout.flush()
            if not page["more"] and _ended(pause):
                return
    except KeyboardInterrupt:
        sys.stdout.flush()


def _page(wanted: Mapping[str, str], place: str) -> tuple[Mapping[str, Any], float]:
    """What is new, and how long to wait then. A relay that does not answer now is waited for."""
    try:
        return remote().get("/events", **wanted, order="oldest", limit=1000, after=place), LOOK
    except CommandError as error:
        later = isinstance(error, Faulty) and (error.status == 429 or error.status >= 500)
        if not later and error.code is not ExitCode.UNREACHABLE:
            raise
        wait = max(AGAIN, error.retry if isinstance(error, Faulty) else 0.0)
        print(f"relay: {error}; asked again in {wait:.0f} s", file=sys.stderr, flush=True)
        return {"events": [], "next": place, "more": False}, wait


def _ended(seconds: float) -> bool:
    from relay.cli.events import unread

    return unread(round(seconds * 1000))
