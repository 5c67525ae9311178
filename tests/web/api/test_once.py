"""A request with an Idempotency-Key is carried out once and answered the same: the names on disk, and the turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.report.erase import erase
from relay.store.beside import Answered
from relay.store.interface import StoreDown
from relay.store.sqlite import SqliteIdempotency, open_idempotency
from relay.web.api.answers import answer
from relay.web.api.call import Answer
from relay.web.api.once import LONGEST, Once, Work, checked, fingerprint
from relay.web.api.problem import Problem
from tests.store.mail import NOON

DAY = 86_400.0


class Handler:
    """What the tests have carried out, and how often."""

    def __init__(self, *comes: Answer | Exception) -> None:
        self.comes = list(comes)
        self.asked: list[tuple[str, bool]] = []

    async def __call__(self, key: str, again: bool) -> Answer:
        self.asked.append((key, again))
        came = self.comes.pop(0)
        if isinstance(came, Exception):
            raise came
        return came


@pytest_asyncio.fixture
async def names(tmp_path: Path) -> AsyncIterator[SqliteIdempotency]:
    opened = await open_idempotency(tmp_path / "idempotency.db")
    yield opened
    await opened.close()


async def run(names: SqliteIdempotency, work: Work, **given: object) -> Answer:
    """By a process that was just started."""
    return await turn(Once(names, lambda: DAY), work, **given)


async def turn(once: Once, work: Work, **given: object) -> Answer:
    asked = {"account": "shop", "method": "POST", "path": "/v1/send", "key": "k1", "body": b"{}", "at": NOON, **given}
    digest = fingerprint([], "application/json", asked.pop("body"))  # type: ignore[arg-type]
    return await once.run(fingerprint=digest, work=work, **asked)  # type: ignore[arg-type]


async def test_the_same_request_gets_the_answer_it_got_before(names: SqliteIdempotency) -> None:
    handler = Handler(answer({"a-1": "jane@example.net"}, 202, {"Location": "/v1/messages/a"}))
    first = await run(names, handler)
    second = await run(names, handler)
    assert (second.status, second.media, second.body) == (first.status, first.media, first.body)
    assert second.headers == {"Location": "/v1/messages/a", "Idempotency-Replayed": "true"}
    assert len(handler.asked) == 1 and handler.asked[0][1] is False


async def test_another_body_under_the_key_is_refused(names: SqliteIdempotency) -> None:
    await run(names, Handler(answer({})))
    with pytest.raises(Problem) as caught:
        await run(names, Handler(), body=b'{"a":1}')
    assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    "other", [{"key": "K1"}, {"account": "else"}, {"path": "/v1/resend"}, {"method": "PUT"}], ids=str
)
async def test_a_key_belongs_to_its_account_and_call(names: SqliteIdempotency, other: dict[str, str]) -> None:
    handler = Handler(answer(1), answer(2))
    await run(names, handler)
    assert (await run(names, handler, **other)).body == b"2"
    assert handler.asked[0][0] != handler.asked[1][0]


async def test_a_request_under_way_is_told_to_come_back(names: SqliteIdempotency) -> None:
    once, reached, go = Once(names, lambda: DAY), asyncio.Event(), asyncio.Event()

    async def slow(key: str, again: bool) -> Answer:
        reached.set()
        await go.wait()
        return answer("done")

    first = asyncio.create_task(turn(once, slow))
    await asyncio.wait_for(reached.wait(), 10)
    with pytest.raises(Problem) as caught:
        await turn(once, slow)
    assert (caught.value.status, caught.value.code, caught.value.headers["Retry-After"]) == (409, "in_progress", "1")
    go.set()
    assert (await first).body == b'"done"'
    assert (await turn(once, slow)).headers["Idempotency-Replayed"] == "true"


async def test_what_died_under_way_is_carried_out_again_with_the_key_of_its_submissions(
    names: SqliteIdempotency,
) -> None:
    once, reached, keys = Once(names, lambda: DAY), asyncio.Event(), []

    async def dies(key: str, again: bool) -> Answer:
        keys.append(key)
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(turn(once, dies))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    handler = Handler(answer("again"))
    assert (await run(names, handler)).body == b'"again"'
    assert handler.asked == [(keys[0], True)]
    assert (await run(names, handler)).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("code", ["bad_json", "too_large", "bad_type", "bad_value", "unacceptable"])
async def test_a_fault_of_the_request_is_answered_the_same(names: SqliteIdempotency, code: str) -> None:
    with pytest.raises(Problem):
        await run(names, Handler(Problem(code, "it is wrong", field="to")))
    kept = await run(names, Handler())
    assert b'"message":"it is wrong"' in kept.body and kept.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("code", ["refused", "not_found", "conflict", "gone", "too_many_requests"])
async def test_after_what_may_change_the_key_is_free_for_another_request(names: SqliteIdempotency, code: str) -> None:
    with pytest.raises(Problem):
        await run(names, Handler(Problem(code, "not now")))
    handler = Handler(answer("taken"))
    await run(names, handler, body=b"[]")
    assert handler.asked[0][1] is False


@pytest.mark.parametrize(
    "came",
    [Problem("unavailable", "later"), Problem("internal", "oh"), StoreDown("gone"), Answer(final=False)],
    ids=["503", "500", "store", "not final"],
)
async def test_a_failure_of_ours_is_not_kept_and_the_request_stays_with_its_key(
    names: SqliteIdempotency, came: Answer | Exception
) -> None:
    handler = Handler(came, answer("taken"))
    try:
        assert await run(names, handler) is came
    except (Problem, StoreDown) as error:
        assert error is came
    with pytest.raises(Problem):
        await run(names, handler, body=b"[]")
    assert (await run(names, handler)).body == b'"taken"'
    assert [again for _, again in handler.asked] == [False, True]


async def test_an_answer_that_is_too_long_is_made_anew(names: SqliteIdempotency) -> None:
    long = Answer(body=bytes(LONGEST + 1))
    handler = Handler(long, long)
    await run(names, handler)
    assert await run(names, handler) is long
    assert handler.asked[1] == (handler.asked[0][0], True)


async def test_a_key_is_forgotten_after_its_time(names: SqliteIdempotency) -> None:
    handler = Handler(answer(1), answer(2), answer(3))
    await run(names, handler)
    assert (await run(names, handler, at=NOON + DAY)).body == b"1"
    assert (await run(names, handler, at=NOON + DAY + 1, body=b"[]")).body == b"2"
    assert await names.prune_answers(NOON + DAY) == 0
    assert await names.prune_answers(NOON + DAY + 2) == 1
    assert (await run(names, handler, at=NOON + DAY + 1)).body == b"3"


@pytest.mark.parametrize("key", ["", "x" * 257, "a\tb", "größe", "a\x7f"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Problem) as caught:
        checked(key)
    assert (caught.value.status, caught.value.field) == (400, "Idempotency-Key")


def test_a_key_may_have_256_characters_and_blanks() -> None:
    assert checked("x y" + "~" * 253) == "x y" + "~" * 253


def test_a_fingerprint_tells_requests_apart_and_leaves_out_what_changes_nothing() -> None:
    plain = fingerprint([("a", "1"), ("b", "2")], "application/json", b"{}")
    assert plain == fingerprint(
        [("b", "2"), ("access_token", "t"), ("a", "1")], "Application/JSON; charset=utf-8", memoryview(b"{}")
    )
    others = [
        fingerprint([("a", "1")], "application/json", b"{}"),
        fingerprint([("a", "12"), ("b", "")], "application/json", b"{}"),
        fingerprint([("a", "1"), ("b", "2")], "message/rfc822", b"{}"),
        fingerprint([("a", "1"), ("b", "2")], "application/json", b"{ }"),
    ]
    assert plain not in others and len(set(others)) == len(others)


async def test_erasing_a_person_forgets_the_answers_that_name_them_and_no_others(
    names: SqliteIdempotency, tmp_path: Path
) -> None:
    for number, body in enumerate(['{"a-1":"Jörg@Example.net"}', '{"a-1":"jane@example.net"}'], 1):
        name = bytes([number])
        assert await names.begin(name, b"f", NOON, 0.0) is None
        await names.answered(name, Answered(200, "application/json", {}, body.encode()))
    erase(tmp_path, "jörg@example.net")
    erased, other = await names.begin(b"\x01", b"f", NOON, 0.0), await names.begin(b"\x02", b"f", NOON, 0.0)
    assert erased is not None and erased.fingerprint == b"f" and erased.answer is None
    assert other is not None and other.answer is not None and b"jane" in other.answer.body
