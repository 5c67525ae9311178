"""POST /send with files: in base64, from URLs, and shown by the html."""

from __future__ import annotations

import asyncio
import base64
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web

from relay.web.api.sending import fetching
from relay.web.api.services import FETCHING
from tests.http.site import Got, site
from tests.web.api.stage import Stage
from tests.web.api.test_send import MIME, PROPERTIES, told
from tests.web.api.test_send_content import GIVEN, refused, sent

PNG = b"\x89PNG" + bytes(range(256))


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def files(found: EmailMessage) -> list[tuple[str | None, str, bytes]]:
    """Name, type and octets of each file."""
    return [
        (each.get_filename(), each.get_content_type(), each.get_payload(decode=True) or b"")  # type: ignore[misc]
        for each in found.iter_attachments()
    ]


async def test_send_attaches_what_comes_in_base64(api: Stage) -> None:
    found = await sent(
        api,
        attachments=[
            {"data": b64(PNG), "name": "Größe.png"},
            {"data": base64.encodebytes(PNG).decode(), "name": "a.bin", "type": "image/png"},
            {"data": "", "name": "empty.txt", "type": "text/plain; charset=utf-8"},
            {"data": b64(PNG)},
            {"data": b64(b"x" * 100_000), "name": "C:\\docs\\large.pdf"},
            {"data": b64(b"y"), "name": "../../etc/passwd"},
        ],
    )
    assert files(found) == [
        ("Größe.png", "image/png", PNG),
        ("a.bin", "image/png", PNG),
        ("empty.txt", "text/plain", b""),
        (None, "application/octet-stream", PNG),
        ("large.pdf", "application/pdf", b"x" * 100_000),
        ("passwd", "application/octet-stream", b"y"),
    ]
    alone = await sent(api, text=None, attachments={"data": b64(PNG), "name": "a.png"})
    assert files(alone) == [("a.png", "image/png", PNG)]
    assert not files(await sent(api, attachments=[]))


async def test_send_embeds_what_the_html_shows_by_its_cid(api: Stage) -> None:
    picture = {"data": b64(PNG), "name": "logo.png", "cid": "logo@shop"}
    found = await sent(api, html='<img src="cid:logo@shop">', attachments=[picture])
    related = found.get_body(("related",))
    assert related is not None and related.get_content_type() == "multipart/related"
    [page, shown] = related.iter_parts()
    assert (page.get_content_type(), shown["Content-ID"]) == ("text/html", "<logo@shop>")
    assert shown.get_content_disposition() == "inline"
    inline = await sent(api, attachments=[{**picture, "cid": "", "disposition": "inline"}])
    assert [each.get_content_disposition() for each in inline.iter_attachments()] == ["inline"]


async def test_send_attaches_messages_as_they_are(api: Stage) -> None:
    message = {"data": b64(MIME.encode()), "name": "m.eml", "type": "message/rfc822"}
    [part] = (await sent(api, attachments=[message])).iter_attachments()
    assert part.get_content_type() == "message/rfc822"
    assert part.get_content()["Subject"] == "Hi"
    beyond = {**message, "data": b64(f"{MIME}ü".encode())}
    assert files(await sent(api, attachments=[beyond])) == [
        ("m.eml", "application/octet-stream", f"{MIME}ü".encode())
    ]


async def test_send_refuses_bad_attachments_and_names_each(api: Stage) -> None:
    fine = {"data": "eA==", "name": "a.txt"}
    await refused(api, "attachments[1].data", "no base64", attachments=[fine, {"data": "e A", "name": "b"}])
    await refused(api, "attachments[0].data", "no base64", attachments=[{"data": "data:text/plain;base64,eA=="}])
    await refused(api, "attachments[0].data", "no base64", attachments=[{"data": "!" * 100_000}])
    await refused(api, "attachments[0].data", "a text", attachments=[{"data": 7}])
    await refused(api, "attachments[0]", "exclude", attachments=[{**fine, "url": "https://example.com/"}])
    await refused(api, "attachments[0]", "neither data nor url", code="missing", attachments=[{"name": "a"}])
    await refused(api, "attachments[0]", "an object", attachments=["a"])
    await refused(api, "attachments", "list of objects", attachments="a")
    await refused(api, "attachments[0].size", "no size", code="unknown_property", attachments=[{**fine, "size": "1"}])
    await refused(api, "attachments", "over the limit of 100", attachments=[fine] * 101)
    await refused(api, "attachments[0].disposition", "inline", attachments=[{**fine, "disposition": "x"}])
    for name in ("..", "/", "a" * 201, "photo\u202egpj.exe"):
        await refused(api, "attachments[0].name", attachments=[{**fine, "name": name}])
    for kind in ("text", "multipart/mixed", "text/plain; x", "text/plain; charset=é", "a/b; c=d e"):
        await refused(api, "attachments[0].type", attachments=[{**fine, "type": kind}])
    for cid in ("a b", "a>b", "é"):
        await refused(api, "attachments[0].cid", attachments=[{**fine, "cid": cid}])


