"""Webhooks that get nothing, or fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from relay.config import Config
from relay.manage.finding import Finding, ok, warn
from relay.model.clock import iso
from relay.model.webhook import Signature, Webhook
from relay.report.webhooks.outbox import Outbox, read_outbox
from relay.report.webhooks.request import signing_key
from relay.store.sqlite.hooks import open_webhooks


def webhooks(config: Config) -> Iterator[Finding]:
    """Of a registry that is there."""
    path = config.data / "registry.db"
    if not path.exists():
        return
    with closing(open_webhooks(path)) as opened:
        hooks, keys = opened.webhooks(), opened.signing_keys()
    outbox = read_outbox(config.data) if hooks else None
    try:
        for hook in hooks:
            yield _finding(hook, outbox)
    finally:
        if outbox is not None:
            outbox.close()
    if any(each.signature is Signature.SMTPETER for each in hooks) and signing_key(keys) is None:
        yield warn("webhooks", "that ask for SMTPeter's signature have no key", "relay webhook key --new")


def _finding(hook: Webhook, outbox: Outbox | None) -> Finding:
    name = f"webhook {hook.id}"
    if hook.disabled:
        return warn(name, f"is disabled: {hook.disabled}", f"relay webhook enable {hook.id}")
    if hook.checked is None:
        return warn(name, "gets nothing, since its URL did not pass a check yet", f"relay webhook check {hook.id}")
    endpoint = outbox.endpoint(hook.id) if outbox is not None else None
    if endpoint is not None and endpoint.away and endpoint.failing_since is not None:
        return warn(name, f"fails since {iso(endpoint.failing_since)}", f"relay webhook log {hook.id}")
    if endpoint is not None and endpoint.lost:
        return warn(name, f"was not told of {endpoint.lost} events, for which there was no room (webhooks.waiting)")
    return ok(name, "is sent to")
