"""Where the relay is that commands are for, and with what token: options and the environment, checked.

In:  `--url`, `--token`, `--ca-file`; RELAY_URL, RELAY_TOKEN.
Out: a `Place`, or CommandError; None where the relay is the one of this machine.

Why so: a token that went over plain HTTP to another machine is known to everybody on the way, and the API there would
only answer that it takes https; so such a URL is refused before anything is sent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from relay.cli.frame import CommandError, ExitCode

URL, TOKEN = "RELAY_URL", "RELAY_TOKEN"
LONGEST = 4096  # octets of a file with a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    url: str  # as it was given, for people
    host: str
    port: int
    tls: bool
    path: str  # of the API: `/v1`, or with what a proxy puts before it
    token: str = field(repr=False)  # "" is none, which is enough for help
    authority: Path | None = None  # of the server's certificate; None: those the system knows


def wanted(given: Mapping[str, Any]) -> str:
    """The URL that options or the environment name; "" is the relay of this machine."""
    url = given.get("url")
    return str(os.environ.get(URL, "") if url is None else url).strip()


def place(given: Mapping[str, Any]) -> Place | None:
    """Raises CommandError."""
    url, token, authority = wanted(given), given.get("token"), given.get("ca_file")
    if not url:
        for name, option in (("token", token), ("ca-file", authority)):
            if option is not None:
                raise CommandError(f"--{name} is for a relay elsewhere: say --url, too", ExitCode.USAGE)
        return None
    parts, port = _split(url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    if not tls and not _here(host):
        raise CommandError(
            f"--url: {url}: a token goes to another machine over https alone, or anybody on the way could read it",
            ExitCode.USAGE,
        )
    path = parts.path.rstrip("/")
    return Place(
        url=url,
        host=host,
        port=port or (443 if tls else 80),
        tls=tls,
        path=path if path.endswith(("/v1", "/v2")) else f"{path}/v1",
        token=_token(os.environ.get(TOKEN, "") if token is None else token),
        authority=authority,
    )


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        good = good and parts.username is None and url.isascii() and url.isprintable() and " " not in url
        if good:
            return parts, parts.port
    except ValueError:
        pass
    raise CommandError(f"--url: expected https://HOST, as https://relay.example.com, not {url!r}", ExitCode.USAGE)


def _here(host: str) -> bool:
    """Whether it is this machine for sure."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token(given: str) -> str:
    """The token itself, or that in a file. Raises CommandError, which never shows it."""
    text = given.strip()
    if text.startswith("file:"):
        path = Path(text.removeprefix("file:"))
        with path.open("rb") as file:
            text = file.read(LONGEST).decode("ascii", "replace").strip()
        if not text:
            raise CommandError(f"--token: there is nothing in {path}", ExitCode.USAGE)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise CommandError("--token: that is no token: it has letters and digits and a dot", ExitCode.USAGE)
    return text
