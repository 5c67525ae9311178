"""`relay message ID`: the octets that would leave, or left."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from relay.cli.frame import CommandError, ConfigOption, ExitCode, settings
from relay.cli.output import print_json


def message(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Of a submission or of a recipient.")],
    config: ConfigOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; octets that are not UTF-8 come as in Latin-1.")
    ] = False,
) -> None:
    """Print a message exactly as it leaves, headers and body, and nothing else.

    For a submission whose recipients get different contents, that of the first recipient.
    """
    from relay.cli.shards import known_id, reader

    wanted, shard = known_id(message_id)
    number = wanted.recipient or 1
    with reader(settings(config), shard) as opened:
        recipient = next((each for each in opened.recipients(wanted.submission) if each.number == number), None)
        if recipient is None:
            raise CommandError(f"there is no message {wanted}", ExitCode.NOT_FOUND)
        octets = opened.content(wanted.submission, recipient.content)
    print_message(str(wanted), octets, as_json)


def print_message(message_id: str, octets: bytes, as_json: bool) -> None:
    if as_json:
        print_json({"id": message_id, "size": len(octets), "content": _text(octets)})
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")
