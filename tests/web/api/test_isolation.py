"""Accounts see and reach nothing of one another: every call of the table, asked for what is another account's.

`shop` has something of everything. `other`, with all scopes, asks each call for it by its true id, and gets what
somebody gets who asks for what never was. Afterwards `shop` has all of it still, as it was; and lastly `shop` itself
asks the same, which shows that each of these requests would have done something.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from relay.model.event import Event, EventName
from relay.report.logfiles import day_of
from relay.web.api import orders
from relay.web.api.call import Call
from relay.web.api.table import CALLS
from tests.bounce.test_aggregate import sample
from tests.transform.verifiers import keys
from tests.web.api.asking import asked, ended, working
from tests.web.api.stage import SHOP, Stage, staged
from tests.web.api.test_dmarc import TODAY, keep
from tests.web.api.test_messages import acting

SECRET = "sesame"  # stands in all that `shop` has
FILE = "c2VzYW1l"  # the same in base64
NAME = "vault"  # by which it is asked for
ANN, BOB = f"{NAME}@example.net", f"bob-{NAME}@example.net"
ABSENT = frozenset({404})
FORBIDDEN = frozenset({403})
EMPTY = frozenset({200})  # of lists and searches: without anything of another's


@dataclass(frozen=True)
class Row:
    """How a call is asked for what is another's, and what that is answered with."""

    path: str
    answers: frozenset[int] = ABSENT
    asked: Mapping[str, Any] = field(default_factory=dict)


def of_json(path: str, answers: frozenset[int] = ABSENT, **body: Any) -> Row:
    return Row(path, answers, {"json": body})


@dataclass
class Shop:
    """What it has, by name."""

    sent: str  # a recipient's id
    waits: str  # a submission's
    doomed: str  # another's
    template: int
    request: str
    hook: str
    order: int
    token: str


MAIL: dict[str, Any] = {
    "recipient": ANN,
    "from": "me@example.com",
    "subject": SECRET,
    "text": SECRET,
    "html": f"<p>{SECRET}<img src='cid:logo'></p>",
    "tags": [NAME],
    "campaign": NAME,
    "message_ref": NAME,
    "send_cancel_id": NAME,
    "attachments": [
        {"data": FILE, "name": f"{SECRET}.txt", "type": "text/plain"},
        {"data": FILE, "name": f"{SECRET}.png", "type": "image/png", "cid": "logo"},
    ],
}
DOCUMENT: dict[str, Any] = {"name": NAME, "from": "me@example.com", "subject": SECRET, "content": f"<p>{SECRET}</p>"}
OURS = DOCUMENT | {"name": "ours", "subject": "ours", "content": "<p>ours</p>"}


async def furnished(api: Stage) -> Shop:
    async def made(path: str, **body: Any) -> dict[str, Any]:
        answer = await api.post(path, json=body)
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json()
        return found

    template = (await made("/v1/template", **DOCUMENT))["id"]
    (sent,) = await api.send(**MAIL)
    (waits,) = await api.send(**MAIL, send_at="+1h")
    (doomed,) = await api.send(**MAIL, send_at="+1h")
    submission = sent.partition("-")[0]
    hook = (await made("/v1/webhook", url=f"https://127.0.0.1/{SECRET}", note=SECRET))["id"]
    await made("/v1/dkimkey/example.com/own")
    await made("/v1/spf/example.com", include=f"{SECRET}.example")
    await made("/v1/domain/example.com", address=f"{NAME}@example.com")
    for address in (ANN, BOB):
        answer = await api.client.put(f"/v1/suppressions/{address}", json={"note": SECRET})
        assert answer.status_code == 201
    answer = await api.client.put(f"/v1/presets/{NAME}", json={"options": {"tags": [SECRET]}})
    assert answer.status_code == 201, answer.text
    token = (await made("/v1/tokens", scopes=["read"], note=SECRET))["id"]
    order = (await made("/v1/queue/orders", act="retry", address=ANN, reason=SECRET))["order"]
    keep(api, sample(email=f"{SECRET}@reports.example.net"))
    async with working(api):
        request = await asked(api, ANN)
        await ended(api, request)
    told = {"to": ANN, "tags": [NAME], "campaign": NAME, "reply": f"250 {SECRET}", "template": template}
    event = Event(
        name=EventName.DELIVERED,
        at=api.services.clock(),
        message=submission,
        recipient=1,
        account=SHOP,
        credential="shop-app",
        data={**told, "attempt": 1},
    )
    await api.record(event)
    return Shop(sent, waits.partition("-")[0], doomed.partition("-")[0], template, request, hook, order, token)


