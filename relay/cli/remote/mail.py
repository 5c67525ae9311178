"""Mail over the API: `send`, `explain`, `message`."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.output import print_json
from relay.cli.remote.client import Answered, name, remote
from relay.cli.send import File, HeaderLine, Html, Subject, Text, To, compose, envelope, ready

if TYPE_CHECKING:
    from relay.report.explain import Explanation, Step, Story

Ident = Annotated[str, typer.Argument(metavar="ID", help="Of a submission or of a recipient.")]


def send(
    sender: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="Where failures are told. Default: as the message says.")
    ] = "",
    to: To = None,
    subject: Subject = None,
    text: Text = None,
    html: Html = None,
    header: HeaderLine = None,
    file: File = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message and print its id.

    What the API does unless it is told otherwise is done: clicks, opens and bounces are tracked. A connection that is
    lost is tried once more, under the same Idempotency-Key: nobody gets the message twice.
    """

    written = subject is not None or text is not None or html is not None
    if written and file is not None:
        raise typer.BadParameter("a ready message brings its own subject and body", param_hint="--file")
    fields_ = header or []
    octets = compose(sender, to or [], subject, text, html, fields_) if written else ready(file, fields_)
    reverse_path, recipients = envelope(octets, sender, to or [])
    told = _handed_in(octets, {"from": reverse_path, "to": recipients}).json()
    refused = {each["recipient"]: each["reason"] for each in told["rejected"]}
    if as_json:
        print_json({"id": told["id"], "refused": refused, "warnings": told["warnings"]})
    else:
        print(told["id"])
        for line in (*(f"{address}: {why}" for address, why in refused.items()), *told["warnings"]):
            print(line, file=sys.stderr)
    if refused:
        raise typer.Exit(ExitCode.REFUSED)


def _handed_in(octets: bytes, query: Mapping[str, Any]) -> Answered:
    headers = {"Idempotency-Key": secrets.token_urlsafe(24)}

    def post() -> Answered:
        path = "/messages/mime"
        return remote().ask("POST", path, query=query, body=octets, media="message/rfc822", headers=headers)

    try:
        return post()
    except CommandError as error:
        if error.code is not ExitCode.UNREACHABLE:
            raise
    return post()


def explain(message_id: Ident, as_json: JsonOption = False) -> None:
    """Explain where a message is, and why.

    Its options and who set each; for each recipient its route, what holds it back, when the next attempt is,
    and the SMTP conversation of every attempt so far.
    """
    from relay.report.text import explanation_text

    found = remote().get(f"/messages/{name(message_id)}/explain")
    if as_json:
        print_json(found)
    else:
        print(explanation_text(_explanation(found)))


def _explanation(found: Mapping[str, Any]) -> Explanation:
    """As `Explanation.as_dict` was made of it; times in facts stay text."""
    from relay.report.explain import Explanation

    given = {each.name: found[each.name] for each in fields(Explanation)}
    given |= {each: _seconds(given[each]) for each in ("received", "deadline")}
    given["warnings"] = tuple(given["warnings"])
    given["steps"] = tuple(map(_step, given["steps"]))
    given["recipients"] = tuple(map(_story, given["recipients"]))
    return Explanation(**given)


def _story(found: Mapping[str, Any]) -> Story:
    from relay.report.explain import Story

    times = {each: _seconds(found[each]) for each in ("next_attempt", "ended")}
    holds, steps = tuple(found["holds"]), tuple(map(_step, found["steps"]))
    given = {each.name: found[each.name] for each in fields(Story)}
    return Story(**{**given, **times, "holds": holds, "steps": steps})


def _step(found: Mapping[str, Any]) -> Step:
    from relay.manage.times import instant
    from relay.report.explain import Step

    given = {each.name: found[each.name] for each in fields(Step)}
    return Step(**{**given, "at": instant(found["at"]), "conversation": tuple(found["conversation"])})


def _seconds(text: str | None) -> float | None:
    from relay.manage.times import instant

    return None if text is None else instant(text)


def message(
    message_id: Ident,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; octets that are not UTF-8 come as in Latin-1.")
    ] = False,
) -> None:
    """Print a message exactly as it leaves, headers and body, and nothing else.

    For a submission whose recipients get different contents, that of the first recipient.
    """
    from relay.cli.message import print_message

    octets = remote().ask("GET", f"/messages/{name(message_id)}/mime").octets
    print_message(message_id, octets, as_json)
