"""Who was erased is told to no disk any more, also where this process still remembers them."""

from __future__ import annotations

from pathlib import Path

from relay.model.token import Purpose
from tests.store.mail import NOON
from tests.web.tracking.world import world

ONE_CLICK = b"List-Unsubscribe=One-Click"


async def test_a_remembered_recipient_who_is_erased_meanwhile_makes_no_events(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        message = await it.sent(
            "ann@example.net", "ben@example.net", targets=("https://example.com/",), received=NOON
        )
        click, leave = it.link(message), it.link(message, Purpose.UNSUBSCRIBE)
        assert (await it.get(click)).status == 302
        it.links.gone.add("Ann@Example.net", NOON + 1)
        for _ in range(2):
            assert (await it.get(click)).headers["location"] == "https://example.com/"
        assert (await it.ask("POST", leave, ONE_CLICK)).status == 410
        assert (await it.get(leave)).status == 410
        assert (await it.get(it.link(message, recipient=2))).status == 302
        later = await it.sent(targets=("https://example.com/",), received=NOON + 2)
        assert (await it.get(it.link(later))).status == 302
        events = await it.events(2)
        assert [(each.message, each.data["to"]) for each in events] == [
            (message, "ben@example.net"),
            (later, "ann@example.net"),
        ], "what waited of the erased is not written either"
