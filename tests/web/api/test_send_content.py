"""POST /send with properties: the message that is made of them, read back by an independent reader."""

from __future__ import annotations

from contextlib import closing
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from relay.store.sqlite import open_reader, shard_directory
from relay.worker.context import WEB_SHARD
from tests.web.api.stage import Stage
from tests.web.api.test_send import MIME, PROPERTIES, rehearsed, told

GIVEN: dict[str, Any] = {"recipient": "ann@example.net", **PROPERTIES}


async def sent(api: Stage, **properties: Any) -> EmailMessage:
    """The message that leaves."""
    answer = await api.post("/v1/send", json={**GIVEN, **properties})
    assert answer.status_code == 200, answer.text
    content = api.content(next(iter(answer.json())))
    return message_from_bytes(content, policy=policy.default)


def by(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def needs_utf8(api: Stage, ident: str) -> bool:
    with closing(open_reader(shard_directory(api.data, WEB_SHARD), WEB_SHARD)) as reader:
        return reader.message(ident).envelope.smtputf8


async def refused(api: Stage, field: str, *words: str, code: str = "bad_value", **properties: Any) -> None:
    error = await told(api, **{**GIVEN, **properties})
    assert (error["code"], error["field"]) == (code, field), error
    assert all(each in error["message"] for each in words), error


async def test_send_makes_a_message_of_properties(api: Stage) -> None:
    found = await sent(
        api,
        **{"from": "Jörg Müller <me@example.com>", "replyTo": "help@example.com", "cc": ["c@example.net"]},
        to="Ann <ann@example.net>, 'Bob' <bob@example.net>",
        subject="Grüße an {alle}",
        text="Hallo,\nWelt: 日本\n",
        html="<p>Hallo</p>",
        extra={"X-Order": 7, "x-note": "Größe"},
    )
    assert found["From"] == "Jörg Müller <me@example.com>"
    assert found["To"].addresses[1].display_name == "'Bob'"
    assert (found["Cc"], found["Reply-To"]) == ("c@example.net", "help@example.com")
    assert found["Subject"] == "Grüße an {alle}"
    assert (found["X-Order"], found["X-Note"]) == ("7", "Größe")
    assert found["Date"] and found["Message-ID"] and found["MIME-Version"] == "1.0"
    assert [each.get_content_type() for each in found.iter_parts()] == ["text/plain", "text/html"]
    text = found.get_body(("plain",))
    assert text is not None and text.get_content().replace("\r\n", "\n").rstrip() == "Hallo,\nWelt: 日本"


async def test_send_takes_addresses_in_every_form_and_both_spellings_of_reply_to(api: Stage) -> None:
    people: list[Any] = [
        "a@example.net, B <b@example.net>",
        ["a@example.net", "B <b@example.net>"],
        ["a@example.net,B <b@example.net>"],
        [{"address": "a@example.net"}, {"name": "B", "address": "b@example.net"}],
        ["a@example.net", {"name": "B", "email": "b@example.net"}],
        {"0": "a@example.net", "4": {"name": "B", "address": "b@example.net"}},
    ]
    for each in people:
        found = await sent(api, to=each, replyto=each)
        assert str(found["To"]) == str(found["Reply-To"]) == "a@example.net, B <b@example.net>"
    one = await sent(api, **{"from": {"name": "Smith, Ann", "address": "me@example.com"}, "to": "nobody:;"})
    assert one["From"].addresses[0].display_name == "Smith, Ann"
    assert one["To"] == "nobody:;"
    assert (await sent(api, **{"from": ["me@example.com"]}))["From"] == "me@example.com"


async def test_send_needs_exactly_one_from_and_something_to_say(api: Stage) -> None:
    await refused(api, "from", "who the message is from", code="missing", **{"from": None})
    await refused(api, "from", "exactly one", **{"from": "a@example.com, b@example.com"})
    await refused(api, "from", "exactly one", **{"from": "nobody:;"})
    await refused(api, "from", "not an address", **{"from": "Shop"})
    await refused(api, "text", "nothing to send", code="missing", text=None)
    await refused(api, "text", "expected a text", text=["a"])
    await refused(api, "html", "no NUL", html="a\0b")
    assert (await sent(api, text="")).get_content().strip() == ""
    assert (await sent(api, html="", text="x")).get_content_type() == "text/plain"
    assert (await sent(api, html="<b>", text="")).get_content_type() == "text/html"
    assert (await sent(api, text=12.5)).get_content().strip() == "12.5"


async def test_send_lets_nobody_write_header_fields_by_way_of_values(api: Stage) -> None:
    for broken in ("a\r\nBcc: eve@example.net", "a\nb", "a\rb", "a\0b", "a\u2028b", "a\x7fb"):
        await refused(api, "subject", subject=broken)
        await refused(api, "extra.x-a", extra={"x-a": broken})
        await refused(api, "from", **{"from": f"{broken} <me@example.com>"})
        await refused(api, "from", **by("from", {"name": broken, "address": "me@example.com"}))
        await refused(api, "to", to=[{"name": "a", "address": f"a@example.net{broken}"}])
        await refused(api, "replyto", replyTo=f"a@example.net\n{broken}")
        await refused(api, "attachments[0].name", attachments=[{"data": "eA==", "name": broken}])
        await refused(api, "attachments[0].type", attachments=[{"data": "eA==", "type": f"text/plain{broken}"}])
        await refused(api, "attachments[0].cid", attachments=[{"data": "eA==", "cid": f"a{broken}"}])
        await refused(api, "unsubscribe", unsubscribe=f"https://example.com/{broken}")
    assert (await sent(api, subject=" trimmed \r\n"))["Subject"] == "trimmed"


async def test_send_takes_extra_fields_that_begin_with_x_alone(api: Stage) -> None:
    for name in ("Subject", "x", "xa-b", "List-Unsubscribe", "X-a b", "X-a:", "X-é", "X-" + "a" * 99, "x-a\r\nBcc"):
        error = await told(api, **GIVEN, extra={name: "y"})
        assert error["code"] == "bad_value"
        assert error["message"].startswith("extra.")
    await refused(api, "extra", "object of texts", extra=["x-a: b"])
    await refused(api, "extra", "over 500", extra={f"x-{number}": "y" for number in range(501)})
    await refused(api, "extra.x-a", "64 KiB", extra={"x-a": "y" * 65537})
    await refused(api, "headers", "belong to a template", code="unknown_property", headers={"x-a": "b"})
    found = await sent(api, extra={"x-a": ["1", "2"], "x-b": True, "x-c": None, "x-long": "word " * 400})
    assert (found.get_all("x-a"), found["x-b"], found["x-c"]) == (["1", "2"], "true", None)
    assert found["x-long"] == ("word " * 400).strip()
    assert not (await sent(api, extra=[]))["x-a"]


async def test_send_takes_control_fields_in_extra_as_instructions(api: Stage) -> None:
    found = await rehearsed(
        api, **PROPERTIES, tags=["outer"], extra={"X-SMTPeter-Tags": "inner", "x-smtpeter-trackclicks": "false"}
    )
    assert found["options"]["tags"]["value"] == ["inner"]
    assert found["options"]["track_clicks"] == {"value": "off", "set_by": "header x-smtpeter-trackclicks"}
    assert "smtpeter" not in found["messages"][0]["mime"].lower()


async def test_send_ignores_bcc_with_a_warning(api: Stage) -> None:
    found = await rehearsed(api, **PROPERTIES, bcc="eve@example.net")
    assert found["recipients"] == ["ann@example.net"]
    assert "eve@" not in found["messages"][0]["mime"]
    assert any(each.startswith("bcc: ") for each in found["warnings"])


async def test_send_refuses_unknown_properties_with_the_nearest_name(api: Stage) -> None:
    for name, near in (
        ("recipent", "recipient"),
        ("trackclick", "track_clicks"),
        ("reply-too", "replyTo"),
        ("atachments", "attachments"),
    ):
        error = await told(api, **GIVEN, **by(name, "x"))
        assert (error["code"], error["field"]) == ("unknown_property", name)
        assert error["message"].endswith(f"the nearest is {near}"), error
    error = await told(api, **GIVEN, **by("q" * 200, "x"))
    assert len(error["field"]) <= 60
    assert "a message cannot name the host" in (await told(api, **GIVEN, smarthost="x"))["message"]


async def test_send_marks_addresses_outside_ascii_as_needing_smtputf8(api: Stage) -> None:
    for given in ({"to": "jörg@example.net"}, {"recipient": "jörg@example.net"}, {"envelope": "jörg@example.com"}):
        [ident] = {each.partition("-")[0] for each in await api.send(**given)}
        assert needs_utf8(api, ident), given
    [ident] = {each.partition("-")[0] for each in await api.send(to="Jörg <j@bücher.example>", text="ü")}
    assert not needs_utf8(api, ident)
    assert b"<j@xn--bcher-kva.example>" in api.content(ident)


async def test_send_fills_in_data_of_recipients_and_of_all(api: Stage) -> None:
    people = {
        "ann@example.net": {"name": "Ann"},
        "bob@example.net": {},
        "cy@example.net": {"name": "Çy", "shop": "C"},
    }
    body = {
        **PROPERTIES,
        "recipients": people,
        "to": "everybody@example.com",
        "data": {"shop": "S", "name": "you"},
        "subject": "Hi {$name}",
        "text": "{$name} at {$shop}, {$recipient}",
    }
    answer = await api.post("/v1/send", json=body)
    assert answer.status_code == 200, answer.text
    read = [
        message_from_bytes(api.content(each, number), policy=policy.default)
        for number, each in enumerate(answer.json())
    ]
    assert [each["Subject"] for each in read] == ["Hi Ann", "Hi you", "Hi Çy"]
    assert [each.get_content().strip() for each in read] == [
        "Ann at S, ann@example.net",
        "you at S, bob@example.net",
        "Çy at C, cy@example.net",
    ]
    assert {each["To"] for each in read} == {"everybody@example.com"}


async def test_send_fills_in_addresses_of_the_header_and_refuses_what_is_none(api: Stage) -> None:
    people = {"ann@example.net": {"name": "Smith, Ann"}, "bob@example.net": {"name": "Jörg"}}
    answer = await api.post("/v1/send", json={**PROPERTIES, "recipients": people, "to": "{$name} <{$recipient}>"})
    assert answer.status_code == 200, answer.text
    read = [message_from_bytes(api.content(each, n), policy=policy.default) for n, each in enumerate(answer.json())]
    found = [(each["To"].addresses[0].display_name, each["To"].addresses[0].addr_spec) for each in read]
    assert found == [("Smith, Ann", "ann@example.net"), ("Jörg", "bob@example.net")]
    await refused(api, "template", "To", code="unacceptable", data={"x": "a\r\nBcc: b"}, to="{$x}")


async def test_send_leaves_braces_alone_where_there_are_no_data(api: Stage) -> None:
    nothing: list[dict[str, Any]] = [{}, {"data": {}}, {"data": []}, {"recipients": {"bob@example.net": []}}]
    for given in nothing:
        assert (await sent(api, text="{$name}", **given)).get_content().strip() == "{$name}"
    assert (await sent(api, text="{$name}", data={"x": 1})).get_content().strip() == ""
    mime = await sent(api, mime=MIME.replace("Hello", "{$name}"), data={"name": "Ann"})
    assert mime.get_content().strip() == "Ann."


async def test_send_puts_the_senders_own_way_to_unsubscribe_in_the_header(api: Stage) -> None:
    page, mail = "https://example.com/leave?u=1", "leave@example.com"
    both = f"<{page}>, <mailto:{mail}>"
    ways: list[tuple[dict[str, Any], str | None]] = [
        ({"unsubscribe": page}, f"<{page}>"),
        ({"unsubscribe": mail}, f"<mailto:{mail}>"),
        ({"unsubscribe": f"mailto:{mail}?subject=stop"}, f"<mailto:{mail}?subject=stop>"),
        ({"unsubscribe": [page, mail]}, both),
        ({"unsubscribe": [mail, page]}, f"<mailto:{mail}>, <{page}>"),
        ({"unsubscribe": {"email": mail, "url": page}}, both),
        ({"unsubscribe": {"email": mail, "url": page, "oneclick": False}}, both),
        ({"unsubscribe": {"email": mail, "url": ""}}, f"<mailto:{mail}>"),
        ({"unsubscribe": []}, None),
    ]
    for given, wanted in ways:
        found = await sent(api, **given)
        assert found["List-Unsubscribe"] == wanted, given
        assert found["List-Unsubscribe-Post"] is None
    clicks: list[dict[str, Any]] = [
        {"unsubscribe": {"url": page, "oneclick": True}},
        {"unsubscribe": {"url": page, "oneclick": "1"}},
        {"unsubscribe": page, "unsubscribe-post-one-click": True},
        {"unsubscribe": [page], "one-click-unsubscribe": "true"},
        {"one-click-unsubscribe": page},
    ]
    for given in clicks:
        found = await sent(api, **given)
        assert found["List-Unsubscribe"] == f"<{page}>", given
        assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        signed = found.get_all("DKIM-Signature", [])[0]
        assert "list-unsubscribe-post" in signed


async def test_send_names_a_page_without_https_and_leaves_one_click_out_with_a_warning(api: Stage) -> None:
    ways = {"url": "http://example.com/leave", "oneclick": True}
    found = await sent(api, unsubscribe=ways)
    assert found["List-Unsubscribe"] == "<http://example.com/leave>"
    assert found["List-Unsubscribe-Post"] is None
    warnings = (await rehearsed(api, **PROPERTIES, unsubscribe=ways))["warnings"]
    assert any("List-Unsubscribe-Post is left out" in each for each in warnings)


WORDS_OF_OTHERS = [
    ("personalizations", "recipients"),
    ("HtmlBody", "the nearest is html"),
    ("dynamic_template_data", "the nearest is data"),
    ("h:X-Order", "extra"),
    ("o:tag", "GET /v1/options"),
    ("colour_of_paper", "/v1/docs"),
]


@pytest.mark.parametrize(("name", "told"), WORDS_OF_OTHERS)
async def test_send_tells_how_properties_of_other_services_are_called_here(api: Stage, name: str, told: str) -> None:
    await refused(api, name, told, code="unknown_property", **{name: "x"})


@pytest.mark.parametrize("given", [{"email": "ann@example.net"}, {"email": "ann@example.net", "name": "Ann"}])
async def test_send_tells_how_recipients_with_data_are_written(api: Stage, given: dict[str, str]) -> None:
    await refused(api, "recipients[0]", "or {address: data}, not an object with 'email'", recipients=[given])


async def test_send_refuses_ways_to_unsubscribe_that_cannot_work(api: Stage) -> None:
    await refused(api, "unsubscribe", "https", unsubscribe={"email": "leave@example.com", "oneclick": True})
    await refused(api, "unsubscribe", "needs a url", code="missing", unsubscribe={"oneclick": True})
    await refused(
        api, "unsubscribe[1]", "an address such as", unsubscribe=["https://example.com/", "ftp://x.example"]
    )
    await refused(api, "unsubscribe.url", "expected a URL", unsubscribe={"url": "javascript:alert(1)"})
    await refused(api, "unsubscribe.email", "expected an address", unsubscribe={"email": "a b@example.com>"})
    await refused(
        api, "unsubscribe.oneclick", "yes or no", unsubscribe={"url": "https://example.com/", "oneclick": "x"}
    )
    await refused(api, "unsubscribe", "over 10", unsubscribe=["https://example.com/"] * 11)


async def test_send_puts_unsubscribe_into_mime_that_has_none(api: Stage) -> None:
    found = await sent(api, mime=MIME, unsubscribe="https://example.com/leave")
    assert found["List-Unsubscribe"] == "<https://example.com/leave>"
    assert found.get_content().strip() == "Hello."
    own = await rehearsed(
        api, mime=f"List-Unsubscribe: <mailto:x@example.com>\r\n{MIME}", unsubscribe="a@example.com"
    )
    assert "a@example.com" not in own["messages"][0]["mime"]
    assert "unsubscribe: mime has a List-Unsubscribe of its own, which stays" in own["warnings"]


async def test_send_takes_unsubscribe_of_ours_as_an_option(api: Stage) -> None:
    for value in ("off", False, {"mode": "off"}):
        found = await rehearsed(api, **PROPERTIES, unsubscribe=value)
        assert found["options"]["unsubscribe"]["value"] == "off"
        assert "List-Unsubscribe" not in found["messages"][0]["mime"]
    given = {"mode": "headers", "url": "https://example.com/leave", "oneclick": True}
    ours = await rehearsed(api, **PROPERTIES, unsubscribe=given)
    assert ours["options"]["unsubscribe_url"]["value"] == "https://example.com/leave"
    assert "List-Unsubscribe: <https://example.com/leave>" in ours["messages"][0]["mime"]