def rows(shop: Shop, today: str) -> dict[str, Row]:
    """By name of call, in an order in which the owner can ask them all."""
    id = shop.sent
    sent = {"recipient": "ann@example.net", "from": "me@example.com", "subject": "ours", "text": "ours"}
    submission = id.partition("-")[0]
    template, request, hook = f"/template/{shop.template}", f"/datarequest/{shop.request}", f"/webhook/{shop.hook}"
    octets = {
        "params": {"to": "ann@example.net", "from": "me@example.com"},
        "content": b"From: me@example.com\r\n\r\nHi.\r\n",
        "headers": {"Content-Type": "message/rfc822"},
    }
    filters = {"address": ANN, "tag": NAME, "campaign": NAME, "send_cancel_id": NAME}
    searched = {"recipient": ANN, "tag": NAME, "campaign": NAME, "message_ref": NAME}
    return {
        # What is sent in another's name.
        "send": of_json("/send", FORBIDDEN, **sent),
        "messages_send": of_json("/messages", FORBIDDEN, **sent),
        "messages_batch": of_json("/messages/batch", frozenset({207}), messages=[sent, {**sent, "preset": NAME}]),
        "messages_mime": Row("/messages/mime", FORBIDDEN, octets),
        "resend": of_json("/resend", message=id),
        # Messages.
        "messages": Row("/messages", EMPTY, {"params": searched}),
        "message": Row(f"/messages/{id}"),
        "message_mime": Row(f"/messages/{id}/mime"),
        "message_explain": Row(f"/messages/{id}/explain"),
        "message_trace": Row(f"/messages/{id}/trace"),
        "recipient": Row(f"/recipient/{id}"),
        "envelope": Row(f"/envelope/{id}"),
        "text": Row(f"/text/{id}"),
        "html": Row(f"/html/{id}"),
        "headers": Row(f"/headers/{submission}"),
        "header": Row(f"/header/{id}"),
        "attachments": Row(f"/attachments/{submission}"),
        "attachment": Row(f"/attachments/{id}/0"),
        "embeds": Row(f"/embeds/{id}"),
        "embed": Row(f"/embeds/{id}/logo"),
        # What happened.
        "events_messageid": Row(f"/events/messageid/{id}", ABSENT | EMPTY),
        "events_email": Row(f"/events/email/{ANN}", EMPTY),
        "events_template": Row(f"/events/template/{shop.template}", EMPTY),
        "events_tags": Row(f"/events/tags/{NAME}", EMPTY),
        "events": Row("/events", EMPTY, {"params": {**searched, "message": submission}}),
        "logfiles": Row("/logfiles", EMPTY),
        "logfiles_name": Row(f"/logfiles/deliveries.{today}.log", EMPTY),
        "logfiles_format": Row(f"/logfiles/deliveries.{today}.log/json", EMPTY),
        "dmarc": Row("/dmarc", EMPTY),
        "dmarc_reports": Row("/dmarc/reports", EMPTY, {"params": {"domain": "example.com"}}),
        "dmarc_report": Row(f"/dmarc/{TODAY}/reports.example.net/example.com"),
        "dmarc_report_id": Row(f"/dmarc/{TODAY}/reports.example.net/example.com/0"),
        "stats": Row("/stats", EMPTY),
        "stats_tag": Row(f"/stats/{NAME}"),
        "tag": Row(f"/tag/{NAME}"),
        "recent_tags": Row("/recent_tags", EMPTY),
        "statistics": Row("/statistics", EMPTY, {"params": {"by": "tag"}}),
        # Domains.
        "domains_get": Row("/domains", EMPTY),
        "domain_get": Row("/domain/example.com"),
        "domain_post": of_json("/domain/example.com", frozenset({409}), policy="reject"),
        "domain_address_delete": Row(f"/domain/example.com/{NAME}@example.com"),
        "dns_recommended_get": Row("/dns/example.com/recommended"),
        "dns_selfhosted_get": Row("/dns/example.com/selfhosted"),
        "dns_status_get": Row("/dns/example.com/status"),
        "dkimkey_get": Row("/dkimkey/example.com"),
        "dkimkey_publickey_get": Row("/dkimkey/example.com/publickey"),
        "dkimkey_algorithm_get": Row("/dkimkey/example.com/algorithm"),
        "dkimkey_selector_get": Row("/dkimkey/example.com/selector"),
        "dkimkeys_get": Row("/dkimkeys", EMPTY),
        "dkimkeys_domain_get": Row("/dkimkeys/example.com"),
        "dkimkeys_selector_get": Row("/dkimkeys/example.com/own"),
        "dkimkey_post": of_json("/dkimkey/example.com/own", always=True),
        "dkimkey_delete": Row("/dkimkey/example.com/own"),
        "spf_get": Row("/spf/example.com"),
        "spf_post": of_json("/spf/example.com", a="evil.example"),
        "spf_delete": Row("/spf/example.com"),
        "domain_delete": Row("/domain/keyless.example"),
        # Templates.
        "templates": Row("/templates", EMPTY),
        "templates_from": Row("/templates/0", EMPTY),
        "templates_range": Row("/templates/0/100", EMPTY),
        "template": Row(f"/template/{NAME}"),
        "template_format": Row(f"{template}/html"),
        "template_versions": Row(f"{template}/versions"),
        "template_version": Row(f"{template}/versions/1"),
        "template_put": of_json("/template", id=shop.template, **OURS),
        "template_put_id": of_json(template, **OURS),
        "template_post": of_json("/template", frozenset({201}), **OURS),
        "template_post_format": of_json("/template/html", frozenset({201}), **OURS | {"name": "ours, too"}),
        "template_delete": Row(template),
        "convert_html": of_json("/html", EMPTY, **OURS),
        "convert_webversion": of_json("/webversion", EMPTY, **OURS),
        "convert_mime": of_json("/mime", EMPTY, **OURS),
        "convert_embedded": of_json("/embedded", EMPTY, **OURS),
        "convert_text": of_json("/text", EMPTY, **OURS),
        # Data requests.
        "datarequest_status": Row(f"{request}/status"),
        "datarequest": Row(request),
        "datarequest_post": of_json("/datarequest", frozenset({202}), email=ANN),
        "datarequest_post_email": of_json(f"/datarequest/{ANN}", frozenset({202})),
        "email_data": Row(f"/email/{ANN}/data", frozenset({202})),
        # Webhooks.
        "webhooks_get": Row("/webhooks", EMPTY),
        "feedbackloops_get": Row("/feedbackloops", EMPTY),
        "webhook_get": Row(hook),
        "webhook_put": of_json(hook, note="changed"),
        "webhook_patch": of_json(hook, note="changed"),
        "webhook_check": Row(f"{hook}/check"),
        "webhook_test": Row(f"{hook}/test"),
        "webhook_rotate": Row(f"{hook}/rotate"),
        "webhook_disable": Row(f"{hook}/disable"),
        "webhook_enable": Row(f"{hook}/enable"),
        "webhook_replay": Row(f"{hook}/replay"),
        "webhook_deliveries": Row(f"{hook}/deliveries"),
        "webhook_dead": Row(f"{hook}/dead"),
        "webhook_delete": Row(hook),
        "webhook_post": of_json("/webhook", frozenset({201}), url="https://127.0.0.1/ours"),
        "feedbackloop_post": of_json("/feedbackloop", frozenset({201}), url="https://127.0.0.1/ours"),
        # The queue.
        "queue_get": Row("/queue", EMPTY, {"params": filters}),
        "queue_messages": Row("/queue/messages", EMPTY, {"params": filters}),
        "queue_order_get": Row(f"/queue/orders/{shop.order}"),
        "queue_order": of_json("/queue/orders", act="delete", ids=[shop.waits]),
        "message_cancel": Row(f"/messages/{shop.doomed}/cancel"),
        "message_content_delete": Row(f"/messages/{shop.doomed}/content"),
        # Suppressions.
        "suppressions_get": Row("/suppressions", EMPTY),
        "suppressions_export": Row("/suppressions/export", EMPTY),
        "suppressions_import": Row(
            "/suppressions/import",
            EMPTY,
            {"content": f"address,account\n{ANN},{SHOP}\n".encode(), "headers": {"Content-Type": "text/csv"}},
        ),
        "suppression_get": Row(f"/suppressions/{BOB}"),
        "suppression_delete": Row(f"/suppressions/{BOB}"),
        "suppression_put": of_json("/suppressions/carl@example.net", frozenset({201})),
        # Who may what.
        "account_get": Row("/account", EMPTY),
        "credentials_get": Row("/credentials", EMPTY),
        "credential_get": Row("/credentials/shop-app"),
        "credential_patch": of_json("/credentials/shop-app", note="changed"),
        "credential_rotate": Row("/credentials/SHOP-app/rotate"),
        "tokens_get": Row("/tokens", EMPTY),
        "token_get": Row(f"/tokens/{shop.token}"),
        "token_patch": of_json(f"/tokens/{shop.token}", note="changed"),
        "token_delete": Row(f"/tokens/{shop.token}"),
        "token_post": of_json("/tokens", frozenset({422}), scopes=["send"], credential="shop-app"),
        "credential_post": of_json("/credentials", frozenset({409}), username="Shop-App"),
        "presets_get": Row("/presets", EMPTY),
        "preset_get": Row(f"/presets/{NAME}"),
        "preset_put": of_json("/presets/ours", frozenset({201}), options={}),
        "preset_delete": Row(f"/presets/{NAME}"),
        "options_get": Row("/options", EMPTY),
        "options_schema_get": Row("/options/schema", EMPTY),
        "option_get": Row("/options/tags", EMPTY),
        "credential_delete": Row("/credentials/shop-app"),
    }


