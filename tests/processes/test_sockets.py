"""Listening sockets: one a worker, real ports, clear errors, and those of a service manager."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.config import Config, parse
from relay.supervisor import sockets as module
from relay.supervisor.service import Inherited, inherited
from relay.supervisor.sockets import CannotListen, Sockets, open_sockets
from tests.processes.program import ROOT


def config(port: int = 0, address: str = "127.0.0.1") -> Config:
    return parse(
        f"""
hostname: relay.example
http: {{port: 0}}
listeners:
  - {{name: submission, address: "{address}", port: {port}}}
  - {{name: tls, port: 0, kind: tls}}
"""
    )


@contextlib.contextmanager
def opened(config: Config, workers: int, *given: Inherited) -> Iterator[Sockets]:
    sockets = open_sockets(config, workers, given)
    try:
        yield sockets
    finally:
        sockets.close()


def test_each_worker_has_a_socket_of_its_own_on_the_same_real_port() -> None:
    with opened(config(), 3) as sockets:
        mine = [dict((each.name, sock) for each, sock in sockets.of_worker(number)) for number in range(3)]
        ports = {each["submission"].getsockname()[1] for each in mine}
        assert len({each["submission"].fileno() for each in mine}) == 3
        assert ports == {sockets.config.listeners[0].port}
        assert sockets.config.http.port == sockets.http.getsockname()[1] != 0


def test_connections_spread_over_the_workers_and_wait_for_a_successor() -> None:
    with opened(config(), 2) as sockets, contextlib.ExitStack() as clients:
        port = sockets.config.listeners[0].port
        for _ in range(64):
            clients.enter_context(socket.create_connection(("127.0.0.1", port)))
        taken = []
        for sock in sockets.listeners["submission"][0]:
            taken.append(0)
            while select.select([sock], [], [], 0)[0]:
                sock.accept()[0].close()
                taken[-1] += 1
        assert sum(taken) == 64
        assert min(taken) > 0


def test_a_port_that_somebody_listens_on_is_refused_with_name_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with opened(config(), 1) as first:
        port = first.config.listeners[0].port
        with pytest.raises(
            CannotListen, match=rf"listener submission: cannot listen on 127\.0\.0\.1:{port}: .*in use"
        ):
            open_sockets(config(port), 1)


def test_a_port_is_free_again_as_soon_as_its_owner_is_gone() -> None:
    first = open_sockets(config(), 2)
    port = first.config.listeners[0].port
    with socket.create_connection(("127.0.0.1", port)) as client:
        first.close()
        with contextlib.suppress(ConnectionResetError):
            client.recv(1)
    with opened(config(port), 2) as second:
        assert second.config.listeners[0].port == port


def test_an_address_that_is_not_ours_is_refused_at_once() -> None:
    with pytest.raises(CannotListen, match=r"192\.0\.2\.1:0: Cannot assign"):
        open_sockets(config(address="192.0.2.1"), 1)


def test_all_addresses_means_both_families() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with opened(config(address="::"), 1) as sockets:
        port = sockets.config.listeners[0].port
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), 5).close()


def _given(name: str) -> Inherited:
    return Inherited(name, socket.create_server(("127.0.0.1", 0)))


def test_sockets_of_a_service_manager_are_taken_by_name_and_shared() -> None:
    mine, http = _given("submission"), _given("http")
    with opened(config(), 2, mine, http) as sockets:
        assert sockets.listeners["submission"] == ((mine.sock,),)
        assert all(sockets.of_worker(number)[0][1] is mine.sock for number in range(2))
        assert sockets.http is http.sock
        assert [len(each) for each in sockets.listeners["tls"]] == [2]  # this one we opened ourselves


@pytest.mark.parametrize("name", ["", "relay.socket"])  # systemd's own name is that of the unit
def test_a_socket_without_a_listeners_name_is_taken_by_its_place(caplog: pytest.LogCaptureFixture, name: str) -> None:
    mine, other = _given(name), _given("nobody")
    with opened(config(mine.sock.getsockname()[1]), 1, mine, other) as sockets:
        assert sockets.listeners["submission"] == ((mine.sock,),)
    assert "no listener is called 'nobody'" in caplog.text
    assert other.sock.fileno() == -1


def test_a_socket_at_another_address_is_not_taken_for_a_listener_it_does_not_name() -> None:
    wide = Inherited("relay.socket", socket.create_server(("0.0.0.0", 0)))
    port = wide.sock.getsockname()[1]
    sockets = module._divide(config(port), [wide])
    assert sockets == {}
    assert wide.sock.fileno() == -1


def test_several_sockets_of_one_listener_are_served_by_every_worker() -> None:
    one, two = _given("submission"), _given("submission")
    with opened(config(), 2, one, two) as sockets:
        for number in range(2):
            mine = [sock for each, sock in sockets.of_worker(number) if each.name == "submission"]
            assert mine == [one.sock, two.sock]


def test_the_protocol_of_the_service_manager_is_understood(tmp_path: Path) -> None:
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
from relay.supervisor.service import inherited
os.environ["LISTEN_PID"] = str(os.getpid())
given = inherited(os.environ)
print([(each.name, each.sock.getsockname()[1], os.get_inheritable(each.sock.fileno())) for each in given])
print([key for key in os.environ if key.startswith("LISTEN_")])
"""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [one.getsockname()[1], two.getsockname()[1]]
        # Another program puts them where the protocol says, as a service manager does.
        launch = """
import os, sys
one, two = (os.dup(int(each)) for each in sys.argv[1:3])  # out of the way of 3 and 4
low = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
one, two = os.dup(one), os.dup(two)
os.dup2(one, 3), os.dup2(two, 4)
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""
        fds = [one.fileno(), two.fileno()]
        done = subprocess.run(
            [sys.executable, "-c", launch, *map(str, fds), "-c", code, str(ROOT)],
            pass_fds=fds,
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "submission:unknown"},
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.stdout.splitlines() == [f"[('submission', {ports[0]}, False), ('', {ports[1]}, False)]", "[]"], done


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "OTHER": "x"}
    assert inherited(environ) == []
    assert environ == {"OTHER": "x"}
