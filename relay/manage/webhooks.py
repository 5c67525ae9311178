"""Webhooks as applications and operators see and change them; their secrets, and the key of SMTPeter's signature.

In:  a webhook as it is, and what somebody wants of it; the webhooks of the registry.
Out: the webhook as it shall be, or `Wrong` naming the property; and back, as JSON shows it.

Why so: nothing is sent to a URL that has not passed its check, since an account could name anybody's; so another URL
is checked anew.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relay.manage import secret
from relay.manage.credentials import check_note
from relay.manage.wrong import Unfit, Wrong
from relay.model.account import Algorithm, DkimKey
from relay.model.clock import iso
from relay.model.webhook import USUAL, Format, Secret, Shape, Signature, Webhook, events_of

if TYPE_CHECKING:
    from relay.config import Config
    from relay.store.sqlite.hooks import SqliteWebhooks

MOST = 100  # webhooks of an account, made by its own tokens
LONGEST_REASON = 500  # characters
_PASSWORD = re.compile(r"^(https?://[^/@:]*:)[^/]*@", re.IGNORECASE)


def fresh(account: str, url: str, now: float) -> Webhook:
    """One that is told of nothing yet. Raises Wrong."""
    return Webhook(
        id=f"wh_{secret.webhook()}",
        account=account,
        url=checked_url(url),
        created=now,
        events=frozenset(),
        token=secret.webhook(),
    )


def checked_url(url: str) -> str:
    """Raises Wrong: nothing could be sent there."""
    from relay.http.client import Failed, checked

    try:
        target = checked(url)
    except Failed as error:
        raise Wrong("url", error.text) from error
    if target.fragment:
        raise Wrong("url", "a webhook's URL has no #fragment")
    return url


def changed(hook: Webhook, given: Mapping[str, Any]) -> Webhook:
    """`given`: url, events (names), format, shape, signature, batched, machine, test, deferred_every, note; what is
    not there stays. Raises Wrong."""
    shape = given.get("shape") or hook.shape
    events: Collection[str] = given.get("events") or sorted(hook.events) or sorted(each.value for each in USUAL)
    if not given.get("events") and shape is not hook.shape:
        events = [each for each in events if _fits(each, shape)]
    try:
        names = events_of(events, shape)
    except ValueError as error:
        raise Wrong("events", str(error)) from error
    plain = {
        name: given[name]
        for name in ("format", "batched", "machine", "test", "deferred_every", "note")
        if name in given
    }
    check_note(plain.get("note", ""))
    if not 0 <= plain.get("deferred_every", 0) <= 1_000_000:
        raise Wrong("deferred_every", "expected 0 (the first alone), 1 (all) or the first and each N-th")
    signature = given.get("signature") or (_usual(shape) if given.get("shape") else hook.signature)
    after = replace(hook, events=names, shape=shape, signature=signature, **plain)
    if after.batched and (after.format is Format.FORM or after.shape is Shape.SMTPETER):
        raise Wrong("batched", "a form, and SMTPeter's shape, hold one event")
    if given.get("url") and given["url"] != hook.url:
        after = replace(after, url=checked_url(given["url"]), checked=None)
    return after


def _usual(shape: Shape) -> Signature:
    return Signature.SMTPETER if shape is Shape.SMTPETER else Signature.STANDARD


def _fits(event: str, shape: Shape) -> bool:
    try:
        events_of([event], shape)
    except ValueError:
        return False
    return True


def disabled(hook: Webhook, reason: str, now: float) -> Webhook:
    """Raises Wrong."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Wrong("reason", f"a reason has words, and at most {LONGEST_REASON} characters")
    return replace(hook, disabled=reason.strip(), disabled_at=now)


def enabled(hook: Webhook) -> Webhook:
    return replace(hook, disabled="", disabled_at=None)


def with_secret(hook: Webhook, now: float) -> tuple[Webhook, str]:
    """The webhook with a secret if it needs one and has none; that secret."""
    if hook.signature is not Signature.STANDARD or hook.secrets:
        return hook, ""
    made = _fresh_secret(now)
    return replace(hook, secrets=(made,)), made.text


