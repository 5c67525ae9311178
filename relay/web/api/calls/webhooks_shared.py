"""What the calls on webhooks share: whose a webhook is, how one is shown, and its properties in a request."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from typing import Annotated, Any, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from relay.manage import webhook_letters as letters
from relay.manage.webhooks import describe, signing, state
from relay.model.webhook import Format, Shape, Signature, Webhook
from relay.store.interface import NotFound
from relay.store.sqlite.hooks import SqliteWebhooks, open_webhooks
from relay.web.api.call import Asked, Param
from relay.web.api.managed import given
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY = "Webhooks"
T = TypeVar("T")
Names = str | list[str] | UnsetType
ID = Param(name="id", help="Of the webhook.", example="wh_4kd92mzq7rw3n5s8")
FARES: dict[str, Any] = {
    "waiting": 0,
    "dead": 0,
    "lost": 0,
    "failures": 0,
    "failing_since": None,
    "paused_until": None,
    "last_success": "2026-05-02T08:00:00.000Z",
}
SHOWN: dict[str, Any] = {
    "id": ID.example,
    "account": "shop",
    "url": "https://example.com/hooks/mail",
    "events": ["bounced", "delivered", "failed"],
    "format": "json",
    "shape": "relay",
    "signature": "standard",
    "batched": False,
    "machine": True,
    "test": True,
    "deferred_every": 10,
    "checked": "2026-05-01T08:00:00.000Z",
    "check_file": None,
    "check_text": None,
    "disabled": None,
    "disabled_at": None,
    "note": "",
    "created": "2026-05-01T08:00:00.000Z",
    "key": None,
}


class WebhookWanted(Struct, forbid_unknown_fields=True, kw_only=True):
    """Properties of a webhook."""

    url: str | UnsetType = UNSET
    handler: str | UnsetType = UNSET
    events: Names = UNSET
    trigger: Names = UNSET
    type: Names = UNSET
    types: Names = UNSET
    shape: Shape | UnsetType = UNSET
    format: Format | UnsetType = UNSET
    signature: Signature | UnsetType = UNSET
    batched: bool | UnsetType = UNSET
    machine: bool | UnsetType = UNSET
    test: bool | UnsetType = UNSET
    deferred_every: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    note: str | UnsetType = UNSET


def properties(body: WebhookWanted, *, new: bool) -> dict[str, Any]:
    """As `manage.webhooks.changed` takes them. Who names SMTPeter's triggers gets its shape, unless they say
    otherwise. Raises Problem: one thing is said twice."""
    found = given(body)
    url = _one(found, "url", "handler")
    events = _one(found, "events", "trigger", "type", "types")
    if url is not None:
        found["url"] = url[1]
    if events is not None:
        name, value = events
        parts = re.split(r"[|,\s]+", value) if isinstance(value, str) else value
        found["events"] = [each for each in parts if each.strip()]
        if new and name != "events":
            found.setdefault("shape", Shape.SMTPETER)
    return found


def _one(found: dict[str, Any], *names: str) -> tuple[str, Any] | None:
    said = [(name, found.pop(name)) for name in names if name in found]
    if len(said) > 1:
        raise Problem("bad_value", f"{said[1][0]}: the same as {said[0][0]}, so give one of them", field=said[1][0])
    return said[0] if said else None


async def registry(services: Services, work: Callable[[SqliteWebhooks], T]) -> T:
    """Run something with the webhooks of the registry, in a thread."""

    def run() -> T:
        with closing(open_webhooks(services.data / "registry.db")) as opened:
            return work(opened)

    return await services.threaded(run)


def mine(opened: SqliteWebhooks, asked: Asked) -> Webhook:
    """Raises NotFound, for others' too."""
    ident = asked.path["id"]
    found = opened.webhook(ident)
    if found.account != asked.caller.account:
        raise NotFound(f"no webhook {ident}")
    return found


def shown(opened: SqliteWebhooks, hook: Webhook) -> dict[str, Any]:
    """With the text of its check file, and the key that signs for SMTPeter's shape."""
    return {
        **describe(hook),
        "check_text": hook.token if hook.shape is Shape.SMTPETER else None,
        "key": signing(opened.signing_keys()) if hook.signature is Signature.SMTPETER else None,
    }


def faring(services: Services, now: float, *hooks: Webhook) -> list[dict[str, Any]]:
    """How each fares, and its state in a word. In a thread. Raises StoreDown."""
    states = letters.states(services.data, [each.id for each in hooks], now)
    return [{"state": state(each, states[each.id]), **states[each.id]} for each in hooks]
