"""What the generator is asked to do, and what it tells when it has done so."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    port: int
    run: str
    host: str = "127.0.0.1"
    tls: bool = False
    resume: bool = False  # connections after the first one of each slot resume its TLS session
    username: str = ""
    password: str = ""
    connections: int = 20  # at once
    each: int = 5000  # messages a connection
    seconds: float = 5.0  # new messages are begun for so long
    messages: int = 0  # ... or until so many were begun; 0 is no bound
    rate: float = 0.0  # messages a second in all; 0: as fast as replies come
    size: int = 10_000  # octets of the body
    sender: str = "me@example.com"
    recipients: tuple[str, ...] = ("r0@example.net",)
    fields: tuple[str, ...] = ()


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
