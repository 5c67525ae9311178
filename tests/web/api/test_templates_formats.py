"""What documents are answered with: six formats, values filled in, things of elsewhere fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from relay.config.api import Api
from relay.config.inbound import Http
from relay.manage.documents import FETCHES, OCTETS
from tests.web.api.documents import news
from tests.web.api.stage import Stage, staged
from tests.web.tracking.origin import PNG, Origin, origin

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>F</title><link>https://x.example/</link>
<item><title>First article</title><link>https://x.example/1</link><description>One.</description></item>
</channel></rss>"""
SAFE = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:"


@pytest.fixture
async def elsewhere() -> AsyncIterator[Origin]:
    async with origin() as server:
        server.says["/feed"] = (200, "application/rss+xml", FEED)
        server.says["/part"] = (200, "application/json", b'{"blocks": [{"type": "text", "content": "imported"}]}')
        server.says["/logo.png"] = (200, "image/png", PNG)
        server.says["/page"] = (200, "text/html", b"<p>")
        server.says["/moved.png"] = (302, "text/plain", b"/logo.png")
        server.says["/a.pdf"] = (200, "application/pdf; x=y", b"%PDF")
        yield server


def parsed(octets: bytes) -> EmailMessage:
    found = message_from_bytes(octets, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def block(kind: str, **more: Any) -> dict[str, Any]:
    return news(content={"blocks": [{"type": kind, **more}]})


async def test_template_format_html_is_the_page_with_its_placeholders(api: Stage) -> None:
    await api.post("/v1/template", json=news())
    answer = await api.get("/v1/template/1/html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == SAFE and "x-warnings" not in answer.headers
    assert "Hello {$name}" in answer.text and answer.text.startswith("<!DOCTYPE html>")


async def test_template_format_fills_in_what_the_query_says(api: Stage) -> None:
    await api.post("/v1/template", json=news())
    page = (await api.get("/v1/template/1/html", params={"name": "Ann & Bob"})).text
    assert "Hello Ann & Bob" in page and "new at ours." in page
    text = await api.get("/v1/template/News/text?name=Ann&shop=Example")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Hello Ann" in text.text and "new at Example." in text.text
    assert "{$name}" in (await api.get("/v1/template/1/text")).text


async def test_template_format_says_what_cannot_be_filled_in(api: Stage) -> None:
    await api.post("/v1/template", json=news(text="{12 / $n}"))
    answer = await api.get("/v1/template/1/text?n=0")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "unacceptable" and "line 1, column 1: division by zero" in error["message"]
    assert (await api.get("/v1/template/1/pdf")).json()["error"]["field"] == "format"


async def test_template_format_webversion_shows_what_is_for_browsers(api: Stage) -> None:
    blocks = [
        {"type": "text", "content": f"only {kind}", "visibility": {"output": kind}}
        for kind in ("webonly", "mailonly")
    ]
    await api.post("/v1/template", json=news(content={"blocks": blocks}))
    web, mail = (await api.get("/v1/template/1/webversion")).text, (await api.get("/v1/template/1/html")).text
    assert "only webonly" in web and "only mailonly" not in web
    assert "only mailonly" in mail and "only webonly" not in mail


async def test_template_format_mime_is_the_whole_message(api: Stage, elsewhere: Origin) -> None:
    people = {"to": ["{$recipient}", {"name": "Bj\u00f6rn", "address": "b@example.net"}], "replyTo": "r@example.com"}
    files = [{"data": "aGVsbG8=", "name": "a.txt", "type": "text/plain"}, {"url": elsewhere.url("/a.pdf")}]
    document = news(**people, headers={"X-Mailing": ["1", "{$name}"]}, attachments=files)
    await api.post("/v1/template", json=document)
    answer = await api.get("/v1/template/1/mime?name=Ann")
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.content.count(b"\n") == answer.content.count(b"\r\n")
    found = parsed(answer.content)
    assert found["From"] == "Shop <me@example.com>" and found["Subject"] == "News for Ann"
    assert found["To"] == "recipient@example.com, Bj\u00f6rn <b@example.net>" and found["Reply-To"] == "r@example.com"
    assert found.get_all("X-Mailing") == ["1", "Ann"] and found["Date"] is not None and found["Message-ID"] is None
    page, text = found.get_body(("html",)), found.get_body(("plain",))
    assert page is not None and "Hello Ann" in page.get_content()
    assert text is not None and "Hello Ann" in text.get_content()
    sent = [(each.get_filename(), each.get_content_type()) for each in found.iter_attachments()]
    assert sent == [("a.txt", "text/plain"), ("a.pdf", "application/pdf")]
    assert b"To: {$recipient}, =?utf-8?" in (await api.get("/v1/template/1/mime")).content


async def test_template_format_mime_refuses_what_is_no_address(api: Stage) -> None:
    for name, value in (("to", "a@b@c.example"), ("from", '"x <me@example.com>'), ("replyTo", "x@example.com,,<")):
        error = (await api.post("/v1/mime", json=news(**{name: value}))).json()["error"]
        assert (error["code"], error["field"]) == ("bad_value", f"/{name}"), error


async def test_template_format_mime_refuses_an_attachment_that_does_not_come(api: Stage, elsewhere: Origin) -> None:
    await api.post("/v1/template", json=news(attachments=[{"url": elsewhere.url("/none")}]))
    error = (await api.get("/v1/template/1/mime")).json()["error"]
    assert (error["code"], error["field"]) == ("fetch", "/attachments/0/url") and "answered 404" in error["message"]


async def test_template_format_embedded_carries_its_pictures(api: Stage, elsewhere: Origin) -> None:
    blocks = [{"type": "image", "src": elsewhere.url(each), "width": 9} for each in ("/logo.png", "/moved.png")] * 2
    await api.post("/v1/template", json=news(content={"blocks": blocks}))
    elsewhere.asked.clear()
    answer = await api.get("/v1/template/1/embedded")
    assert "x-warnings" not in answer.headers
    found = parsed(answer.content)
    pictures = [each for each in found.walk() if each.get_content_type() == "image/png"]
    assert [each.get_payload(decode=True) for each in pictures] == [PNG, PNG]
    assert sorted(elsewhere.asked) == ["/logo.png", "/logo.png", "/moved.png"]
    page = found.get_body(("html",))
    assert page is not None
    html = page.get_content()
    for each in pictures:
        assert f'src="cid:{each["Content-ID"].strip("<>")}"' in html
    assert elsewhere.url("/") not in html
    assert elsewhere.url("/logo.png") in (await api.get("/v1/template/1/mime")).text


async def test_template_format_embedded_leaves_on_the_web_what_does_not_come(api: Stage, elsewhere: Origin) -> None:
    sources = [elsewhere.url("/logo.png"), elsewhere.url("/none.png"), elsewhere.url("/page"), "{$picture}"]
    document = news(content="".join(f'<img src="{each}">' for each in sources))
    await api.post("/v1/template", json=document)
    answer = await api.get("/v1/template/1/embedded")
    assert answer.status_code == 200
    told = answer.headers["x-warnings"]
    assert "answered 404" in told and "/page is no picture" in told
    assert all(each in answer.text for each in sources[1:]) and sources[0] not in answer.text


async def test_template_format_embedded_asks_no_private_host(tmp_path: Path, elsewhere: Origin) -> None:
    async with staged(tmp_path, lambda config: config.model_copy(update={"http": Http(api=Api(networks=()))})) as api:
        await api.post("/v1/template", json=news(content=f'<img src="{elsewhere.url("/logo.png")}">'))
        answer = await api.get("/v1/template/1/embedded")
        assert answer.status_code == 200 and "this machine" in answer.headers["x-warnings"]
        error = (await api.post("/v1/template", json=block("feed", url=elsewhere.url("/feed")))).json()["error"]
        assert error["code"] == "fetch" and "this machine" in error["message"]
    assert elsewhere.asked == []


async def test_template_format_fetches_feeds_and_imports_anew(api: Stage, elsewhere: Origin) -> None:
    blocks = [{"type": "feed", "url": elsewhere.url("/feed")}, {"type": "import", "url": elsewhere.url("/part")}]
    await api.post("/v1/template", json=news(content={"blocks": blocks}))
    page = (await api.get("/v1/template/1/html")).text
    assert "First article" in page and "imported" in page
    elsewhere.says["/feed"] = (200, "application/rss+xml", FEED.replace(b"First", b"Second"))
    assert "Second article" in (await api.get("/v1/template/1/html")).text


async def test_template_post_refuses_what_cannot_be_fetched(api: Stage, elsewhere: Origin) -> None:
    elsewhere.says["/large"] = (200, "application/json", b" " * (OCTETS + 1))
    for path, said in (("/none", "answered 404"), ("/large", f"over {OCTETS} octets")):
        answer = await api.post("/v1/template", json=block("import", url=elsewhere.url(path)))
        error = answer.json()["error"]
        assert (error["code"], error["field"]) == ("fetch", "/content/blocks/0/url") and said in error["message"]
    blocks = [{"type": "import", "url": elsewhere.url(f"/part{number}")} for number in range(FETCHES + 1)]
    error = (await api.post("/v1/template", json=news(content={"blocks": blocks}))).json()["error"]
    assert error["code"] == "fetch" and f"at most {FETCHES} feeds" in error["message"]


# --- documents that are not kept ------------------------------------------------------------------------------


async def test_convert_html_renders_a_document_that_is_not_kept(api: Stage) -> None:
    answer = await api.post("/v1/html", json=news())
    assert answer.status_code == 200 and "Hello {$name}" in answer.text
    assert answer.headers["content-security-policy"] == SAFE
    assert "Hello Ann" in (await api.post("/v1/html?name=Ann", json={"id": 3, **news()})).text
    error = (await api.post("/v1/html", json=block("txt"))).json()["error"]
    assert (error["code"], error["field"]) == ("bad_value", "/content/blocks/0/type")
    assert (await api.get("/v1/templates")).json() == []


async def test_convert_html_tells_what_is_odd(api: Stage) -> None:
    answer = await api.post("/v1/html", json=news(colour="red", size=3))
    told = answer.headers["x-warnings"].split(" | ")
    assert [each.partition(":")[0] for each in told] == ["/colour", "/size"]


async def test_convert_webversion_renders_for_browsers(api: Stage) -> None:
    answer = await api.post("/v1/webversion", json=block("text", content="web", visibility={"output": "webonly"}))
    assert answer.status_code == 200 and ">web<" in answer.text.replace("\n", "")


async def test_convert_mime_makes_a_message(api: Stage, elsewhere: Origin) -> None:
    answer = await api.post("/v1/mime?name=Ann", json=block("image", src=elsewhere.url("/logo.png")))
    assert answer.headers["content-type"] == "message/rfc822"
    assert parsed(answer.content)["Subject"] == "News for Ann" and elsewhere.url("/logo.png") in answer.text


async def test_convert_embedded_makes_a_message_with_its_pictures(api: Stage, elsewhere: Origin) -> None:
    answer = await api.post("/v1/embedded", json=block("image", src=elsewhere.url("/logo.png")))
    types = [each.get_content_type() for each in parsed(answer.content).walk()]
    assert "multipart/related" in types and "image/png" in types


async def test_convert_text_renders_the_plain_text(api: Stage) -> None:
    answer = await api.post("/v1/text", json=news())
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("Hello {$name}")
    assert (await api.post("/v1/text", data={"text": "plain {$a}"})).text == "plain {$a}\n"


async def test_convert_html_makes_do_without_a_picture_it_cannot_measure(api: Stage, elsewhere: Origin) -> None:
    answer = await api.post("/v1/html", json=block("image", src=elsewhere.url("/none.png")))
    assert answer.status_code == 200 and elsewhere.url("/none.png") in answer.text
    assert answer.headers["x-warnings"].startswith("/content/blocks/0/src: ")
    assert "answered 404; the page is made without it" in answer.headers["x-warnings"]


async def test_formats_are_known_in_any_case_as_smtpeters_pages_write_them(api: Stage) -> None:
    made = await api.post("/v1/template/HTML", json=news())
    assert made.headers["location"].endswith("/v1/template/1/html")
    assert (await api.get("/v1/template/1/HTML")).text == (await api.get("/v1/template/1/html")).text
    assert (await api.client.put("/v1/template/Html", json={**news(), "id": 1})).status_code == 201
    assert (await api.get("/v1/template/1/page")).json()["error"]["code"] == "bad_parameter"


async def test_html_beside_the_content_is_told_where_it_belongs(api: Stage) -> None:
    warnings = (await api.post("/v1/template", json={**news(), "html": "<p>Hello"})).json()["warnings"]
    assert any("stands in 'content'" in each for each in warnings)
