"""Unsubscribing in a real browser, with JavaScript and without: from a link in mail to mail that is not sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.conformance.desk import BASE, SENDER, Desk
from tests.conformance.stage import links, message, part

LETTER = {"html": "<p>News of today.</p>", "sender": SENDER}


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Page]:
    made = desk.browser.new_page(java_script_enabled=request.param)
    yield made
    made.close()


def link(desk: Desk, to: str, *control: str) -> str:
    """Send somebody a mail; where the link to unsubscribe in it leads."""
    content = desk.it.delivered(message("Unsubscribe: both", *control, **LETTER), to, sender=SENDER)
    (found,) = [each for each in links(part(content)) if each.endswith("-unsubscribe")]
    assert re.fullmatch(rf"{BASE}[\w-]{{36}}-unsubscribe", found)
    return found


def outcome(desk: Desk, to: str, *control: str) -> str:
    """What becomes of the next mail to somebody: delivered or suppressed."""
    sent = desk.it.send(message(*control, **LETTER), to, sender=SENDER)
    (entry,) = desk.it.state(sent, "delivered", "suppressed")
    return str(entry["state"])


def listed(desk: Desk, to: str) -> bool:
    return any(each["address"] == to for each in desk.it.relay.ask("suppress", "list"))


def test_row_22_who_unsubscribes_on_the_page_gets_no_more_and_may_come_back(desk: Desk, page: Page) -> None:
    to = desk.it.somebody()
    page.goto(link(desk, to))
    assert to not in page.content()  # mail is passed on: the page does not say whose it was
    assert outcome(desk, to) == "delivered"  # looking changes nothing
    page.get_by_role("button", name="Unsubscribe").first.click()
    page.get_by_role("button", name="Get mail").wait_for()
    desk.it.wait(lambda: listed(desk, to), "the suppression")
    assert outcome(desk, to) == "suppressed"
    assert page.context.cookies() == []
    page.get_by_role("button", name="Get mail").click()
    page.get_by_text("You get mail").first.wait_for()
    desk.it.wait(lambda: not listed(desk, to), "the end of the suppression")
    assert outcome(desk, to) == "delivered"


def test_row_22_who_leaves_one_group_gets_the_others(desk: Desk, page: Page) -> None:
    to = desk.it.somebody()
    news, offers = "SuppressionGroup: news", "SuppressionGroup: offers"
    page.goto(link(desk, to, news, "SuppressionGroupsShown: offers"))
    page.get_by_label("offers").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    desk.it.wait(lambda: listed(desk, to), "the suppression")
    assert [outcome(desk, to, group) for group in (offers, news)] == ["suppressed", "delivered"]
