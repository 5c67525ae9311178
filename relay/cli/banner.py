"""What `relay serve` prints once it answers: where it listens, and lines that send a message when pasted.

Each of them is one line for a POSIX shell; those that speak TLS verify the relay's certificate. The octets of SMTP
end lines with CRLF, as it wants them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from relay import __version__
from relay.cli.access import reachable
from relay.cli.frame import program
from relay.config import Config, ListenerKind

_TO = "you@example.net"
_KINDS = {ListenerKind.STARTTLS: "STARTTLS", ListenerKind.TLS: "TLS", ListenerKind.PLAIN: "no TLS"}


def banner(config: Config, access: Mapping[str, Any]) -> str:
    """The text, for a relay with the account demo; a short one without it."""
    ports: Mapping[str, int] = access["ports"]
    listeners = ", ".join(f"{ports[each.name]} ({_KINDS[each.kind]})" for each in config.listeners)
    bound = ", ".join(f"{_where(each.address, ports[each.name])} ({_KINDS[each.kind]})" for each in config.listeners)
    health = f"http://{_where(reachable(config.http.address), ports['http'])}/"
    head = [f"relay {__version__} is ready: SMTP {bound}, HTTP {ports['http']} (health: {health}). Ctrl-C ends it."]
    if config.sandbox.enabled:
        head.append("Sandbox: every message is processed, signed and kept; nothing leaves this machine.")
    if "username" not in access:
        return "\n".join(head)
    return "\n".join([*head, "", *_login(access, listeners), "", *_lines(config, access), ""])


def _where(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _login(access: Mapping[str, Any], listeners: str) -> list[str]:
    return [
        f"  host      {access['host']}",
        f"  ports     {listeners}",
        f"  user      {access['username']}",
        f"  password  {access['password']}",
        f"  sender    {access['sender']}, or any other address at example.com",
    ]


def _lines(config: Config, access: Mapping[str, Any]) -> list[str]:
    first = next((each for each in config.listeners if each.kind is ListenerKind.STARTTLS), None)
    if first is None:
        return []
    port = access["ports"][first.name]
    authority = config.certificate.resolve()
    return [
        "Send a message (paste one of these lines into another terminal):",
        "",
        swaks(access, port, authority),
        "",
        curl(access, port, authority),
        "",
        python(access, port, authority),
        "",
        *([rest(config, access), ""] if config.http.api.enabled and access.get("token") else []),
        f"Then see what became of it:  {program()} events   {program()} explain ID",
    ]


def swaks(access: Mapping[str, Any], port: int, authority: Path) -> str:
    return (
        f"swaks --server {access['host']} --port {port} --tls --tls-verify --tls-ca-path {quote(str(authority))} "
        f"--auth PLAIN --auth-user {quote(access['username'])} --auth-password {quote(access['password'])} "
        f"--from {quote(access['sender'])} --to {_TO} --header 'Subject: Hello from swaks' --body 'It works.'"
    )


def curl(access: Mapping[str, Any], port: int, authority: Path) -> str:
    message = rf"From: {access['sender']}\r\nTo: {_TO}\r\nSubject: Hello from curl\r\n\r\nIt works.\r\n"
    return (
        f"printf {quote(message)} | curl -sS smtp://{access['host']}:{port} --ssl-reqd "
        f"--cacert {quote(str(authority))} --user {quote(access['username'] + ':' + access['password'])} "
        f"--mail-from {quote(access['sender'])} --mail-rcpt {_TO} --upload-file -"
    )


def rest(config: Config, access: Mapping[str, Any]) -> str:
    properties = {"recipient": _TO, "from": access["sender"], "subject": "Hello from HTTP", "text": "It works."}
    anywhere = config.http.address in ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
    where = _where("127.0.0.1" if anywhere else config.http.address, access["ports"]["http"])
    return (
        f"curl -sS http://{where}/v1/send -H {quote('Authorization: Bearer ' + access['token'])} "
        f"-H 'Content-Type: application/json' -d {quote(json.dumps(properties))}"
    )


def python(access: Mapping[str, Any], port: int, authority: Path) -> str:
    program = "; ".join(
        [
            "import smtplib, ssl",
            f"s = smtplib.SMTP({access['host']!r}, {port})",
            f"s.starttls(context=ssl.create_default_context(cafile={str(authority)!r}))",
            f"s.login({access['username']!r}, {access['password']!r})",
            f"s.sendmail({access['sender']!r}, [{_TO!r}], 'From: {access['sender']}\\r\\nTo: {_TO}\\r\\n"
            "Subject: Hello from Python\\r\\n\\r\\nIt works.\\r\\n')",
            "s.quit()",
        ]
    )
    return f'python3 -c "{program}"'
