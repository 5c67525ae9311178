"""A request with an Idempotency-Key, a relay killed in the midst of it, and the same request again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.harness import Relay, running

MANY = 300
BATCH = {
    "base": {"from": "me@example.com", "subject": "Hi", "text": "Hello.", "trackclicks": False, "trackopens": False},
    "messages": [{"recipient": f"r{number}@example.net"} for number in range(MANY)],
}
KEY = {"Idempotency-Key": "mailing-7"}


def client(relay: Relay) -> httpx.Client:
    base = f"http://127.0.0.1:{relay.port('http')}/v1/"
    headers = {"Authorization": f"Bearer {relay.access['token']}"}
    return httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False)


def taken(api: httpx.Client) -> list[str]:
    """The recipient of each message there is."""
    found: list[dict[str, Any]] = api.get("messages", params={"limit": 1000}).json()["messages"]
    return sorted(each["to"][0] for each in found)


def test_a_batch_that_died_half_way_is_completed_by_the_same_request_and_nothing_is_taken_twice(
    tmp_path: Path,
) -> None:
    with running(tmp_path, {"sandbox": {"enabled": True}}) as relay:

        def post() -> None:
            with client(relay) as api:
                try:
                    answers.append(api.post("messages/batch", json=BATCH, headers=KEY))
                except httpx.HTTPError as error:
                    answers.append(error)

        answers: list[object] = []
        thread = threading.Thread(target=post)
        with client(relay) as api:
            thread.start()
            relay.wait(lambda: len(taken(api)) > 10, "the first messages of the batch")
            relay.kill()
        thread.join(60)
        assert isinstance(answers[0], httpx.HTTPError)  # it was in the midst of it
        relay.start()
        with client(relay) as api:
            begun = taken(api)
            assert 10 < len(begun) < MANY and len(set(begun)) == len(begun)
            again = api.post("messages/batch", json=BATCH, headers=KEY)
            assert again.status_code == 202 and "idempotency-replayed" not in again.headers
            ids = [each["body"]["id"] for each in again.json()["messages"]]
            assert taken(api) == sorted(each["recipient"] for each in BATCH["messages"])  # type: ignore[index]
            for number in (0, MANY - 1):
                assert api.get(f"recipient/{ids[number]}").text == f"r{number}@example.net"
            relay.kill()
        relay.start()
        with client(relay) as api:
            third = api.post("messages/batch", json=BATCH, headers=KEY)
            assert third.headers["idempotency-replayed"] == "true" and third.json() == again.json()
            other = api.post("messages/batch", json={**BATCH, "messages": []}, headers=KEY)
            assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
