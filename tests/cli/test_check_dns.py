"""`relay check` asks DNS what receivers ask: our name and back, keys, SPF, DMARC, bounce host; and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from relay.config import Dns, Egress
from relay.dns.resolver import Resolver
from relay.dns.spf import evaluate
from relay.manage.ours import sources
from relay.model.account import Dmarc
from relay.store.sqlite import open_registry
from tests.cli.conftest import CONFIG, Cli
from tests.peers.dns import DnsServer

US = "198.51.100.7"

GOOD = f"""
relay.test                      A    {US}
7.100.51.198.in-addr.arpa       PTR  relay.test.
example.com                     TXT  "v=spf1 a:relay.test -all"
"""


DMARC = {"_dmarc.example.com": {"TXT": ['"v=DMARC1; p=none"']}}


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(GOOD) as made:
        made.load(DMARC)
        yield made


@pytest.fixture
def asked(ready: Cli, server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A relay that sends, from an address of the Internet, and asks this server."""
    for module in ("cli.checks.names", "manage.ours"):
        monkeypatch.setattr(f"relay.{module}.sources", lambda egress, ipv6: [US])
    configure(ready, server, {})
    for key in ready.json("dkim", "record", "example.com"):
        server.load({key["name"]: {"TXT": [quoted(key["value"])]}})
    return ready


def configure(cli: Cli, server: DnsServer, more: dict[str, Any]) -> None:
    tree = {**yaml.safe_load(CONFIG), "dns": {"servers": [server.address], "timeout": "2s"}, "sandbox": {}, **more}
    (cli.home / "config/local.yaml").write_text(yaml.safe_dump(tree))


def quoted(text: str) -> str:
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


def told(cli: Cli, *words: str, code: int = 0) -> dict[str, tuple[str, str]]:
    report = cli.json("check", *words, code=code)
    return {each["subject"]: (each["level"], each["text"]) for each in report["findings"]}


def test_when_everything_is_published_all_of_it_is_in_order(asked: Cli) -> None:
    found = told(asked)
    assert found["relay.test"] == ("ok", f"resolves to {US}")
    assert found[f"PTR of {US}"] == ("ok", "says relay.test")
    assert found["SPF of example.com"] == ("ok", f"allows {US}")
    assert found["DMARC of example.com"] == ("ok", "asks for none")
    keys = {subject: each for subject, each in found.items() if subject.endswith("._domainkey.example.com")}
    assert set(keys.values()) == {("ok", "is published")}
    assert len(keys) == 2


def test_in_a_sandbox_and_offline_nobody_is_asked(asked: Cli, server: DnsServer) -> None:
    told(asked, "--offline")
    configure(asked, server, {"sandbox": {"enabled": True}})
    told(asked)
    assert server.questions == []
    asked("check", "--offline", "--network", code=2)


def test_a_name_that_does_not_resolve_and_an_address_without_name_fail(asked: Cli, server: DnsServer) -> None:
    configure(asked, server, {"hostname": "nowhere.test"})
    assert told(asked, code=1)["nowhere.test"] == ("fail", "does not resolve")
    server.load("other.test A 198.51.100.8")
    configure(asked, server, {"hostname": "other.test"})
    found = told(asked)
    assert found["SPF of example.com"][0] == "ok"
    assert found["other.test"] == ("warn", f"does not resolve to {US}, from which mail leaves")
    assert found[f"PTR of {US}"] == ("warn", "says relay.test")


