"""What the generator is asked to do, and what it tells when it has done so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

TOGETHER = "together"  # all recipients get one content, of which the sink is told once
APART = "apart"  # each recipient gets a copy of his own, counted as a message
TURN = "turn"  # each message goes to one recipient, to all in turn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    port: int
    run: str
    host: str = "127.0.0.1"
    tls: bool = False
    resume: bool = False  # connections after the first one of each slot resume its TLS session
    username: str = ""
    password: str = ""
    token: str = ""  # of the API: the job goes there by POST /v1/send, not by SMTP
    connections: int = 20  # at once
    each: int = 5000  # messages a connection
    seconds: float = 5.0  # new messages are begun for so long
    messages: int = 0  # ... or until so many were begun; 0 is no bound
    rate: float = 0.0  # messages a second in all; 0: as fast as replies come
    size: int = 10_000  # octets of the body
    sender: str = "me@example.com"
    recipients: tuple[str, ...] = ("r0@example.net",)
    fields: tuple[str, ...] = ()
    content: str = "words"  # or a form of `letter`
    fresh: bool = False  # of a letter: the number stands in its text, too, so that no two are alike
    copies: str = TOGETHER
    changed: bool = False  # the system changes the body
    tokens: Mapping[str, int] = dataclasses.field(default_factory=dict)  # links of ours in a body, by purpose
    undo: bool = False  # with what these lead to in their places, the html is what was sent

    def told(self) -> dict[str, Any]:
        """What the sink has to know, but for signatures."""
        told = {"run": self.run, "size": self.size, "content": self.content, "fresh": self.fresh}
        return {**told, "recipients": len(self.recipients), "copies": self.copies, "changed": self.changed}

    @property
    def each_copies(self) -> int:
        """What one message accepted comes to, at the sink."""
        return len(self.recipients) if self.copies == APART else 1


@dataclasses.dataclass(slots=True)
class Result:
    accepted: int = 0
    begin: float = 0.0  # CLOCK_MONOTONIC at the first MAIL
    end: float = 0.0  # ... at the last 250
    cpu: float = 0.0  # seconds, of this process from begin to end
    connections: int = 0
    resumed: int = 0  # of these, with a resumed TLS session
    latencies: list[float] = dataclasses.field(default_factory=list)  # seconds from MAIL to the 250, by message
    started: list[float] = dataclasses.field(default_factory=list)  # CLOCK_MONOTONIC at MAIL, by number
    faults: list[str] = dataclasses.field(default_factory=list)
