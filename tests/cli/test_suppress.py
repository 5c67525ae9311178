"""The list of addresses that get no mail: kept by hand, imported, exported."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from relay.manage.times import instant
from relay.store.sqlite import open_registry
from tests.cli.conftest import Cli


def test_an_address_is_added_listed_and_removed(ready: Cli) -> None:
    ready("suppress", "add", "Ann@Example.NET", "--note", "asked by phone")
    (listed,) = ready.json("suppress", "list")
    assert (listed["address"], listed["note"], listed["cause"], listed["until"]) == (
        "ann@example.net",
        "asked by phone",
        "hand",
        None,
    )
    assert "1 entry removed" in ready("suppress", "remove", "ANN@example.net")
    assert ready.json("suppress", "list") == []
    ready("suppress", "remove", "ann@example.net", code=3)


def test_a_domain_stands_for_everybody_there(ready: Cli) -> None:
    ready("suppress", "add", "@Bücher.example", "--account", "demo", "--until", "30d")
    (listed,) = ready.json("suppress", "list", "--address", "anybody@xn--bcher-kva.example")
    assert (listed["address"], listed["account"]) == ("@xn--bcher-kva.example", "demo")
    assert listed["until"] > listed["created"]
    assert ready.json("suppress", "list", "--address", "anybody@example.net") == []


def test_an_entry_holds_for_a_group_and_stands_for_its_cause(ready: Cli) -> None:
    ready("suppress", "add", "ann@example.net", "--group", "News", "--cause", "unsubscribe")
    ready("suppress", "add", "ann@example.net", "--cause", "bounce", "--note", "550 full")
    ready("suppress", "add", "ann@example.net")
    listed = [(each["group"], each["cause"]) for each in ready.json("suppress", "list")]
    assert listed == [("", "bounce"), ("", "hand"), ("news", "unsubscribe")]
    Path("all.csv").write_text(ready("suppress", "export"))
    ready("suppress", "remove", "ann@example.net", "--group", "offers", code=3)
    assert "stream (every), group news, cause unsubscribe" in ready.errors
    ready("suppress", "remove", "ann@example.net", "--cause", "bounce")
    ready("suppress", "remove", "ann@example.net", "--group", "NEWS")
    assert [each["cause"] for each in ready.json("suppress", "list")] == ["hand"]
    ready("suppress", "import", "all.csv")
    assert [(each["group"], each["cause"]) for each in ready.json("suppress", "list")] == listed


def test_an_entry_of_an_account_is_told_apart_from_that_of_all(ready: Cli) -> None:
    ready("suppress", "add", "ann@example.net", "--account", "demo", "--stream", "bulk")
    ready("suppress", "add", "ann@example.net")
    ready("suppress", "remove", "ann@example.net", "--account", "demo", code=3)
    assert "account demo, stream bulk" in ready.errors
    ready("suppress", "remove", "ann@example.net")
    assert [each["stream"] for each in ready.json("suppress", "list")] == ["bulk"]
    ready("suppress", "remove", "ann@example.net", "--everywhere")
    assert ready.json("suppress", "list") == []


def test_a_stream_is_named_in_any_case_as_messages_name_it(ready: Cli) -> None:
    ready("suppress", "add", "ann@example.net", "--stream", "Bulk")
    assert [each["stream"] for each in ready.json("suppress", "list")] == ["bulk"]
    ready("suppress", "remove", "ann@example.net", "--stream", "BULK")
    assert ready.json("suppress", "list") == []
    ready("suppress", "add", "ann@example.net", "--stream", "no such name", code=2)
    (ready.home / "list.csv").write_text("address,stream\nann@example.net,Bulk\nbob@example.net,a b\n")
    ready("suppress", "import", "list.csv", code=1)
    assert "line 3: a name has 1 to 64 letters" in ready.errors
    assert [each["stream"] for each in ready.json("suppress", "list")] == ["bulk"]


@pytest.mark.parametrize("address", ["", "nobody", "a b@example.net", "@"])
def test_what_is_no_address_is_refused(ready: Cli, address: str) -> None:
    ready("suppress", "add", "fine@example.net", address, code=2)
    assert ready.json("suppress", "list") == []


def test_an_unknown_account_is_not_found(ready: Cli) -> None:
    ready("suppress", "add", "ann@example.net", "--account", "nobody", code=3)
    assert ready.json("suppress", "list") == []


def test_an_export_is_imported_as_it_was(ready: Cli) -> None:
    ready("suppress", "add", "ann@example.net", "--note", 'said "no, thanks"\nand meant it', "--until", "2030-01-01")
    ready("suppress", "add", "bob@example.net", "--account", "demo", "--stream", "bulk", "--cause", "complaint")
    exported = ready("suppress", "export")
    before = ready.json("suppress", "list")
    assert next(csv.reader(io.StringIO(exported)))[:3] == ["address", "account", "stream"]
    ready("suppress", "remove", "ann@example.net", "bob@example.net", "--everywhere")
    (ready.home / "list.csv").write_text(exported)
    done = ready.json("suppress", "import", "list.csv")
    assert (done["entries"], done["new"], done["bad"]) == (2, 2, 0)
    assert ready.json("suppress", "list") == before


def test_more_entries_than_a_page_are_exported(ready: Cli) -> None:
    (ready.home / "list").write_text("".join(f"user{number}@example.net\n" for number in range(2500)))
    assert ready.json("suppress", "import", "list")["new"] == 2500
    lines = ready("suppress", "export").splitlines()
    assert len(lines) == 2501
    assert len(set(lines)) == 2501


def test_bad_lines_are_told_with_their_number_and_the_others_are_taken(ready: Cli) -> None:
    (ready.home / "list.csv").write_text(
        "address,note,account,cause,until\n"
        "ann@example.net,fine,,,\n"
        "nonsense,,,,\n"
        "\n"
        "bob@example.net,,nobody,,\n"
        "cy@example.net,,,compliant,\n"
        "dan@example.net,,,,soon\n"
        "eve@example.net,,,,,,,too,many\n"
        "fay@example.net,,demo,bounce,2030-01-01T00:00:00Z\n"
    )
    ready("suppress", "import", "list.csv", code=1)
    for number, why in (
        (3, "not an address: nonsense"),
        (5, "no account nobody"),
        (6, "did you mean complaint?"),
        (7, "until: expected a time as 2026-05-01T08:00:00Z, or 30d from now, not soon"),
        (8, "values for"),
    ):
        assert any(f"line {number}:" in each and why in each for each in ready.errors.splitlines()), (number, why)
    assert [each["address"] for each in ready.json("suppress", "list")] == ["ann@example.net", "fay@example.net"]


def test_a_plain_list_is_taken_with_a_cause_and_an_end_may_be_counted_from_now(ready: Cli) -> None:
    (ready.home / "list.csv").write_text(
        "address,until,cause\nann@example.net,30d,\nbob@example.net,2030-01-01,bounce\n"
    )
    ready("suppress", "import", "list.csv", "--cause", "unsubscribe")
    ann, bob = ready.json("suppress", "list")
    assert (ann["cause"], bob["cause"]) == ("unsubscribe", "bounce")
    lasts = instant(ann["until"]) - instant(ann["created"])
    assert abs(lasts - 30 * 86_400) < 60
    assert bob["until"] == "2030-01-01T00:00:00.000Z"


def test_a_strict_import_takes_all_or_nothing(ready: Cli) -> None:
    (ready.home / "list.csv").write_text("ann@example.net\nnonsense\n")
    ready("suppress", "import", "list.csv", "--strict", code=1)
    assert "nothing was taken" in ready.errors
    assert ready.json("suppress", "list") == []


def test_a_dry_run_takes_nothing(ready: Cli) -> None:
    (ready.home / "list.csv").write_text("ann@example.net\n")
    assert ready.json("suppress", "import", "list.csv", "--dry-run")["entries"] == 1
    assert ready.json("suppress", "list") == []


def test_a_column_that_is_none_stops_the_import(ready: Cli) -> None:
    (ready.home / "list.csv").write_text("address,reason\nann@example.net,x\n")
    ready("suppress", "import", "list.csv", code=1)
    assert "no column reason" in ready.errors
    assert ready.json("suppress", "list") == []


def test_a_file_that_is_no_text_is_an_error(ready: Cli) -> None:
    (ready.home / "list.csv").write_bytes(b"ann\xff@example.net\n")
    ready("suppress", "import", "list.csv", code=1)
    assert "not UTF-8" in ready.errors
    ready("suppress", "import", "none.csv", code=1)


def test_the_list_is_private_and_who_changed_it_is_recorded(ready: Cli) -> None:
    ready("suppress", "add", "ann@example.net")
    path = Path(ready.home / "var/suppressions.db")
    assert path.stat().st_mode & 0o777 == 0o600
    registry = open_registry(ready.home / "var/registry.db")
    (audit,) = [each for each in registry.audits() if each["act"] == "suppress add"]
    registry.close()
    assert audit["detail"] == {"entries": 1, "new": 1}
