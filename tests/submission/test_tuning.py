"""What options make of a content, from intake to the shard: whose it is, where its links lead, what stays."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

import pytest

from relay.bounce.returnpath import Way
from relay.config.tracking import Tracking
from relay.model.event import EventName
from relay.model.message import State
from relay.model.reply import Refused
from relay.model.template import Template
from relay.model.token import Purpose
from relay.store.sqlite import open_reader, shard_directory
from relay.transform.token import read
from relay.worker.returnkeys import ReturnKeys
from tests.submission.accounts import AT
from tests.submission.house import SHARD, House, submission
from tests.transform.verifiers import dkimpy, keys

BASE = "http://127.0.0.1:8025"
HEAD = "From: Me <me@example.com>\r\nTo: ann@example.net\r\nSubject: hi\r\nMIME-Version: 1.0\r\n"
PAGE = (
    '<html><body><p>Hello {$name}</p><a href="https://shop.example/a?x=1&amp;y=2">A</a>'
    "<a href=https://shop.example/b>B</a>"
    '<img src="https://shop.example/logo.png"></body></html>\r\n'
)
TOKEN = re.compile(rb"http://127\.0\.0\.1:8025/([A-Za-z0-9_-]{36})")


def html(*fields: str, page: str = PAGE) -> bytes:
    return (HEAD + "".join(f"X-SMTPeter-{each}\r\n" for each in fields)).encode() + (
        b"Content-Type: text/html; charset=utf-8\r\n\r\n" + page.encode()
    )


def tokens(house: House, content: bytes) -> list[tuple[Purpose, int, int]]:
    found = [read(each.decode(), house.registry.link_keys()) for each in TOKEN.findall(content)]
    return [(each.purpose, each.recipient, each.number) for each in found]


async def test_each_recipient_has_links_of_his_own_and_targets_are_kept_once(house: House) -> None:
    intake = house.intake(tracking=Tracking(base=BASE))
    taken = await intake.take(submission(html("TrackClicks: true"), "ann@example.net", "bob@example.net"))
    contents = [await house.queue.content(taken.id, number) for number in (0, 1)]
    assert [tokens(house, each) for each in contents] == [
        [(Purpose.CLICK, 1, 0), (Purpose.CLICK, 1, 1)],
        [(Purpose.CLICK, 2, 0), (Purpose.CLICK, 2, 1)],
    ]
    assert dkimpy(contents[1], keys()) == [True, True]
    assert b'src="https://shop.example/logo.png"' in contents[0]
    with closing(open_reader(shard_directory(house.directory, SHARD), SHARD)) as reader:
        tracked = reader.tracked(taken.id, 2)
    assert tracked is not None
    assert tracked.targets == ("https://shop.example/a?x=1&y=2", "https://shop.example/b")
    assert (tracked.address, tracked.content, tracked.account) == ("bob@example.net", 1, "demo")


async def test_what_has_no_link_has_one_content_for_all(house: House) -> None:
    intake = house.intake(tracking=Tracking(base=BASE))
    octets = html("TrackClicks: true", page="<p>nothing to follow</p>\r\n")
    taken = await intake.take(submission(octets, "ann@example.net", "bob@example.net"))
    _, recipients = house.kept(taken.id)
    assert [each.content for each in recipients] == [0, 0]


async def test_links_without_a_host_are_refused_if_the_message_asks_and_left_out_if_a_default_does(
    house: House,
) -> None:
    with pytest.raises(Refused) as refused:
        await house.intake().take(submission(html("TrackClicks: true")))
    assert str(refused.value.reply) == (
        "554 5.6.0 track_clicks: there is no host for links in mail of example.com; "
        "`relay domain tracking example.com clicks.example.com` sets one"
    )
    house.credential(options={"track_clicks": "html"})
    taken = await house.intake().take(submission(html()))
    assert taken.warnings[-1].endswith("sets one; left out")
    assert b"shop.example/a?x=1" in await house.queue.content(taken.id, 0)


async def test_data_fills_placeholders_for_each_and_webversion_becomes_a_link(house: House) -> None:
    intake = house.intake(tracking=Tracking(base=BASE))
    merge = 'Merge: {"ann@example.net": {"name": "Ann"}, "bob@example.net": {"name": "Bob"}}'
    octets = html(merge, page="<p>Hello {$name}, <a href='{$webversion}'>online</a></p>\r\n")
    taken = await intake.take(submission(octets, "ann@example.net", "bob@example.net"))
    ann, bob = [await house.queue.content(taken.id, number) for number in (0, 1)]
    assert b"Hello Ann," in ann and b"To: ann@example.net" in ann
    assert b"Hello Bob," in bob and b"To: bob@example.net" in bob
    assert tokens(house, bob) == [(Purpose.VIEW, 2, 0)]


async def test_a_stored_template_takes_the_place_of_the_body(house: House) -> None:
    house.registry.put_template(
        Template(account="demo", name="welcome", created=AT, subject="Hi {$name}", html="<h1>{$content}</h1>")
    )
    octets = html("Template: welcome", 'Vars: {"name": "Ann"}', page="<p>inner</p>\r\n")
    taken = await house.intake().take(submission(octets))
    content = await house.queue.content(taken.id, 0)
    assert b"Subject: Hi Ann\r\n" in content
    assert b"<h1><p>inner</p>" in content


async def test_a_message_that_was_made_of_a_template_before_keeps_its_text_and_is_told_as_one_of_it(
    house: House,
) -> None:
    house.registry.put_template(Template(account="demo", name="welcome", created=AT, subject="Hi", html="<h1>x</h1>"))
    octets = html("Template: welcome", "TemplateApplied: yes", page="<p>for {$recipient}</p>\r\n")
    taken = await house.intake().take(submission(octets))
    content = await house.queue.content(taken.id, 0)
    assert b"<p>for ann@example.net</p>" in content and b"Subject: Hi" not in content and b"<h1>" not in content
    [event] = [each for each in house.events() if each.name is EventName.RECEIVED]
    assert event.data["options"]["template"] == "welcome"
    assert event.data["template"] == house.registry.template("demo", "welcome").id > 0
    with pytest.raises(Refused, match="no template other"):
        await house.intake().take(submission(html("Template: other", "TemplateApplied: yes")))


async def test_values_of_a_document_are_there_for_who_has_none(house: House) -> None:
    document = '{"data": {"name": "you", "shop": "Example"}}'
    house.registry.put_template(
        Template(account="demo", name="news", created=AT, html="{$name} at {$shop}", document=document)
    )
    merge = 'Merge: {"ann@example.net": {"name": "Ann"}, "bob@example.net": {}}'
    octets = html("Template: news", merge, "Vars: shop=Other")
    taken = await house.intake().take(submission(octets, "ann@example.net", "bob@example.net"))
    contents = [await house.queue.content(taken.id, number) for number in (0, 1)]
    assert b"Ann at Other" in contents[0] and b"you at Other" in contents[1]


async def test_who_cannot_be_filled_in_is_left_out_where_the_message_says_so(house: House) -> None:
    fields = (
        'Merge: {"ann@example.net": {"name": 2}, "bob@example.net": {"name": 0}}',
        "MergeError: drop",
    )
    octets = html(*fields, page="<p>a share of {12 / $name}</p>\r\n")
    taken = await house.intake().take(submission(octets, "ann@example.net", "bob@example.net"))
    _, recipients = house.kept(taken.id)
    assert [each.state for each in recipients] == [State.FLIGHT, State.CANCELLED]
    assert b"a share of 6" in await house.queue.content(taken.id, 0)
    [event] = [each for each in house.events() if each.name is EventName.CANCELLED]
    assert (event.recipient, event.data["to"]) == (2, "bob@example.net")
    assert "by zero" in event.data["reason"]


async def test_who_is_named_for_it_hears_of_those_left_out(house: House) -> None:
    fields = (
        'Merge: {"ann@example.net": {"name": 2}, "bob@example.net": {"name": 0}}',
        "MergeError: deliver",
        "MergeErrorReport: crm@example.com",
    )
    octets = html(*fields, page="<p>a share of {12 / $name}</p>\r\n")
    taken = await house.intake().take(submission(octets, "ann@example.net", "bob@example.net"))
    assert b"<p>a share of </p>" in await house.queue.content(taken.id, 1)
    told = [each for each in house.events() if each.data.get("about") == taken.id]
    assert [each.data["to"] for each in told] == ["crm@example.com"]
    note = await house.queue.content(told[0].message, 0)
    assert b"could not be filled in for 1 of 2 recipients" in note
    assert b"bob@example.net: html part, line 1, column 15: division by zero" in note
    fields = (*fields[:2], "MergeErrorReport: crm@elsewhere.example")
    with pytest.raises(Refused, match="not of a verified domain"):
        await house.intake().take(submission(html(*fields), "ann@example.net", "bob@example.net"))


async def test_who_is_named_for_it_hears_once_of_a_message_that_comes_twice(house: House) -> None:
    fields = (
        'Merge: {"ann@example.net": {"name": 0}}',
        "MergeError: deliver",
        "MergeErrorReport: crm@example.com",
        "IdempotencyKey: one",
    )
    octets = html(*fields, page="<p>a share of {12 / $name}</p>\r\n")
    intake = house.intake()
    first, again = [await intake.take(submission(octets)) for _ in range(2)]
    assert again.id == first.id
    assert [each.data["about"] for each in house.events() if "about" in each.data] == [first.id]


async def test_one_who_cannot_be_filled_in_is_a_reason_to_refuse_all(house: House) -> None:
    merge = 'Merge: {"ann@example.net": {"name": 2}, "bob@example.net": {"name": 0}}'
    octets = html(merge, page="<p>a share of {12 / $name}</p>\r\n")
    with pytest.raises(Refused) as refused:
        await house.intake().take(submission(octets, "ann@example.net", "bob@example.net"))
    assert str(refused.value.reply) == (
        "554 5.6.0 template: for bob@example.net: html part, line 1, column 15: division by zero: {12 / $name}"
    )


async def test_a_page_to_unsubscribe_on_stands_in_header_and_text(house: House) -> None:
    intake = house.intake(tracking=Tracking(base=BASE))
    taken = await intake.take(submission(html("Unsubscribe: both", "ListId: news.example.com")))
    content = await house.queue.content(taken.id, 0)
    head, _, body = content.partition(b"\r\n\r\n")
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in head
    assert b"List-ID: <news.example.com>" in head
    assert tokens(house, head) == tokens(house, body) == [(Purpose.UNSUBSCRIBE, 1, 0)]
    assert dkimpy(content, keys()) == [True, True]


async def test_who_cannot_open_a_page_unsubscribes_by_mail_where_bounces_come_back_to_us(house: House) -> None:
    house.registry.update_domain(
        replace(house.registry.domain("example.com"), bounce_host="bounces.example.com", bounce_verified=AT)
    )
    taken = await house.intake().take(submission(html("Unsubscribe: headers"), "ann@example.net", "bob@example.net"))
    found = []
    for number in (0, 1):
        head = (await house.queue.content(taken.id, number)).partition(b"\r\n\r\n")[0]
        [local] = re.findall(rb"List-Unsubscribe: <mailto:([^@]+)@bounces\.example\.com\?subject=unsubscribe>", head)
        assert b"List-Unsubscribe-Post" not in head
        found.append(ReturnKeys(house.registry, lambda: AT).read(local.decode()))
    assert [each.way for each in found] == [Way.UNSUBSCRIBE] * 2
    assert [each.recipient for each in found] == [f"{taken.id}-1", f"{taken.id}-2"]


async def test_hosted_pictures_leave_the_message(house: House) -> None:
    octets = (
        HEAD + "X-SMTPeter-Images: hosted\r\n"
        'Content-Type: multipart/related; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/html\r\n\r\n<img src=cid:logo>\r\n"
        "--b\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "iVBORw0KGgo=\r\n--b--\r\n"
    ).encode()
    taken = await house.intake(tracking=Tracking(base=BASE)).take(submission(octets))
    content = await house.queue.content(taken.id, 0)
    assert b"iVBOR" not in content
    assert re.search(rb"<img src=\"?http://127\.0\.0\.1:8025/h/[0-9a-v]{32}\.png", content)
