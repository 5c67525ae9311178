"""Unsubscribing: by a mail program's click (RFC 8058), by the page, by group; and coming back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.model.event import Event, EventName
from relay.model.options import Options
from relay.model.suppression import Cause, Suppression
from relay.model.token import Purpose
from relay.store.interface import StoreDown
from relay.web.tracking.consents import FOR
from tests.store.mail import NOON
from tests.web.tracking.world import Answered, World, world

ONE_CLICK = b"List-Unsubscribe=One-Click"
GROUPS = Options(suppression_group="news", suppression_groups_shown=("offers", "news", "<b>events</b>"))
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
    "multipart/form-data; boundary=x",
)


async def link(it: World, options: Options | None = None, **given: object) -> str:
    return it.link(await it.sent(options=options, **given), Purpose.UNSUBSCRIBE)  # type: ignore[arg-type]


def told(events: list[Event]) -> list[tuple[str, str, bool]]:
    assert {each.name for each in events} <= {EventName.UNSUBSCRIBED}
    return [(each.data["via"], each.data.get("group", ""), each.data.get("resubscribed", False)) for each in events]


async def test_one_click_is_on_disk_before_its_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        answer = await it.ask("POST", await link(it), ONE_CLICK, user_agent="Gmail")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        [event] = it.recorded.events
        assert (event.recipient, event.account, event.at) == (1, "demo", NOON)
        assert event.data == {
            "to": "ann@example.net",
            "client": "127.0.0.1",
            "user_agent": "Gmail",
            "via": "one-click",
        }


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (ONE_CLICK, "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=One-Click&x=y", "application/x-www-form-urlencoded; charset=utf-8"),
        (b"list-unsubscribe=one-click", "text/plain"),
        MULTIPART,
    ],
)
async def test_one_click_comes_as_a_form_of_either_kind_and_again_changes_nothing(
    tmp_path: Path, body: bytes, kind: str
) -> None:
    async with world(tmp_path) as it:
        to = await link(it, GROUPS)
        for _ in range(3):
            assert (await it.ask("POST", to, body, content_type=kind)).status == 200
        assert told(it.recorded.events) == [("one-click", "news", False)]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/x-www-form-urlencoded", 400),
        (b"act=other", "application/x-www-form-urlencoded", 400),
        (b"act=save&group=nobody+offered+this", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=b"] * 1000), "application/x-www-form-urlencoded", 400),
        (b"x" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"One-Click", "multipart/form-data; boundary=x", 400),
        (b"--x\r\n" * 3000, "multipart/form-data; boundary=x", 400),
        (b'name="List-Unsubscribe"x\r\n' * 600, "multipart/form-data; boundary=x", 400),
        (b"name=List-Unsubscribe" * 700, "multipart/form-data; boundary=x", 400),
    ],
)
async def test_what_is_not_understood_changes_nothing(tmp_path: Path, body: bytes, kind: str, status: int) -> None:
    async with world(tmp_path) as it:
        answer = await it.ask("POST", await link(it, GROUPS), body, content_type=kind)
    assert answer.status == status
    assert it.recorded.events == []


async def test_looking_at_the_page_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        to = await link(it)
        page = await it.get(to + "-unsubscribe")
        assert page.status == 200
        assert "mail from <b>example.com</b> to a\u2026@example.net" in page.text
        assert "ann@" not in page.text
        assert (await it.ask("HEAD", to)).status == 200
        assert (await it.ask("PUT", to)).headers["allow"] == "GET, HEAD, POST"
    assert it.recorded.events == []


async def test_the_page_needs_no_script_and_lets_none_run(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        page = await it.get(await link(it, GROUPS))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy + page.text
    assert "set-cookie" not in page.headers
    assert '<html lang="en">' in page.text
    assert "http://" not in page.text


def boxes(page: Answered) -> dict[str, bool]:
    found = re.findall(r'name="group" value="([^"]*)"( checked)?', page.text)
    return {name: bool(checked) for name, checked in found}


async def test_groups_are_chosen_one_by_one(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        to = await link(it, GROUPS)
        page = await it.get(to)
        assert boxes(page) == {"news": True, "offers": True, "&lt;b&gt;events&lt;/b&gt;": True}
        saved = await it.ask("POST", to, b"act=save&group=news")
        assert boxes(saved) == {"news": True, "offers": False, "&lt;b&gt;events&lt;/b&gt;": False}
        assert "Your choice is saved." in saved.text
        back = await it.ask("POST", to, b"act=save&group=news&group=offers")
        assert boxes(back) == {"news": True, "offers": True, "&lt;b&gt;events&lt;/b&gt;": False}
        same = await it.ask("POST", to, b"act=save&group=news&group=offers")
        assert "Nothing was changed." in same.text
        assert told(it.recorded.events) == [
            ("page", "offers", False),
            ("page", "<b>events</b>", False),
            ("page", "offers", True),
        ]


async def test_all_mail_is_given_up_and_taken_back_on_the_page(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        to = await link(it, GROUPS)
        gone = await it.ask("POST", to, b"act=all")
        assert "You are unsubscribed from all mail of example.com." in gone.text
        assert "You get no more of it." in (await it.get(to)).text
        back = await it.ask("POST", to, b"act=back")
        assert "You get mail from example.com again." in back.text
        assert boxes(await it.get(to))["news"]
        assert told(it.recorded.events) == [("page", "", False), ("page", "", True)]


async def test_whom_an_operator_took_from_the_list_may_ask_to_be_on_it_again(tmp_path: Path) -> None:
    steady = [1000.0]
    async with world(tmp_path) as it:
        it.links._handlers.consents._steady = lambda: steady[0]
        to = await link(it)
        for _ in range(2):  # nothing is on the list: the reporter of this world does not run
            assert (await it.ask("POST", to, ONE_CLICK)).status == 200
        assert len(it.recorded.events) == 1
        steady[0] += FOR + 1
        assert (await it.ask("POST", to, ONE_CLICK)).status == 200
        assert len(it.recorded.events) == 2


async def test_mail_is_taken_back_so_many_times_a_day_and_can_always_be_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.web.tracking.consents.BACK", 2)
    async with world(tmp_path) as it:
        to = await link(it)
        for status in (200, 200, 429):
            assert (await it.ask("POST", to, ONE_CLICK)).status == 200
            assert (await it.ask("POST", to, b"act=back")).status == status
        assert "You get no more of it." in (await it.get(to)).text
        assert len(it.recorded.events) == 5


async def test_what_the_list_says_is_shown_and_not_told_again(tmp_path: Path) -> None:
    entry = Suppression(
        account="demo", address="ann@example.net", cause=Cause.UNSUBSCRIBE, group="news", created=NOON
    )
    bounced = Suppression(account="demo", address="ann@example.net", cause=Cause.BOUNCE, created=NOON)
    async with world(tmp_path) as it:
        to = await link(it, GROUPS)
        it.suppressions.add([entry, bounced])
        assert not boxes(await it.get(to))["news"]
        assert (await it.ask("POST", to, ONE_CLICK)).status == 200
        assert it.recorded.events == []
        assert "You get no more of it." not in (await it.get(to)).text


async def test_a_wish_that_cannot_be_kept_is_not_confirmed(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        to = await link(it)

        async def away(events: object) -> None:
            raise StoreDown("the disk is away")

        it.links._handlers.consents._record = away
        answer = await it.ask("POST", to, ONE_CLICK)
        assert (answer.status, answer.headers["retry-after"]) == (503, "60")
        assert "Do you want" in (await it.get(to)).text


async def test_the_sender_is_named_by_the_envelope_where_the_message_named_none(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        assert "<b>example.com</b>" in (await it.get(await link(it, author=""))).text


async def test_a_test_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.ask("POST", await link(it, sandbox=True), ONE_CLICK)
    assert it.recorded.events[0].data["test"] is True
