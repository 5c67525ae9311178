"""Webhooks: whom events are told to over HTTP. SMTPeter's names for the calls, a shape of our own."""

from __future__ import annotations

from typing import Any

from relay.manage.webhook_reach import Unproven, proved
from relay.manage.webhooks import MOST, changed, describe, difference, fresh, need_key, passed, with_secret
from relay.model.account import Scope
from relay.model.webhook import SMTPETER, Webhook
from relay.report.webhooks.request import signing_key
from relay.store.sqlite.hooks import SqliteWebhooks
from relay.web.api.answers import answer, nothing
from relay.web.api.call import Answer, Asked, Body, Call, Shown
from relay.web.api.calls import webhooks_acts
from relay.web.api.calls.webhooks_shared import (
    FAMILY,
    FARES,
    ID,
    SHOWN,
    WebhookWanted,
    faring,
    mine,
    properties,
    registry,
    shown,
)
from relay.web.api.managed import AFTER, LIMIT, few, page, told
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.api.shapes_managed import WebhookFaring, WebhookFound, WebhookList


async def webhooks_get(services: Services, asked: Asked) -> Answer:
    def work(opened: SqliteWebhooks) -> dict[str, Any]:
        found, following = page(opened.webhooks(asked.caller.account), lambda it: it.id, asked)
        fares = faring(services, asked.at, *found)
        listed = [{**shown(opened, hook), **each} for hook, each in zip(found, fares, strict=True)]
        return {"webhooks": listed, "next": following}

    return answer(await registry(services, work))


async def webhook_post(services: Services, asked: Asked) -> Answer:
    wanted = properties(asked.body, new=True)
    url = wanted.pop("url", "")
    if not url:
        raise Problem("missing", "url: where events are told", field="url")
    with told():
        hook, secret = with_secret(changed(fresh(asked.caller.account, url, asked.at), wanted), asked.at)

    def work(opened: SqliteWebhooks) -> None:
        few(len(opened.webhooks(hook.account)), MOST, "webhooks")
        need_key(opened, services.config, hook, asked.caller.who, asked.at)
        opened.add(hook)
        opened.audit(asked.at, asked.caller.who, "webhook add", describe(hook))

    await registry(services, work)
    found = await attempt(services, asked, hook)
    headers = {"Location": f"{asked.base}/webhook/{hook.id}"}
    return answer({**found, **({"secret": secret} if secret else {})}, 201, headers)


async def webhook_get(services: Services, asked: Asked) -> Answer:
    def work(opened: SqliteWebhooks) -> dict[str, Any]:
        hook = mine(opened, asked)
        return {**shown(opened, hook), **faring(services, asked.at, hook)[0]}

    return answer(await registry(services, work))


async def webhook_change(services: Services, asked: Asked) -> Answer:
    wanted = properties(asked.body, new=False)

    def work(opened: SqliteWebhooks) -> tuple[Webhook, str, dict[str, Any]]:
        before = mine(opened, asked)
        hook, secret = with_secret(changed(before, wanted), asked.at)
        if hook != before:
            need_key(opened, services.config, hook, asked.caller.who, asked.at)
            opened.update(hook)
            opened.audit(asked.at, asked.caller.who, "webhook set", difference(hook, before))
        return hook, secret, shown(opened, hook)

    with told():
        hook, secret, found = await registry(services, work)
    if "url" in wanted and hook.checked is None:
        found = await attempt(services, asked, hook)
    return answer({**found, **({"secret": secret} if secret else {})})


async def webhook_delete(services: Services, asked: Asked) -> Answer:
    def work(opened: SqliteWebhooks) -> None:
        hook = mine(opened, asked)
        opened.remove(hook.id)
        detail = {"webhook": hook.id, "account": hook.account}
        opened.audit(asked.at, asked.caller.who, "webhook remove", detail)

    await registry(services, work)
    return nothing()


async def webhook_check(services: Services, asked: Asked) -> Answer:
    hook = await registry(services, lambda opened: mine(opened, asked))
    return answer(await attempt(services, asked, hook))


async def attempt(services: Services, asked: Asked, hook: Webhook) -> dict[str, Any]:
    """Check its URL; the webhook as it is then, and what was found. Raises Problem: it was changed meanwhile."""
    key = signing_key(await registry(services, lambda opened: opened.signing_keys()))
    try:
        found = await proved(services.config, hook, key, services.clock)
    except Unproven as error:
        described = await registry(services, lambda opened: shown(opened, opened.webhook(hook.id)))
        return {**described, "passed": False, "found": str(error)}

    def work(opened: SqliteWebhooks) -> dict[str, Any]:
        return shown(opened, passed(opened, hook, found, asked.caller.who, services.clock()))

    with told():
        return {**await registry(services, work), "passed": True, "found": found}


