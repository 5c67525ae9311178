"""The HTTP API on a disk without room, or a read-only one: 503 until it is mended, and nothing half taken."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.harness import Relay, running
from tests.faults.mounts import ext4, fill, go_read_only, mend, small_disk

CONFIG = {"sandbox": {"enabled": True}, "retention": {"min_free": "24MiB"}}
SMALL = {"from": "me@example.com", "subject": "Hi", "text": "Hello.", "recipient": "ann@example.net"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "small": ("send", SMALL),
    "large": ("send", {**SMALL, "text": "Hello.\n" * 100_000}),
    "batch": ("messages/batch", {"base": SMALL, "messages": [{}, {}]}),
    "data": ("datarequest", {"email": "ann@example.net"}),
}
MESSAGES = 4  # that these make, once each


@contextlib.contextmanager
def client(relay: Relay) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {relay.access['token']}"}
    base = f"http://127.0.0.1:{relay.port('http')}/v1/"
    with httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as api:
        yield api


def refused(api: httpx.Client) -> None:
    """All of them, with keys and without, in words of the API."""
    for name, (path, body) in CALLS.items():
        for headers in ({}, {"Idempotency-Key": name}):
            answer = api.post(path, json=body, headers=headers)
            if answer.status_code == 207:  # each message of a batch has its own
                assert name == "batch" and {each["status"] for each in answer.json()["messages"]} == {503}
                continue
            assert answer.status_code == 503, (name, answer.text)
            assert answer.headers["retry-after"].isdigit()
            told = answer.json()["error"]
            assert told["code"] == "unavailable" and "Error" not in told["message"]
    assert api.get("messages").status_code == 200  # what is there can be read


def taken(api: httpx.Client) -> None:
    """All of them with the keys from before, once."""
    for _ in range(2):
        for name, (path, body) in CALLS.items():
            answer = api.post(path, json=body, headers={"Idempotency-Key": name})
            assert answer.is_success, (name, answer.text)
    assert len(api.get("messages", params={"limit": 100}).json()["messages"]) == MESSAGES


def test_calls_on_a_full_disk_are_refused_and_carried_out_once_when_there_is_room(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with small_disk(home / "var", 96) as disk, running(home, CONFIG) as relay, client(relay) as api:
        ballast = fill(disk)
        refused(api)
        ballast.unlink()
        again = {"Idempotency-Key": "small"}
        relay.wait(lambda: api.post("send", json=SMALL, headers=again).is_success, "room")
        taken(api)
        assert "Traceback" not in relay.printed


def test_calls_on_a_read_only_disk_are_refused_and_carried_out_once_when_it_is_mended(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ext4(home / "var", 96) as disk, running(home, CONFIG) as relay:
        with client(relay) as api:
            go_read_only(disk)
            refused(api)
        relay.stop()
        mend(disk)
        relay.start()
        with client(relay) as api:
            taken(api)
