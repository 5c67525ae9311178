"""Who waits for a data request is told of its end, at a URL or by mail."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from relay.store.interface import StoreFull
from relay.store.requests import Request
from relay.store.sqlite import open_reader, shard_directory
from relay.web.requests import desk, tell
from relay.worker.context import WEB_SHARD
from tests.http.site import Got, site
from tests.web.api.asking import ANN, NOT_YET, asked, ended, working
from tests.web.api.stage import Stage, staged


async def test_datarequest_posts_the_result_to_its_monitor(api: Stage) -> None:
    async with site() as there, working(api):
        id = await asked(api, monitor=there.url("/privacy?key=1"))
        (got,) = await there.wait_for(1)
        assert (got.method, got.target, got.headers["content-type"]) == ("POST", "/privacy?key=1", "application/json")
        assert got.headers["x-data-request"] == id
        assert json.loads(got.body) == (await api.get(f"/v1/datarequest/{id}")).json()
        assert (await ended(api, id, "monitor", but=""))["monitor"] == "told"


async def test_datarequest_posts_its_state_where_there_is_too_much(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "POSTED", 10)
    async with site() as there, working(api):
        id = await asked(api, monitor=there.url())
        (got,) = await there.wait_for(1)
    told = json.loads(got.body)
    assert (told["id"], told["status"], told["data"]) == (id, "done", NOT_YET)


async def test_datarequest_gives_up_a_monitor_that_does_not_answer(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "PAUSES", (0.0, 0.0, 0.0))

    async def busy(got: Got) -> web.StreamResponse:
        return web.Response(status=503)

    async with site(busy) as there, working(api):
        id = await asked(api, monitor=there.url())
        state = await ended(api, id, "monitor", but="")
        assert (state["status"], state["monitor"]) == ("done", "not told: it answered 503")
        assert len(there.got) == 3


async def test_datarequest_is_not_posted_into_private_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "PAUSES", (0.0,))
    async with site() as there, staged(tmp_path) as api, working(api):
        id = await asked(api, monitor="http://10.0.0.1/")
        state = await ended(api, id, "monitor", but="")
        assert "we do not connect to 10.0.0.1" in state["monitor"]
        assert there.got == []


async def test_datarequest_mails_the_result_to_an_address_of_the_account(api: Stage) -> None:
    (sent,) = await api.send(recipient=ANN)
    async with working(api):
        id = await asked(api, monitor="privacy@example.com")
        assert (await ended(api, id, "monitor", but=""))["monitor"] == "told"
        result = (await api.get(f"/v1/datarequest/{id}")).content
    received = next(each for each in api.events() if each.data.get("to") == "privacy@example.com")
    assert (received.account, received.data["origin"], received.data["from"]) == ("shop", "report", "")
    mail = email.message_from_bytes(api.content(received.message), policy=email.policy.default)
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == f"datarequest-{id}.json"
    assert attached.get_content() == result
    assert sent.encode() in result
    assert id in mail["Subject"] and mail["Auto-Submitted"] == "auto-generated"


async def test_datarequest_mails_a_word_where_there_is_too_much(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "ATTACHED", 10)
    async with working(api):
        id = await asked(api, monitor="privacy@example.com")
        await ended(api, id, "monitor", but="")
    received = next(each for each in api.events() if each.data.get("to") == "privacy@example.com")
    content = api.content(received.message)
    assert b"too many for mail" in content and b"attachment" not in content


async def test_datarequest_with_a_monitor_that_hangs_holds_up_nobody(api: Stage) -> None:
    async def hangs(got: Got) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this")

    async with site(hangs) as there, working(api):
        slow = await asked(api, monitor=there.url())
        await there.wait_for(1)
        quick = await asked(api, monitor="privacy@example.com")
        assert (await ended(api, quick, "monitor", but=""))["monitor"] == "told"
        state = (await api.get(f"/v1/datarequest/{slow}/status")).json()
        assert (state["status"], state["monitor"]) == ("done", "")


async def test_datarequest_whose_monitor_breaks_something_says_so(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*given: object) -> str:
        raise RuntimeError("closed")

    monkeypatch.setattr(desk, "tell", broken)
    async with working(api):
        id = await asked(api, monitor="privacy@example.com")
        state = await ended(api, id, "monitor", but="")
    assert state["monitor"] == "not told: a fault of the relay's: RuntimeError"


async def test_datarequest_is_told_once_the_disk_takes_it(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "AGAIN", 0.01)
    tries: list[str] = []

    async def full(services: object, store: object, request: Request) -> str:
        tries.append(request.id)
        if len(tries) < 3:
            raise StoreFull("no room")
        return "told"

    monkeypatch.setattr(desk, "tell", full)
    async with working(api):
        id = await asked(api, monitor="privacy@example.com")
        assert (await ended(api, id, "monitor", but=""))["monitor"] == "told"
    assert tries == [id] * 3


async def test_datarequest_is_not_mailed_to_a_domain_that_was_given_up(api: Stage) -> None:
    id = await asked(api, monitor="privacy@keyless.example")
    api.registry.remove_domain("keyless.example")
    async with working(api):
        state = await ended(api, id, "monitor", but="")
    assert state["monitor"] == "not told: the address is at no verified domain of the account any more"
    assert not [each for each in api.events() if each.data.get("to") == "privacy@keyless.example"]


async def test_datarequest_of_a_credential_in_the_sandbox_mails_nothing_that_leaves(api: Stage) -> None:
    api.registry.update_credential(replace(api.registry.credential("shop-app"), sandbox=True))
    async with working(api):
        id = await asked(api, monitor="privacy@example.com")
        await ended(api, id, "monitor", but="")
    (received,) = [each for each in api.events() if each.data.get("to") == "privacy@example.com"]
    with closing(open_reader(shard_directory(api.data, WEB_SHARD), WEB_SHARD)) as reader:
        assert reader.message(received.message).sandbox
