"""`access.json`: how to reach the running relay, for `relay send`, scripts and tests.

It is there while the relay runs and all its listeners answer: written at each start (mode 0600, renamed into
place), removed at a clean stop. After a crash an old one may lie there; connecting tells.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relay.cli.demo import Secrets
from relay.cli.files import write_private
from relay.config import Config


def access_path(data: Path) -> Path:
    return data / "access.json"


def write_access(config: Config, ports: Mapping[str, int], secrets: Secrets | None) -> dict[str, Any]:
    """`ports` by listener name, `http` among them. Without the account demo there is no login in it."""
    access: dict[str, Any] = {"host": reachable(config.listeners[0].address), "ports": dict(ports)}
    if secrets is not None:
        access["username"] = secrets.username
        access["password"] = secrets.password
        access["token"] = secrets.token
        access["sender"] = secrets.sender
    write_private(access_path(config.data), json.dumps(access, indent=2).encode() + b"\n")
    return access


def read_access(data: Path) -> dict[str, Any] | None:
    """None where there is none: the relay does not run, or is not ready yet. Raises OSError: it may not be read."""
    try:
        access = json.loads(access_path(data).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return access if isinstance(access, dict) else None


def keep_access_password(data: Path, username: str, password: str) -> None:
    """The relay that runs takes the new password from now on; so its clients must find it here."""
    access = read_access(data)
    if access is not None and str(access.get("username", "")).lower() == username.lower():
        write_private(access_path(data), json.dumps({**access, "password": password}, indent=2).encode() + b"\n")


def remove_access(data: Path) -> None:
    access_path(data).unlink(missing_ok=True)


def reachable(address: str) -> str:
    """Where a client on this machine connects to a socket bound to `address`."""
    bound = ipaddress.ip_address(address)
    if bound.is_unspecified:
        return "127.0.0.1" if bound.version == 4 else "::1"
    return address
