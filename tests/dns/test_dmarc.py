"""The DMARC record of a day."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest

from relay.dns.dmarc import addresses, read, record, share, weaker
from relay.model.account import Dmarc, Domain

CLIMB = Dmarc(policy="reject", percentage=80, start="2026-03-01", end="2026-03-11")


def test_the_percentage_climbs_day_by_day_from_nothing_to_the_target() -> None:
    first = date(2026, 3, 1)
    days = [share(CLIMB, first + timedelta(days=day)) for day in range(-2, 14)]
    assert days == [None, None, 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 80, 80, 80]


def test_a_climb_over_many_days_never_falls_and_never_jumps() -> None:
    year = Dmarc(policy="quarantine", percentage=100, start="2026-01-01", end="2027-01-01")
    days = [share(year, date(2026, 1, 1) + timedelta(days=day)) or 0 for day in range(366)]
    assert days[0] == 0 and days[-2] == 99 and days[-1] == 100
    assert {after - before for before, after in itertools.pairwise(days)} == {0, 1}


@pytest.mark.parametrize(
    ("dmarc", "day", "text"),
    [
        (Dmarc(), "2026-03-01", "v=DMARC1; p=none"),
        (CLIMB, "2026-02-28", "v=DMARC1; p=none"),
        (CLIMB, "2026-03-01", "v=DMARC1; p=reject; pct=0"),
        (CLIMB, "2026-03-05", "v=DMARC1; p=reject; pct=32"),
        (CLIMB, "2027-01-01", "v=DMARC1; p=reject; pct=80"),
        (Dmarc(policy="quarantine", start="2026-03-02"), "2026-03-01", "v=DMARC1; p=none"),
        (Dmarc(policy="quarantine", start="2026-03-02"), "2026-03-02", "v=DMARC1; p=quarantine"),
        (Dmarc(policy="quarantine", percentage=5, end="2026-03-02"), "2026-01-02", "v=DMARC1; p=quarantine; pct=5"),
        (Dmarc(policy="reject", start="2026-03-02", end="2026-03-02"), "2026-03-02", "v=DMARC1; p=reject"),
    ],
)
def test_the_record_of_a_day(dmarc: Dmarc, day: str, text: str) -> None:
    assert record(dmarc, date.fromisoformat(day), ()) == text


def test_reports_come_to_us_and_to_those_the_account_names() -> None:
    bare = Domain(
        name="example.com", account="a", challenge="", created=0.0, dmarc=Dmarc(addresses=("me@example.com",))
    )
    assert addresses(bare) == ("me@example.com",)
    whole = Domain(
        name="example.com",
        account="a",
        challenge="",
        created=0.0,
        dmarc=bare.dmarc,
        bounce_host="bounces.example.com",
    )
    assert addresses(whole) == ("dmarc@bounces.example.com", "me@example.com")
    text = record(whole.dmarc, date(2026, 1, 1), (*addresses(whole), "a,b!c@example.net"))
    assert text == (
        "v=DMARC1; p=none; rua=mailto:dmarc@bounces.example.com,mailto:me@example.com,mailto:a%2Cb%21c@example.net"
    )


@pytest.mark.parametrize(
    ("published", "lacks"),
    [
        ("v=DMARC1; p=reject; pct=40", ""),
        ("v=DMARC1;p=reject", ""),
        ("V=dmarc1; P=Reject; pct=39", "says pct=39, and not pct=40 as it should today"),
        ("v=DMARC1; p=quarantine", "says p=quarantine, and not p=reject"),
        ("v=DMARC1; rua=mailto:a@example.com", "has no policy"),
    ],
)
def test_a_published_record_may_be_stricter_than_the_one_of_the_day_but_not_weaker(
    published: str, lacks: str
) -> None:
    tags = read(published)
    assert tags is not None
    assert weaker(tags, CLIMB, date(2026, 3, 6)) == lacks
    assert weaker(tags, CLIMB, date(2026, 2, 1)) == ("" if "p=" in published.lower() else "has no policy")


def test_other_texts_are_no_dmarc_record() -> None:
    assert read("v=spf1 -all") is None
