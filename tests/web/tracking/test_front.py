"""What is shown under which host, and that no path does harm."""

from __future__ import annotations

import asyncio
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.config.tracking import ClientAddress
from relay.model.account import Domain
from relay.model.token import Purpose
from relay.store.interface import StoreDown
from tests.store.mail import NOON
from tests.web.tracking.world import World, world

CLICKS = Domain(
    name="example.com", account="demo", challenge="x", created=NOON, tracking_host="clicks.example.com", verified=NOON
)


async def test_a_tracking_host_shows_links_and_nothing_else(tmp_path: Path) -> None:
    async with world(tmp_path, domains=[CLICKS]) as it:
        link = it.link(await it.sent(targets=("https://example.com/",)))
        for host in ("clicks.example.com", "Clicks.Example.com:8025", "clicks.example.com."):
            assert (await it.get(link, host=host)).status == 302
            for path in ("/", "/health", "/.well-known/relay/host?name=clicks.example.com", "/docs"):
                assert (await it.get(path, host=host)).status == 404, (host, path)
        assert (await it.get("/")).status == 200
        assert (await it.get("/health")).status in (200, 503)
        assert "relay" in (await it.get("/")).text


async def test_a_host_that_became_one_of_ours_is_seen_without_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        it.links._hosts._steady = lambda: 0.0
        ask = "/.well-known/relay/host?name=clicks.example.com"
        assert (await it.get(ask)).status == 404
        it.registry.add_domain(CLICKS)
        it.links._hosts._steady = lambda: 1.0
        assert (await it.get(ask)).status == 200
        assert (await it.get("/", host="clicks.example.com")).status == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("name=clicks.example.com", 200),
        ("domain=clicks.example.com", 200),
        ("domain=Clicks.Example.COM.", 200),
        ("name=relay.example", 200),
        ("name=base.example.net", 200),
        ("name=example.com", 404),
        ("name=127.0.0.1", 404),
        ("name=", 400),
        ("", 400),
        ("name=a&domain=b", 400),
        ("name=%ff", 404),
        ("&".join(["a=b"] * 100), 400),
    ],
)
async def test_a_proxy_may_ask_whether_a_host_is_ours(tmp_path: Path, query: str, status: int) -> None:
    async with world(tmp_path, domains=[CLICKS], tracking="tracking: {base: https://base.example.net}\n") as it:
        assert (await it.get(f"/.well-known/relay/host?{query}")).status == status


async def test_a_listener_for_links_alone_shows_nothing_else(tmp_path: Path) -> None:
    async with world(tmp_path, application_too=False) as it:
        assert (await it.get(it.link(await it.sent(targets=("https://example.com/",))))).status == 302
        for path in ("/", "/health", "/.well-known/relay/host?name=relay.example"):
            answer = await it.get(path)
            assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_robots_are_told_that_there_is_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        assert (await it.get("/robots.txt")).text == "User-agent: *\nDisallow: /\n"
        assert (await it.ask("HEAD", "/robots.txt")).body == b""
        assert (await it.get("/favicon.ico")).status == 404
        assert (await it.ask("POST", "/robots.txt")).status == 405


async def test_challenges_of_an_acme_client_are_served_from_its_webroot(tmp_path: Path) -> None:
    folder = tmp_path / "webroot" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token_1-A").write_text("token_1-A.thumb")
    (folder / "large").write_text("x" * 10_000)
    (folder / "odd").write_bytes(b"\xff")
    (folder / "folder").mkdir()
    (tmp_path / "webroot" / "secret").write_text("secret")
    start = "/.well-known/acme-challenge/"
    async with world(tmp_path, "http: {acme: webroot}\n", domains=[CLICKS]) as it:
        for host in ("clicks.example.com", "relay.example", "127.0.0.1"):
            assert (await it.get(f"{start}token_1-A", host=host)).text == "token_1-A.thumb"
        assert len((await it.get(f"{start}large")).body) == 4096
        for name in (
            "nothing",
            "",
            "../../secret",
            "..%2f..%2fsecret",
            "odd",
            "folder",
            "token_1-A/",
            "a" * 300,
            "%00",
        ):
            assert (await it.get(start + name)).status == 404, name
        assert (await it.ask("POST", f"{start}token_1-A")).status == 405
    async with world(tmp_path) as it:
        assert (await it.get(f"{start}token_1-A")).status == 404


