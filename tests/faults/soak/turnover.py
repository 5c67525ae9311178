"""Reloads, starts anew, and workers more or fewer, under load: no client that tries twice fails, nothing is lost.

The socket stays open while the relay is away, as with a service manager.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from typing import Any

import yaml

from tests.faults.persistent import Persistent
from tests.faults.report import Report
from tests.faults.stage import Stage
from tests.faults.town import HOME, Town, town
from tests.faults.watch import Watch
from tests.peers.receiver import Behaviour

GOOD = "good.test"
ROUND = 120.0  # seconds


def run(stage: Stage, report: Report) -> None:
    for number in stage.rounds():
        with socket.create_server(("127.0.0.1", 0), backlog=512) as sock:
            peers = {GOOD: Behaviour(delay={"dot": 0.005}), HOME: Behaviour()}
            with town(stage.home / f"{number}", peers) as here:
                here.relay.stop()
                here.relay.listen(sock)
                here.relay.start()
                _round(here, stage, report)


def _round(here: Town, stage: Stage, report: Report) -> None:
    relay, seconds = here.relay, max(20.0, min(ROUND, stage.left))
    acts = {"reload": 0, "start anew": 0, "start with other workers": 0}
    with Watch(relay) as watch, Persistent(relay, GOOD) as clients:
        until, faults = stage.part(1.0).until - max(0.0, stage.left - seconds), list[str]()
        while not sum(acts.values()) or stage.left > max(0.0, stage.until - until):
            act = stage.random.choice(list(acts))
            clients.more(20)
            threading.Event().wait(stage.random.uniform(0.0, 0.5))
            faults += _act(here, act, stage)
            acts[act] += 1
        clients.more(20)
    with contextlib.suppress(AssertionError):  # what is missing then stands in the report
        relay.wait(lambda: not here.arrivals.missing(clients.accepted), "all of it", 60)
    faults += [f"number {number}: {why}" for number, why in clients.failed.items()]
    if here.arrivals.twice > len(clients.twice):
        faults.append(f"{here.arrivals.twice} arrived twice, and {len(clients.twice)} were submitted twice")
    if relay.stop() != 0:
        faults.append("it did not end in good order")
    report.add(
        "turnover",
        "reload and start anew",
        sum(acts.values()),
        seconds=seconds,
        memory=watch.memory,
        p99=sorted(clients.accepted.values())[int(len(clients.accepted) * 0.99)] * 1000,
        faults=tuple(faults),
        more={**acts, "second tries": len(clients.twice)},
        **here.arrivals.counts(clients.accepted),
    )


def _act(here: Town, act: str, stage: Stage) -> list[str]:
    relay = here.relay
    config: dict[str, Any] = yaml.safe_load(relay.config.read_text())
    if act == "reload":
        relay.configure({**config, "limits": {"recipients": stage.random.randrange(100, 1000)}})
        assert relay.process is not None
        reloads = relay.printed.count("msg=reloaded")
        relay.process.send_signal(signal.SIGHUP)
        relay.wait(lambda: relay.printed.count("msg=reloaded") > reloads, "a reload")
        return []
    if act == "start with other workers":
        relay.configure({**config, "processes": {"workers": stage.random.randrange(1, 4)}})
    code = relay.stop()
    relay.start()
    return [] if code == 0 else [f"it ended with {code}"]
