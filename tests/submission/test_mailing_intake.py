"""What options of mailings name has to be there, and what is kept of data for templates."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from relay.model.event import EventName
from relay.model.message import State
from relay.model.options import Unsubscribe
from relay.model.reply import Refused
from relay.model.suppression import Cause, Suppression
from relay.model.webhook import Webhook
from relay.store.sqlite.hooks import open_webhooks
from tests.submission.accounts import AT
from tests.submission.house import PLAIN, House, built, submission

HOOK = "https://example.com/hook"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with built(tmp_path) as house:
        yield house


async def refusal(house: House, lines: str) -> str:
    with pytest.raises(Refused) as caught:
        await house.intake().take(submission(lines.encode() + PLAIN))
    return str(caught.value.reply)


async def test_a_webhook_that_a_message_names_has_to_be_one_of_the_account(house: House) -> None:
    house.credential(grants=frozenset({"webhook-url"}), allowed={"webhook_url": ("https://example.com/*",)})
    lines = f"X-SMTPeter-WebhookUrl: {HOOK}\r\n"
    assert await refusal(house, lines) == f"554 5.6.0 webhook_url: account demo has no webhook {HOOK}"
    with closing(open_webhooks(house.directory / "registry.db")) as hooks:
        hooks.add(Webhook(id="wh_1", account="demo", url=HOOK, created=AT, events=frozenset({"delivered"})))
    taken = await house.intake().take(submission(lines.encode() + PLAIN))
    assert house.kept(taken.id)[0].resolved.options.webhook_url == HOOK


async def test_data_for_templates_are_in_the_contents_and_nowhere_else(house: House) -> None:
    data = json.dumps({"ann@example.net": {"name": "Ann Secret"}})
    lines = f"X-SMTPeter-Merge: {data}\r\nX-SMTPeter-Vars: shop=Hidden\r\n".encode()
    taken = await house.intake().take(submission(lines + PLAIN.replace(b"Hello", b"Hello {$name} of {$shop}")))
    kept = house.kept(taken.id)[0].resolved
    assert (kept.options.merge, kept.options.merge_global) == ({}, {})
    assert kept.sources["merge"] == "header X-SMTPeter-Merge"
    assert b"Hello Ann Secret of Hidden." in await house.queue.content(taken.id, 0)
    assert not any("Secret" in each.to_json() or "Hidden" in each.to_json() for each in house.events())


async def test_templates_that_compute_for_long_hold_up_no_other_large_message(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ends = threading.Semaphore(0), threading.Event()

    def tune(*_given: object) -> None:
        begun.release()
        assert ends.wait(20)
        raise Refused(554, "5.6.0", "enough")

    monkeypatch.setattr("relay.submission.tuning.tuner.Tuner.tune", tune)
    intake = house.intake()
    lines = b'X-SMTPeter-Merge: {"ann@example.net": {"name": "Ann"}}\r\n'
    slow = [asyncio.create_task(intake.take(submission(lines + PLAIN))) for _ in range(3)]
    for _ in range(2):  # as many as compute at once
        assert await asyncio.to_thread(begun.acquire, timeout=10)
    async with asyncio.timeout(10):
        await intake.take(submission(PLAIN + b"word \t word\r\n" * 60_000))
    assert not any(each.done() for each in slow)
    ends.set()
    assert all(isinstance(each, Refused) for each in await asyncio.gather(*slow, return_exceptions=True))
    await intake.close()


async def test_refusing_suppressed_recipients_heeds_group_and_bypass(house: House) -> None:
    left = Suppression(account="demo", address="ann@example.net", group="news", cause=Cause.UNSUBSCRIBE, created=AT)
    house.suppressions.add([left])
    house.credential(refuse_suppressed=True, grants=frozenset({"bypass-suppression"}))
    news = "X-SMTPeter-SuppressionGroup: News\r\n"
    assert (await refusal(house, news)).startswith("550 5.7.1 no mail is sent to ann@example.net (unsubscribe)")
    for lines in ("", "X-SMTPeter-SuppressionGroup: offers\r\n", news + "X-SMTPeter-Bypass: group\r\n"):
        taken = await house.intake().take(submission(lines.encode() + PLAIN))
        assert house.kept(taken.id)[1][0].state is State.FLIGHT


async def test_bulk_mail_of_an_account_says_in_its_event_how_it_is_unsubscribed_from(house: House) -> None:
    lines = b"X-SMTPeter-Stream: bulk\r\nX-SMTPeter-UnsubscribeUrl: https://example.com/u\r\n"
    taken = await house.intake().take(submission(lines + PLAIN))
    content = await house.queue.content(taken.id, 0)
    assert (
        b"List-Unsubscribe: <https://example.com/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click" in content
    )
    assert b"\r\nFeedback-ID: :demo:bulk:demo-" in content
    signed = content.partition(b"DKIM-Signature:")[2].partition(b" bh=")[0]
    assert signed.count(b"list-unsubscribe:") == signed.count(b"list-unsubscribe-post") == 2
    (told,) = [each for each in house.events() if each.name is EventName.RECEIVED]
    assert told.data["options"]["unsubscribe"] == Unsubscribe.BOTH