async def test_client_addresses_come_from_proxies_of_ours_and_as_the_setting_says(tmp_path: Path) -> None:
    more = "http: {proxies: [127.0.0.1]}\n"
    async with world(tmp_path, more, tracking="tracking: {client_address: network}\n") as it:
        link = it.link(await it.sent(targets=("https://example.com/",)))
        await it.get(link, x_forwarded_for="6.6.6.6, 203.0.113.77")
        [event] = await it.events(1)
        assert event.data["client"] == "203.0.113.0/24"


async def test_a_store_that_is_down_is_said_and_a_fault_of_ours_is_a_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(targets=("https://example.com/",))
        handlers = it.links._handlers

        async def away(_token: object) -> None:
            raise StoreDown("the shard is away")

        async def wrong(_token: object) -> None:
            raise ZeroDivisionError

        for fault in (away, wrong):
            handlers.known.tracked = fault  # type: ignore[method-assign,assignment]
            answer = await it.get(it.link(message))
            assert (answer.status, answer.headers["retry-after"]) == (503, "60")
            assert "Traceback" not in answer.text
        assert (await it.get(it.link(message, Purpose.PIXEL))).status == 503
    assert [each.message for each in caplog.records if each.exc_info] == ["a request could not be answered"] * 2


async def test_links_outlast_a_registry_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path, domains=[CLICKS]) as it:
        link = it.link(await it.sent(targets=("https://example.com/",)))
        assert (await it.get(link)).status == 302
        assert (await it.get("/", host="clicks.example.com")).status == 404

        def away() -> int:
            raise StoreDown("the registry is away")

        monkeypatch.setattr(it.registry, "version", away)
        it.links._known._look_at = it.links._hosts._look_at = 0.0  # it is time to look again
        assert (await it.get(link)).status == 302
        assert (await it.get("/", host="clicks.example.com")).status == 404
        assert (await it.get("/" + "A" * 36)).status == 503  # it may be signed with a key we have not seen


async def test_a_body_that_never_comes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.web.tracking.front.PATIENCE", 0.1)
    async with world(tmp_path) as it:
        link = it.link(await it.sent(), Purpose.UNSUBSCRIBE)
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
            writer.write(f"POST {link} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")
            writer.close()
    assert it.recorded.events == []


async def test_a_new_configuration_holds_for_the_next_request(tmp_path: Path) -> None:
    async with world(tmp_path, domains=[CLICKS]) as it:
        link = it.link(await it.sent(targets=("https://example.com/",)))
        tracking = it.config.tracking.model_copy(update={"client_address": ClientAddress.NONE, "life": 30.0})
        await it.links.reconfigure(it.config.model_copy(update={"tracking": tracking}))
        assert (await it.get(link)).status == 410
        it.time.now = NOON - 40
        await it.get(link)
        [event] = await it.events(1)
        assert "client" not in event.data


paths = st.one_of(
    st.text(st.sampled_from(string.printable[:94]), max_size=80).map(lambda text: "/" + text.replace("#", "")),
    st.from_regex(r"/[A-Za-z0-9_-]{36}[ -~]{0,20}", fullmatch=True).map(lambda text: text.replace(" ", "")),
    st.from_regex(r"/(h|robots|\.well-known)/[ -~]{0,60}", fullmatch=True).map(lambda text: text.replace(" ", "")),
    st.binary(max_size=40).map(lambda octets: "/" + "".join(f"%{each:02x}" for each in octets)),
)
fields = st.sampled_from(
    ["host", "user_agent", "referer", "x_forwarded_for", "content_type", "if_none_match", "cookie"]
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)


def test_no_request_is_a_fault_of_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Paths, fields and bodies of any kind: never a 500, never a traceback."""
    with asyncio.Runner() as runner:
        opened = world(tmp_path, "http: {acme: webroot, proxies: [127.0.0.0/8]}\n", domains=[CLICKS])
        it: World = runner.run(opened.__aenter__())
        links = [it.link(runner.run(it.sent(targets=("https://x.example/",))), purpose) for purpose in Purpose]

        @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(
            paths | st.sampled_from(links),
            st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT"]),
            st.dictionaries(fields, values, max_size=3),
            st.binary(max_size=100),
        )
        def asked(path: str, method: str, given: dict[str, str], body: bytes) -> None:
            body = body if method in ("POST", "PUT") else b""
            given = {name: value.strip() for name, value in given.items()}
            answer = runner.run(it.ask(method, path, body, **given))
            assert answer.status in {200, 302, 304, 400, 404, 405, 410, 413, 503} - {503} | ({503} & _health(path))
            assert b"Traceback" not in answer.body
            assert "set-cookie" not in answer.headers

        try:
            asked()
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert not [each for each in caplog.records if each.exc_info]


def _health(path: str) -> set[int]:
    return {503} if path == "/health" else set()
