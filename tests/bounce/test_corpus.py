"""Real reports, complaints and automatic answers, told from one another and read; what is missed is printed."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from relay.bounce.classes import reported
from relay.bounce.feedback import COMPLAINTS
from relay.bounce.returned import Returned, examine
from relay.config.bounces import load_bounces

CORPUS = Path(os.environ.get("RELAY_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
pytestmark = pytest.mark.skipif(not (CORPUS / "bounces").is_dir(), reason=f"no corpus of mail at {CORPUS}")
RULES = load_bounces(None)

# Reasons of the labels that speak of us, the message or the moment: no rule may suppress for one of them.
_OURS = frozenset(
    [
        "authfailure",
        "blocked",
        "spamdetected",
        "policyviolation",
        "requireptr",
        "norelaying",
        "toomanyconn",
        "ratelimited",
        "rejected",
        "mesgtoobig",
        "exceedlimit",
        "systemerror",
        "networkerror",
        "expired",
        "contenterror",
        "notcompliantrfc",
        "securityerror",
        "virusdetected",
    ]
)
_READ = 85  # of the 160 bounces: those with a part for programs; a fall of this number is a loss
_SUCCEEDED = ("delivered", "expanded", "relayed")


def look(path: Path) -> Returned:
    return examine(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def mails(folder: str) -> list[Path]:
    return sorted((CORPUS / folder).glob("*.eml"))


def test_no_bounce_is_taken_for_an_answer_or_a_complaint() -> None:
    assert [path.name for path in mails("bounces") if look(path).automatic or look(path).feedback] == []


def test_every_automatic_answer_is_known_as_one() -> None:
    assert [path.name for path in mails("autoreplies") if not look(path).automatic] == []


def test_complaints_are_told_by_their_kind() -> None:
    found = {path.name: look(path).feedback for path in mails("arf")}
    assert [name for name, each in found.items() if each is None] == []
    for name, each in found.items():
        assert each is not None
        wanted = "auth-failure" if "auth" in name or "dmarc" in name else "opt-out" if "opt" in name else None
        assert each.kind == wanted if wanted else each.kind in COMPLAINTS or name.startswith("icloud"), name


def test_reports_of_a_delay_or_a_delivery_are_no_bounces() -> None:
    wrong = []
    for path in mails("dsn"):
        told = look(path).told
        kind = path.name.partition("-")[0]
        if kind == "delayed" and any(each.action != "delayed" for each in told):
            wrong.append(path.name)
        if kind == "success" and any(each.action not in _SUCCEEDED for each in told):
            wrong.append(path.name)
        if not told:
            print("not read:", path.name)
    assert wrong == []


def test_bounces_suppress_where_the_address_is_at_fault_and_never_else() -> None:
    with (CORPUS / "bounces" / "index.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    read, wrong = 0, []
    for row in rows:
        told, reasons = look(CORPUS / row["file"]).told, row["reason"].split(",")
        if not told:
            print("not read:", row["file"], row["reason"])
            continue
        read += 1
        for number, each in enumerate(told):
            word = RULES.named("bounced", each.status, each.diagnostic, reported(each.status, each.diagnostic))
            action = RULES.actions.get(word)
            reason = reasons[min(number, len(reasons) - 1)]
            if action is not None and action.suppress and reason in _OURS:
                wrong.append((row["file"], reason, word))
            if reason == "userunknown" and word not in ("no-mailbox", "mailbox-disabled"):
                print("not named:", row["file"], word, each.status, each.diagnostic)
    assert wrong == []
    assert read >= _READ
