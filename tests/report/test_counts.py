"""Events are counted by the hour, each once, by what they are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from relay.model.division import By, Per
from relay.model.event import Event
from relay.report import counts as counting
from relay.report import database as reports
from relay.report.counts import OTHER, Counts
from relay.report.statistics import Line, Question, statistics
from relay.store.interface import Entry, StoreDown
from tests.report.stage import event, new_ids, reporter, shard
from tests.store.mail import NOON

HOUR, DAY = 3600.0, 86_400.0
IDS = new_ids()
MESSAGE, OTHERS = IDS.new(), IDS.new()
LABELS: dict[str, Any] = {"tags": ["news", "may"], "campaign": "spring"}
ANN: dict[str, Any] = {"to": "ann@example.net", **LABELS}
BOB: dict[str, Any] = {"to": "bob@example.org", **LABELS}
SITE = "mx.example.net"


async def fold(data: Path, *events: Event, now: float = NOON, extra: str = "") -> None:
    async with shard(data) as queue:
        await queue.record(events)
        with reporter(data, extra, now) as one:
            while one.turn():
                continue


def asked(data: Path, **question: Any) -> dict[str, dict[str, int]]:
    return {each.name: each.counts for each in statistics(data, Question(**question))}


def only(data: Path, **question: Any) -> Line:
    (line,) = statistics(data, Question(**question))
    return line


def campaign() -> list[Event]:
    """Two recipients: one opens and clicks, twice; the other complains."""
    return [
        event("received", MESSAGE, to=["ann@example.net", "bob@example.org"], **LABELS),
        event("attempted", MESSAGE, recipient=1, **ANN),
        event("delivered", MESSAGE, recipient=1, site=SITE, **ANN),
        event("delivered", MESSAGE, recipient=2, site="mx.example.org", **BOB),
        event("opened", MESSAGE, recipient=1, **ANN),
        event("opened", MESSAGE, recipient=1, machine=True, **ANN),
        event("opened", MESSAGE, recipient=1, **ANN),
        event("clicked", MESSAGE, recipient=1, **ANN),
        event("complained", MESSAGE, recipient=2, **BOB),
        event("unsubscribed", MESSAGE, recipient=2, **BOB),
        event("unsubscribed", MESSAGE, recipient=2, resubscribed=True, **BOB),
    ]


async def test_recipients_are_counted_by_account_tag_campaign_domain_and_site(tmp_path: Path) -> None:
    await fold(tmp_path, *campaign())
    line = only(tmp_path)
    assert line.counts == {
        "received": 2,
        "delivered": 2,
        "opened": 2,
        "clicked": 1,
        "complained": 1,
        "unsubscribed": 1,
        "resubscribed": 1,
    }
    assert (line.account, line.name, line.start) == ("demo", "", None)
    assert (line.first, line.machine) == ({"opened": 1, "clicked": 1}, {"opened": 1})
    assert line.rates() == {
        "delivered": 1.0,
        "failed": 0.0,
        "bounced": 0.0,
        "complained": 0.5,
        "unsubscribed": 0.5,
        "opened": 0.5,
        "clicked": 0.5,
    }
    assert asked(tmp_path, by=By.TAG) == {"news": line.counts, "may": line.counts}
    assert asked(tmp_path, by=By.CAMPAIGN) == {"spring": line.counts}
    assert asked(tmp_path, by=By.DOMAIN) == {
        "example.net": {"received": 1, "delivered": 1, "opened": 2, "clicked": 1},
        "example.org": {"received": 1, "delivered": 1, "complained": 1, "unsubscribed": 1, "resubscribed": 1},
    }
    # What comes back, and what readers do, is counted where it had been sent.
    found = {each.name: each for each in statistics(tmp_path, Question(by=By.SITE))}
    assert found[SITE].counts == {"delivered": 1, "opened": 2, "clicked": 1}
    assert (found[SITE].first, found[SITE].machine) == ({"opened": 1, "clicked": 1}, {"opened": 1})
    assert asked(tmp_path, by=By.SITE)["mx.example.org"] == {
        "delivered": 1,
        "complained": 1,
        "unsubscribed": 1,
        "resubscribed": 1,
    }


async def test_tests_and_mail_of_the_relays_own_are_apart(tmp_path: Path) -> None:
    await fold(
        tmp_path,
        event("delivered", MESSAGE, recipient=1, test=True, **ANN),
        *(event("clicked", MESSAGE, recipient=1, test=True, **ANN) for _ in range(2)),
        event("opened", MESSAGE, recipient=1, test=True, machine=True, **ANN),
        event("unsubscribed", MESSAGE, recipient=1, test=True, resubscribed=True, **ANN),
        event("received", OTHERS, to="me@example.com", origin="report"),
        event("delivered", OTHERS, recipient=1, to="me@example.com", origin="report"),
    )
    assert statistics(tmp_path, Question()) == []
    line = only(tmp_path, test=True)
    assert line.counts == {"delivered": 1, "clicked": 2, "resubscribed": 1}
    assert (line.first, line.machine) == ({"clicked": 1}, {"opened": 1})


async def test_each_event_is_counted_once_however_often_folding_begins_again(tmp_path: Path) -> None:
    async with shard(tmp_path) as queue:
        await queue.record(campaign()[:4])
        (tmp_path / "suppressions.db").mkdir()
        await queue.record([event("complained", MESSAGE, recipient=1, **ANN)])
        with reporter(tmp_path) as one:
            for _ in range(3):
                with pytest.raises(StoreDown):
                    one.turn()
            (tmp_path / "suppressions.db").rmdir()
            while one.turn():
                continue
        with reporter(tmp_path) as one:
            one.turn()
    assert only(tmp_path).counts == {"received": 2, "delivered": 2, "complained": 1}


async def test_hours_and_days_are_told_apart_and_a_time_may_be_chosen(tmp_path: Path) -> None:
    times = [NOON, NOON + 60, NOON + HOUR, NOON + DAY]
    await fold(tmp_path, *(event("delivered", MESSAGE, at, 1, **ANN) for at in times), now=NOON + DAY)
    hours = statistics(tmp_path, Question(per=Per.HOUR))
    assert [(each.start, each.counts["delivered"]) for each in hours] == [
        (NOON // HOUR * HOUR, 2),
        (NOON // HOUR * HOUR + HOUR, 1),
        (NOON // HOUR * HOUR + DAY, 1),
    ]
    days = statistics(tmp_path, Question(per=Per.DAY))
    assert [(each.start, each.counts["delivered"]) for each in days] == [
        (NOON // DAY * DAY, 3),
        (NOON // DAY * DAY + DAY, 1),
    ]
    assert only(tmp_path, since=NOON + 2 * HOUR).counts == {"delivered": 1}
    assert only(tmp_path, until=NOON + 5).counts == {"delivered": 2}
    assert statistics(tmp_path, Question(account="nobody")) == []
    assert only(tmp_path, by=By.TAG, name="may", account="demo").counts == {"delivered": 4}
    assert len(statistics(tmp_path, Question(per=Per.HOUR, limit=2))) == 2


async def test_too_many_names_of_a_day_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "NAMES", 3)
    one = [event("delivered", MESSAGE, NOON, 1, to="a@example.net", tags=[f"t{number}"]) for number in range(3)]
    two = [event("delivered", MESSAGE, NOON, 1, to="a@example.net", tags=[f"t{number}"]) for number in range(1, 6)]
    await fold(tmp_path, *one)
    await fold(tmp_path, *two)  # a reporter that was started anew knows what there is
    assert {name: each["delivered"] for name, each in asked(tmp_path, by=By.TAG).items()} == {
        "t0": 1,
        "t1": 2,
        "t2": 2,
        OTHER: 3,
    }
    await fold(tmp_path, event("delivered", MESSAGE, NOON + DAY, 1, to="a@example.net", tags=["t9"]), now=NOON + DAY)
    assert asked(tmp_path, by=By.TAG)["t9"] == {"delivered": 1}
    assert only(tmp_path).counts == {"delivered": 9}


async def test_counts_outlive_their_events_and_end_in_their_own_time(tmp_path: Path) -> None:
    keep = "retention: {events: 1d, counts: 10d}"
    await fold(tmp_path, *campaign())
    await fold(
        tmp_path, event("received", OTHERS, NOON + 2 * DAY, to=["a@b.example"]), now=NOON + 2 * DAY, extra=keep
    )
    assert only(tmp_path).counts["delivered"] == 2
    await fold(
        tmp_path, event("received", OTHERS, NOON + 12 * DAY, to="a@b.example"), now=NOON + 12 * DAY, extra=keep
    )
    assert only(tmp_path).counts == {"received": 2}


async def test_a_relay_that_has_folded_nothing_has_no_statistics(tmp_path: Path) -> None:
    assert statistics(tmp_path, Question()) == []


async def test_the_site_of_a_recipient_is_looked_up_once_however_often_they_open(tmp_path: Path) -> None:
    await fold(tmp_path, event("delivered", MESSAGE, recipient=1, site=SITE, **ANN))
    asked_for: list[str] = []
    database = apsw.Connection(str(tmp_path / reports.NAME))
    database.trace_v2(apsw.SQLITE_TRACE_STMT, lambda told: asked_for.append(told["sql"].strip()))
    opened = event("opened", MESSAGE, recipient=1, **ANN)
    with database:
        Counts().add(database, [Entry(shard=1, seq=number, event=opened) for number in range(20)])
    database.close()
    assert asked_for.count(reports.SITE.strip()) == 1
    assert asked(tmp_path, by=By.SITE) == {SITE: {"delivered": 1, "opened": 20}}