# Which of them the owner asks for in vain as well, with what he hears.
OWNER = {"credential_post": 409, "template_post": 409, "template_post_format": 409, "credential_rotate": 409}


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(orders, "ASK", 0.01)
    async with staged(tmp_path) as stage:
        for key in keys():
            stage.registry.add_key(replace(key, domain="other.example"))
        yield stage


async def ask(client: httpx.AsyncClient, call: Call, row: Row) -> httpx.Response:
    return await client.request(call.method, f"/v1{row.path}", **row.asked)


async def seen(api: Stage, wanted: Mapping[str, Row]) -> dict[str, Any]:
    """All that the owner sees of his own, by call; but for when he asked for it, and what the tokens did."""
    found: dict[str, Any] = {}
    for call in CALLS:
        if call.method == "GET" and call.name not in ("tokens_get", "account_get", "email_data", "queue_order_get"):
            answer = await ask(api.client, call, wanted[call.name])
            found[call.name] = (answer.status_code, _steady(answer.text))
    return found


def _steady(text: str) -> str:
    """A message that is built anew for each reader has boundaries of its own each time."""
    return text if "boundary=" not in text else ""


async def test_no_call_reads_changes_or_tells_of_what_is_another_accounts(api: Stage) -> None:
    shop = await furnished(api)
    wanted = rows(shop, day_of(api.services.clock()).isoformat())
    assert wanted.keys() == {call.name for call in CALLS}
    calls = sorted(CALLS, key=lambda each: list(wanted).index(each.name))
    before, other = await seen(api, wanted), api.other()
    found: dict[str, Any] = {}
    for call in calls:
        row = wanted[call.name]
        answer = await ask(other, call, row)
        if answer.status_code not in row.answers or _tells(row, answer):
            found[call.name] = (answer.status_code, answer.text[:300])
    assert found == {}
    await api.fold()
    assert await seen(api, wanted) == before
    async with acting(api):
        for call in calls:
            answer = await ask(api.client, call, wanted[call.name])
            if answer.status_code >= 300 and answer.status_code != OWNER.get(call.name):
                found[call.name] = (answer.status_code, answer.text[:300])
    assert found == {}


def _tells(row: Row, answer: httpx.Response) -> bool:
    """Whether an answer says what only the owner knows. What the request says itself, it may repeat."""
    told = answer.text + str(answer.headers)
    asked = row.path + json.dumps(row.asked, default=str)
    return SECRET in told or FILE in told or (NAME in told and NAME not in asked)
