"""What is done with a webhook that is there: tried, paused, given another secret; what was sent, and sent again."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from relay.manage import webhook_letters as letters
from relay.manage import webhooks as manage
from relay.manage.webhook_reach import Unproven
from relay.manage.webhook_reach import told as tried
from relay.model.account import Scope
from relay.model.address import printable
from relay.model.clock import iso
from relay.model.webhook import Webhook
from relay.report.webhooks.request import signing_key
from relay.store.sqlite.hooks import SqliteWebhooks
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.calls.webhooks_shared import FAMILY, ID, SHOWN, mine, registry, shown
from relay.web.api.managed import AFTER, LIMIT, told
from relay.web.api.moments import moment
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.api.shapes_managed import (
    DeadLetters,
    WebhookDeliveries,
    WebhookFound,
    WebhookReplayed,
    WebhookShown,
    WebhookTried,
)


class Trial(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which event to make up."""

    event: str = "delivered"


class Rotation(Struct, forbid_unknown_fields=True, kw_only=True):
    """How a secret is replaced."""

    now: bool = False


class Pause(Struct, forbid_unknown_fields=True, kw_only=True):
    """Why nothing is sent."""

    reason: str = "by hand"


class Again(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which events are sent once more."""

    since: str = ""
    event: str = ""


async def webhook_test(services: Services, asked: Asked) -> Answer:
    body: Trial = asked.body if asked.body is not None else Trial()
    hook, keys = await registry(services, lambda opened: (mine(opened, asked), opened.signing_keys()))
    found: dict[str, Any] = {"id": hook.id, "event": body.event}
    try:
        with told():
            status, text = await tried(services.config, hook, signing_key(keys), body.event, services.clock)
    except Unproven as error:
        return answer({**found, "status": None, "answer": str(error)})
    return answer({**found, "status": status, "answer": text})


async def webhook_rotate(services: Services, asked: Asked) -> Answer:
    body: Rotation = asked.body if asked.body is not None else Rotation()

    def work(opened: SqliteWebhooks) -> dict[str, Any]:
        hook, secret = manage.rotated(mine(opened, asked), asked.at, at_once=body.now)
        opened.update(hook)
        opened.audit(asked.at, asked.caller.who, "webhook rotate", {"webhook": hook.id, "now": body.now})
        return {**shown(opened, hook), "secret": secret}

    with told():
        return answer(await registry(services, work))


async def webhook_disable(services: Services, asked: Asked) -> Answer:
    body: Pause = asked.body if asked.body is not None else Pause()

    def work(opened: SqliteWebhooks) -> dict[str, Any]:
        hook = manage.disabled(mine(opened, asked), body.reason, asked.at)
        opened.update(hook)
        detail = {"webhook": hook.id, "reason": hook.disabled}
        opened.audit(asked.at, asked.caller.who, "webhook disable", detail)
        return shown(opened, hook)

    with told():
        return answer(await registry(services, work))


async def webhook_enable(services: Services, asked: Asked) -> Answer:
    def work(opened: SqliteWebhooks) -> dict[str, Any]:
        hook = manage.enabled(mine(opened, asked))
        opened.update(hook)
        opened.audit(asked.at, asked.caller.who, "webhook enable", {"webhook": hook.id})
        letters.fresh_start(services.data, hook.id, asked.at)
        return shown(opened, hook)

    return answer(await registry(services, work))


async def webhook_deliveries(services: Services, asked: Asked) -> Answer:
    def work(opened: SqliteWebhooks) -> list[dict[str, Any]]:
        return letters.answers(services.data, mine(opened, asked).id, asked.query["limit"])

    return answer({"deliveries": await registry(services, work)})


async def webhook_dead(services: Services, asked: Asked) -> Answer:
    limit, after = asked.query["limit"], asked.query["after"]
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise Problem("bad_parameter", "after: it is not what a page said", field="after")
    since, event = moment("since", asked.query["since"]), asked.query["event"] or ""

    def work(opened: SqliteWebhooks) -> tuple[list[dict[str, Any]], int]:
        chosen = _chosen(mine(opened, asked), since, event)
        return letters.dead(services.data, chosen, limit, int(after or 0))

    found, last = await registry(services, work)
    return answer({"dead": found, "next": str(last) if len(found) == limit else None})


async def webhook_replay(services: Services, asked: Asked) -> Answer:
    body: Again = asked.body if asked.body is not None else Again()
    try:
        since = moment("since", body.since)
    except Problem as problem:
        raise Problem("bad_value", problem.message, field="since") from problem

    def work(opened: SqliteWebhooks) -> dict[str, Any]:
        hook = mine(opened, asked)
        count = letters.replay(services.data, _chosen(hook, since, body.event), asked.at)
        detail = {"webhook": hook.id, "events": count}
        opened.audit(asked.at, asked.caller.who, "webhook replay", detail)
        return {"id": hook.id, "replayed": count, "disabled": hook.disabled or None}

    return answer(await registry(services, work))


def _chosen(hook: Webhook, since: float | None, event: str) -> letters.Chosen:
    return letters.Chosen(hook=hook.id, since=since, event=printable(event.removeprefix("evt_"), 100))


_CODES = ("bad_value", "unknown_property", "not_found", "unavailable")
_SINCE = Param(name="since", help="Events since then.", example="2026-05-01T08:00:00Z")
_EVENT = Param(name="event", help="Events of that name, or with that id.", example="bounced")


def _act(verb: str, name: str, summary: str, help: str, handler: Any, body: Body | None, shown_: Shown) -> Call:
    return Call(
        method="POST",
        path=f"/webhook/{{id}}/{verb}",
        name=name,
        family=FAMILY,
        summary=summary,
        help=help,
        scope=Scope.MANAGE,
        handler=handler,
        params=(ID,),
        body=body,
        answers=(shown_,),
        codes=(*_CODES, "conflict") if verb == "rotate" else _CODES,
    )


CALLS: tuple[Call, ...] = (
    _act(
        "test",
        "webhook_test",
        "Try a webhook",
        "Sends one made-up event now, past what waits, and tells the answer: its status and the beginning of its "
        "text. Where there was no answer, `status` is null and `answer` says why.",
        webhook_test,
        Body(help="which event", shape=Trial, example={"event": "bounced"}, required=False),
        Shown(
            help="What it answered.",
            shape=WebhookTried,
            example={"id": ID.example, "event": "bounced", "status": 200, "answer": "thanks"},
        ),
    ),
    _act(
        "rotate",
        "webhook_rotate",
        "Give a webhook a new secret",
        "It is in this answer and nowhere else. For a day requests are signed with the old one, too, unless `now` is "
        "true. A webhook with SMTPeter's signature has no secret of its own: 409.",
        webhook_rotate,
        Body(help="whether the old one ends now", shape=Rotation, example={"now": True}, required=False),
        Shown(
            help="With its new secret.",
            shape=WebhookFound,
            example={**SHOWN, "secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        ),
    ),
    _act(
        "disable",
        "webhook_disable",
        "Send nothing to a webhook",
        "What waits for it becomes dead letters, which can be sent again.",
        webhook_disable,
        Body(help="why", shape=Pause, example={"reason": "rebuilt"}, required=False),
        Shown(
            help="The webhook as it is now.",
            shape=WebhookShown,
            example={**SHOWN, "disabled": "rebuilt", "disabled_at": iso(1_777_622_400)},
        ),
    ),
    _act(
        "enable",
        "webhook_enable",
        "Send to a webhook again",
        "At once what waits; `replay` brings back what was given up.",
        webhook_enable,
        None,
        Shown(help="The webhook as it is now.", shape=WebhookShown, example=SHOWN),
    ),
    _act(
        "replay",
        "webhook_replay",
        "Send dead letters again",
        "With the ids they had. `disabled` says why they become dead letters again, where the webhook is disabled.",
        webhook_replay,
        Body(help="which ones; all by default", shape=Again, example={"event": "bounced"}, required=False),
        Shown(
            help="How many will be sent again.",
            shape=WebhookReplayed,
            example={"id": ID.example, "replayed": 12, "disabled": None},
        ),
    ),
    Call(
        method="GET",
        path="/webhook/{id}/deliveries",
        name="webhook_deliveries",
        family=FAMILY,
        summary="The last requests to a webhook",
        help="With their answers, the newest first. 200 of each webhook are remembered. `status` is null: no answer.",
        scope=Scope.READ,
        handler=webhook_deliveries,
        params=(ID,),
        query=(LIMIT,),
        answers=(
            Shown(
                help="Requests.",
                shape=WebhookDeliveries,
                example={
                    "deliveries": [
                        {
                            "at": "2026-05-01T08:00:00.000Z",
                            "event": "1000-17",
                            "events": 1,
                            "attempt": 1,
                            "status": 200,
                            "seconds": 0.12,
                            "answer": "200 thanks",
                        }
                    ]
                },
            ),
        ),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="GET",
        path="/webhook/{id}/dead",
        name="webhook_dead",
        family=FAMILY,
        summary="Events that a webhook was not told of",
        help="Dead letters: what was given up after days of trying, or while the webhook was disabled; oldest first.",
        scope=Scope.READ,
        handler=webhook_dead,
        params=(ID,),
        query=(_SINCE, _EVENT, LIMIT, AFTER),
        answers=(
            Shown(
                help="A page of them.",
                shape=DeadLetters,
                example={
                    "dead": [
                        {
                            "id": "evt_1000-17",
                            "event": "bounced",
                            "at": "2026-05-01T08:00:00.000Z",
                            "died": "2026-05-04T08:00:00.000Z",
                            "attempts": 21,
                            "reason": "500",
                        }
                    ],
                    "next": None,
                },
            ),
        ),
        codes=("bad_parameter", "not_found", "unavailable"),
    ),
)
