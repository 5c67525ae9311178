"""A message that was sent leaves again as it left, and what happens to it is told of the new id."""

from __future__ import annotations

import asyncio
import base64
import quopri
import re
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from relay.model.envelope import Notify
from relay.model.order import Act, Order, Selection
from relay.model.token import Token
from relay.store.sqlite import open_reader, shard_directory
from relay.transform.token import read
from relay.worker.context import WEB_SHARD
from tests.transform.verifiers import dkimpy, keys
from tests.web.api.stage import Stage
from tests.web.api.test_stored import MESSAGE, take

LONG = "<p>" + " ".join(f'<a href="https://shop.example/{"x" * 60}/{n}">größer {n}</a>' for n in range(9)) + "</p>"
TRACKED = {
    "from": "Shop <me@example.com>",
    "subject": "Hi",
    "html": f'{LONG}<img src="https://shop.example/logo.png">',
    "text": "See https://shop.example/text for more.",
    "track_clicks": "all",
    "track_opens": True,
    "unsubscribe": {},
    "options": {"unsubscribe": "both", "tags": ["a"], "metadata": {"order": "7"}},
}
TOKEN = re.compile(rb"/([A-Za-z0-9_-]{36})")


@pytest.fixture(autouse=True)
def tracking(api: Stage) -> None:
    domain = api.registry.domain("example.com")
    seen = api.services.clock()
    api.registry.update_domain(
        replace(
            domain,
            tracking_host="clicks.example.com",
            tracking_verified=seen,
            bounce_host="bounces.example.com",
            bounce_verified=seen,
        )
    )


async def sent(api: Stage, **properties: Any) -> str:
    answer = await api.post("/v1/messages", json={"recipient": "ann@example.net", **properties})
    assert answer.status_code == 202, answer.text
    ident: str = answer.json()["id"]
    return ident


async def again(api: Stage, ident: str) -> dict[str, str]:
    answer = await api.post("/v1/resend", json={"message": ident})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    told: dict[str, str] = answer.json()
    return told


def tokens(api: Stage, content: bytes) -> list[Token]:
    """Of all links in it, in order."""
    found, signed = [], api.registry.link_keys()
    for each in TOKEN.findall(content):
        try:
            found.append(read(each.decode(), signed))
        except ValueError:
            continue
    return found


def decoded(content: bytes) -> bytes:
    return quopri.decodestring(content)


def bare(content: bytes, ident: str) -> bytes:
    """Without what is ours on top: signatures, and the Received field with the id."""
    head, _, rest = content.partition(f" id {ident}".encode())
    assert head.startswith(b"DKIM-Signature:") and head.count(b"Received:") == 1
    return re.split(rb"\r\n(?![ \t])", rest, maxsplit=1)[1]


def messages(api: Stage, kind: str = "received") -> list[Any]:
    return [each for each in api.events() if each.name.value == kind]


async def test_row_30_resend_sends_the_old_content_under_a_new_id(api: Stage) -> None:
    taken = await take(api, MESSAGE, sender="bounces@example.com")
    told = await again(api, f"{taken.id}-1")
    ((id, address),) = told.items()
    assert address == "ann@example.net" and id.endswith("-1") and not id.startswith(taken.id)
    first, second = api.content(taken.id), api.content(id)
    assert bare(second, id.partition("-")[0]) == bare(first, taken.id)
    assert second.count(b"Received:") == 1 and second.count(b"Message-ID: <1@example.com>") == 1
    assert dkimpy(second, keys()) == [True, True]
    assert messages(api)[1].data["from"] == "bounces@example.com"


