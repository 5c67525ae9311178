"""Five times as many clients as there is room for: a 4xx in time and never silence, no growth, calm at once after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.crowd import Crowd
from tests.faults.rogues import Client
from tests.faults.town import HOME, town
from tests.faults.watch import Watch
from tests.peers.receiver import Behaviour

GOOD = "good.test"
PLACES = 12
CLIENTS = 5 * PLACES
MEMORY = 400_000  # of contents at once: four of them
SIZE = 100_000
PATIENCE = 20.0  # seconds an answer may take where five times too many ask for one, on a busy machine
ROOM = 100.0  # megabytes
WAL = 80.0  # megabytes; it is cut at 64 MiB


def test_five_times_too_many_clients_are_answered_in_time_and_leave_nothing_behind(tmp_path: Path) -> None:
    limits = {"sessions": PLACES, "memory": MEMORY, "sessions_per_address": 10_000}
    with town(tmp_path, {GOOD: Behaviour(), HOME: Behaviour()}, config={"limits": limits}) as here:
        relay = here.relay

        def enough(crowd: Crowd) -> Callable[[], bool]:
            return lambda: (
                len(crowd.accepted) > 150 and crowd.heard["421 4.3.2"] > 200 and crowd.heard["452 4.3.1"] > 0
            )

        with Watch(relay) as watch:
            quiet = watch.descriptors_now()
            with Crowd(relay.access, GOOD, CLIENTS, SIZE) as crowd:
                relay.wait(enough(crowd), "answers to the crowd", 60)
            # Calm at once: the first to come is let in and served.
            with Client(relay.access) as client:
                client.envelope()
                client.expect("354", "DATA")
            here.relay.wait(lambda: crowd.accepted <= here.arrivals.times.keys(), "all that was accepted", 60)
            relay.wait(lambda: watch.descriptors_now() <= quiet + 20, "descriptors back")  # kept connections to peers

        assert crowd.silent == []
        assert crowd.heard.keys() <= {"250 2.0.0", "421 4.3.2", "452 4.3.1"}
        assert max(crowd.seconds) < PATIENCE
        assert here.arrivals.twice == 0
        assert watch.grown < ROOM
        assert watch.wal < WAL
        assert relay.stop() == 0
