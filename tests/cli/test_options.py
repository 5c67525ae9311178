"""`relay options`: the registry, as a table and in detail."""

from __future__ import annotations

from relay.submission.control.registry import GRANTS, OPTIONS
from tests.cli.conftest import Cli


def test_every_option_is_listed_with_its_header_and_who_may(cli: Cli) -> None:
    listed = cli.json("options")
    assert [each["option"] for each in listed] == [each.name for each in OPTIONS]
    tags = listed[0]
    assert (tags["header"], tags["permission"], tags["example"]) == (
        "X-SMTPeter-Tags",
        "P0",
        "X-SMTPeter-Tags: welcome, trial",
    )
    assert "X-SMTPeter-MaxDeliverTime" in cli("options")
    lines = {line.split()[0]: line for line in cli("options").splitlines()}
    assert lines["tags"].split(maxsplit=2)[2].split(maxsplit=1) == ["P0", "Labels for search and statistics."]
    assert " P1 P2 " in lines["send_at"]


def test_one_option_is_told_in_detail_by_any_of_its_names(cli: Cli) -> None:
    for name in ("archive", "Archive", "no-archive", "X-SMTPeter-NoArchive"):
        described = cli.json("options", name)
        assert described["option"] == "archive"
        assert described["aliases"] == ["X-SMTPeter-NoArchive"]
        assert described["grant"] == "archive-off"
        assert described["bad_value"] == "refused"
    text = cli("options", "send_at")
    assert "ESMTP" in text
    assert "HOLDFOR, HOLDUNTIL" in text
    assert "`" not in cli("options") + text + cli("options", "sandbox")


def test_what_only_a_credential_sets_has_no_header(cli: Cli) -> None:
    described = cli.json("options", "control_headers")
    assert (described["header"], described["set_by"], described["example"]) == ("", ["credential"], "strip")


def test_names_nobody_knows_are_told_the_nearest(cli: Cli) -> None:
    cli("options", "pririty", code=3)
    assert "pririty: no such option; the nearest is priority" in cli.errors
    cli("options", "archive-url", code=3)
    assert "archive_url is not done here: a copy of a mail is not posted to a URL" in cli.errors


def test_the_grants_are_listed_with_what_they_are_for(cli: Cli) -> None:
    assert cli.json("options", "--grants") == dict(GRANTS)
    assert "tls-relax" in cli("options", "--grants")