async def test_resend_renews_the_tokens_in_links_pictures_and_list_fields(api: Stage) -> None:
    old = await sent(api, **TRACKED)
    ((id, _),) = (await again(api, old)).items()
    new = id.partition("-")[0]
    first, second = api.content(old), api.content(new)
    before, after = tokens(api, decoded(first)), tokens(api, decoded(second))
    assert len(before) > 10 and {each.message for each in before} == {old}
    assert after == [replace(each, message=new) for each in before]
    header = second[: second.index(b"\r\n\r\n")]
    assert old.encode() not in second.replace(b"Message-ID: <" + old.encode(), b"")
    assert b"<mailto:u" in header and f"-{new}-1-".encode() in header
    assert len(first) == len(second)
    assert dkimpy(second, keys()) == [True, True]
    with closing(open_reader(shard_directory(api.data, WEB_SHARD), WEB_SHARD)) as reader:
        was, now = reader.tracked(old, 1), reader.tracked(new, 1)
    assert was is not None and now is not None and now.targets == was.targets and now.links
    assert now.options.tags == ("a",) and now.options.metadata == {"order": "7"}


async def test_resend_renews_tokens_in_base64(api: Stage) -> None:
    html = base64.encodebytes(str(TRACKED["html"]).encode()).replace(b"\n", b"\r\n")
    head = b"From: me@example.com\r\nX-SMTPeter-TrackClicks: true\r\nMIME-Version: 1.0\r\n"
    kind = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    taken = await take(api, head + kind + html)
    ((id, _),) = (await again(api, taken.id)).items()
    first, second = (base64.b64decode(api.content(each).split(b"\r\n\r\n", 1)[1]) for each in (taken.id, id))
    before, after = tokens(api, first), tokens(api, second)
    assert len(before) == 9 and after == [replace(each, message=id.partition("-")[0]) for each in before]


async def test_resend_of_a_submission_gives_each_recipient_his_own_content(api: Stage) -> None:
    people = {"ann@example.net": {"name": "Ann"}, "bob@example.net": {"name": "Bob"}}
    old = await sent(api, recipient=people, **{"from": "me@example.com", "subject": "Hi", "text": "Hello {$name}."})
    told = await again(api, old)
    assert list(told.values()) == ["ann@example.net", "bob@example.net"]
    new = next(iter(told)).partition("-")[0]
    assert (await api.get(f"/v1/text/{new}-1")).text.strip() == "Hello Ann."
    assert (await api.get(f"/v1/text/{new}-2")).text.strip() == "Hello Bob."
    ((alone, address),) = (await again(api, f"{old}-2")).items()
    assert address == "bob@example.net"
    assert (await api.get(f"/v1/text/{alone}")).text.strip() == "Hello Bob."