def rotated(hook: Webhook, now: float, *, at_once: bool) -> tuple[Webhook, str]:
    """With another secret, and that; the old one signs beside it for a day. Raises Unfit."""
    from relay.report.webhooks.sign import OVERLAP

    if hook.signature is not Signature.STANDARD:
        raise Unfit(f"{hook.id} is signed with a key, and has no secret")
    made = _fresh_secret(now)
    old = [replace(each, until=now + OVERLAP) for each in hook.secrets if each.until is None]
    return replace(hook, secrets=(made, *([] if at_once else old))), made.text


def _fresh_secret(now: float) -> Secret:
    from relay.report.webhooks.sign import SECRET_OCTETS, new_secret

    return Secret(new_secret(secrets.token_bytes(SECRET_OCTETS)), now)


def need_key(opened: SqliteWebhooks, config: Config, hook: Webhook, who: str, now: float) -> DkimKey | None:
    """Where SMTPeter's signature is asked for the first time, there has to be a key: that which was made."""
    from relay.report.webhooks.request import signing_key

    if hook.signature is not Signature.SMTPETER or signing_key(opened.signing_keys()) is not None:
        return None
    return make_key(opened, config, who, now)


def make_key(opened: SqliteWebhooks, config: Config, who: str, now: float) -> DkimKey:
    """A new key, under the domain of the configuration."""
    from relay.manage.keys import selector
    from relay.transform.keys import generate

    taken = {each.selector.removeprefix("wh") for each in opened.signing_keys()}
    name = "wh" + selector(Algorithm.RSA, now, taken)
    made = generate(config.webhooks.domain or config.hostname, name, Algorithm.RSA, now)
    opened.add_key(made)
    opened.audit(now, who, "webhook key --new", {"selector": made.selector, "domain": made.domain})
    return made


def passed(opened: SqliteWebhooks, hook: Webhook, found: str, who: str, now: float) -> Webhook:
    """Keep that a check was passed. Raises NotFound; Unfit: it was changed since."""
    current = opened.webhook(hook.id)
    if (current.url, current.shape, current.token) != (hook.url, hook.shape, hook.token):
        raise Unfit(f"{hook.id} was changed while it was checked: check it once more")
    after = replace(current, checked=now)
    opened.update(after)
    opened.audit(now, who, "webhook check", {"webhook": hook.id, "found": found})
    return after


def describe(hook: Webhook) -> dict[str, Any]:
    """In JSON's types, without its secrets and the password of its URL."""
    return {
        "id": hook.id,
        "account": hook.account,
        "url": _PASSWORD.sub(r"\1***@", hook.url),
        "events": sorted(hook.events),
        "format": hook.format.value,
        "shape": hook.shape.value,
        "signature": hook.signature.value,
        "batched": hook.batched,
        "machine": hook.machine,
        "test": hook.test,
        "deferred_every": hook.deferred_every,
        "checked": _when(hook.checked),
        "check_file": hook.check_file if hook.shape is Shape.SMTPETER else None,
        "disabled": hook.disabled or None,
        "disabled_at": _when(hook.disabled_at),
        "note": hook.note,
        "created": iso(hook.created),
    }


def difference(after: Webhook, before: Webhook) -> dict[str, Any]:
    """What an audit keeps of a change."""
    old, new = describe(before), describe(after)
    return {"webhook": after.id, **{name: value for name, value in new.items() if value != old[name]}}


def state(hook: Webhook, fares: Mapping[str, Any]) -> str:
    """In a word or two. `fares`: of `webhook_letters.states`."""
    if hook.disabled:
        return f"disabled: {hook.disabled}"
    if hook.checked is None:
        return "not checked"
    return "failing" if fares["failures"] else "ok"


def signing(keys: Sequence[DkimKey]) -> dict[str, str] | None:
    """The record of the key that signs for SMTPeter's shape, for whoever checks signatures."""
    from relay.report.webhooks.request import signing_key
    from relay.report.webhooks.sign import key_name, key_record

    found = signing_key(keys)
    return None if found is None else {"name": key_name(found), "record": key_record(found)}


def _when(at: float | None) -> str | None:
    return None if at is None else iso(at)