async def served(got: Got) -> web.StreamResponse:
    path = got.target.partition("?")[0]
    if path == "/moved":
        return web.Response(status=302, headers={"Location": "/dir/b%20c.pdf"})
    if path == "/gone":
        return web.Response(status=404)
    if path == "/loop":
        return web.Response(status=302, headers={"Location": "/loop"})
    if path == "/odd":
        return web.Response(body=PNG, headers={"Content-Type": 'multipart/mixed; boundary="x"'})
    kind = "message/rfc822" if path.endswith(".eml") else "application/pdf; charset=binary"
    return web.Response(body=MIME.encode() if path.endswith(".eml") else PNG, headers={"Content-Type": kind})


async def test_send_fetches_attachments_by_their_urls(api: Stage) -> None:
    async with site(served) as there:
        found = await sent(
            api,
            attachments=[
                {"url": there.url("/a.pdf?secret=1"), "name": "invoice.pdf"},
                {"url": there.url("/moved")},
                {"url": there.url("/x"), "name": "x.png", "type": "image/png"},
                {"url": there.url("/odd"), "name": "odd.gif"},
                {"url": there.url("/m.eml")},
                {"data": b64(b"z"), "name": "z.txt"},
            ],
        )
        assert files(found)[:4] == [
            ("invoice.pdf", "application/pdf", PNG),
            ("b c.pdf", "application/pdf", PNG),
            ("x.png", "image/png", PNG),
            ("odd.gif", "image/gif", PNG),
        ]
        names = [(each.get_filename(), each.get_content_type()) for each in found.iter_attachments()][4:]
        assert names == [("m.eml", "message/rfc822"), ("z.txt", "text/plain")]


async def test_send_refuses_the_call_where_a_file_cannot_be_fetched_and_tells_no_secret(api: Stage) -> None:
    async with site(served) as there:
        fine = {"url": there.url("/a.pdf")}
        for url, why in (
            (there.url("/gone?token=hunter2"), "answered 404"),
            (there.url("/loop?token=hunter2"), "redirects"),
            ("http://127.0.0.1:1/hunter2", "127.0.0.1:1"),
            ("file:///etc/hunter2", "only http"),
            ("http://10.0.0.1/hunter2", "we do not connect to 10.0.0.1"),
            ("not a url", "no URL"),
        ):
            error = await told(api, **GIVEN, attachments=[fine, {"url": url}])
            assert (error["code"], error["field"]) == ("fetch", "attachments[1].url")
            assert why in error["message"], error
            assert "hunter2" not in error["message"]
        assert not [each for each in api.events() if each.name == "received"]


async def test_send_fetches_no_more_than_a_message_may_have(api: Stage) -> None:
    config = api.services.config
    api.services.config = config.model_copy(update={"limits": config.limits.model_copy(update={"size": 40_000})})

    async def large(got: Got) -> web.StreamResponse:
        return web.Response(body=bytes(int(got.target[1:])))

    async with site(large) as there:
        for sizes in ((20_000, 20_000), (30_001,), (10, 10, 29_990)):
            given = [{"url": there.url(f"/{size}"), "name": "a"} for size in sizes]
            error = await told(api, 413, **GIVEN, attachments=given)
            assert error["code"] == "too_large"
            assert "over the limit of 30,000 octets" in error["message"]


async def test_send_waits_for_no_slow_server(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(got: Got) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with site(never) as there:
        slow = [{"url": there.url("/a"), "name": "a"}] * 2
        monkeypatch.setattr(fetching, "EACH", 0.2)
        error = await told(api, **GIVEN, attachments=slow)
        assert (error["code"], "did not answer within 0.2 s" in error["message"]) == ("fetch", True)
        monkeypatch.setattr(fetching, "EACH", 60.0)
        monkeypatch.setattr(fetching, "ALL", 0.3)
        error = await told(api, **GIVEN, attachments=slow)
        assert (error["code"], error["field"]) == ("fetch", "attachments")
        assert "within 0.3 s together" in error["message"]


async def test_send_fetches_for_a_few_messages_at_once(api: Stage) -> None:
    """The others wait, and are answered all the same."""
    open_now, most, go = 0, 0, asyncio.Event()

    async def held(got: Got) -> web.StreamResponse:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        if open_now == 4:
            go.set()
        await go.wait()
        open_now -= 1
        return web.Response(body=b"x")

    async with site(held) as there:
        body: dict[str, Any] = {**GIVEN, **PROPERTIES, "attachments": [{"url": there.url("/a"), "name": "a"}]}
        answers = await asyncio.gather(*(api.post("/v1/send", json=body) for _ in range(10)))
        assert {each.status_code for each in answers} == {200}
        assert most == 4


async def test_send_may_be_tried_again_where_others_fetch_for_too_long(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WAIT", 0.1)
    for _ in range(FETCHING):
        await api.services.fetching.acquire()
    answer = await api.post("/v1/send", json={**GIVEN, "attachments": [{"url": "http://127.0.0.1:1/a"}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await api.post("/v1/send", json=GIVEN)).status_code == 200
    for _ in range(FETCHING):
        api.services.fetching.release()
    assert (await told(api, **GIVEN, attachments=[{"url": "http://127.0.0.1:1/a"}]))["code"] == "fetch"