async def test_resend_leaves_out_who_was_dropped_since_the_first_content_is_not_his(api: Stage) -> None:
    people = {"ann@example.net": {"n": 0}, "bob@example.net": {"n": 2}}
    properties = {"from": "me@example.com", "subject": "Hi", "text": "A share of {12 / $n}.", "merge_error": "drop"}
    old = await sent(api, recipient=people, **properties)
    assert [each.recipient for each in messages(api, "cancelled")] == [1]
    assert list((await again(api, old)).values()) == ["bob@example.net"]
    answer = await api.post("/v1/resend", json={"message": f"{old}-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "gone")


async def test_resend_gives_archives_their_copy_by_the_option_alone(api: Stage) -> None:
    credential = api.registry.credential("shop-app")
    api.registry.update_credential(replace(credential, options={"bcc_archive": ["archive@example.com"]}))
    old = await sent(api, **{"from": "me@example.com", "subject": "Hi", "text": "Hello."})
    told = await again(api, old)
    assert list(told.values()) == ["ann@example.net"]
    with closing(open_reader(shard_directory(api.data, WEB_SHARD), WEB_SHARD)) as reader:
        new = reader.recipients(next(iter(told))[:-2])
    assert [each.address for each in new] == ["ann@example.net", "archive@example.com"]


async def test_resend_of_a_tracked_message_to_one_of_several_names_him_as_the_first(api: Stage) -> None:
    old = await sent(api, recipient=["ann@example.net", "bob@example.net"], **TRACKED)
    ((id, _),) = (await again(api, f"{old}-2")).items()
    assert {(each.message, each.recipient) for each in tokens(api, decoded(api.content(id)))} == {(id[:-2], 1)}


async def test_resend_of_what_was_sent_again_works_as_well(api: Stage) -> None:
    old = await sent(api, **TRACKED)
    ((id, _),) = (await again(api, old)).items()
    ((third, _),) = (await again(api, id)).items()
    content = api.content(third)
    assert {each.message for each in tokens(api, decoded(content))} == {third[:-2]}
    assert content.count(b"\r\nReceived:") == 1 and len(content) == len(api.content(old))


async def test_resend_keeps_who_is_told_of_what_and_sends_at_once(api: Stage) -> None:
    dsn = {"notify": "SUCCESS,FAILURE", "ret": "FULL", "envid": "order-7"}
    plain = {"from": "me@example.com", "subject": "Hi", "text": "Hello."}
    old = await sent(api, envelope="bounces@example.com", dsn=dsn, send_at="+1h", priority=7, **plain)
    ((id, _),) = (await again(api, old)).items()
    with closing(open_reader(shard_directory(api.data, WEB_SHARD), WEB_SHARD)) as reader:
        message = reader.message(id[:-2])
    assert message.envelope.reverse_path == "bounces@example.com"
    assert (message.envelope.envid, message.envelope.ret.value) == ("order-7", "FULL")
    assert message.envelope.recipients[0].notify == Notify.SUCCESS | Notify.FAILURE
    assert message.priority == 7 and message.resolved.options.send_at is None
    assert [each.message for each in messages(api, "scheduled")] == [old]


async def test_resend_of_a_message_without_an_envelope_has_none_either(api: Stage) -> None:
    old = await sent(api, **{"from": "me@example.com", "subject": "Hi", "text": "Hello."})
    ((id, _),) = (await again(api, old)).items()
    assert [each.data.get("pathless") for each in messages(api)] == [True, True]
    assert (await api.get(f"/v1/envelope/{id}")).text == ""


async def test_resend_takes_a_form_and_an_idempotency_key(api: Stage) -> None:
    old = (await take(api)).id
    key = {"Idempotency-Key": "again-7"}
    first = await api.post("/v1/resend", data={"message": old}, headers=key)
    second = await api.post("/v1/resend", data={"message": old}, headers=key)
    assert first.status_code == 200 and second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert len(messages(api)) == 2


async def test_resend_dry_run_shows_what_would_leave(api: Stage) -> None:
    old = await sent(api, **TRACKED)
    answer = await api.post("/v1/resend?dry_run=1", json={"message": old})
    assert answer.status_code == 200 and answer.json()["recipients"] == ["ann@example.net"]
    assert "Subject: Hi" in answer.json()["messages"][0]["mime"]
    assert len(messages(api)) == 1


async def test_resend_of_forgotten_contents_is_gone(api: Stage) -> None:
    old = (await take(api)).id
    for act in (Act.DELETE, Act.DROP):
        await api.queue.release([], 0.0)
        order = Order(number=1, at=api.services.clock(), who="root", act=act, selection=Selection(ids=(old,)))
        await _landed(api, old)
        await api.queue.act(order, api.services.clock())
    answer = await api.post("/v1/resend", json={"message": old})
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "gone")


async def _landed(api: Stage, ident: str) -> None:
    """Delivery gives back what it was offered."""
    dues = [due for due in api.room.offered if due.message.id == ident]
    await api.queue.release(dues, api.services.clock() + 3600)
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"message": "0r2k9v1m00000001"}, 404, "not_found"),
        ({"message": "what"}, 404, "not_found"),
        ({}, 422, "missing"),
        ({"message": 7}, 422, "bad_value"),
        ({"message": "0r2k9v1m00000001", "recipient": "ann@example.net"}, 422, "unknown_property"),
    ],
)
async def test_resend_of_what_is_not_there_is_refused(
    api: Stage, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await api.post("/v1/resend", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_resend_of_the_message_of_another_account_is_not_found(api: Stage) -> None:
    old = (await take(api)).id
    answer = await api.other().post("/v1/resend", json={"message": old})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
