"""What the API costs: a message by POST /v1/send beside the same one by SMTP; a thousand recipients in one request
beside submission by SMTP; attachments of 25 MB.

In:  a relay, its web port and a token.
Out: `Figures` whose `pair` is SMTP's in the same round.

Why so: the API is one process, and SMTP has one a core, so the ratio says what an application loses that takes the
API for everything on this machine. A thousand recipients each second would keep every core busy with their delivery
alone; so one request is made, in the middle of a run of submission at a pace that leaves the machine idle.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from tests.bench.accounting import Meter
from tests.bench.goal import P99, RELAY, Goal
from tests.bench.job import Job
from tests.bench.load import Load, Traffic
from tests.bench.relaysystem import RelaySystem
from tests.bench.system import API, PLAIN, SECURE, System
from tests.bench.traffic import Bench, Figures, run

MANY = 1000  # recipients of one request
LARGE = 25_000_000  # octets of an attachment
AT_ONCE = 4  # requests with one of these
_AFTER = 1.0  # seconds of submission before the request


def post(system: System, properties: Mapping[str, Any], people: int = 1) -> float:
    """Send it; the seconds it took. Raises OSError where it was refused, or taken for others than so many."""
    door = system.doors[API]
    request = urllib.request.Request(
        f"http://127.0.0.1:{door.port}/v1/send",
        json.dumps(properties).encode(),
        {"Authorization": f"Bearer {door.token}", "Content-Type": "application/json"},
    )
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=120) as answer:
        taken = len(json.load(answer))
    if taken != people:
        raise OSError(f"taken for {taken} of {people} recipients")
    return time.monotonic() - began


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """POST /v1/send, over the same messages by SMTP."""

    name: str
    title: str
    smtp: Traffic
    goal: Goal
    systems: tuple[str, ...] = (RELAY,)

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures:
        made: dict[bool, Figures] = {}
        door = system.doors[API]
        for rest in (True, False) if number % 2 else (False, True):
            if rest:
                job = Job(port=door.port, token=door.token, run=bench.name(), seconds=seconds)
                made[rest] = run(bench, system, self.name, job, signed=True, number=number)
            else:
                made[rest] = self.smtp.run(bench, system, seconds, number)
        figures, figures.pair = made[True], made[False]
        figures.faults += made[False].faults
        return figures


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Submission by SMTP while `ask` goes on, over submission alone. `ask` gives what it took, by word."""

    name: str
    title: str
    traffic: Traffic
    ask: Callable[[RelaySystem], dict[str, Any]]
    systems: tuple[str, ...] = (RELAY,)

    @property
    def goal(self) -> Goal:
        return self.traffic.goal

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures:
        assert isinstance(system, RelaySystem)
        alone = self.traffic.run(bench, system, seconds, number)
        told: dict[str, Any] = {}

        def ask() -> None:
            time.sleep(_AFTER)
            try:
                told.update(self.ask(system))
            except OSError as error:
                told["fault"] = str(error)

        asking = threading.Thread(target=ask)
        asking.start()
        figures = self.traffic.run(bench, system, seconds, number)
        asking.join()
        if fault := told.pop("fault", ""):
            figures.faults.append(f"{self.name}: {fault}")
        system.group.settle()
        figures.load, figures.pair, figures.more = self.name, alone, told
        figures.faults += alone.faults
        return figures


def many(system: RelaySystem) -> dict[str, Any]:
    """One request with a thousand recipients, kept in the sandbox, so that the sink counts none of them."""
    people = [f"m{each:04d}@example.net" for each in range(MANY)]
    properties = {"recipients": people, "from": "me@example.com", "subject": "To all", "text": "Hello.\r\n" * 100}
    switches = {"trackclicks": False, "trackopens": False, "trackbounces": False, "sandbox": "accept"}
    return {"seconds for 1,000": post(system, {**properties, **switches}, MANY)}


def large(system: RelaySystem) -> dict[str, Any]:
    """Some requests at once, each with an attachment of 25 MB."""
    data = base64.b64encode(bytes(range(256)) * (LARGE // 256)).decode()
    properties = {
        "recipient": "r0@example.net",
        "from": "me@example.com",
        "subject": "Large",
        "text": "See below.",
        "attachments": [{"data": data, "name": "large.bin", "type": "application/octet-stream"}],
        "sandbox": "accept",
    }
    before, meter = system.group.memory(), Meter(system.group)
    took: list[float] = []
    threads = [threading.Thread(target=lambda: took.append(post(system, properties))) for _ in range(AT_ONCE)]
    for each in threads:
        each.start()
    while any(each.is_alive() for each in threads):
        meter.look()
        time.sleep(0.05)
    if len(took) < AT_ONCE:
        raise OSError(f"{AT_ONCE - len(took)} of {AT_ONCE} requests were refused")
    return {"memory before": before, "memory most": meter.peak, "seconds for 25 MB": max(took)}


_THIN = {"rate": 20.0, "connections": 4, "each": 100}
POSTED: tuple[Load, ...] = (
    Posted(
        name="rest",
        title="POST /v1/send, kept, over SMTP plain, kept",
        smtp=Traffic(name="rest", title="", door=PLAIN, job={}),
        goal=Goal(goal=0.6, least=0.6),
    ),
    Posted(
        name="restauth",
        title="POST /v1/send, kept, over STARTTLS + AUTH, 100 a connection",
        smtp=Traffic(name="restauth", title="", door=SECURE, job={"each": 100}),
        goal=Goal(goal=0.6, least=0.6),
    ),
    Beside(
        name="restmany",
        title="p99 at 20 a second, 1,000 recipients in one request, over none",
        traffic=Traffic(name="restmany", title="", door=SECURE, job=_THIN, goal=Goal(figure=P99)),
        ask=many,
    ),
    Beside(
        name="restlarge",
        title="p99 at 20 a second, 4 attachments of 25 MB at once, over none",
        traffic=Traffic(name="restlarge", title="", door=SECURE, job=_THIN, goal=Goal(figure=P99), stretch=3),
        ask=large,
    ),
)
