"""What every system under test offers the bench, and the system that is none: the sink alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

from relay.model.account import LinkKey
from tests.bench.accounting import Group


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a kind of client submits."""

    port: int
    username: str = ""
    password: str = ""
    token: str = ""


PLAIN = "plain"  # no TLS, no AUTH; signed
SECURE = "starttls"  # STARTTLS and AUTH; signed
API = "api"  # POST /v1/send, plain HTTP, with a token; signed
UNSIGNED = "unsigned"  # STARTTLS and AUTH; not signed


class System(Protocol):
    name: str  # in the table and on the command line
    group: Group
    doors: dict[str, Door]
    records: dict[bytes, bytes]  # DKIM records by name, for the verifier
    settings: dict[str, Any]  # what was set, and why, for the report

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def link_keys(self) -> Sequence[LinkKey]:
        """What signs links in mail, for the witness; none where none are made."""


class Direct:
    """Generator against sink: what the bench itself can do, and what it takes."""

    name = "direct"

    def __init__(self, port: int) -> None:
        self.group = Group(self.name)  # nobody is in it
        login = Door(port=port, username="bench", password="bench")
        self.doors = {PLAIN: Door(port=port), SECURE: login, UNSIGNED: login}
        self.records: dict[bytes, bytes] = {}
        self.settings: dict[str, Any] = {}

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        self.group.close()

    def link_keys(self) -> Sequence[LinkKey]:
        return ()