_FOUND = {"passed": True, "found": "it answered webhook.test with 200"}
_SECRET = {"secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
_CODES = ("bad_value", "unknown_property", "missing", "not_found", "conflict", "unavailable")
_CHECK = (
    "Nothing is sent to a URL before it passed its check. In our shape a signed `webhook.test` has to be answered "
    "with 2xx, which is tried at once. In SMTPeter's shape a text file, `check_file`, that says `check_text` has to "
    "stand at the root of the web server or in the folder of the script; it may be deleted afterwards: put it there "
    "and call `/webhook/{id}/check`. `found` tells what the check came to."
)
_TYPES = ", ".join(SMTPETER)
_SHAPE = (
    "SMTPeter documents the names of these calls and no shape, so the shape is ours. `url` (or `handler`) is where "
    "events are told. `events` names our events, or `all`; `trigger`, `type` or `types` name SMTPeter's "
    f"({_TYPES}), as a list or `click|open`: then bodies have SMTPeter's fields and its signature, unless `shape` "
    "and `signature` say otherwise. `format` is json or form, `batched` puts many events in a request, `machine` and "
    "`test` are whether opens and clicks of machines, and events of the sandbox, are told."
)
_BODY = Body(
    help="properties of the webhook",
    shape=WebhookWanted,
    example={"url": "https://example.com/hooks/mail", "events": ["delivered", "failed", "bounced"]},
)


def _list(path: str, name: str, *, old: bool = False) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        family=FAMILY,
        summary="List webhooks",
        help="Those of the account, by id, how they fare and what waits for them."
        + (" The old name of `/webhooks`." if old else ""),
        scope=Scope.READ,
        handler=webhooks_get,
        query=(LIMIT, AFTER),
        answers=(
            Shown(
                help="A page of them.",
                shape=WebhookList,
                example={"webhooks": [{**SHOWN, "state": "ok", **FARES}], "next": None},
            ),
        ),
        codes=("unavailable",),
        smtpeter=True,
        deprecated=old,
    )


def _add(path: str, name: str, *, old: bool = False) -> Call:
    return Call(
        method="POST",
        path=path,
        name=name,
        family=FAMILY,
        summary="Make a webhook",
        help=f"{_SHAPE} {_CHECK} The secret of its signatures is in this answer and nowhere else."
        + (" The old name of `/webhook`." if old else ""),
        scope=Scope.MANAGE,
        handler=webhook_post,
        body=_BODY,
        answers=(
            Shown(
                help="Made, and checked.",
                shape=WebhookFound,
                status=201,
                example={**SHOWN, **_FOUND, **_SECRET},
                headers={"Location": "Where it is."},
            ),
        ),
        codes=_CODES,
        once=True,
        smtpeter=True,
        deprecated=old,
    )


def _change(method: str, name: str) -> Call:
    return Call(
        method=method,
        path="/webhook/{id}",
        name=name,
        family=FAMILY,
        summary="Change a webhook",
        help=(
            "What is not named stays, with PUT and with PATCH. Another URL is checked anew, at once. A secret that "
            "is made for it, since its signature is another now, is in this answer and nowhere else."
        ),
        scope=Scope.MANAGE,
        handler=webhook_change,
        params=(ID,),
        body=Body(
            help="the properties that change", shape=WebhookWanted, example={"events": "all", "machine": False}
        ),
        answers=(Shown(help="The webhook as it is now.", shape=WebhookFound, example=SHOWN),),
        codes=_CODES,
    )


CALLS: tuple[Call, ...] = (
    _list("/webhooks", "webhooks_get"),
    _list("/feedbackloops", "feedbackloops_get", old=True),
    _add("/webhook", "webhook_post"),
    _add("/feedbackloop", "feedbackloop_post", old=True),
    Call(
        method="GET",
        path="/webhook/{id}",
        name="webhook_get",
        family=FAMILY,
        summary="Show a webhook",
        help=(
            "How it is set, how it fares, and what waits for it. `key` is the record in DNS under which the key of "
            "SMTPeter's signature is published, where it signs so."
        ),
        scope=Scope.READ,
        handler=webhook_get,
        params=(ID,),
        answers=(Shown(help="The webhook.", shape=WebhookFaring, example={**SHOWN, "state": "ok", **FARES}),),
        codes=("not_found", "unavailable"),
    ),
    _change("PUT", "webhook_put"),
    _change("PATCH", "webhook_patch"),
    Call(
        method="DELETE",
        path="/webhook/{id}",
        name="webhook_delete",
        family=FAMILY,
        summary="Remove a webhook",
        help="What waits for it is told to nobody, and its dead letters go, too.",
        scope=Scope.MANAGE,
        handler=webhook_delete,
        params=(ID,),
        answers=(Shown(help="It is gone.", status=204, media=""),),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="POST",
        path="/webhook/{id}/check",
        name="webhook_check",
        family=FAMILY,
        summary="Check the URL of a webhook",
        help=_CHECK,
        scope=Scope.MANAGE,
        handler=webhook_check,
        params=(ID,),
        answers=(Shown(help="Whether it passed, and why not.", shape=WebhookFound, example={**SHOWN, **_FOUND}),),
        codes=("not_found", "conflict", "unavailable"),
    ),
    *webhooks_acts.CALLS,
)
