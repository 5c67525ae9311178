"""Our reports, as a stranger reads them: Mail::DeliveryStatus::BounceParser, which list managers use."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from relay.bounce.dsn import delivery_report
from relay.bounce.notice import Action, Report
from relay.model.envelope import Recipient, Ret
from relay.model.reply import Reply
from tests.bounce.test_dsn import CONTENT, GONE, report
from tests.tools import tool, unavailable

SCRIPT = Path(__file__).with_name("parse_bounce.pl")
FULL = replace(GONE, number=2, recipient=Recipient(address="bob@example.org"), reply=Reply(552, "5.2.2", "full"))
LATE = replace(GONE, reply=Reply(451, "4.2.0", "try later"), expired=True)
PLAIN = CONTENT.replace(b"Message-ID:\r\n <1", b"Message-ID: <1")
ANN = ["ann@example.net", "user_unknown", "5.1.1", "failed"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (report(content=PLAIN), ["bounce", "<1@example.com>", *ANN]),
        (report(content=PLAIN, ret=Ret.FULL), ["bounce", "<1@example.com>", *ANN]),
        (
            report(GONE, FULL, content=PLAIN),
            ["bounce", "<1@example.com>", *ANN, "bob@example.org", "over_quota", "5.2.2", "failed"],
        ),
        (report(action=Action.DELAYED), ["other"]),
        (report(action=Action.RELAYED), ["other"]),
        (report(action=Action.DELIVERED), ["other"]),
    ],
    ids=["header", "whole", "two recipients", "delayed", "relayed", "delivered"],
)
def test_failures_are_bounces_to_others_and_other_news_is_none(given: Report, told: list[str]) -> None:
    assert parsed(given) == told


def test_mail_given_up_is_a_bounce_with_its_status() -> None:
    found = parsed(report(LATE, content=PLAIN))
    assert (found[0], found[2], found[4:]) == ("bounce", "ann@example.net", ["4.4.7", "failed"])


def parsed(given: Report) -> list[str]:
    program = tool("perl")
    probe = subprocess.run(
        [program, "-MMail::DeliveryStatus::BounceParser", "-e1"], capture_output=True, timeout=60, check=False
    )
    if probe.returncode:
        unavailable("Mail::DeliveryStatus::BounceParser is not installed, nor unpacked under .cache")
    content = delivery_report(given).replace(b"\r\n", b"\n")  # as mailboxes have it here
    record = b"%d\n%b" % (len(content), content)
    done = subprocess.run([program, SCRIPT], input=record, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().rstrip("\n").split("\t")
