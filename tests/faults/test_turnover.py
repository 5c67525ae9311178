"""The relay reloads, drains and starts anew under load: no client that tries twice fails, and no mail is lost."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import yaml

from tests.faults.persistent import Persistent
from tests.faults.town import HOME, Town, town
from tests.peers.receiver import Behaviour

GOOD = "good.test"
PEERS = {GOOD: Behaviour(delay={"dot": 0.01}), HOME: Behaviour()}
WORKERS = 2


def all_arrived(here: Town, clients: Persistent) -> None:
    here.relay.wait(lambda: clients.accepted.keys() <= here.arrivals.times.keys(), "all that was accepted", 60)


def test_reloads_under_load_change_limits_and_break_no_session(tmp_path: Path) -> None:
    with town(tmp_path, PEERS, config={"processes": {"workers": WORKERS}}) as here:
        relay = here.relay
        config = yaml.safe_load(relay.config.read_text())
        with Persistent(relay, GOOD) as clients:
            for number in range(1, 5):
                clients.more(20)
                relay.configure({**config, "limits": {"recipients": 100 + number}})
                assert relay.process is not None
                relay.process.send_signal(signal.SIGHUP)
                relay.wait(lambda: relay.printed.count("msg=reloaded") >= WORKERS * number, "a reload")  # noqa: B023
            clients.more(20)
        all_arrived(here, clients)
        assert (clients.failed, clients.twice, here.arrivals.twice) == ({}, {}, 0)
        assert relay.stop() == 0


def test_starts_anew_under_load_cost_a_client_no_more_than_a_second_try(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as sock, town(tmp_path, PEERS) as here:
        relay = here.relay
        relay.stop()
        relay.listen(sock)
        relay.start()
        with Persistent(relay, GOOD) as clients:
            for _ in range(2):
                clients.more(20)
                assert relay.stop() == 0
                relay.start()
            clients.more(20)
        all_arrived(here, clients)
        assert clients.failed == {}
        # Whoever was answered, or lost its connection, before its message was taken has not sent it twice.
        assert here.arrivals.twice <= len(clients.twice)
        assert relay.stop() == 0
