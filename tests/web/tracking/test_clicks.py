"""Links lead where they led before, whoever asks, and events tell of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.model.event import EventName
from relay.model.options import Options
from relay.model.token import Purpose
from tests.store.mail import NOON
from tests.web.tracking.world import BROWSER, world

TARGET = "https://example.com/a/b?x=1&y=%20&z=\u00e4#part"


async def test_a_click_goes_to_the_exact_target_and_is_told(tmp_path: Path) -> None:
    options = Options(tags=("a",), campaign="spring", metadata={"id": 7}, message_ref="r1")
    async with world(tmp_path) as it:
        message = await it.sent(targets=("https://example.net/", "https://example.com/?a=1&b=%20;"), options=options)
        answer = await it.get(it.link(message, number=1) + "-a/b", referer="https://mail.example/inbox?secret=1#x")
        assert answer.status == 302
        assert answer.headers["location"] == "https://example.com/?a=1&b=%20;"
        assert answer.headers["cache-control"] == "no-store"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "set-cookie" not in answer.headers
        [event] = await it.events(1)
        assert (event.name, event.message, event.recipient, event.at) == (EventName.CLICKED, message, 1, NOON)
        assert (event.account, event.credential) == ("demo", "app@example.com")
        assert event.data == {
            "to": "ann@example.net",
            "tags": ["a"],
            "campaign": "spring",
            "metadata": {"id": 7},
            "message_ref": "r1",
            "client": "127.0.0.1",
            "user_agent": BROWSER,
            "referer": "https://mail.example/inbox",
            "link": 1,
            "url": "https://example.com/?a=1&b=%20;",
        }


async def test_what_no_field_may_hold_is_percent_encoded_in_the_target(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        targets = (
            "https://example.com/\u00e4 b",
            "https://example.com/\r\nSet-Cookie: a=b",
            "HTTP://EXAMPLE.com/%zz\\",
        )
        message = await it.sent(targets=targets)
        found = [await it.get(it.link(message, number=number)) for number in range(3)]
    assert [each.headers["location"] for each in found] == [
        "https://example.com/%C3%A4%20b",
        "https://example.com/%0D%0ASet-Cookie:%20a=b",
        "HTTP://EXAMPLE.com/%zz\\",
    ]
    assert all("set-cookie" not in each.headers for each in found)


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "mailto:a@example.com", "//example.com/", "data:text/html,x"]
)
async def test_only_the_web_is_gone_to(tmp_path: Path, target: str) -> None:
    async with world(tmp_path) as it:
        answer = await it.get(it.link(await it.sent(targets=(target,))))
    assert answer.status == 404
    assert "location" not in answer.headers


async def test_a_link_beyond_those_of_the_message_is_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(targets=("https://example.com/",))
        assert (await it.get(it.link(message, number=1))).status == 404


async def test_a_head_gets_the_same_answer_and_is_not_told(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        link = it.link(await it.sent(targets=("https://example.com/",)))
        head = await it.ask("HEAD", link)
        assert (head.status, head.headers["location"], head.body) == (302, "https://example.com/", b"")
        assert (await it.get(link)).status == 302
        assert len(await it.events(1)) == 1
    assert len(it.recorded.events) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_other_methods_are_named_as_not_possible(tmp_path: Path, method: str) -> None:
    async with world(tmp_path) as it:
        answer = await it.ask(method, it.link(await it.sent(targets=("https://example.com/",))))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_the_host_asked_for_does_not_matter(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        link = it.link(await it.sent(targets=("https://example.com/",)))
        for host in ("evil.example", "[::1]:80", "", "a b", "\u00e4"):
            assert (await it.get(link, host=host)).headers["location"] == "https://example.com/"


async def test_a_forged_or_changed_token_leads_nowhere(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        link = it.link(await it.sent(targets=("https://example.com/",)))
        for place in range(1, 37):
            other = "A" if link[place] != "A" else "B"
            answer = await it.get(link[:place] + other + link[place + 1 :])
            assert (answer.status, answer.headers.get("location")) == (404, None)
        assert (await it.get(link[:-1])).status == 404
    assert it.recorded.events == []


async def test_links_signed_with_older_keys_work_and_new_keys_are_seen_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(targets=("https://example.com/",))
        old = it.link(message)
        assert (await it.get(old)).status == 302
        it.key = it.registry.add_link_key(bytes(32), NOON)
        new = it.link(message)
        assert new != old
        assert [(await it.get(each)).status for each in (new, old)] == [302, 302]


async def test_a_link_of_what_is_no_longer_kept_is_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(targets=("https://example.com/",))
        for purpose in Purpose:
            answer = await it.get(it.link(message, purpose, recipient=2))
            assert answer.status == 410
            assert answer.headers["content-type"].startswith(("text/html", "image/gif"))
        it.time.now = NOON + it.config.tracking.life - 61
        assert (await it.get(it.link(message))).status == 302
        it.time.now += 2
        assert (await it.get(it.link(message))).status == 410


async def test_reported_links_have_no_query_where_that_is_asked(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(targets=(TARGET,), options=Options(track_strip_query=True))
        answer = await it.get(it.link(message))
        assert answer.headers["location"].startswith("https://example.com/a/b?x=1&y=%20&z=%C3%A4#part")
        [event] = await it.events(1)
        assert event.data["url"] == "https://example.com/a/b"


async def test_a_test_message_has_events_that_say_so_and_are_not_judged_by_time(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(targets=(TARGET,), sandbox=True, arrived=NOON)
        await it.get(it.link(message))
        [event] = await it.events(1)
        assert event.data["test"] is True
        assert "machine" not in event.data


async def test_machines_are_told_apart_with_the_reason(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(targets=(TARGET,))
        soon = await it.sent(targets=(TARGET,), arrived=NOON - 1)
        never = await it.sent(targets=(TARGET,), arrived=None)
        await it.get(it.link(message), sec_purpose="prefetch;prerender")
        await it.get(it.link(message), user_agent="-")
        await it.get(it.link(soon))
        await it.get(it.link(never))
        found = {each.data["machine_reason"] for each in await it.events(4)}
        assert found == {
            "fetched ahead of a person",
            "a program that does not name itself",
            "1.0 s after it was delivered",
            "before it was delivered",
        }


async def test_all_links_followed_at_once_are_a_machine(tmp_path: Path) -> None:
    async with world(tmp_path, window=0.5) as it:
        message = await it.sent(targets=[f"https://example.com/{number}" for number in range(4)])
        for number in range(4):
            await it.get(it.link(message, number=number))
        await it.get(it.link(message, Purpose.PIXEL))
        events = await it.events(5)
        assert [each.data.get("machine") for each in events] == [True, True, True, True, None]
