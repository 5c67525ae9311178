"""The client against real servers on loopback, and against everything that tries to lead it astray."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web

from relay.http.client import Client, Failed, Failure, origin
from relay.http.guard import Guard
from relay.http.names import Look
from tests.http.site import Got, site

LOOPBACK = ["127.0.0.0/8"]


@asynccontextmanager
async def opened(
    allow: Sequence[str] = LOOPBACK, look: Look | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Client]:
    client = Client(Guard(allow=allow), look=look, tls=tls)
    try:
        yield client
    finally:
        await client.close()


async def failure(client: Client, url: str, *, timeout: float = 10, redirects: int = 0) -> Failed:
    with pytest.raises(Failed) as caught:
        (await client.get(url, limit=1000, timeout=timeout, redirects=redirects)).content()
    return caught.value


def moved(target: str) -> web.Response:
    return web.Response(status=302, headers={"Location": target})


async def test_an_allowed_server_is_asked_and_answers() -> None:
    async with site() as there, opened() as client:
        answer = await client.get(there.url("/a/b?c=d"), limit=100, timeout=10)
        assert (answer.status, answer.content()) == (200, b"fine")
        posted = await client.post(there.url("/hook"), headers={"X-One": "1"}, body=b"{}", timeout=10)
        assert posted.ok
        first, second = there.got
        assert (first.method, first.target) == ("GET", "/a/b?c=d")
        assert first.headers["accept-encoding"] == "identity"
        assert (second.method, second.body, second.headers["x-one"]) == ("POST", b"{}", "1")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "sub.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "[::ffff:7f00:1]",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
    ],
)
async def test_no_spelling_of_this_machine_gets_through(host: str) -> None:
    async with site() as there, opened(allow=()) as client:
        failed = await failure(client, f"http://{host}:{there.port}/")
        assert failed.failure in (Failure.REFUSED, Failure.UNREACHABLE)
        assert there.got == []


async def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to() -> None:
    async def look(host: str) -> Sequence[str]:
        return {"inner.test": ["127.0.0.1"], "both.test": ["10.0.0.1", "127.0.0.1", "::1"]}[host]

    async with site() as there, opened(allow=(), look=look) as client:
        for host in ("inner.test", "both.test"):
            failed = await failure(client, there.url("/", host))
            assert failed.failure is Failure.REFUSED
            assert "do not connect" in failed.text
        assert there.got == []


async def test_a_name_that_changes_its_mind_is_judged_by_each_connection() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    async def look(host: str) -> Sequence[str]:
        return next(answers)

    async with site(host="0.0.0.0") as there:
        first = Client(Guard(allow=["127.0.0.1/32"]), look=look)
        assert (await first.get(there.url("/", "moving.test"), limit=100, timeout=10)).ok
        await first.close()
        second = Client(Guard(allow=["127.0.0.1/32"]), look=look)
        assert (await failure(second, there.url("/", "moving.test"))).failure is Failure.REFUSED
        await second.close()
        assert len(there.got) == 1


async def test_redirects_are_followed_as_often_as_the_caller_says() -> None:
    async def onward(got: Got) -> web.StreamResponse:
        number = int(got.target.rpartition("/")[2])
        return moved(f"/{number - 1}") if number else web.Response(text="there")

    async with site(onward) as there, opened() as client:
        assert (await failure(client, there.url("/1"))).failure is Failure.STATUS
        answer = await client.get(there.url("/3"), limit=100, timeout=10, redirects=3)
        assert (answer.content(), answer.url) == (b"there", there.url("/0"))
        failed = await failure(client, there.url("/3"), redirects=2)
        assert failed.failure is Failure.STATUS
        assert "more than 2 redirects" in failed.text
        posted = await client.post(there.url("/1"), headers={}, body=b"", timeout=10)
        assert posted.status == 302


async def test_a_redirect_inside_is_refused() -> None:
    async def inside(got: Got) -> web.StreamResponse:
        return moved("http://127.0.0.2:1/latest/meta-data")

    async with site(inside) as there, opened(allow=["127.0.0.1/32"]) as client:
        failed = await failure(client, there.url(), redirects=3)
        assert failed.failure is Failure.REFUSED
        assert "127.0.0.2" in failed.text
        assert "meta-data" not in failed.text


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.com/", "//example.com", "", "http://", "gopher:x", "https://xn--aaaaaaaa/"],
)
async def test_only_http_and_https_are_spoken(url: str) -> None:
    async with opened() as client:
        assert (await failure(client, url)).failure is Failure.REFUSED


@pytest.mark.parametrize("url", ["http://127.0.0.1/\r\nX: y", "http://a b/", "http://a\\@b/", "http://h:99999/"])
async def test_what_is_no_url_is_refused(url: str) -> None:
    async with opened() as client:
        assert (await failure(client, url)).failure is Failure.REFUSED


async def test_an_answer_over_the_limit_is_refused_or_cut() -> None:
    async def much(got: Got) -> web.StreamResponse:
        return web.Response(body=b"x" * 5000)

    async with site(much) as there, opened() as client:
        assert (await failure(client, there.url())).failure is Failure.TOO_LARGE
        answer = await client.post(there.url(), headers={}, body=b"", timeout=10, limit=10)
        assert answer.body == b"x" * 10


async def test_one_clock_bounds_a_server_that_says_nothing_or_drips() -> None:
    never = asyncio.Event()

    async def silent(got: Got) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    async with site(silent) as there, opened() as client:
        failed = await failure(client, there.url(), timeout=0.2)
        assert failed.failure is Failure.TIMEOUT
        assert failed.text == f"{there.url('')} did not answer within 0.2 s"
        with pytest.raises(Failed) as caught:
            await client.post(there.url(), headers={}, body=b"", timeout=0.2)
        assert caught.value.failure is Failure.TIMEOUT
        never.set()


async def test_an_encoded_answer_that_was_not_asked_for_is_not_unpacked() -> None:
    async def packed(got: Got) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b bomb", headers={"Content-Encoding": "gzip"})

    async with site(packed) as there, opened() as client:
        failed = await failure(client, there.url())
        assert failed.failure is Failure.STATUS
        assert "gzip" in failed.text


async def test_who_is_not_there_or_speaks_no_http_is_unreachable() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example.com ESMTP\r\n")
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with opened() as client, server:
        assert (await failure(client, f"http://127.0.0.1:{port}/")).failure is Failure.UNREACHABLE
        spoken = server.sockets[0].getsockname()[1]
        assert (await failure(client, f"http://127.0.0.1:{spoken}/")).failure is Failure.UNREACHABLE


async def test_certificates_are_checked() -> None:
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("good.test").configure_cert(served)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def look(host: str) -> Sequence[str]:
        return ["127.0.0.1"]

    async with site(tls=served) as there, opened(look=look, tls=trusting) as client, opened(look=look) as strict:
        assert (await client.get(there.url("/", "good.test"), limit=10, timeout=10)).ok
        assert (await failure(client, there.url("/", "other.test"))).failure is Failure.UNREACHABLE
        assert (await failure(strict, there.url("/", "good.test"))).failure is Failure.UNREACHABLE


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with site() as there, opened() as client:
        assert (await client.get(there.url(), limit=10, timeout=10)).ok


def test_texts_show_no_more_of_a_url_than_its_origin() -> None:
    assert origin("https://user:secret@hooks.example.com/T0/secret?key=1") == "https://hooks.example.com"
