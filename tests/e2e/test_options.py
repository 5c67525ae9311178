"""What messages ask for, through the real program: by whom it is seen, and what leaves in the end."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import queue_id
from tests.e2e.world import HOME_DOMAIN, World, world
from tests.peers.receiver import Behaviour

HOUR = 3600.0


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    behaviours: dict[str, Behaviour | None] = {
        HOME_DOMAIN: Behaviour(),
        "one.example": Behaviour(),
        "two.example": Behaviour(),
    }
    home: Path = tmp_path_factory.mktemp("options")
    with world(home, behaviours, {"processes": {"workers": 2}}) as made:
        yield made


def content(*lines: str, to: str = "Team <team@one.example>") -> bytes:
    head = "".join(f"X-SMTPeter-{line}\r\n" for line in lines)
    return (
        f"{head}From: me@{HOME_DOMAIN}\r\nTo: {to}\r\nCc: two@two.example\r\nSubject: hi\r\n\r\nHello.\r\n".encode()
    )


def reply_to(client: smtplib.SMTP, octets: bytes, *to: str) -> tuple[int, str]:
    client.mail(f"me@{HOME_DOMAIN}")
    for each in to:
        client.rcpt(each)
    code, text = client.data(octets)
    return code, text.decode()


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def listed(internet: World, message: str) -> list[dict[str, Any]]:
    states = [word for each in ("queued", "held") for word in ("--state", each)]
    return [each for each in internet.relay.ask("queue", *states) if each["id"].startswith(message)]


def test_scheduled_mail_is_seen_with_all_that_was_asked(internet: World) -> None:
    before = time.time()
    message = internet.relay.submit(
        content("SendAt: +2h", f"MaxDeliverTime: {before + 5 * HOUR:.0f}", "Tags: invoice, may"), ["you@one.example"]
    )
    [entry] = listed(internet, message)
    assert entry["state"] == "queued"
    explained = internet.relay.ask("explain", message)
    assert moment(explained["deadline"]) == int(before + 5 * HOUR + 0.5)
    options = explained["options"]
    assert options["tags"] == {"value": ["invoice", "may"], "set_by": "header X-SMTPeter-Tags"}
    due = options["send_at"]["value"]
    assert before + 2 * HOUR - 5 < due < before + 2 * HOUR + 60
    [story] = explained["recipients"]
    assert moment(story["next_attempt"]) == pytest.approx(due, abs=1)
    assert story["holds"][0].startswith("scheduled for ")
    events = internet.relay.events(message)
    assert [each["event"] for each in events] == ["received", "scheduled"]
    assert events[0]["tags"] == ["invoice", "may"]
    assert moment(events[1]["due"]) == pytest.approx(due, abs=1)


def test_mail_with_a_time_leaves_then_and_not_before(internet: World) -> None:
    internet.receivers["one.example"].messages.clear()
    message = internet.relay.submit(content("SendAt: +2s"), ["later@one.example"])
    taken = time.time()
    internet.relay.wait_for_state(message, "delivered")
    [arrived] = internet.receivers["one.example"].wait(1)
    delivered = next(each for each in internet.relay.events(message) if each["event"] == "delivered")
    assert moment(delivered["time"]) >= taken + 1
    assert b"smtpeter" not in arrived.content.lower()


def test_held_mail_leaves_once_it_is_released(internet: World) -> None:
    internet.receivers["one.example"].messages.clear()
    message = internet.relay.submit(content("Sandbox: hold"), ["held@one.example"])
    [entry] = listed(internet, message)
    assert entry["state"] == "held"
    assert [each["event"] for each in internet.relay.events(message)] == ["received", "held"]
    internet.relay.cli("queue", "release", message)
    internet.relay.wait_for_state(message, "delivered")
    [arrived] = internet.receivers["one.example"].wait(1)
    internet.check_signatures(arrived.content)


def test_private_copies_name_nobody_else(internet: World) -> None:
    for each in ("one.example", "two.example"):
        internet.receivers[each].messages.clear()
    with internet.relay.session() as client:
        code, text = reply_to(client, content("PreserveRecipients: no"), "one@one.example", "two@two.example")
    assert code == 250 and text.endswith(" (2 recipients)")
    internet.relay.wait_for_state(queue_id(text), "delivered")
    for name in ("one", "two"):
        [arrived] = internet.receivers[f"{name}.example"].wait(1)
        parsed = message_from_bytes(arrived.content)
        assert (parsed.get_all("To"), parsed["Cc"]) == ([f"{name}@{name}.example"], None)
        internet.check_signatures(arrived.content)


def test_one_key_over_many_sessions_and_two_workers_is_one_message(internet: World) -> None:
    def send(_: int) -> tuple[int, str]:
        with internet.relay.session() as client:
            return reply_to(client, content("IdempotencyKey: once", "Sandbox: accept"), "once@one.example")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(12)))
    taken = {queue_id(text) for code, text in answers if code == 250}
    assert len(taken) == 1
    assert all("under way" in text for code, text in answers if code != 250)
    code, text = send(0)
    assert (code, {queue_id(text)}) == (250, taken)
    assert text.endswith(" (1 warning)")
    with internet.relay.session() as client:
        code, text = reply_to(client, content("IdempotencyKey: once"), "another@one.example")
    assert code == 554 and "idempotency_key" in text


def test_quotas_and_grants_hold_at_once_in_a_relay_that_runs(internet: World) -> None:
    relay = internet.relay
    made = relay.ask("credential", "add", "--account", "demo")
    username, password = made["username"], made["password"]
    relay.cli("credential", "set", username, "--quota", "messages-hour=1")
    with smtplib.SMTP(relay.access["host"], relay.port(), timeout=30) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(relay.authority)))
        client.login(username, password)
        assert reply_to(client, content("Sandbox: accept"), "a@one.example")[0] == 250
        code, text = reply_to(client, content("Sandbox: accept"), "a@one.example")
        assert code == 452
        assert f"over the quota of credential {username}: 1 messages an hour (1 used)" in text
        relay.cli("credential", "set", username, "--over", "delay")
        code, text = reply_to(client, content("Sandbox: accept"), "a@one.example")
        assert code == 250 and text.endswith(" (1 warning)")
        [entry] = listed(internet, queue_id(text))
        assert entry["state"] == "queued"
        relay.cli("credential", "set", username, "--quota", "messages-hour=none", "--refuse-suppressed")
        relay.cli("suppress", "add", "gone@one.example")
        code, text = reply_to(client, content(), "gone@one.example")
        assert code == 550 and "suppressed" in text
        assert client.mail("me@stranger.example")[0] == 550
        client.rset()
        relay.cli("credential", "set", username, "--grant", "any-sender")
        assert client.mail("me@stranger.example")[0] == 250
