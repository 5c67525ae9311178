"""What is remembered of recipients whose links are asked for is bounded, also where their links are many and long."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.web.tracking import known as module
from tests.web.tracking.world import world


async def test_recipients_with_many_long_links_push_each_other_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHARACTERS", 10_000)
    async with world(tmp_path) as it:
        known = it.links._known
        links = [
            it.link(await it.sent(targets=[f"https://example.com/{number}/{'x' * 900}" for number in range(5)]))
            for _ in range(4)
        ]
        for each in links * 2:
            assert (await it.get(each)).headers["location"].startswith("https://example.com/0/xxx")
            assert known._characters <= 10_000
        assert len(known._remembered) == 2
        large = it.link(await it.sent(targets=["https://example.com/" + "y" * 12_000]))
        assert (await it.get(large)).status == 302
        assert (len(known._remembered), known._characters) == (0, 0)
