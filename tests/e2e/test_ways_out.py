"""What a message's header asks of its way out, through the whole relay to receivers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.world import HOME_DOMAIN, World, world
from tests.peers.receiver import Behaviour

BEHAVIOURS: dict[str, Behaviour | None] = {
    HOME_DOMAIN: Behaviour(),
    "clear.example": Behaviour(starttls=False),
    "busy.example": Behaviour(on={"greeting": "421 4.3.2 too busy"}),
    "open.example": Behaviour(),
}


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(
        tmp_path_factory.mktemp("ways"),
        BEHAVIOURS,
        egresses=[{"name": "two", "ipv4": "127.0.0.2", "ehlo": "two.example.com"}],
        pools={"second": ["two"]},
    ) as made:
        made.relay.cli("credential", "set", made.relay.access["username"], "--grant", "route")
        yield made


def content(*fields: str) -> bytes:
    asked = "".join(f"X-SMTPeter-{each}\r\n" for each in fields)
    return (
        f"From: me@example.com\r\nTo: you@somewhere.example\r\n{asked}Subject: ways out\r\n"
        "Date: Thu, 01 Jan 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nHello.\r\n"
    ).encode()


def test_mail_that_demands_tls_is_returned_where_there_is_none(internet: World) -> None:
    home = internet.receivers[HOME_DOMAIN]
    before = len(home.messages)
    message = internet.relay.submit(content("RequireTLS: must", "MaxAttempts: 2"), ["you@clear.example"])
    internet.relay.wait_for_state(message, "failed")
    report = home.wait(before + 1, 20)[before]
    assert b"Status: 5.7.30" in report.content
    assert internet.receivers["clear.example"].messages == []
    step = internet.relay.ask("explain", message)["recipients"][0]["steps"][-1]
    assert (step["facts"]["demand"], step["facts"]["attempt"]) == ("must", 2)


def test_mail_of_a_pool_leaves_from_its_address(internet: World) -> None:
    there = internet.receivers["open.example"]
    for fields in ((), ("Pool: second",)):
        internet.relay.wait_for_state(internet.relay.submit(content(*fields), ["you@open.example"]), "delivered")
    assert sorted((each.client, each.commands[0]) for each in there.sessions) == [
        ("127.0.0.1", "EHLO relay.test"),
        ("127.0.0.2", "EHLO two.example.com"),
    ]
    assert all(b"X-SMTPeter" not in each.content for each in there.messages)


def test_who_is_suppressed_while_mail_waits_gets_none(internet: World) -> None:
    message = internet.relay.submit(content(), ["ann@busy.example"])
    internet.relay.wait(
        lambda: any(each["event"] == "deferred" for each in internet.relay.events(message)), "an attempt"
    )
    internet.relay.cli("suppress", "add", "ann@busy.example", "--note", "left us")
    internet.relay.wait_for_state(message, "suppressed")
    last = internet.relay.events(message)[-1]
    assert (last["event"], last["cause"], last["note"]) == ("suppressed", "hand", "left us")


def test_a_simulated_bounce_leaves_nothing(internet: World) -> None:
    there = internet.receivers["open.example"]
    before = len(there.sessions)
    message = internet.relay.submit(content("Sandbox: bounce:hard"), ["ann@open.example"])
    internet.relay.wait_for_state(message, "failed")
    (last,) = [each for each in internet.relay.events(message) if each["event"] == "failed"]
    assert (last["test"], last["reply"][:9]) == (True, "550 5.1.1")
    assert len(there.sessions) == before
