"""The whole relay as processes that die, hang, are told to end, to reload, and to become more or fewer.

Mail goes over a smarthost route to a receiver on loopback, so that no DNS takes part.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509

from relay.model.ids import shard_of
from tests.e2e.harness import PROGRAM, Relay
from tests.peers.load import Load
from tests.peers.receiver import Behaviour, Received, Receiver
from tests.processes.program import alive

CONTENT = b"From: me@example.com\r\nSubject: number %d\r\n\r\nhello\r\n"
WORKERS = 2
HANG = 3.0  # seconds


def config(receiver: Receiver, **more: Any) -> dict[str, Any]:
    delivery = {
        "routes": [{"name": "all", "smarthost": {"host": "127.0.0.1", "port": receiver.port, "tls": "none"}}],
        "allow_private": True,
        "retry": ["1s"],
        "jitter": 0,
        "dead_host": "1s",
        **more.pop("delivery", {}),
    }
    processes = {"workers": WORKERS, "hang": f"{HANG}s", **more.pop("processes", {})}
    return {"delivery": delivery, "processes": processes, **more}


@contextlib.contextmanager
def started(home: Path, settings: dict[str, Any]) -> Iterator[Relay]:
    relay = Relay(home, settings)
    relay.init()
    try:
        relay.start()
        yield relay
    finally:
        relay.kill()


def pid(relay: Relay, name: str) -> int:
    """Of the newest process of that name."""
    found = re.findall(rf"{name} started with pid (\d+)", relay.printed)
    assert found, relay.printed
    return int(found[-1])


def reaches(relay: Relay, shards: set[int], submit: Callable[[], str]) -> list[str]:
    """Submit until every one of these shards has taken something; the ids. The kernel picks the worker."""
    ids: list[str] = []
    while not shards <= {shard_of(each) for each in ids}:
        assert len(ids) < 300, f"{shards} of {relay.printed}"
        ids.append(submit())
    return ids


def one(relay: Relay) -> Callable[[], str]:
    return lambda: relay.submit(CONTENT % 1, ["ann@example.net"])


def refused(relay: Relay) -> str:
    """What a start that cannot succeed says."""
    done = subprocess.run(
        [*PROGRAM, "serve", "--config", str(relay.config)],
        cwd=relay.home,
        env=relay.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1, done
    return done.stderr


def restarted(relay: Relay, name: str, old: int) -> None:
    relay.wait(lambda: pid(relay, name) != old, f"a successor of {name}")
    relay.wait(lambda: relay.printed.count(f"{name} is ready") > 1, f"a ready {name}")


def test_a_killed_worker_is_replaced_and_the_mail_it_had_is_delivered(tmp_path: Path) -> None:
    with Receiver(Behaviour(delay={"dot": 60.0})) as receiver, started(tmp_path, config(receiver)) as relay:
        ids = reaches(relay, set(range(WORKERS)), one(relay))
        receiver.wait_for(lambda it: any(each.commands[-1:] == ["DATA"] for each in it.sessions))
        olds = {number: pid(relay, f"worker-{number}") for number in range(WORKERS)}
        receiver.behaviour = Behaviour()
        for old in olds.values():
            os.kill(old, signal.SIGKILL)
        for number, old in olds.items():
            restarted(relay, f"worker-{number}", old)
        for each in ids:
            relay.wait_for_state(each, "delivered")
        assert relay.submit(CONTENT % 2, ["bob@example.net"])


def test_a_worker_that_hangs_is_noticed_and_replaced_and_its_mail_is_delivered(tmp_path: Path) -> None:
    behaviour = Behaviour(on={"mail": "451 4.3.0 not now"})
    with Receiver(behaviour) as receiver, started(tmp_path, config(receiver)) as relay:
        ids = reaches(relay, set(range(WORKERS)), one(relay))
        old = pid(relay, "worker-1")
        os.kill(old, signal.SIGSTOP)
        receiver.behaviour = Behaviour()
        relay.wait(lambda: f"worker-1 (pid {old}) has been silent" in relay.printed, "a word about it")
        restarted(relay, "worker-1", old)
        assert not alive(old)
        for each in ids:
            relay.wait_for_state(each, "delivered")


def test_when_the_supervisor_is_killed_its_children_are_gone_and_the_next_start_binds_at_once(tmp_path: Path) -> None:
    names = ("worker-0", "worker-1", "web", "reporter")
    with Receiver() as receiver:
        settings = config(receiver)
        with started(tmp_path, settings) as relay:
            port = relay.port()
            settings["listeners"] = [{"name": "submission", "port": port}]
            settings["http"] = {"port": relay.port("http")}
            pids = [pid(relay, name) for name in names]
            assert relay.process is not None
            os.kill(relay.process.pid, signal.SIGKILL)
            relay.process.wait(5)
            relay.process = None
            relay.wait(lambda: not any(alive(each) for each in pids), "the end of all children", 2)
            relay.configure(settings)
            began = time.monotonic()
            relay.start()
            assert time.monotonic() - began < 10
            assert relay.port() == port
            relay.wait_for_state(relay.submit(CONTENT % 1, ["ann@example.net"]), "delivered")


def test_a_second_relay_on_the_same_data_or_the_same_ports_is_refused(tmp_path: Path) -> None:
    with Receiver() as receiver, started(tmp_path / "one", config(receiver)) as relay:
        other = Relay(tmp_path / "two", config(receiver, listeners=[{"name": "submission", "port": relay.port()}]))
        other.init()
        done = refused(other)
        assert f"listener submission: cannot listen on 127.0.0.1:{relay.port()}" in done
        same = Relay(tmp_path / "three", {**config(receiver), "data": str(relay.data)})
        assert "a relay runs already on this data" in refused(same)


def test_sigterm_ends_it_within_ten_seconds_with_sessions_open_and_mail_under_way(tmp_path: Path) -> None:
    with Receiver(Behaviour(delay={"dot": 60.0})) as receiver, started(tmp_path, config(receiver)) as relay:
        ident = relay.submit(CONTENT % 1, ["ann@example.net"])
        receiver.wait_for(lambda it: any(each.commands[-1:] == ["DATA"] for each in it.sessions))
        idle = relay.session()
        began = time.monotonic()
        assert relay.stop() == 0
        assert time.monotonic() - began < 10
        code, text = idle.getreply()
        assert code == 421, text
        (entry,) = relay.ask("queue")
        assert entry["id"].startswith(ident)  # nobody knows whether the receiver took it, so it is still ours
        assert not (relay.data / "access.json").exists()


def test_sigterm_lets_a_session_finish_the_message_it_is_sending(tmp_path: Path) -> None:
    with Receiver() as receiver, started(tmp_path, config(receiver)) as relay:
        client = relay.session()
        assert client.mail("me@example.com")[0] == client.rcpt("ann@example.net")[0] == 250
        client.putcmd("data")
        assert client.getreply()[0] == 354
        assert relay.process is not None
        relay.process.send_signal(signal.SIGTERM)
        relay.wait(lambda: "draining" in relay.printed, "the drain")
        client.send(CONTENT % 1 + b".\r\n")
        code, text = client.getreply()
        assert code == 250, text
        assert client.docmd("NOOP")[0] == 421
        assert relay.process.wait(10) == 0
        relay.process = None


def _serial(relay: Relay) -> int:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", relay.port("tls")), 10) as plain,
        context.wrap_socket(plain) as secure,
    ):
        der = secure.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


def test_sighup_serves_a_new_certificate_to_new_connections_and_keeps_the_old_ones(tmp_path: Path) -> None:
    with Receiver() as receiver, started(tmp_path, config(receiver)) as relay, relay.session() as client:
        before = _serial(relay)
        other = Relay(tmp_path / "other", config(receiver))
        other.init()
        workers = [pid(relay, f"worker-{number}") for number in range(WORKERS)]
        for name in ("cert.pem", "key.pem"):
            shutil.copy(other.data / "tls" / name, relay.data / "tls" / name)
        _hup(relay)
        relay.wait(lambda: all(_serial(relay) != before for _ in range(6)), "the new certificate everywhere")
        assert client.noop()[0] == 250
        assert workers == [pid(relay, f"worker-{number}") for number in range(WORKERS)]
        os.kill(workers[0], signal.SIGKILL)
        restarted(relay, "worker-0", workers[0])
        assert all(_serial(relay) != before for _ in range(6))


def _hup(relay: Relay) -> None:
    assert relay.process is not None
    relay.process.send_signal(signal.SIGHUP)


def test_sighup_refuses_a_bad_configuration_and_keeps_the_old_one(tmp_path: Path) -> None:
    with Receiver() as receiver, started(tmp_path, config(receiver)) as relay:
        relay.configure(config(receiver, delivry={}))
        _hup(relay)
        relay.wait(lambda: "not reloaded" in relay.printed, "the refusal")
        assert "did you mean delivery?" in relay.printed
        (relay.data / "tls/key.pem").write_text("broken")
        relay.configure(config(receiver))
        _hup(relay)
        relay.wait(lambda: relay.printed.count("not reloaded") == 2, "the other refusal")
        relay.configure(config(receiver, options={"force": {"priorty": 3}}))
        _hup(relay)
        relay.wait(lambda: relay.printed.count("not reloaded") == 3, "the third refusal")
        assert "options.force: priorty: no such option; the nearest is priority" in relay.printed
        relay.wait_for_state(relay.submit(CONTENT % 1, ["ann@example.net"]), "delivered")


def test_sighup_changes_limits_and_delivery_in_place_and_says_what_waits(tmp_path: Path) -> None:
    with Receiver() as receiver, Receiver() as elsewhere, started(tmp_path, config(receiver)) as relay:
        workers = [pid(relay, f"worker-{number}") for number in range(WORKERS)]
        changed = config(elsewhere, limits={"size": "1MiB"}, hostname="other.example", log={"format": "json"})
        relay.configure(changed)
        _hup(relay)
        relay.wait(lambda: relay.printed.count('"reloaded') >= WORKERS, "the reload")
        assert "a change of `hostname` waits for a restart" in relay.printed
        with relay.session() as client:
            client.ehlo()
            assert client.esmtp_features["size"] == str(1 << 20)
        for _ in range(6):
            relay.submit(CONTENT % 1, ["ann@example.net"])
        elsewhere.wait(6)
        assert receiver.messages == []
        assert workers == [pid(relay, f"worker-{number}") for number in range(WORKERS)]
        relay.wait(lambda: '"event":"delivered"' in relay.printed, "the log as JSON")


def test_connections_to_a_site_never_exceed_the_limit_in_the_machine(tmp_path: Path) -> None:
    most = 3
    peak = 0

    def keep(*_: Any) -> None:
        nonlocal peak
        peak = max(peak, sum(not each.done for each in receiver.sessions))

    settings_delivery = {"connections": most, "messages_per_connection": 2, "idle": "200ms"}
    receiver = Receiver(Behaviour(delay={"dot": 0.05}), keep=keep)
    with receiver, started(tmp_path, config(receiver, delivery=settings_delivery)) as relay:
        ids = reaches(relay, set(range(WORKERS)), one(relay))
        with relay.session() as client:
            for number in range(40):
                client.sendmail("me@example.com", [f"ann{number}@example.net"], CONTENT % number)
        receiver.wait(len(ids) + 40, 40)
        assert 1 < peak <= most


def test_a_ban_for_failed_logins_counts_and_holds_in_all_workers(tmp_path: Path) -> None:
    with Receiver() as receiver:
        settings = config(
            receiver,
            listeners=[{"name": "submission", "port": 0}],
            limits={"auth_failures": 4, "auth_ban": "5min"},
        )
        with started(tmp_path, settings) as relay:
            port, context = relay.port(), ssl.create_default_context(cafile=str(relay.authority))
            wrong = base64.b64encode(b"\0app@example.com\0wrong").decode()

            def attempt() -> int:
                with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                    client.starttls(context=context)
                    client.ehlo()
                    return client.docmd("AUTH", f"PLAIN {wrong}")[0]

            assert [attempt() for _ in range(4)] == [535] * 4
            # Each worker alone has seen fewer; a new connection goes to either of them.
            relay.wait(lambda: [attempt() for _ in range(6)] == [454] * 6, "the ban in every worker")
            relay.wait(lambda: "banned-user" in (relay.data / "limits.json").read_text(), "the mark on disk")


def test_a_tls_session_is_resumed_whichever_worker_takes_the_next_connection(tmp_path: Path) -> None:
    with Receiver() as receiver, started(tmp_path, config(receiver)) as relay:
        context = ssl.create_default_context(cafile=str(relay.authority))
        session: ssl.SSLSession | None = None
        reused = []
        for _ in range(12):
            plain = socket.create_connection(("127.0.0.1", relay.port("tls")), 10)
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secure:
                assert secure.recv(100).startswith(b"220 ")  # tickets of TLS 1.3 come before it
                reused.append(secure.session_reused)
                session = secure.session
        assert reused == [False] + [True] * 11


def _issue(authority: trustme.CA, directory: Path, name: str) -> None:
    issued = authority.issue_cert(name)
    for suffix, octets in ((".key", issued.private_key_pem.bytes()), (".pem", issued.cert_chain_pems[0].bytes())):
        new = directory / f"{name}{suffix}.new"
        new.write_bytes(octets)
        new.rename(directory / f"{name}{suffix}")


def test_a_client_gets_the_certificate_of_the_name_it_asks_for_from_every_worker_and_renewed_ones_too(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    session: ssl.SSLSession | None = None

    def meet() -> tuple[int, bool]:
        nonlocal session
        plain = socket.create_connection(("127.0.0.1", relay.port("tls")), 10)
        with context.wrap_socket(plain, server_hostname="mail.example.org", session=session) as secure:
            assert secure.recv(100).startswith(b"220 ")
            der = secure.getpeercert(binary_form=True)
            assert der is not None
            session = secure.session
            return x509.load_der_x509_certificate(der).serial_number, bool(secure.session_reused)

    with Receiver() as receiver:
        relay = Relay(tmp_path, config(receiver, tls={"directory": "names"}))
        relay.init()
        try:
            (relay.data / "names").mkdir()
            _issue(authority, relay.data / "names", "mail.example.org")
            relay.start()
            first, *others = [meet() for _ in range(12)]
            assert not first[1]
            assert others == [(first[0], True)] * 11  # whichever worker it was
            _issue(authority, relay.data / "names", "mail.example.org")

            def renewed() -> bool:
                nonlocal session
                session = None
                return meet()[0] != first[0]

            relay.wait(lambda: all(renewed() for _ in range(8)), "the new certificate, though nobody said a word", 30)
        finally:
            relay.kill()


def test_a_directory_of_certificates_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with Receiver() as receiver:
        relay = Relay(tmp_path, config(receiver, tls={"directory": "names"}))
        relay.init()
        assert refused(relay) == (
            f"relay: the directory of certificates {relay.data / 'names'}: No such file or directory\n"
        )


def test_a_policy_on_options_that_do_not_exist_stops_the_start(tmp_path: Path) -> None:
    with Receiver() as receiver:
        relay = Relay(tmp_path, config(receiver, options={"defaults": {"tags": "a b"}, "forbid": ["nonsense"]}))
        relay.init()
        said = refused(relay)
        assert "options.defaults: tags: a tag has no white space, comma or semicolon: a b" in said
        assert "options.forbid: the list of forbidden options has nonsense, which is no option" in said


def test_a_database_that_is_damaged_stops_the_start_with_what_can_be_done(tmp_path: Path) -> None:
    with Receiver() as receiver:
        relay = Relay(tmp_path, config(receiver))
        relay.init()
        for name in ("registry.db", "suppressions.db", "idempotency.db"):
            (relay.data / name).write_bytes(b"nothing that SQLite made " * 400)
        registry, suppressions, idempotency = refused(relay).splitlines()
        for name, line in (("registry", registry), ("suppressions", suppressions), ("idempotency", idempotency)):
            assert line.startswith(f"relay: {relay.data / name}.db is damaged: ")
        assert "put the one of a backup in its place" in registry
        assert "move it away" not in registry
        assert "then mail goes again to every address that was suppressed" in suppressions
        assert "what clients hand in again with an idempotency_key is sent twice" in idempotency


def test_mail_flows_through_reloads_without_loss_and_without_doubles(tmp_path: Path) -> None:
    arrived: Counter[bytes] = Counter()

    def keep(_number: int, message: Received) -> None:
        found = re.search(rb"^X-Load-Number: (\d+)", message.content, re.MULTILINE)
        assert found
        arrived[found[1]] += 1

    receiver = Receiver(Behaviour(delay={"dot": 0.01}), keep=keep)
    with receiver, started(tmp_path, config(receiver)) as relay:
        access = relay.access
        load = Load(
            "127.0.0.1",
            relay.port(),
            access["username"],
            access["password"],
            "me@example.com",
            lambda number: f"ann{number}@example{number % 3}.net",
        )
        load.start()
        try:
            for round_ in range(1, 6):
                seen = len(load.accepted)
                relay.wait(lambda seen=seen: len(load.accepted) > seen + 30, "load")  # type: ignore[misc]
                _hup(relay)
                relay.wait(
                    lambda round_=round_: (
                        relay.printed.count("logger=relay.worker msg=reloaded")  # type: ignore[misc]
                        >= WORKERS * round_
                    ),
                    "the reload",
                )
        finally:
            load.stop()
        relay.wait(lambda: not relay.ask("queue", "--limit", "5"), "an empty queue")
        assert load.refused == {}
        assert load.unsure == set()
        assert set(arrived) == {str(number).encode() for number in load.accepted}
        assert set(arrived.values()) == {1}


def test_shards_without_a_worker_are_adopted_and_nothing_is_lost(tmp_path: Path) -> None:
    with Receiver(Behaviour(on={"mail": "451 4.3.0 not now"})) as receiver:
        four = config(receiver, processes={"workers": 4}, delivery={"retry": ["2s"]})
        two = config(receiver, processes={"workers": 2}, delivery={"retry": ["2s"]})
        with started(tmp_path, four) as relay:
            first = reaches(relay, {0, 1, 2, 3}, one(relay))
            assert relay.stop() == 0
            waiting = {shard_of(each["id"].partition("-")[0]) for each in relay.ask("queue", "--limit", "1000")}
            assert waiting == {0, 1, 2, 3}

            relay.configure(two)
            relay.start()
            second = reaches(relay, {0, 1}, one(relay))
            assert not {2, 3} & {shard_of(each) for each in second}  # who is adopted takes no new mail
            half = len(first) // 2
            receiver.behaviour = Behaviour()
            receiver.wait(half, 30)
            assert relay.stop() == 0

            receiver.behaviour = Behaviour(on={"mail": "451 4.3.0 not now"})
            relay.configure(four)
            relay.start()
            third = reaches(relay, {0, 1, 2, 3}, one(relay))
            receiver.behaviour = Behaviour()
            for each in (*first, *second, *third):
                relay.wait_for_state(each, "delivered")
            assert len(receiver.messages) == len(first) + len(second) + len(third)
            assert relay.stop() == 0


def test_the_health_page_tells_of_a_worker_that_is_not_there(tmp_path: Path) -> None:
    def health() -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{relay.port('http')}/health", timeout=5) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    patient = {"processes": {"hang": "8s"}}  # so that it is silent for a while before it is replaced
    with Receiver() as receiver, started(tmp_path, config(receiver, **patient)) as relay:
        relay.wait(lambda: health()["status"] == "ok", "good health")
        worker = pid(relay, "worker-0")
        os.kill(worker, signal.SIGSTOP)
        relay.wait(lambda: "worker-0 is silent" in health()["faults"], "word of the silence")
        os.kill(worker, signal.SIGCONT)
        relay.wait(lambda: health()["status"] == "ok", "good health again")
