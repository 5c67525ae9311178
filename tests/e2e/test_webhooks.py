"""Webhooks of the real program: told of mail while it runs, and of what they missed when it was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Judge

from tests.e2e.harness import Relay, running
from tests.peers.hook import Receiver, receiver

MESSAGE = b"X-SMTPeter-Tags: spring\r\nFrom: me@example.com\r\nTo: a@b.example\r\nSubject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    config = {"sandbox": {"enabled": True}, "webhooks": {"allow": ["127.0.0.0/8"]}}
    with running(tmp_path, config) as found:
        yield found


def told(there: Receiver, message: str) -> list[tuple[str, str]]:
    """Type and recipient of what it was told of a message, each once, in order."""
    bodies = [json.loads(body) for _, _, body in list(there.got)]
    of_it = [each for each in bodies if each.get("message", {}).get("base_id") == message]
    return list(dict.fromkeys((each["type"], each.get("recipient", "")) for each in of_it))


def test_mail_is_told_to_a_webhook_that_was_added_while_the_relay_runs(relay: Relay) -> None:
    with receiver() as there:
        added = relay.ask("webhook", "add", there.url(), "--events", "received,delivered")
        message = relay.submit(MESSAGE, ["ann@one.example", "bob@two.example"])
        relay.wait(lambda: len(told(there, message)) == 3, "three events")
        assert told(there, message)[0] == ("message.accepted", "")
        assert set(told(there, message)[1:]) == {
            ("message.delivered", "ann@one.example"),
            ("message.delivered", "bob@two.example"),
        }
        for _, headers, body in there.got:
            Judge(added["secret"]).verify(body, headers)
            if b"webhook.test" not in body:
                assert json.loads(body)["message"]["tags"] == ["spring"]
        shown = relay.ask("webhook", "show", added["id"])
        assert (shown["state"], shown["waiting"]) == ("ok", 0)
        assert shown["answers"][0]["status"] == 200
        assert added["secret"] not in relay.printed


def test_what_a_killed_relay_had_still_to_tell_is_told_by_the_next(relay: Relay) -> None:
    with receiver() as there:
        added = relay.ask("webhook", "add", there.url(), "--events", "delivered")
        there.status = 503
        messages = [relay.submit(MESSAGE, ["ann@one.example"]) for _ in range(5)]
        relay.wait(lambda: relay.ask("webhook", "show", added["id"])["failures"], "a failure")
        relay.kill()
        there.status = 200
        there.got.clear()
        relay.start()
        relay.cli("webhook", "enable", added["id"])  # it is not waited for
        for message in messages:
            relay.wait(lambda one=message: told(there, one), "what was not told before")  # type: ignore[misc]
        relay.wait(lambda: not relay.ask("webhook", "show", added["id"])["waiting"], "the last answer")
