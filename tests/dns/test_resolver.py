"""Look-ups against a real server, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvloop

from relay.config import Dns
from relay.dns.resolver import DnsFailure, Mx, Resolver, Status
from relay.dns.servers import Server, Servers, parse_resolv_conf, parse_server
from tests.peers.dns import DnsServer

ZONE = """
example.test        60  MX     20 mx2.example.test.
example.test        60  MX     10 MX1.example.test.
example.test            TXT    "v=spf1 " "-all"
example.test            TXT    "gr\\195\\188n"
mx1.example.test    60  A      192.0.2.1
mx1.example.test   120  AAAA   2001:db8::1
four.example.test       A      192.0.2.4
alias.test              CNAME  second.test.
second.test             CNAME  example.test.
around.test             CNAME  about.test.
about.test              CNAME  around.test.
xn--bcher-kva.test      A      192.0.2.9
null.test               MX     0 .
"""


class Time:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(ZONE, negative_ttl=30) as running:
        yield running


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
async def resolver(server: DnsServer, clock: Time) -> AsyncIterator[Resolver]:
    made = Resolver(Dns(servers=(server.address,), timeout=5.0), clock)
    yield made
    await made.close()


def unused_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_mx_records_come_with_preference_and_lower_case_host(resolver: Resolver) -> None:
    answer = await resolver.mx("Example.TEST.")
    assert answer.status is Status.FOUND
    assert set(answer.records) == {Mx(20, "mx2.example.test"), Mx(10, "mx1.example.test")}


async def test_a_null_mx_names_the_root(resolver: Resolver) -> None:
    assert (await resolver.mx("null.test")).records == (Mx(0, ""),)


async def test_strings_of_a_txt_record_are_joined(resolver: Resolver) -> None:
    assert set((await resolver.txt("example.test")).records) == {"v=spf1 -all", "grün"}


async def test_addresses_are_ipv6_and_then_ipv4_unless_ipv6_is_off(resolver: Resolver, server: DnsServer) -> None:
    assert (await resolver.addresses("mx1.example.test", ipv6=True)).records == ("2001:db8::1", "192.0.2.1")
    assert (await resolver.addresses("four.example.test", ipv6=False)).records == ("192.0.2.4",)
    assert server.count("four.example.test", "AAAA") == 0


async def test_an_internationalised_domain_is_asked_for_in_a_labels(resolver: Resolver) -> None:
    assert (await resolver.addresses("Bücher.test", ipv6=False)).records == ("192.0.2.9",)


@pytest.mark.parametrize("name", ["", "a b.test", "-.test", "x" * 64 + ".test", ".".join(["a" * 60] * 5)])
async def test_what_is_no_domain_name_is_never_asked_for(resolver: Resolver, server: DnsServer, name: str) -> None:
    with pytest.raises(ValueError):
        await resolver.mx(name)
    assert server.total == 0


async def test_no_domain_and_no_data_are_told_apart(resolver: Resolver) -> None:
    assert (await resolver.mx("nothing.test")).status is Status.NO_DOMAIN
    assert (await resolver.mx("four.example.test")).status is Status.NO_DATA
    assert (await resolver.addresses("nothing.test", ipv6=True)).status is Status.NO_DOMAIN
    assert (await resolver.addresses("example.test", ipv6=True)).status is Status.NO_DATA


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"])
async def test_a_server_that_fails_is_a_failure_and_says_which(
    resolver: Resolver, server: DnsServer, rcode: str
) -> None:
    server.fail("example.test", rcode)
    with pytest.raises(DnsFailure) as caught:
        await resolver.mx("example.test")
    assert (caught.value.name, caught.value.kind, caught.value.why) == ("example.test", "MX", rcode)
    assert str(caught.value) == f"example.test MX: {rcode} from {server.address}"
    server.behave("example.test")
    assert (await resolver.mx("example.test")).status is Status.FOUND  # a failure is not kept


async def test_a_server_without_edns_is_asked_without_it(resolver: Resolver, server: DnsServer) -> None:
    server.no_edns = True
    assert (await resolver.mx("example.test")).status is Status.FOUND
    assert server.count("example.test", "MX") == 2


async def test_silence_is_a_failure_within_the_time_for_a_question(server: DnsServer, clock: Time) -> None:
    server.drop("*")
    resolver = Resolver(Dns(servers=(server.address,), timeout=0.4), clock)
    began = time.monotonic()
    with pytest.raises(DnsFailure, match=r"example\.test MX: timed out"):
        await resolver.mx("example.test")
    assert 0.3 < time.monotonic() - began < 3


async def test_a_lost_question_is_asked_again(
    resolver: Resolver, server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.dns.resolver.FIRST_TRY", 0.1)
    server.drop("example.test")
    asking = asyncio.create_task(resolver.mx("example.test"))
    await asyncio.to_thread(server.wait_for, "example.test", "MX", 2)
    server.behave("example.test")
    assert (await asking).status is Status.FOUND


async def test_a_malformed_reply_is_a_failure(resolver: Resolver, server: DnsServer) -> None:
    server.garble("example.test")
    with pytest.raises(DnsFailure, match="malformed reply"):
        await resolver.mx("example.test")


async def test_a_server_that_is_down_fails_at_once_instead_of_after_the_time_out(clock: Time) -> None:
    resolver = Resolver(Dns(servers=(f"127.0.0.1:{unused_port()}",), timeout=30.0), clock)
    began = time.monotonic()
    with pytest.raises(DnsFailure, match="cannot be reached"):
        await resolver.mx("example.test")
    assert time.monotonic() - began < 5


async def test_a_second_server_answers_when_the_first_cannot(server: DnsServer, clock: Time) -> None:
    with DnsServer() as bad:
        bad.fail("*", "SERVFAIL")
        dead = f"127.0.0.1:{unused_port()}"
        resolver = Resolver(Dns(servers=(dead, bad.address, server.address)), clock)
        assert (await resolver.mx("example.test")).status is Status.FOUND
        assert bad.total == 1


async def test_no_domain_from_the_first_server_is_an_answer(server: DnsServer, clock: Time) -> None:
    with DnsServer() as empty:
        resolver = Resolver(Dns(servers=(empty.address, server.address)), clock)
        assert (await resolver.mx("example.test")).status is Status.NO_DOMAIN
        assert server.total == 0


async def test_a_silent_server_is_asked_last_for_a_while(
    server: DnsServer, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.dns.resolver.FIRST_TRY", 1.0)
    with DnsServer(ZONE) as silent:
        silent.drop("*")
        resolver = Resolver(Dns(servers=(silent.address, server.address)), clock)
        await resolver.mx("example.test")
        await resolver.txt("example.test")
        await resolver.mx("four.example.test")
        assert silent.total == 1
        clock.now += 31
        silent.behave("*")
        await resolver.mx("nothing.test")
        assert silent.total == 2


async def test_a_reply_that_was_cut_off_is_fetched_over_tcp(resolver: Resolver, server: DnsServer) -> None:
    server.truncate("example.test")
    assert len((await resolver.mx("example.test")).records) == 2
    assert server.questions == [("example.test", "MX", "udp"), ("example.test", "MX", "tcp")]


async def test_a_reply_too_big_for_udp_comes_over_tcp(resolver: Resolver, server: DnsServer) -> None:
    server.set("big.test", "TXT", *(f'"{number} {"x" * 200}"' for number in range(20)))
    assert len((await resolver.txt("big.test")).records) == 20
    assert [way for _, _, way in server.questions] == ["udp", "tcp"]


async def test_aliases_are_followed(resolver: Resolver) -> None:
    assert len((await resolver.mx("alias.test")).records) == 2


async def test_aliases_are_followed_when_the_server_leaves_out_their_target(
    resolver: Resolver, server: DnsServer
) -> None:
    server.strip("*")
    assert len((await resolver.mx("alias.test")).records) == 2
    assert server.count("example.test", "MX") == 1


async def test_an_alias_that_leads_nowhere_is_no_domain(resolver: Resolver, server: DnsServer) -> None:
    server.set("alias.test", "CNAME", "nothing.test.")
    assert (await resolver.mx("alias.test")).status is Status.NO_DOMAIN


async def test_an_alias_whose_target_has_no_such_record_is_no_data(resolver: Resolver, server: DnsServer) -> None:
    server.set("alias.test", "CNAME", "four.example.test.")
    assert (await resolver.mx("alias.test")).status is Status.NO_DATA


@pytest.mark.parametrize("bare", [True, False])
async def test_aliases_in_a_circle_are_a_failure(resolver: Resolver, server: DnsServer, bare: bool) -> None:
    if bare:
        server.strip("*")
    with pytest.raises(DnsFailure):
        await resolver.mx("around.test")
    assert server.total <= 9


async def test_one_family_is_enough_when_the_other_fails(resolver: Resolver, server: DnsServer) -> None:
    server.fail("mx1.example.test", "SERVFAIL", "AAAA")
    assert (await resolver.addresses("mx1.example.test", ipv6=True)).records == ("192.0.2.1",)
    server.fail("four.example.test", "SERVFAIL", "AAAA")
    assert (await resolver.addresses("four.example.test", ipv6=True)).records == ("192.0.2.4",)


async def test_no_address_and_a_failure_is_a_failure(resolver: Resolver, server: DnsServer) -> None:
    server.fail("example.test", "SERVFAIL", "A")
    with pytest.raises(DnsFailure, match=r"example\.test A: SERVFAIL"):
        await resolver.addresses("example.test", ipv6=True)


async def test_a_server_that_denies_the_name_for_one_type_only_is_not_believed(
    resolver: Resolver, server: DnsServer
) -> None:
    server.fail("four.example.test", "NXDOMAIN", "AAAA")
    assert (await resolver.addresses("four.example.test", ipv6=True)).records == ("192.0.2.4",)
    server.set("bare.example.test", "TXT", '"x"')
    server.fail("bare.example.test", "NXDOMAIN", "AAAA")
    assert (await resolver.addresses("bare.example.test", ipv6=True)).status is Status.NO_DATA


async def test_an_answer_is_kept_for_its_time_to_live(resolver: Resolver, server: DnsServer, clock: Time) -> None:
    first = await resolver.mx("example.test")
    assert first.until == clock.now + 60
    clock.now += 59.9
    assert await resolver.mx("example.test") is first
    assert server.total == 1
    clock.now += 0.1
    await resolver.mx("example.test")
    assert server.total == 2


async def test_a_negative_answer_is_kept_for_the_time_of_its_soa(
    resolver: Resolver, server: DnsServer, clock: Time
) -> None:
    for name, status in [("nothing.test", Status.NO_DOMAIN), ("four.example.test", Status.NO_DATA)]:
        answer = await resolver.mx(name)
        assert answer.status is status and answer.until == clock.now + 30
        await resolver.mx(name)
        assert server.count(name) == 1


async def test_a_time_to_live_is_held_to_its_bounds(server: DnsServer, clock: Time) -> None:
    resolver = Resolver(Dns(servers=(server.address,), min_ttl=10.0, max_ttl=100.0), clock)
    server.set("short.test", "A", "192.0.2.1", ttl=0)
    server.set("long.test", "A", "192.0.2.1", ttl=86_400)
    assert (await resolver.addresses("short.test", ipv6=False)).until == clock.now + 10
    assert (await resolver.addresses("long.test", ipv6=False)).until == clock.now + 100


async def test_the_cache_forgets_what_was_not_asked_for_longest(server: DnsServer, clock: Time) -> None:
    resolver = Resolver(Dns(servers=(server.address,), cache=2), clock)
    for name in ("a.test", "b.test", "a.test", "c.test", "a.test", "b.test"):
        await resolver.mx(name)
    assert [name for name, _, _ in server.questions] == ["a.test", "b.test", "c.test", "b.test"]


async def test_a_stampede_asks_once(resolver: Resolver, server: DnsServer) -> None:
    server.hold("example.test")
    crowd = [asyncio.create_task(resolver.mx("example.test")) for _ in range(500)]
    await asyncio.to_thread(server.wait_for, "example.test", "MX")
    server.behave("example.test")
    answers = await asyncio.gather(*crowd)
    assert len({id(each) for each in answers}) == 1
    assert server.total == 1


async def test_a_failure_reaches_everybody_who_waits(resolver: Resolver, server: DnsServer) -> None:
    server.fail("example.test")
    results = await asyncio.gather(*(resolver.mx("example.test") for _ in range(50)), return_exceptions=True)
    assert all(isinstance(each, DnsFailure) for each in results)
    assert server.total == 1


async def test_one_who_gives_up_spoils_nothing_for_the_others(resolver: Resolver, server: DnsServer) -> None:
    server.hold("example.test")
    first = asyncio.create_task(resolver.mx("example.test"))
    second = asyncio.create_task(resolver.mx("example.test"))
    await asyncio.to_thread(server.wait_for, "example.test", "MX")
    first.cancel()
    server.behave("example.test")
    assert (await second).status is Status.FOUND
    assert first.cancelled()


async def test_questions_at_once_are_bounded(server: DnsServer, clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.dns.resolver.QUESTIONS", 3)
    resolver = Resolver(Dns(servers=(server.address,)), clock)
    names = [f"d{number}.test" for number in range(9)]
    for name in names:
        server.hold(name)
    crowd = [asyncio.create_task(resolver.mx(name)) for name in names]
    for name in names:  # whoever is let go makes room for exactly one other
        await asyncio.to_thread(server.wait_for, name)
        assert server.total <= names.index(name) + 3
        server.behave(name)
    assert {each.status for each in await asyncio.gather(*crowd)} == {Status.NO_DOMAIN}


async def test_close_ends_what_is_under_way(resolver: Resolver, server: DnsServer) -> None:
    server.drop("*")
    asking = asyncio.create_task(resolver.mx("example.test"))
    await asyncio.to_thread(server.wait_for, "example.test")
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_event_loops_speak_udp_and_tcp_and_hear_of_dead_servers(
    server: DnsServer, clock: Time, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    server.truncate("example.test", "TXT")
    dead = f"127.0.0.1:{unused_port()}"

    async def talk() -> None:
        resolver = Resolver(Dns(servers=(dead, server.address), timeout=20.0), clock)
        assert (await resolver.mx("example.test")).status is Status.FOUND
        assert (await resolver.txt("example.test")).status is Status.FOUND
        server.drop("four.example.test")
        with pytest.raises(DnsFailure):
            await Resolver(Dns(servers=(server.address,), timeout=0.2), clock).mx("four.example.test")
        with pytest.raises(DnsFailure, match="cannot be reached"):
            await Resolver(Dns(servers=(dead,), timeout=20.0), clock).mx("example.test")

    began = time.monotonic()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(talk())
    assert time.monotonic() - began < 10


def test_a_subprocess_can_ask_the_test_server(server: DnsServer) -> None:
    code = (
        "import asyncio, time; from relay.config import Dns; from relay.dns.resolver import Resolver\n"
        f"print(asyncio.run(Resolver(Dns(servers=('{server.address}',)), time.time).txt('example.test')).status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "found"


def test_looking_up_loads_nothing_of_dns_over_https() -> None:
    code = (
        "import sys, relay.dns.resolver\n"
        "print([each for each in ('dns.asyncquery', 'dns.query', 'httpx', 'httpx2', 'h2', 'aioquic', 'anyio', 'trio')"
        " if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", Server("192.0.2.1", 53)),
        ("192.0.2.1:5353", Server("192.0.2.1", 5353)),
        ("2001:db8::1", Server("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", Server("2001:db8::1", 5353)),
    ],
)
def test_servers_are_written_with_or_without_port(text: str, server: Server) -> None:
    assert parse_server(text) == server
    assert parse_server(str(server)) == server


def test_resolv_conf_gives_its_first_three_servers() -> None:
    text = "# made by hand\nsearch corp.test\nnameserver 192.0.2.1\nnameserver what\nnameserver 2001:db8::1 \n"
    assert parse_resolv_conf(text) == (Server("192.0.2.1"), Server("2001:db8::1"))
    assert len(parse_resolv_conf("nameserver 192.0.2.1\n" * 9)) == 3


def test_resolv_conf_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    servers = Servers((), path)
    assert servers.list() == (Server("127.0.0.1"),)
    path.write_text("nameserver 192.0.2.1\n")
    assert servers.list() == (Server("192.0.2.1"),)
    other = tmp_path / "new"
    other.write_text("nameserver 192.0.2.2\n")
    other.replace(path)
    assert servers.list() == (Server("192.0.2.2"),)
    path.unlink()
    assert servers.list() == (Server("192.0.2.2"),)