def test_an_address_without_ptr_fails(asked: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.cli.checks.names.sources", lambda egress, ipv6: ["198.51.100.9"])
    assert told(asked, code=1)["PTR of 198.51.100.9"] == ("fail", "is not there")


def test_a_resolver_that_is_silent_fails_and_the_rest_is_told(asked: Cli, server: DnsServer) -> None:
    server.stop()
    found = told(asked, code=1)
    assert found["resolver"][0] == "fail"
    assert found["example.com"][0] == "warn"
    assert found["disk of var"][0] == "ok"


@pytest.mark.parametrize(
    ("record", "level", "words"),
    [
        ('"v=spf1 -all"', "fail", f"forbids {US}"),
        ('"v=spf1 ~all"', "warn", "(softfail)"),
        ('"v=spf1 include:nothing.test -all"', "fail", "cannot be used: include:nothing.test has no SPF record"),
        ('"v=spf1 ptr -all"', "warn", "cannot be judged from here"),
        ('"v=spf1 ip4:198.51.100.0/24 -all"', "ok", "allows"),
    ],
)
def test_spf_is_evaluated_for_the_address_mail_leaves_from(
    ready: Cli, monkeypatch: pytest.MonkeyPatch, record: str, level: str, words: str
) -> None:
    zone = GOOD.replace('"v=spf1 a:relay.test -all"', record)
    for module in ("cli.checks.names", "manage.ours"):
        monkeypatch.setattr(f"relay.{module}.sources", lambda egress, ipv6: [US])
    with DnsServer(zone) as server:
        server.load(DMARC)
        configure(ready, server, {})
        said = told(ready, code=1)["SPF of example.com"]  # the DKIM keys are not published
    assert said[0] == level
    assert words in said[1]


def test_what_is_not_published_or_published_wrongly_is_named(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("cli.checks.names", "manage.ours"):
        monkeypatch.setattr(f"relay.{module}.sources", lambda egress, ipv6: [US])
    names = [key["name"] for key in ready.json("dkim", "record", "example.com")]
    zone = {
        "relay.test": {"A": [US]},
        names[0]: {"TXT": ['"v=DKIM1; k=rsa; p=AAAA"']},
        "_dmarc.example.com": {"TXT": ['"v=DMARC1; rua=mailto:x@example.com"']},
    }
    with DnsServer(zone) as server:
        configure(ready, server, {})
        found = told(ready, code=1)
    assert found[names[0]] == ("fail", "says another key than the one that signs")
    assert found[names[1]] == ("fail", "is not published")
    assert found["SPF of example.com"] == ("warn", "is not published")
    assert found["DMARC of example.com"][0] == "fail"


def test_a_bounce_host_must_lead_to_us_and_to_a_listener_for_it(asked: Cli, server: DnsServer) -> None:
    with sqlite3.connect(asked.home / "var/registry.db") as connection:
        connection.execute("update domain set bounce_host = 'bounces.example.com'")
    server.load("bounces.example.com MX 10 elsewhere.test.\nelsewhere.test A 198.51.100.99")
    level, text = told(asked, code=1)["bounce host bounces.example.com"]
    assert level == "fail"
    assert text == "leads to elsewhere.test, and not to relay.test: bounces are lost"
    with sqlite3.connect(asked.home / "var/registry.db") as connection:
        connection.execute("update domain set bounce_host = 'back.example.com'")
    server.load("back.example.com MX 10 relay.test.")
    listeners = [{"name": "in", "port": 0}, {"name": "back", "port": 0, "purpose": "returns"}]
    configure(asked, server, {"listeners": listeners})
    assert told(asked)["bounce host back.example.com"] == ("ok", "leads to relay.test")


@contextlib.contextmanager
def greeter(words: bytes) -> Iterator[int]:
    """Greets once, and tells nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            with contextlib.suppress(OSError):
                connection = listening.accept()[0]
                with connection:
                    connection.sendall(words)
                    connection.recv(100)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "level", "said"),
    [
        (b"220 mx.test ESMTP\r\n", "ok", "is open: 127.0.0.1 greets us"),
        (b"554 mx.test no service\r\n", "fail", "does not work: 127.0.0.1 says '554 mx.test no service'"),
    ],
)
def test_the_way_out_is_tried_when_that_is_wished(
    asked: Cli, server: DnsServer, words: bytes, level: str, said: str
) -> None:
    server.load("probe.test MX 10 mx.test.\nmx.test A 127.0.0.1")
    with greeter(words) as port:
        configure(asked, server, {"delivery": {"mx_port": port}})
        found = told(asked, "--network", "--probe", "probe.test", code=int(level == "fail"))
    assert found[f"port {port} outward"] == (level, said)


async def verdicts(zone: str, *addresses: str) -> list[str]:
    with DnsServer(zone) as server:
        resolver = Resolver(Dns(servers=(server.address,)), time.time)
        try:
            return [(await evaluate(resolver, "example.com", each)).result for each in addresses]
        finally:
            await resolver.close()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", ["pass", "pass", "fail"]),
        ("v=spf1 a -all", ["pass", "pass", "fail"]),
        ("v=spf1 a/24//64 ?all", ["pass", "pass", "neutral"]),
        ("v=spf1 mx ~all", ["pass", "softfail", "softfail"]),
        ("v=spf1 include:other.test -all", ["fail", "fail", "pass"]),
        ("v=spf1 redirect=other.test", ["softfail", "softfail", "pass"]),
        ("v=spf1 -ip4:192.0.2.1 +all", ["fail", "pass", "pass"]),
        ("v=spf1 exists:there.test -all", ["pass", "pass", "pass"]),
        ("v=spf1 exp=why.test", ["neutral", "neutral", "neutral"]),
        ("v=spf1 ip4:nonsense -all", ["permerror", "permerror", "permerror"]),
        ("v=spf1 include:loop.test -all", ["permerror", "permerror", "permerror"]),
        ("v=spf1 exists:%{i}.x.test -all", ["unknown", "unknown", "unknown"]),
        ("v=spf10 -all", ["none", "none", "none"]),
    ],
)
def test_spf_records_as_people_write_them(record: str, expected: list[str]) -> None:
    zone = f"""
example.com TXT "{record}"
example.com A 192.0.2.1
example.com AAAA 2001:db8::1
example.com MX 10 mx.test.
mx.test A 192.0.2.1
there.test A 127.0.0.2
other.test TXT "v=spf1 ip4:203.0.113.0/24 ~all"
loop.test TXT "v=spf1 include:loop.test -all"
"""
    assert asyncio.run(verdicts(zone, "192.0.2.1", "2001:db8::1", "203.0.113.5")) == expected


def test_the_names_of_an_address_are_looked_up() -> None:
    async def ask() -> tuple[tuple[str, ...], tuple[str, ...]]:
        zone = "1.2.0.192.in-addr.arpa PTR Mx.Example.\n1.2.0.192.in-addr.arpa PTR two.example."
        with DnsServer(zone) as server:
            resolver = Resolver(Dns(servers=(server.address,)), time.time)
            try:
                return (await resolver.names("192.0.2.1")).records, (await resolver.names("2001:db8::1")).records
            finally:
                await resolver.close()

    found, none = asyncio.run(ask())
    assert sorted(found) == ["mx.example", "two.example"]
    assert none == ()


def test_the_addresses_others_see_are_those_of_the_egress_or_the_kernels_choice() -> None:
    assert sources(Egress(ipv4="9.9.9.9", ipv6="2620:fe::9"), ipv6=False) == ["9.9.9.9"]
    assert sources(Egress(ipv4="10.0.0.9"), ipv6=True) == []  # what others see is known to the NAT alone
    assert all(ipaddress.ip_address(each).is_global for each in sources(Egress(), ipv6=True))


def test_new_keys_are_named_while_they_wait_for_their_records(asked: Cli) -> None:
    made = [each["selector"] for each in asked.json("dkim", "rotate", "example.com")]
    found = told(asked)
    for selector in made:
        assert found[f"DKIM key {selector} of example.com"] == ("warn", "waits for its record to sign")
        assert f"{selector}._domainkey.example.com" not in found  # it signs nothing that could fail


def test_keys_that_sign_no_more_or_not_yet_need_no_record(asked: Cli) -> None:
    registry = open_registry(asked.home / "var/registry.db")
    key = registry.keys("example.com")[0]
    for selector, start, end in (("over", None, 1.0), ("later", time.time() + 1e6, None), ("now", None, None)):
        registry.add_key(replace(key, selector=selector, custom=True, start=start, end=end))
    registry.close()
    found = told(asked, code=1)
    assert found["now._domainkey.example.com"] == ("fail", "is not published")
    assert not {"over._domainkey.example.com", "later._domainkey.example.com"} & set(found)
    asked("dkim", "rotate", "example.com")
    asked("dkim", "rotate", "example.com", "--retire", "--force")  # leaves keys of the account alone
    states = {each["selector"]: each["state"] for each in asked.json("dkim", "list", "example.com")}
    assert {states[each] for each in ("over", "later", "now")} == {"active"}


def test_dmarc_that_is_weaker_than_was_asked_for_is_told(asked: Cli) -> None:
    registry = open_registry(asked.home / "var/registry.db")
    registry.update_domain(replace(registry.domain("example.com"), dmarc=Dmarc(policy="reject")))
    registry.close()
    assert told(asked)["DMARC of example.com"] == ("warn", "says p=none, and not p=reject at _dmarc.example.com")
    assert "v=DMARC1; p=reject" in asked("domain", "records", "example.com")
