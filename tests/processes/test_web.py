"""The web worker as a process: links over HTTP and HTTPS, its own shard, and what readers did after its end."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from relay.config.schema import Retention, Sandbox
from relay.model.ids import IdSource
from relay.model.message import State
from relay.model.token import Purpose, Token
from relay.store.sqlite import open_queue, open_registry, shard_directory
from relay.transform.token import make
from relay.worker.context import WEB_SHARD
from tests.e2e.harness import Relay
from tests.store.mail import delivered, in_flight, mail

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TARGET = "https://example.com/there?a=1"
Links = dict[Purpose, str]


async def _sent(data: Path) -> str:
    """The id of a delivered message with a link, put into shard 0 of a relay that does not run."""
    at = time.time() - 3600
    queue = await open_queue(shard_directory(data, 0), 0, Retention(), Sandbox(), time.time)
    ident = IdSource(0, time.time).new()
    new = mail(ident=ident, links=True, author="example.com", state=State.FLIGHT, received=at, deadline=at + 86_400)
    await queue.add(replace(new, targets={0: (TARGET,)}))
    await queue.settle([delivered(each, at) for each in in_flight(new, 0)])
    await queue.close()
    return ident


@contextlib.contextmanager
def started(home: Path, **settings: Any) -> Iterator[tuple[Relay, str, Links]]:
    """A relay, the id of a message it sent an hour ago, and its links."""
    relay = Relay(home, {"sandbox": {"enabled": True}, **settings})
    relay.init()
    ident = asyncio.run(_sent(relay.data))
    with contextlib.closing(open_registry(relay.data / "registry.db")) as registry:
        key = registry.add_link_key(bytes(range(32)), 0.0)
    links = {each: "/" + make(key, Token(each, ident, 1)).decode() for each in Purpose}
    try:
        relay.start()
        yield relay, ident, links
    finally:
        relay.kill()


def ask(relay: Relay, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str | None]:
    """Status and Location."""
    connection = http.client.HTTPConnection("127.0.0.1", relay.port("http"), timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"User-Agent": BROWSER})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Location")


def names(relay: Relay, ident: str) -> list[str]:
    return [each["event"] for each in relay.events(ident)]


def test_what_readers_do_is_journalled_in_the_web_shard_and_a_stop_loses_none_of_it(tmp_path: Path) -> None:
    with started(tmp_path) as (relay, ident, links):
        assert ask(relay, links[Purpose.CLICK] + "-there") == (302, TARGET)
        assert ask(relay, links[Purpose.PIXEL] + ".gif") == (200, None)
        assert ask(relay, links[Purpose.UNSUBSCRIBE], "POST", b"List-Unsubscribe=One-Click") == (200, None)
        assert relay.stop() == 0  # at once, while opens and clicks still wait to be judged
        assert shard_directory(relay.data, WEB_SHARD).is_dir()
        found = names(relay, ident)
        assert sorted(found[-3:]) == ["clicked", "opened", "unsubscribed"]
        relay.start()
        assert ask(relay, links[Purpose.CLICK]) == (302, TARGET)
        relay.wait(lambda: names(relay, ident).count("clicked") == 2, "the second click")
        [clicked] = [each for each in relay.events(ident) if each["event"] == "clicked"][-1:]
        assert (clicked["url"], clicked["link"], clicked["client"]) == (TARGET, 0, "127.0.0.1")
        # Nobody adopts the web shard, and orders reach it.
        assert "drains the shards" not in relay.printed
        assert relay.cli("erase", "ann@example.net", "--yes")
        relay.wait(lambda: "in shard 1000" in relay.printed, "the order in the web shard")
        relay.wait(lambda: not any(each.get("to") == "ann@example.net" for each in relay.events(ident)), "no address")


def test_a_killed_web_worker_is_replaced_and_unsubscribing_was_kept(tmp_path: Path) -> None:
    with started(tmp_path) as (relay, ident, links):
        assert ask(relay, links[Purpose.UNSUBSCRIBE], "POST", b"List-Unsubscribe=One-Click") == (200, None)
        old = int(re.findall(r"web started with pid (\d+)", relay.printed)[-1])
        os.kill(old, signal.SIGKILL)
        relay.wait(lambda: relay.printed.count("web is ready") == 2, "a ready successor")
        assert ask(relay, links[Purpose.CLICK]) == (302, TARGET)
        assert "unsubscribed" in names(relay, ident)


def test_links_are_answered_over_https_by_name_and_nothing_else_is(tmp_path: Path) -> None:
    authority = trustme.CA()
    settings = {"http": {"port": 0, "https": {"port": 0, "directory": str(tmp_path)}}}
    _certificate(authority, tmp_path, "clicks.example.com")
    with started(tmp_path / "home", **settings) as (relay, ident, links):
        assert secure(relay, authority, "clicks.example.com", links[Purpose.CLICK]) == (302, TARGET)
        assert secure(relay, authority, "clicks.example.com", "/robots.txt") == (200, None)
        for path in ("/", "/health"):
            assert secure(relay, authority, "clicks.example.com", path) == (404, None)
        with pytest.raises(
            ssl.SSLCertVerificationError
        ):  # the relay's own certificate, which its authority did not sign
            secure(relay, authority, "news.example.net", links[Purpose.CLICK])
        _certificate(authority, tmp_path, "news.example.net")
        assert relay.process is not None
        relay.process.send_signal(signal.SIGHUP)
        relay.wait(lambda: "serves news.example.net" in relay.printed, "the new certificate")

        def served() -> bool:
            with contextlib.suppress(ssl.SSLCertVerificationError):
                return secure(relay, authority, "news.example.net", links[Purpose.CLICK]) == (302, TARGET)
            return False

        relay.wait(served, "links under the new name")
        assert relay.stop() == 0
        assert names(relay, ident).count("clicked") == 2


def secure(relay: Relay, authority: trustme.CA, name: str, path: str) -> tuple[int, str | None]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    sock = socket.create_connection(("127.0.0.1", relay.port("https")), 20)
    with context.wrap_socket(sock, server_hostname=name) as channel:
        channel.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {BROWSER}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(channel)
        answer.begin()
        return answer.status, answer.getheader("Location")


def _certificate(authority: trustme.CA, folder: Path, name: str) -> None:
    issued = authority.issue_cert(name)
    issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    issued.private_key_pem.write_to_path(folder / f"{name}.key")
