"""Whole reports, octet by octet, as files one can open in a mail program.

`python -m tests.bounce.test_golden` writes them anew after a change that was meant; look at them first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from relay.bounce.dsn import delivery_report
from relay.bounce.notice import Action, Report
from relay.model.envelope import Recipient, Ret
from relay.model.reply import Reply
from tests.bounce.test_dsn import AT, GONE, report

GOLDEN = Path(__file__).with_name("golden")
UNKNOWN = Recipient(address="用户@例え.example", original="utf-8;用户@例え.example")
NO_MAIL = Reply(556, "5.1.10", "example.org takes no mail")
GIVEN: dict[str, Callable[[], Report]] = {
    "failed": lambda: report(ret=Ret.FULL, envid="order 7"),
    "failed-several": lambda: report(
        replace(GONE, recipient=Recipient(address="ann@example.net", original="rfc822;Ann@old.example")),
        replace(GONE, number=2, recipient=Recipient(address="bob@example.org"), host="", reply=NO_MAIL),
    ),
    "expired": lambda: replace(
        report(replace(GONE, reply=Reply(451, "4.7.1", "greylisted\ntry later"), expired=True)), at=AT + 432_000
    ),
    "delayed": lambda: report(replace(GONE, reply=Reply(450, "4.2.2", "mailbox full")), action=Action.DELAYED),
    "relayed": lambda: report(replace(GONE, reply=Reply(250, "2.0.0", "ok 17")), action=Action.RELAYED),
    "delivered": lambda: report(replace(GONE, reply=Reply(250, "2.0.0", "ok 17")), action=Action.DELIVERED),
    "ascii-about-utf8": lambda: report(replace(GONE, recipient=UNKNOWN)),
    "utf8": lambda: report(
        replace(GONE, recipient=UNKNOWN, reply=Reply(550, "5.1.1", "用户 gibt es nicht")),
        sender="jörg@example.com",
        smtputf8=True,
        content="From: jörg@example.com\r\nMessage-ID: <2@example.com>\r\nSubject: grüße\r\n\r\nüber\r\n".encode(),
    ),
}


@pytest.mark.parametrize("name", GIVEN)
def test_reports_are_as_they_were(name: str) -> None:
    assert delivery_report(GIVEN[name]()) == (GOLDEN / f"{name}.eml").read_bytes()


def main() -> None:
    for name, make in GIVEN.items():
        (GOLDEN / f"{name}.eml").write_bytes(delivery_report(make()))


if __name__ == "__main__":
    main()
