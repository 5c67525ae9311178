"""`relay send`: hand a message to the running relay over SMTP, as any client does.

Where the relay is and how to log in comes from `access.json` in the data directory, or from options. A message
is made of `--subject`, `--text` and `--html`, or is taken ready from a file or standard input.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.frame import CommandError, ConfigOption, ExitCode, JsonOption, program, settings
from relay.cli.output import print_json

if TYPE_CHECKING:
    from relay.cli.client import Receipt
    from relay.config import Config


# What a message is made of: the same words here and for a relay elsewhere.
To = Annotated[
    list[str] | None, typer.Option(metavar="ADDRESS", help="A recipient; may be given again. Default: To, Cc, Bcc.")
]
Subject = Annotated[str | None, typer.Option(metavar="TEXT")]
Text = Annotated[str | None, typer.Option(metavar="TEXT", help="The body.")]
Html = Annotated[
    str | None,
    typer.Option(metavar="HTML", help="The body as HTML, beside the text or alone: the words themselves, no file."),
]
HeaderLine = Annotated[
    list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="One more header field; may be given again.")
]
File = Annotated[Path | None, typer.Option(metavar="FILE", help="A ready message; - is standard input, the default.")]


def send(
    sender: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="Default: as the message or the demo says.")
    ] = "",
    to: To = None,
    subject: Subject = None,
    text: Text = None,
    html: Html = None,
    header: HeaderLine = None,
    file: File = None,
    host: Annotated[str, typer.Option(help="Another server than the relay running here.")] = "",
    port: Annotated[
        int,
        typer.Option(help="Its port; 465 and the port of the tls listener speak TLS at once.", show_default=False),
    ] = 0,
    username: Annotated[str, typer.Option(help="To log in as.")] = "",
    password: Annotated[str, typer.Option(envvar="RELAY_PASSWORD", help="To log in with.")] = "",
    ca_file: Annotated[Path | None, typer.Option(help="Authority of the server's certificate.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message through the relay and print its id."""
    from relay.cli.client import Refusal, Unreachable, hand_in, server_of

    if port < 0 or port > 65535:
        raise typer.BadParameter("a port is 1 to 65535", param_hint="--port")
    written = subject is not None or text is not None or html is not None
    if written and file is not None:
        raise typer.BadParameter("a ready message brings its own subject and body", param_hint="--file")
    checked = None if host and username and ca_file else settings(config)
    server = server_of(
        checked,
        host=host,
        port=port,
        login=(username, password) if username else None,
        ca_file=ca_file,
    )
    if not (host or port or sender):
        _must_run(checked)
    if written:
        octets = compose(sender or server.sender, to or [], subject, text, html, header or [])
    else:
        octets = ready(file, header or [])
    reverse_path, recipients = envelope(octets, sender, to or [])
    try:
        receipt = hand_in(server, reverse_path, recipients, octets)
    except Refusal as refusal:
        hint = "\nlog in with --username NAME, its password in RELAY_PASSWORD" if str(refusal)[:3] == "530" else ""
        raise CommandError(f"{refusal}{hint}", ExitCode.REFUSED) from refusal
    except Unreachable as error:
        raise CommandError(str(error), ExitCode.UNREACHABLE) from error
    _say(receipt, as_json)


def _say(receipt: Receipt, as_json: bool) -> None:
    """Raises Exit where somebody was refused."""
    if as_json:
        print_json({"id": receipt.id, "reply": receipt.reply, "refused": receipt.refused})
    else:
        print(receipt.id or receipt.reply)
        for address, reply in receipt.refused.items():
            print(f"{address}: {reply}", file=sys.stderr)
    if receipt.refused:
        raise typer.Exit(ExitCode.REFUSED)


def _must_run(config: Config | None) -> None:
    """Raises CommandError when it is the relay here that should take the message, and none runs."""
    from relay.cli.access import read_access
    from relay.store.running import running

    if config is not None and read_access(config.data) is None and running(config.data) is None:
        advice = f"start it with `make run` or `{program()} serve`"
        raise CommandError(f"no relay answers; {advice}", ExitCode.UNREACHABLE)


def compose(
    sender: str, to: list[str], subject: str | None, text: str | None, html: str | None, header: list[str]
) -> bytes:
    if not sender:
        raise typer.BadParameter("who sends it? say --from ADDRESS", param_hint="--from")
    if not to:
        raise typer.BadParameter("who gets it?", param_hint="--to")
    message = EmailMessage(policy=policy.SMTP)
    try:
        message["From"] = sender
        message["To"] = ", ".join(to)
        message["Subject"] = subject or ""
        for line in header:
            name, value = _field(line)
            message[name] = value
    except ValueError as error:  # a line end in a value, or a second From
        raise typer.BadParameter(str(error)) from error
    if text is not None or html is None:
        message.set_content(text or "")
    if text is None and html is not None:
        message.set_content(html, subtype="html")
    elif html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def ready(file: Path | None, header: list[str]) -> bytes:
    """Octets as they come, line ends made CRLF as SMTP wants them; additional fields stand first."""
    if file is None or str(file) == "-":
        if sys.stdin.isatty():
            print("Type the message, headers first; Ctrl-D ends it.", file=sys.stderr)
        octets = sys.stdin.buffer.read()
    else:
        try:
            octets = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}", ExitCode.NOT_FOUND) from error
    if not octets:
        raise typer.BadParameter("there is no message: neither --subject, --text nor --html, nor a file or input")
    fields = [f"{name}: {value}\n".encode() for name, value in map(_field, header)]
    return b"".join([*fields, octets]).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    good = colon and name.strip() and name.isascii() and "\n" not in line and "\r" not in line
    if not good:
        raise typer.BadParameter(f"{line!r} is not 'NAME: VALUE'", param_hint="--header")
    return name.strip(), value.strip()


def _listed(given: list[str]) -> Iterator[str]:
    """Addresses out of `Ann <ann@example.net>, bob@example.net`; a bare word as it is, for the relay to judge."""
    for each in given:
        if any(mark in each for mark in '<,"(:;\n'):
            yield from (address for _, address in getaddresses([each]))
        else:
            yield each


def envelope(octets: bytes, sender: str, to: list[str]) -> tuple[str, list[str]]:
    """Who it is from and for: as the options say, else as the header fields do."""
    fields = BytesHeaderParser(policy=policy.compat32).parsebytes(octets)
    named = [str(each) for name in ("To", "Cc", "Bcc") for each in fields.get_all(name, [])]
    recipients = list(filter(None, map(str.strip, _listed(to or named))))
    writers = [address for _, address in getaddresses([sender] if sender else [str(fields.get("From", ""))])]
    if not recipients:
        raise typer.BadParameter("nobody to send to: neither --to, nor To, Cc or Bcc", param_hint="--to")
    if not writers or not writers[0]:
        raise typer.BadParameter("no sender: neither --from, nor a From field", param_hint="--from")
    return writers[0], recipients
