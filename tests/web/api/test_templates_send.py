"""`template`, `data`, `patch` and shortcuts of POST /send."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from relay.model.event import EventName
from relay.model.template import Template
from tests.web.api.documents import news
from tests.web.api.stage import CREATED, SHOP, Stage
from tests.web.tracking.origin import origin


async def kept(api: Stage, **more: Any) -> int:
    answer = await api.post("/v1/template", json=news(**more))
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    assert isinstance(number, int)
    return number


async def sent(api: Stage, **properties: Any) -> EmailMessage:
    """The message that the first recipient gets."""
    answer = await api.post("/v1/send", json={"recipient": "ann@example.net", **properties})
    assert answer.status_code == 200, answer.text
    return read(api.content(next(iter(answer.json()))))


def read(octets: bytes) -> EmailMessage:
    found = message_from_bytes(octets, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    text = found.get_content()
    assert isinstance(text, str)
    return text


async def refused(api: Stage, **properties: Any) -> dict[str, str]:
    answer = await api.post("/v1/send", json={"recipient": "ann@example.net", **properties})
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert isinstance(error, dict)
    return error


async def test_a_message_is_made_of_a_template_in_each_form(api: Stage) -> None:
    number = await kept(api)
    forms = {number: number, str(number): number, "nEWS": number, json.dumps(news()): None}
    for form, told in [*forms.items(), (news(), None)]:
        message = await sent(api, template=form, data={"name": "Ann"})
        assert message["From"] == "Shop <me@example.com>" and message["Subject"] == "News for Ann"
        assert "Hello Ann" in body(message, "html") and "new at ours." in body(message, "plain")
        event = [each for each in api.events() if each.name is EventName.RECEIVED][-1]
        assert event.data.get("template") == told


async def test_digits_are_an_id_first_and_then_a_name(api: Stage) -> None:
    await kept(api)
    await kept(api, name="7", subject="Seven")
    assert (await sent(api, template="7"))["Subject"] == "Seven"
    assert (await sent(api, template=1))["Subject"] == "News for you"


async def test_a_name_that_no_header_could_have_does_by_http(api: Stage) -> None:
    await kept(api, name="Spring sale, 2026")
    assert (await sent(api, template="Spring sale, 2026"))["Subject"] == "News for you"


async def test_data_of_a_recipient_goes_before_that_of_the_call_and_both_before_the_documents(api: Stage) -> None:
    number = await kept(
        api, text="{$name} {$shop} {$year} {$recipient}", data={"name": "n", "shop": "s", "year": "y"}
    )
    people = {"ann@example.net": {"name": "Ann"}, "bob@example.net": {}}
    answer = await api.post("/v1/send", json={"recipients": people, "template": number, "data": {"shop": "Shop"}})
    [ident] = {each.partition("-")[0] for each in answer.json()}
    texts = [body(read(api.content(ident, number)), "plain").strip() for number in (0, 1)]
    assert texts == ["Ann Shop y ann@example.net", "n Shop y bob@example.net"]


async def test_a_patch_changes_the_document_for_this_message_alone(api: Stage) -> None:
    number = await kept(api)
    patch = [
        {"op": "test", "path": "/from/name", "value": "Shop"},
        {"op": "replace", "path": "/from/name", "value": "Boss"},
        {"op": "replace", "path": "/subject", "value": "Patched {$name}"},
        {"op": "add", "path": "/content/blocks/-", "value": {"type": "text", "content": "One more."}},
    ]
    message = await sent(api, template=number, patch=patch)
    assert message["From"] == "Boss <me@example.com>" and message["Subject"] == "Patched you"
    assert "One more." in body(message, "html") and "One more." in body(message, "plain")
    assert (await api.get(f"/v1/template/{number}")).json() == {"id": number, **news()}
    assert (await sent(api, template=news(), patch=patch))["From"] == "Boss <me@example.com>"
    [first, *_] = [each for each in api.events() if each.name is EventName.RECEIVED]
    assert first.data["template"] == number


PATCHES: list[tuple[Any, str, str]] = [
    ([{"op": "remove", "path": "/cc"}, {}], "patch/0/path", "operation 0: there is nothing at '/cc'"),
    (
        [{"op": "remove", "path": "/subject"}, {"op": "test", "path": "/name", "value": "x"}],
        "patch/1/value",
        "operation 1: test failed",
    ),
    ([{"op": "spam"}], "patch/0/op", "op is one of add"),
    ({"op": "add"}, "patch", "array of operations"),
    ("{", "patch", "no JSON"),
    ([{"op": "replace", "path": "", "value": []}], "patch", "no document"),
    (
        [{"op": "replace", "path": "/content/blocks/0/type", "value": "x"}],
        "template/content/blocks/0/type",
        "no block 'x'",
    ),
]


async def test_a_patch_that_cannot_be_done_names_its_operation(api: Stage) -> None:
    number = await kept(api)
    for patch, field, said in PATCHES:
        error = await refused(api, template=number, patch=patch)
        assert (error["code"], error["field"]) == ("bad_value", field) and said in error["message"], error


async def test_a_patch_without_a_template_is_refused(api: Stage) -> None:
    error = await refused(api, patch=[{"op": "remove", "path": "/a"}], text="x", **{"from": "me@example.com"})
    assert error["field"] == "patch"


async def test_shortcuts_win_over_the_template_and_its_patch(api: Stage) -> None:
    files = [{"data": "aGVsbG8=", "name": name, "type": "text/plain"} for name in ("a.txt", "b.txt")]
    more = {"to": "t@example.net", "cc": "c@example.net", "replyTo": "r@example.com", "headers": {"X-A": "1"}}
    number = await kept(api, **more, attachments=files[:1])
    message = await sent(api, template=number)
    assert (message["To"], message["Cc"], message["Reply-To"]) == ("t@example.net", "c@example.net", "r@example.com")
    assert message["X-A"] == "1" and [each.get_filename() for each in message.iter_attachments()] == ["a.txt"]
    message = await sent(
        api,
        template=number,
        patch=[{"op": "replace", "path": "/subject", "value": "patched"}],
        subject="Shortcut {$name}",
        text="short {$name}",
        to=["x@example.net"],
        cc="y@example.net",
        replyTo="z@example.com",
        headers={"X-B": "2"},
        attachments=files[1:],
        **{"from": {"name": "Else", "address": "me@example.com"}},
    )
    assert (message["To"], message["Cc"], message["Reply-To"]) == ("x@example.net", "y@example.net", "z@example.com")
    assert "<title>Shortcut you</title>" in body(message, "html")
    assert message["Subject"] == "Shortcut you" and message["From"] == "Else <me@example.com>"
    assert body(message, "plain").strip() == "short you" and "Hello you" in body(message, "html")
    assert message["X-A"] is None and message["X-B"] == "2"
    assert [each.get_filename() for each in message.iter_attachments()] == ["b.txt"]


async def test_a_subject_beside_a_stored_template_is_the_title_of_its_page(api: Stage) -> None:
    number = await kept(api)
    for subject, title in (("A < {$name}", "A &lt; you"), ("Plain", "Plain")):
        message = await sent(api, template=number, subject=subject)
        assert f"<title>{title}</title>" in body(message, "html")


async def test_html_beside_a_template_is_its_content(api: Stage) -> None:
    page, text = "<h1>{$title}</h1>{$content}", "{$title}"
    hand = Template(account=SHOP, name="hand", created=CREATED, subject="By hand", html=page, text=text)
    api.registry.put_template(hand)
    given = {"from": "me@example.com", "data": {"title": "T"}, "html": "<p>inner</p>"}
    message = await sent(api, template="hand", **given)
    assert message["Subject"] == "By hand" and body(message, "html").strip() == "<h1>T</h1><p>inner</p>"
    page = "<h1>{$title}</h1>{$inner}"
    api.registry.put_template(Template(account=SHOP, name="hand", created=CREATED, html=page))
    message = await sent(api, template="hand", template_block="inner", subject="S", **given)
    assert body(message, "html").strip() == "<h1>T</h1><p>inner</p>"


async def test_a_version_of_a_template_can_be_named(api: Stage) -> None:
    number = await kept(api)
    await api.client.put("/v1/template", json=news(subject="second"))
    assert (await sent(api, template=number, template_version=1))["Subject"] == "News for you"
    assert (await sent(api, template=number))["Subject"] == "second"
    assert (await refused(api, template=number, template_version=9))["field"] == "template"
    for version in ("x", "9" * 5000, -1, True):
        assert (await refused(api, template=number, template_version=version))["field"] == "template_version"


async def test_a_template_is_put_on_a_ready_message_as_over_smtp(api: Stage) -> None:
    mime = "From: me@example.com\r\nSubject: own\r\nContent-Type: text/html\r\n\r\n<i>own</i>\r\n"
    number = await kept(api, content="<b>{$content}</b>")
    message = await sent(api, template=number, mime=mime)
    assert message["Subject"] == "News for you" and "<b><i>own</i>" in body(message, "html")
    assert (await refused(api, template=news(), mime=mime))["field"] == "template"
    assert (await refused(api, template=number, mime=mime, patch=[{"op": "test"}]))["field"] == "patch"


async def test_what_is_no_template_is_refused(api: Stage) -> None:
    for template in ("nope", 99, True, "{", "[]", {"content": {"blocks": 3}}, ["News"]):
        error = await refused(api, template=template, text="x", **{"from": "me@example.com"})
        assert error["field"].startswith("template") and error["code"] == "bad_value", template


async def test_a_template_of_another_account_is_not_there(api: Stage) -> None:
    await api.other().post("/v1/template", json=news(name="Theirs"))
    assert "no template Theirs" in (await refused(api, template="Theirs"))["message"]


async def test_a_feed_is_fetched_when_a_message_is_made_of_it(api: Stage) -> None:
    async with origin() as elsewhere:
        elsewhere.says["/part"] = (200, "application/json", b'{"type": "text", "content": "before"}')
        number = await kept(api, content={"blocks": [{"type": "import", "url": elsewhere.url("/part")}]})
        elsewhere.says["/part"] = (200, "application/json", b'{"type": "text", "content": "after"}')
        assert "after" in body(await sent(api, template=number), "html")
        del elsewhere.says["/part"]
        error = await refused(api, template=number)
        assert (error["code"], error["field"]) == ("fetch", "template/content/blocks/0/url")


async def test_a_stored_document_without_feeds_is_not_rendered_again(api: Stage) -> None:
    async with origin() as elsewhere:
        blocks = [{"type": "image", "src": elsewhere.url("/logo.png")}]
        number = await kept(api, content={"blocks": blocks})
        elsewhere.asked.clear()
        assert elsewhere.url("/logo.png") in body(await sent(api, template=number), "html")
        assert elsewhere.asked == []


async def test_placeholders_stand_in_addresses_too(api: Stage) -> None:
    number = await kept(api, to={"name": "{$name}", "address": "{$recipient}"})
    assert (await sent(api, template=number, data={"name": "Ann"}))["To"] == "Ann <ann@example.net>"


async def test_what_is_odd_about_a_document_is_a_warning(api: Stage) -> None:
    number = await kept(api, colour="red")
    await sent(api, template=number, patch=[])
    await sent(api, template=news(colour="red"))
    last = [each for each in api.events() if each.name is EventName.RECEIVED][-1]
    assert any(each.startswith("template/colour: ") for each in last.data["warnings"])


async def test_a_message_already_sent_is_not_changed_by_changes_of_its_template(api: Stage) -> None:
    number = await kept(api)
    answer = await api.post("/v1/send", json={"recipient": "ann@example.net", "template": number})
    [ident] = answer.json()
    await api.client.put("/v1/template", json=news(subject="changed"))
    assert read(api.content(ident))["Subject"] == "News for you"


async def test_placeholders_stand_in_addresses_only_where_they_are_filled_in(api: Stage) -> None:
    plain = {"from": "me@example.com", "text": "x"}
    assert (await sent(api, to="{$recipient}", data={"a": 1}, **plain))["To"] == "ann@example.net"
    assert (await refused(api, to="{$recipient}", **plain))["field"] == "to"
    assert (await refused(api, to="{$recipient", data={"a": 1}, **plain))["field"] == "to"
    assert (await refused(api, template=news(**{"from": "{$who}"})))["field"] == "from"
