"""What a request may cost before it is understood: its values, its octets, its time on the event loop."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
import random
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from relay.model.clock import system_clock
from relay.web.api import body, door, once, weight
from relay.web.api.call import Answer, Asked
from relay.web.api.door import Door
from relay.web.api.forms import PIECE, read_form
from relay.web.api.once import Once
from relay.web.api.services import THREADS, Services
from relay.web.api.table import CALLS
from tests.web.api.stage import Stage

SMALL = {"recipient": "ann@example.net", "from": "me@example.com", "subject": "Hi", "text": "Hello."}
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def one(chance: random.Random, depth: int = 0) -> Any:
    """A value of JSON."""
    kind = chance.random()
    if depth < 3 and kind < 0.3:
        return [one(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    if depth < 3 and kind < 0.6:
        return {text(chance): one(chance, depth + 1) for _ in range(chance.randint(0, 4))}
    return text(chance)


def text(chance: random.Random) -> str:
    return "".join(chance.choice('\\\\\\"",[{ab') for _ in range(chance.randint(0, 9)))


@pytest.mark.parametrize("piece", [3, 4, 7, 64])
def test_values_are_counted_outside_of_texts_wherever_a_body_is_cut(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight, "_PIECE", piece)
    for seed in range(300):
        octets = json.dumps(one(random.Random(seed))).encode()
        plain = _TEXT.sub(b"", octets)
        assert weight.values(octets) == sum(map(plain.count, (b",", b"[", b"{"))), (seed, octets)


@pytest.mark.parametrize("unit", [b"[],", b"1,", b'{"a":"b"},', b"[[[]]],"])
async def test_a_body_of_millions_of_values_is_refused_before_it_is_read(api: Stage, unit: bytes) -> None:
    octets = b'{"x":[' + unit * weight.VALUES + b"1]}"
    answer = await api.post("/v1/send", content=octets, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert "500,000 values" in answer.json()["error"]["message"]


async def test_a_text_full_of_commas_is_one_value(api: Stage) -> None:
    text = 'a,[{"\\' * 100_000
    assert (await api.post("/v1/send", json={**SMALL, "text": text})).status_code == 200


async def test_a_compressed_body_lets_others_work_between_its_parts(tmp_path: Path) -> None:
    turns = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": gzip.compress(bytes(8 << 20)), "more_body": False}

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    spool = await body.take(receive, {"content-encoding": "gzip"}, 16 << 20, tmp_path)
    task.cancel()
    assert spool.size == 8 << 20
    assert turns >= 100
    spool.close()


def test_long_values_of_a_form_are_unquoted_whole() -> None:
    chance = random.Random(7)
    for size in (PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5):
        value = "".join(chance.choice("a%é +&") for _ in range(size))
        assert read_form(b"text=" + quote_plus(value).encode()) == {"text": value}
    assert read_form(b"text=" + b"%" * (PIECE + 2)) == {"text": "%" * (PIECE + 2)}


async def test_a_large_request_with_a_key_is_digested_off_the_event_loop(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    digested: list[threading.Thread] = []
    was = once.fingerprint

    def fingerprint(*given: Any) -> bytes:
        digested.append(threading.current_thread())
        return was(*given)

    monkeypatch.setattr(door, "fingerprint", fingerprint)
    for number, size in enumerate((10, body.LARGE + 1)):
        headers = {"Idempotency-Key": f"k{number}"}
        assert (await api.post("/v1/send", json={**SMALL, "text": "x" * size}, headers=headers)).status_code == 200
    assert digested[0] is threading.main_thread() is not digested[1]


async def test_an_endless_answer_ends_and_is_closed_when_its_reader_leaves(api: Stage) -> None:
    ended = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            for _ in itertools.count():
                yield bytes(1000)
        finally:
            ended.set()

    async def handler(_services: Services, _asked: Asked) -> Answer:
        return Answer(body=pieces(), media="text/csv")

    call = replace(next(each for each in CALLS if each.name == "logfiles"), path="/endless", handler=handler)
    own = Door(api.services, [call], Once(api.services.idempotency, lambda: 60.0), system_clock)
    left, sent = asyncio.Event(), 0
    came = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for each in came:
            return each
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += message["type"] == "http.response.body"
        if sent == 3:
            left.set()

    scope = {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/v1/endless",
        "query_string": b"",
        "headers": [(b"authorization", api.client.headers["Authorization"].encode())],
        "client": ("127.0.0.1", 5),
    }
    async with asyncio.timeout(20):
        await own(scope, receive, send)
    assert ended.is_set()
    assert sent < 20


async def test_memory_of_large_requests_goes_back_to_the_system(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    called = threading.Event()
    monkeypatch.setattr(door, "give_back", called.set)
    monkeypatch.setattr(door, "TIDY", 0.0)
    assert (await api.post("/v1/send", json=SMALL)).status_code == 200
    assert (await api.post("/v1/send", json={**SMALL, "text": "x" * (door.TIDIED + 1)})).status_code == 200
    assert await asyncio.to_thread(called.wait, 10)


async def test_searches_that_take_long_hold_up_no_sending_however_many_there_are(api: Stage) -> None:
    ends = threading.Event()
    searches = [asyncio.create_task(api.services.threaded(ends.wait, 20)) for _ in range(THREADS + 1)]
    await asyncio.sleep(0)
    try:
        attachment = {"name": "a.bin", "data": base64.b64encode(bytes(200_000)).decode()}
        headers = {"Idempotency-Key": "k"}
        large = {**SMALL, "text": "x" * 300_000, "attachments": [attachment]}
        assert (await api.post("/v1/send", json=large, headers=headers)).status_code == 200
        mime = b"From: me@example.com\n\n" + b"Hello.\n" * 50_000
        query = {"to": "ann@example.net", "from": "me@example.com"}
        headers = {"Content-Type": "message/rfc822"}
        assert (await api.post("/v1/messages/mime", content=mime, params=query, headers=headers)).status_code == 202
        batch = {"base": SMALL, "messages": [{}, {}]}
        assert (await api.post("/v1/messages/batch", json=batch)).status_code == 202
        assert not any(each.done() for each in searches)
    finally:
        ends.set()
        await asyncio.gather(*searches)
