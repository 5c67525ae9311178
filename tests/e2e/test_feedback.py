"""From what comes to a return path to the list that is asked before the next mail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.model.options import Options, Resolved
from relay.model.suppression import Cause
from relay.store.sqlite.suppressions import open_suppressions
from tests.bounce.test_returned import POSTFIX
from tests.report.stage import reporter
from tests.returns.stage import HOST, NOW, stage
from tests.returns.test_kinds import COMPLAINT, VACATION

GONE = (
    re.sub(rb"Status: 5.2.2", b"Status: 5.1.1", POSTFIX).replace(b"552 5.2.2", b"550 5.1.1").replace(b"Quota", b"No")
)
DMARC = GONE.replace(b"No exceeded", b"rejected by the DMARC policy of example.com")
WEEKLY = Resolved(options=Options(suppression_group="weekly"))


@pytest.mark.parametrize(
    ("content", "cause"),
    [(GONE, Cause.BOUNCE), (COMPLAINT, Cause.COMPLAINT), (DMARC, None), (POSTFIX, None), (VACATION, None)],
    ids=["gone", "complaint", "dmarc", "full once", "vacation"],
)
async def test_what_came_back_is_on_the_list_when_the_next_mail_asks(
    tmp_path: Path, content: bytes, cause: Cause | None
) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent()
        assert (await it.hand_in(content, it.path(message))).startswith("250")
        with reporter(tmp_path, now=NOW) as one:
            one.turn()
    suppressions = open_suppressions(tmp_path / "suppressions.db")
    found = suppressions.find("shop", "ann@example.net", "", NOW)
    assert (found and found.cause) == cause
    assert suppressions.find("other", "ann@example.net", "", NOW) is None
    suppressions.close()


async def test_who_writes_to_unsubscribe_gets_no_more_of_that_group(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent(resolved=WEEKLY)
        address = it.keys.unsubscribing(f"{message.id}-1", HOST)
        assert (await it.hand_in(b"Subject: unsubscribe\r\n\r\n", address, sender="ann@example.net")).startswith(
            "250"
        )
        with reporter(tmp_path, now=NOW) as one:
            one.turn()
    suppressions = open_suppressions(tmp_path / "suppressions.db")
    found = suppressions.find("shop", "ann@example.net", "", NOW, "weekly")
    assert found is not None and found.cause is Cause.UNSUBSCRIBE
    assert suppressions.find("shop", "ann@example.net", "", NOW, "daily") is None
    suppressions.close()
