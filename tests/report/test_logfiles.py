"""Log files: which there are, their rows in the order of time, and their four forms."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from relay.model.event import Event
from relay.report import log, logfiles
from relay.report.logfiles import LogFile, days, rows
from relay.report.logformats import FORMATS
from relay.report.smtpeter import KINDS
from tests.report.stage import event, new_ids, reporter, shard
from tests.store.mail import NOON

DAY = 86_400.0
TODAY, YESTERDAY = date(2026, 1, 1), date(2025, 12, 31)
IDS = new_ids()
ONE, TWO = IDS.new(), IDS.new()
ANN = "ann@example.net"
FROM_ME: dict[str, Any] = {"from": "me@example.com"}
AWKWARD: list[Any] = ['a,b "c"', "two\r\nlines", "x\x00\x0b\ud800<&>\U0001f600\r", "=1+1", "", 7]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "write", lambda *_, **__: None)


async def fold(data: Path, *events: Event, number: int = 0) -> None:
    async with shard(data, number) as queue:
        await queue.record(events)
        with reporter(data) as one:
            while one.turn():
                continue


def read(data: Path, name: str, account: str = "demo") -> list[dict[str, Any]]:
    file = LogFile.parse(name)
    return [dict(zip(file.kind.columns, row, strict=True)) for row in rows(data, account, file)]


def found(data: Path, since: float = NOON - 90 * DAY) -> dict[date, list[str]]:
    return {day: [each.name for each in files] for day, files in days(data, "demo", since, NOON).items()}


async def test_a_day_has_the_files_of_what_happened_on_it(tmp_path: Path) -> None:
    await fold(
        tmp_path,
        event("received", ONE, NOON - DAY, to=[ANN]),
        event("attempted", ONE, NOON - DAY, 1, to=ANN),
        event("delivered", ONE, NOON, 1, to=ANN),
        event("bounced", ONE, NOON, 1, to=ANN),
        event("deferred", TWO, NOON, 1, to=ANN),
        event("received", TWO, NOON - 100 * DAY, to=[ANN]),
    )
    assert found(tmp_path) == {
        YESTERDAY: ["attempts.2025-12-31.log"],
        TODAY: ["bounces.2026-01-01.log", "deliveries.2026-01-01.log", "failures.2026-01-01.log"],
    }
    assert list(found(tmp_path, NOON - 1)) == [TODAY]
    assert days(tmp_path, "other", 0, NOON) == {}


def test_without_a_report_database_there_are_no_files(tmp_path: Path) -> None:
    assert found(tmp_path) == {}
    assert read(tmp_path, "opens.2026-01-01.log") == read(tmp_path, "dmarc.2026-01-01.log") == []


async def test_the_lines_of_a_day_are_in_the_order_of_time_whichever_journal_they_come_from(tmp_path: Path) -> None:
    midnight = NOON - DAY / 2
    await fold(
        tmp_path,
        event("received", ONE, midnight - 1, to=[ANN], template=7, **FROM_ME),
        event("delivered", ONE, midnight + 5, 1, to=ANN, attempt=1),
        event("delivered", TWO, midnight + DAY, 1, to=ANN, attempt=1),
    )
    await fold(tmp_path, event("delivered", ONE, midnight, 2, to="bob@example.net", attempt=3), number=4)
    lines = read(tmp_path, "deliveries.2026-01-01.log")
    assert [(each["time"], each["id"], each["attempt"]) for each in lines] == [
        ("2026-01-01 00:00:00", f"{ONE}-2", 2),
        ("2026-01-01 00:00:05", f"{ONE}-1", 0),
    ]
    assert {(each["envelope"], each["templateid"]) for each in lines} == {("me@example.com", 7)}
    assert read(tmp_path, "deliveries.2026-01-01.log", "other") == []


async def test_a_bounce_is_told_from_where_the_mail_had_been_delivered(tmp_path: Path) -> None:
    way = {"local": "10.0.0.1", "address": "10.0.0.2", "attempt": 2}
    await fold(
        tmp_path,
        event("delivered", ONE, NOON, 1, to="Ann@example.net", **way),
        event("bounced", ONE, NOON + 60, 1, to="Ann@example.net", status="5.1.1"),
    )
    (line,) = read(tmp_path, "failures.2026-01-01.log")
    assert [line[each] for each in ("from", "to", "attempt", "state")] == ["10.0.0.1", "10.0.0.2", 1, "bounce"]


async def test_mail_that_is_kept_no_longer_leaves_its_column_empty(tmp_path: Path) -> None:
    await fold(
        tmp_path,
        event("bounced", ONE, NOON, 1, to=ANN, kept=TWO),
        event("bounced", ONE, NOON, 1, to=ANN, kept=new_ids(9).new()),
        event("bounced", ONE, NOON, 1, to=ANN),
    )
    assert [each["mime"] for each in read(tmp_path, "bounces.2026-01-01.log")] == ["", "", ""]


async def test_a_day_of_many_lines_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    padding = "x" * 2000
    await fold(tmp_path, *(event("opened", ONE, NOON + number, 1, to=padding) for number in range(3000)))
    monkeypatch.setattr(logfiles, "CHUNK", 50)
    lines = rows(tmp_path, "demo", LogFile.parse("opens.2026-01-01.log"))
    next(lines)
    tracemalloc.start()
    try:
        counted = 1 + sum(1 for _ in FORMATS["xml"](KINDS["opens"].columns, lines)) - 2
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counted == 3000
    assert peak < 3000 * len(padding) / 4


@pytest.mark.parametrize(
    "name",
    ["", "opens", "opens.2026-01-01", "opens.2026-13-01.log", "open.2026-01-01.log", "../opens.2026-01-01.log"],
)
def test_what_is_no_log_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        LogFile.parse(name)


def test_a_log_file_has_the_name_it_was_asked_by() -> None:
    for prefix in KINDS:
        assert LogFile.parse(f"{prefix}.2026-01-31.log").name == f"{prefix}.2026-01-31.log"


# --- forms ------------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d", "e", "f")


def written(form: str, lines: list[list[Any]]) -> str:
    def once() -> Iterator[list[Any]]:
        yield from lines

    return b"".join(FORMATS[form](NAMES, once())).decode()


def test_csv_is_read_back_as_it_was() -> None:
    text = written("csv", [AWKWARD, ["1", "2", "3", "4", "5", 6]])
    assert text.startswith('"a,b ""c""","two\r\nlines",')
    assert text.endswith("\r\n1,2,3,4,5,6\r\n")
    first, second = csv.reader(io.StringIO(text, newline=""))
    assert first == [str(each).replace("\ud800", "?") for each in AWKWARD]
    assert second == ["1", "2", "3", "4", "5", "6"]
    assert written("csv", []) == ""


def test_header_has_the_names_in_its_first_line() -> None:
    assert written("header", [AWKWARD]) == "a,b,c,d,e,f\r\n" + written("csv", [AWKWARD])
    assert written("header", []) == "a,b,c,d,e,f\r\n"


def test_json_is_an_array_of_objects_with_numbers_as_numbers() -> None:
    (first, second) = json.loads(written("json", [AWKWARD, AWKWARD]))
    assert first == second == {**dict(zip(NAMES, AWKWARD, strict=True)), "c": AWKWARD[2].replace("\ud800", "?")}
    assert list(first) == list(NAMES)
    assert written("json", []) == "[]"


def test_xml_leaves_out_what_it_cannot_hold_and_keeps_the_rest() -> None:
    root = ElementTree.fromstring(written("xml", [AWKWARD, AWKWARD]))
    assert root.tag == "records"
    assert [each.tag for each in root] == ["record", "record"]
    assert [each.tag for each in root[0]] == list(NAMES)
    assert [each.text or "" for each in root[0]] == ['a,b "c"', "two\r\nlines", "x<&>\U0001f600\r", "=1+1", "", "7"]
    assert len(ElementTree.fromstring(written("xml", []))) == 0
