"""One vocabulary: what a reply is called, at once or in a report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay import delivery
from relay.bounce import classes
from relay.bounce.classes import quoted, reported
from relay.model.classes import CLASSES, OF_OTHERS, OF_RECIPIENT


@pytest.mark.parametrize(
    ("status", "diagnostic", "word"),
    [
        ("", "", "unknown"),
        ("5.1.1", "", "no-mailbox"),
        ("5.0.0", "550 5.1.1 <ann@example.net>: gone", "no-mailbox"),
        ("5.0.0", "550-'5.2.2 <ann@example.net>... Mailbox Full'", "mailbox-full"),
        ("5.0.0", "", "refused"),
        ("", "550 5.7.1 blocked using spamhaus", "policy"),
        ("5.7.26", "550 no such user", "no-mailbox"),
        ("4.4.7", "delivery time expired", "timeout"),
        ("", "552 4.2.2 User has full mailbox.", "mailbox-full"),
        ("5.3.0", "X-Unix; 5.1.1 (user unknown)", "no-mailbox"),
        ("4.0.0", "", "temporary"),
        ("5.5.0", "address 192.0.2.55 said nothing", "refused"),
    ],
)
def test_a_report_is_named_as_the_reply_it_quotes(status: str, diagnostic: str, word: str) -> None:
    assert reported(status, diagnostic) == word


def test_the_report_says_whether_it_is_for_good() -> None:
    assert quoted("5.2.2", "452 4.2.2 full").permanent
    assert quoted("4.4.7", "550 5.1.1 gone").transient
    assert quoted("", "451 4.7.1 later").transient


def test_all_words_that_are_used_are_in_the_vocabulary() -> None:
    used = set(classes._STATUS.values()) | {word for word, _ in classes._TEXT}
    for path in Path(next(iter(delivery.__path__))).glob("*.py"):
        text = path.read_text()
        used.update(re.findall(r"Fault\.[A-Z]+, \"([a-z-]+)\"\)", text))
        used.update(re.findall(r"reason = \"([a-z-]+)\"", text))
    assert len(used) > 25
    assert used <= CLASSES.keys()


def test_no_class_is_about_the_recipient_and_about_others() -> None:
    assert not OF_RECIPIENT.keys() & OF_OTHERS.keys()
