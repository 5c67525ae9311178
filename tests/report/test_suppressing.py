"""What happens puts addresses on the list of suppressions, once, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.config import ConfigError
from relay.model.event import Event
from relay.model.suppression import Cause, Suppression
from relay.report.reporter import Reporter
from relay.store.interface import StoreDown
from relay.store.sqlite.suppressions import open_suppressions
from tests.report.stage import config, event, new_ids, reporter, shard
from tests.store.mail import NOON

DAY = 86_400.0
GONE: dict[str, Any] = {"to": "Ann@example.net", "class": "no-mailbox", "reply": "550 5.1.1 no such user"}
CAME_BACK: dict[str, Any] = {"to": "ann@example.net", "status": "5.1.1", "diagnostic": "550 5.1.1 no such user"}
MESSAGE = new_ids().new()


def happened(name: str, at: float = NOON, **data: Any) -> Event:
    return event(name, MESSAGE, at, recipient=1, **data)


def listed(data: Path, address: str = "ann@example.net") -> list[Suppression]:
    suppressions = open_suppressions(data / "suppressions.db")
    try:
        return suppressions.listing("demo", address)
    finally:
        suppressions.close()


def lose_report(data: Path) -> None:
    """As if its last commit had been lost, and all the others."""
    for each in data.glob("report.db*"):
        each.unlink()


async def fold(data: Path, *events: Event, rules: str = "", now: float = NOON) -> list[Suppression]:
    extra = ""
    if rules:
        (data / "rules.yaml").write_text(rules)
        extra = f"bounces: {data / 'rules.yaml'}"
    async with shard(data) as queue:
        if events:
            await queue.record(events)
        with reporter(data, extra, now) as one:
            while one.turn():
                continue
    return listed(data)


@pytest.mark.parametrize(
    ("name", "data", "cause", "note"),
    [
        ("failed", GONE, Cause.BOUNCE, f"failed {MESSAGE}-1: no-mailbox: 550 5.1.1 no such user"),
        ("bounced", CAME_BACK, Cause.BOUNCE, f"bounced {MESSAGE}-1: no-mailbox: 550 5.1.1 no such user"),
        (
            "complained",
            {"to": "ann@example.net", "feedback": "fraud"},
            Cause.COMPLAINT,
            f"complained {MESSAGE}-1: fraud",
        ),
        (
            "unsubscribed",
            {"to": "ann@example.net", "via": "page"},
            Cause.UNSUBSCRIBE,
            f"unsubscribed {MESSAGE}-1: page",
        ),
    ],
    ids=["failed", "bounced", "complained", "unsubscribed"],
)
async def test_hard_bounces_complaints_and_unsubscribes_are_for_good(
    tmp_path: Path, name: str, data: dict[str, Any], cause: Cause, note: str
) -> None:
    (entry,) = await fold(tmp_path, happened(name, **data))
    assert (entry.account, entry.address, entry.cause, entry.until) == ("demo", "ann@example.net", cause, None)
    assert (entry.note, entry.created, entry.group) == (note, NOON, "")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("failed", {**GONE, "test": True}),
        ("failed", {**GONE, "origin": "report"}),
        ("failed", {**GONE, "to": "erased@invalid"}),
        ("failed", {"to": "ann@example.net", "class": "policy", "reply": "550 5.7.26 unauthenticated"}),
        (
            "failed",
            {"to": "ann@example.net", "class": "no-mailbox", "reply": "550 5.1.1 rejected: DMARC check failed"},
        ),
        ("failed", {"to": "ann@example.net", "class": "spam", "reply": "554 spam"}),
        ("failed", {"to": "ann@example.net", "class": "mailbox-full", "reply": "552 5.2.2 full"}),
        ("failed", {"to": "ann@example.net", "class": "returned", "reply": "554 5.0.0 by hand"}),
        ("bounced", {"to": "ann@example.net"}),
        ("bounced", {"to": "ann@example.net", "status": "5.7.1", "diagnostic": "550 5.7.1 blocked by spamhaus"}),
        ("expired", GONE),
        ("deferred", GONE),
        ("replied", {"to": "ann@example.net", "feedback": "not-spam"}),
        ("complained", {"to": "ann@example.net", "feedback": "not-spam"}),
        ("complained", {"to": "ann@example.net", "test": True}),
        ("unsubscribed", {"to": "ann@example.net", "test": True}),
    ],
)
async def test_nothing_else_suppresses(tmp_path: Path, name: str, data: dict[str, Any]) -> None:
    assert await fold(tmp_path, happened(name, **data)) == []


async def test_a_full_mailbox_counts_once_a_day_and_suppresses_for_a_time(tmp_path: Path) -> None:
    full: dict[str, Any] = {"to": "ann@example.net", "class": "mailbox-full", "reply": "552 5.2.2 full"}
    days = [happened("failed", NOON + number * DAY, **full) for number in (0, 0, 0, 0, 0, 1, 2, 3)]
    assert await fold(tmp_path, *days, now=NOON + 3 * DAY) == []
    last = NOON + 4 * DAY
    (entry,) = await fold(tmp_path, happened("failed", last, **full), now=last)
    assert (entry.until, entry.created) == (last + 30 * DAY, last)
    # Long ago is too long ago.
    (entry,) = await fold(tmp_path, happened("failed", NOON + 40 * DAY, **full), now=NOON + 40 * DAY)
    assert entry.until == last + 30 * DAY


async def test_who_unsubscribed_from_a_group_and_came_back_is_off_the_list_of_that_group_alone(
    tmp_path: Path,
) -> None:
    weekly: dict[str, Any] = {"to": "ann@example.net", "group": "weekly"}
    daily: dict[str, Any] = {"to": "ann@example.net", "group": "daily"}
    entries = await fold(
        tmp_path,
        happened("unsubscribed", **weekly),
        happened("unsubscribed", **daily),
        happened("complained", to="ann@example.net"),
        happened("unsubscribed", **weekly, resubscribed=True),
        happened("unsubscribed", to="ann@example.net", resubscribed=True),
    )
    assert {(each.cause, each.group) for each in entries} == {(Cause.UNSUBSCRIBE, "daily"), (Cause.COMPLAINT, "")}


async def test_an_entry_by_hand_stays_as_it_is_beside_that_of_an_event(tmp_path: Path) -> None:
    by_hand = Suppression(account="demo", address="ann@example.net", note="asked", created=1.0, until=NOON + 5)
    suppressions = open_suppressions(tmp_path / "suppressions.db")
    suppressions.add([by_hand])
    suppressions.close()
    entries = await fold(tmp_path, happened("bounced", **CAME_BACK))
    assert by_hand in entries
    assert [each.cause for each in entries if each != by_hand] == [Cause.BOUNCE]


async def test_an_end_is_put_off_and_never_brought_nearer(tmp_path: Path) -> None:
    month, week = "actions: {no-mailbox: {suppress: 30d}}", "actions: {no-mailbox: {suppress: 7d}}"
    (entry,) = await fold(tmp_path, happened("failed", **GONE), rules=month)
    assert entry.until == NOON + 30 * DAY
    (entry,) = await fold(tmp_path, happened("failed", NOON + DAY, **GONE), rules=week, now=NOON + DAY)
    assert entry.until == NOON + 30 * DAY
    (entry,) = await fold(tmp_path, happened("failed", NOON + 2 * DAY, **GONE), rules=month, now=NOON + 2 * DAY)
    assert entry.until == NOON + 32 * DAY
    (entry,) = await fold(tmp_path, happened("failed", NOON + 3 * DAY, **GONE), now=NOON + 3 * DAY)
    assert entry.until is None


@pytest.mark.parametrize("cause", ["bounce", "complaint", "unsubscribe"])
async def test_a_cause_that_is_switched_off_suppresses_nobody(tmp_path: Path, cause: str) -> None:
    three = (
        happened("failed", **GONE),
        happened("complained", to="ann@example.net"),
        happened("unsubscribed", to="ann@example.net"),
    )
    shipped = "actions: {no-mailbox: {suppress: for good}}\ncomplaints: {abuse: {suppress: for good}}\n"
    entries = await fold(tmp_path, *three, rules=f"automatic: {{{cause}: false}}\n{shipped}")
    assert {each.cause.value for each in entries} == {"bounce", "complaint", "unsubscribe"} - {cause}


async def test_a_journal_that_is_folded_again_changes_nothing_an_operator_did_since(tmp_path: Path) -> None:
    await fold(tmp_path, happened("failed", **GONE))
    lose_report(tmp_path)
    suppressions = open_suppressions(tmp_path / "suppressions.db")
    assert suppressions.remove("demo", "ann@example.net")
    suppressions.close()
    assert await fold(tmp_path) == []
    assert len(await fold(tmp_path, happened("failed", **GONE))) == 1


async def test_while_the_list_cannot_be_written_nothing_is_folded_and_nothing_is_lost(tmp_path: Path) -> None:
    async with shard(tmp_path) as queue:
        await queue.record([happened("received", to=["ann@example.net"]), happened("failed", **GONE)])
        blocked = tmp_path / "suppressions.db"
        blocked.mkdir()
        with reporter(tmp_path) as one:
            with pytest.raises(StoreDown, match=r"suppressions\.db"):
                one.turn()
            assert one._database.execute("select count(*) from event").fetchone() == (0,)
            blocked.rmdir()
            one.turn()
            assert one._database.execute("select sum(count) from counted where kind = 'account'").fetchone() == (2,)
    assert len(listed(tmp_path)) == 1


async def test_rules_are_read_again_with_the_configuration_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    extra = f"bounces: {rules}"
    with pytest.raises(ConfigError):
        Reporter(config(tmp_path, extra), lambda: NOON)
    rules.write_text("actions: {}\n")
    async with shard(tmp_path) as queue:
        with reporter(tmp_path, extra) as one:
            await queue.record([happened("failed", **GONE)])
            one.turn()
            assert listed(tmp_path) == []
            rules.write_text("actions: {no-mailbox: {suppress: 1d}}\n")
            one.config = config(tmp_path, extra)
            rules_of_now = [happened("failed", **GONE)]
            await queue.record(rules_of_now)
            one.turn()
            assert len(listed(tmp_path)) == 1
            rules.write_text("nonsense: 1\n")
            one.config = config(tmp_path, extra)
            await queue.record([event("failed", MESSAGE, recipient=2, **{**GONE, "to": "bob@example.net"})])
            one.turn()
            assert len(listed(tmp_path, "bob@example.net")) == 1
