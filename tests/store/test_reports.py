"""Reports of DMARC on disk: kept once, found by day and domain, forgotten by age and room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relay.bounce.aggregate import read_aggregate
from relay.model.clock import iso
from relay.store.interface import NotFound, StoreDown, StoreFull
from relay.store.sqlite.reports import Room, add_report, prune_reports
from relay.store.sqlite.reports_read import COLUMNS, days, listing, report_xml, rows_of
from tests.bounce.test_aggregate import record, sample

NOW = 1_795_000_000.0
DAY = 86_400.0
TODAY = iso(NOW)[:10]
ROOM = Room(1 << 30, 1000)


def keep(data: Path, xml: bytes, at: float = NOW, account: str = "shop", room: Room = ROOM) -> bool:
    return add_report(data, account, read_aggregate(xml), xml, at, room)


def files(data: Path) -> list[Path]:
    return [each for each in (data / "dmarc").rglob("*") if each.is_file()]


def test_a_report_is_kept_once_and_read_as_it_came(tmp_path: Path) -> None:
    assert keep(tmp_path, sample())
    assert not keep(tmp_path, sample() + b"<!-- again -->")
    for reporter in ("reports.example.net", "Reports.Example.NET", "example mail"):
        assert report_xml(tmp_path, "shop", TODAY, reporter, "Example.com", 0) == sample()
    (file,) = files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "dmarc.db").stat().st_mode & 0o777 == 0o600


def test_reports_of_one_day_are_told_apart_by_their_number(tmp_path: Path) -> None:
    xml = [sample(ident=f"r-{number}") for number in range(3)]
    assert all(keep(tmp_path, each, NOW + number) for number, each in enumerate(xml))
    assert [report_xml(tmp_path, "shop", TODAY, "reports.example.net", "example.com", at) for at in range(3)] == xml
    with pytest.raises(NotFound):
        report_xml(tmp_path, "shop", TODAY, "reports.example.net", "example.com", 3)
    assert [(each.id, each.place) for each in listing(tmp_path, "shop")] == [("r-2", 2), ("r-1", 1), ("r-0", 0)]


def test_what_is_anothers_is_not_there(tmp_path: Path) -> None:
    keep(tmp_path, sample())
    assert (days(tmp_path, "other"), list(rows_of(tmp_path, "other", TODAY)), listing(tmp_path, "other")) == (
        [],
        [],
        [],
    )
    with pytest.raises(NotFound):
        report_xml(tmp_path, "other", TODAY, "reports.example.net", "example.com", 0)


def test_there_is_nothing_before_the_first_report(tmp_path: Path) -> None:
    assert (days(tmp_path, "shop"), list(rows_of(tmp_path, "shop", TODAY)), listing(tmp_path, "shop")) == ([], [], [])
    assert prune_reports(tmp_path, NOW, ROOM, NOW) == 0


def test_a_line_of_the_log_stands_for_each_domain_of_each_report(tmp_path: Path) -> None:
    keep(tmp_path, sample(record("5"), record("2", "fail", author="news.example.com")))
    lines = list(rows_of(tmp_path, "shop", TODAY))
    assert [dict(zip(COLUMNS, each, strict=True)) for each in lines] == [
        {
            "time": "2026-11-18 11:06:40",
            "organizationName": "Example Mail",
            "email": "dmarc@reports.example.net",
            "reportId": "r-1",
            "begin": "2026-11-18 11:06:40",
            "end": "2026-11-19 11:06:39",
            "domain": "example.com",
            "sendingDomain": domain,
            "messages": messages,
            "failedSpf": messages,
            "failedDkim": failed,
        }
        for domain, messages, failed in (("example.com", 5, 0), ("news.example.com", 2, 2))
    ]
    assert list(rows_of(tmp_path, "shop", "2026-11-17")) == []


def test_the_list_shows_counts_the_newest_first_a_page_at_a_time(tmp_path: Path) -> None:
    for number in range(5):
        keep(
            tmp_path,
            sample(record(str(number)), ident=str(number), domain=f"d{number % 2}.example.com"),
            NOW + number,
        )
    first = listing(tmp_path, "shop", limit=2)
    assert [(each.id, each.messages, each.failed_spf, each.failed_dkim) for each in first] == [
        ("4", 4, 4, 0),
        ("3", 3, 3, 0),
    ]
    assert [each.id for each in listing(tmp_path, "shop", before=first[-1].number, limit=9)] == ["2", "1", "0"]
    assert [each.id for each in listing(tmp_path, "shop", domain="D1.example.com")] == ["3", "1"]
    assert [each.id for each in listing(tmp_path, "shop", since=NOW + 2, until=NOW + 4)] == ["3", "2"]


def test_what_is_too_old_goes_with_its_file(tmp_path: Path) -> None:
    keep(tmp_path, sample(ident="old"))
    keep(tmp_path, sample(ident="new"), NOW + DAY)
    assert prune_reports(tmp_path, NOW + 1, ROOM, NOW + DAY) == 1
    assert [each.id for each in listing(tmp_path, "shop")] == ["new"]
    assert days(tmp_path, "shop") == [iso(NOW + DAY)[:10]]
    assert len(files(tmp_path)) == 1
    assert not (tmp_path / "dmarc" / TODAY).exists()


def test_where_there_is_no_room_a_report_is_refused_until_the_oldest_went(tmp_path: Path) -> None:
    room = Room(1 << 30, 3)
    for number in range(3):
        assert keep(tmp_path, sample(ident=str(number)), NOW + number, room=room)
    with pytest.raises(StoreFull):
        keep(tmp_path, sample(ident="3"), NOW + 3, room=room)
    assert not keep(tmp_path, sample(ident="2"), room=room)  # that one is there
    assert prune_reports(tmp_path, 0.0, room, NOW + 9) == 1
    assert keep(tmp_path, sample(ident="3"), NOW + 3, room=room)
    assert [each.id for each in listing(tmp_path, "shop")] == ["3", "2", "1"]
    octets = sum(each.stat().st_size for each in files(tmp_path))
    assert prune_reports(tmp_path, 0.0, Room(octets, 100), NOW + 9) == 1


def test_a_file_that_no_report_names_is_swept_once_it_is_old(tmp_path: Path) -> None:
    keep(tmp_path, sample())
    left = tmp_path / "dmarc" / TODAY / "left.xml.gz.part"
    left.write_bytes(b"x")
    os.utime(left, (NOW, NOW))
    prune_reports(tmp_path, 0.0, ROOM, NOW + 10)
    assert left.exists()
    prune_reports(tmp_path, 0.0, ROOM, NOW + 7200)
    assert not left.exists() and len(files(tmp_path)) == 1


def test_a_file_that_went_is_not_found_and_a_broken_one_is_a_fault(tmp_path: Path) -> None:
    keep(tmp_path, sample())
    (file,) = files(tmp_path)
    file.write_bytes(b"\x1f\x8b")
    with pytest.raises(StoreDown):
        report_xml(tmp_path, "shop", TODAY, "reports.example.net", "example.com", 0)
    file.unlink()
    with pytest.raises(NotFound):
        report_xml(tmp_path, "shop", TODAY, "reports.example.net", "example.com", 0)


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "dmarc").write_bytes(b"in the way")
    with pytest.raises(StoreDown):
        keep(tmp_path, sample())
    (tmp_path / "dmarc").unlink()
    assert listing(tmp_path, "shop") == []
    assert keep(tmp_path, sample())
