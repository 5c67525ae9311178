"""The receivers that the handbook shows do what it says, with requests as the relay makes them."""

from __future__ import annotations

import re
import time
from importlib.resources import files
from typing import Any

import pytest

from relay.model.account import Algorithm
from relay.model.event import EventName
from relay.model.webhook import SMTPETER, TYPES, Secret
from relay.report.webhooks import sign
from relay.transform.keys import generate
from tests.report.webhooks.stage import SECRET

PAGE = (files("relay.handbook") / "webhooks.md").read_text("utf-8")
BODY = '{"tags":["ü"]}'.encode()


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """What the page's Python defines."""
    found: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, found)
    return found


def test_the_standard_receiver_takes_ours_and_nobody_elses(shown: dict[str, Any]) -> None:
    verify = shown["standard"]
    now = time.time()
    headers = sign.standard("evt_0-1", BODY, (Secret(SECRET, now),), now)
    assert verify(headers, BODY, SECRET)
    assert not verify(headers, BODY + b" ", SECRET)
    assert not verify(headers, BODY, sign.new_secret(b"x" * 32))
    assert not verify(sign.standard("evt_0-1", BODY, (Secret(SECRET, now),), now - 3600), BODY, SECRET)


def test_smtpeters_receiver_takes_ours_and_nobody_elses(shown: dict[str, Any]) -> None:
    verify = shown["smtpeter"]
    now = time.time()
    key, other = (generate("example.com", name, Algorithm.RSA, now) for name in ("wh1", "wh2"))
    fields = sign.smtpeter("https://r.example/hook?a=1", BODY, "application/json", "shop", key, now, "nonce")
    headers = {name.lower(): value for name, value in fields.items()}

    def ask(
        target: str = "/hook?a=1", body: bytes = BODY, domain: str = "example.com", use: Any = key, at: float = now
    ) -> Any:
        return verify("POST", target, headers, body, domain, lambda name: sign.key_record(use), at)

    assert ask()
    assert not ask(target="/hook?a=2")
    assert not ask(body=BODY + b" ")
    assert not ask(domain="copernica.com")
    assert not ask(use=other)
    assert not ask(at=now + 120)


def test_the_table_of_types_is_complete() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| ([a-z._, ]+?) \|", PAGE, re.MULTILINE))
    theirs = dict(re.findall(r"^\| (\w+) \| [a-z._, ]+? \| ?([a-z, ]*?) ?\|$", PAGE, re.MULTILINE))
    for name in EventName:
        assert TYPES[name] in rows[name.value].split(", ")
        wanted = [kind for kind, names in SMTPETER.items() if name in names]
        assert [each for each in theirs[name.value].split(", ") if each] == wanted
