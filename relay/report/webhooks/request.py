"""A request to a webhook: its body and header fields. Pure; time and randomness are given.

In:  the webhook, what it is told, the key of SMTPeter's signatures.
Out: octets, and fields with the signature the webhook asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.model.account import DkimKey
from relay.model.clock import iso
from relay.model.webhook import TEST, Signature, Webhook
from relay.report.webhooks import body, sign

AGENT = "relay-webhooks"


@dataclass(frozen=True, slots=True)
class Request:
    headers: Mapping[str, str]
    body: bytes


def request(
    hook: Webhook,
    events: Sequence[Mapping[str, Any]],
    idents: Sequence[str],
    *,
    key: DkimKey | None,
    now: float,
    nonce: str,
) -> Request:
    """`idents`: of the events, in their order. Raises ValueError: there is nothing to sign with."""
    octets, kind = body.write(events, hook.format, hook.batched)
    headers = {"User-Agent": AGENT, "Content-Type": kind}
    if hook.signature is Signature.SMTPETER:
        if key is None:
            raise ValueError("there is no key for SMTPeter's signature")
        signed = sign.smtpeter(hook.url, octets, kind, hook.account, key, now, nonce)
    else:
        signed = sign.standard(_ident(idents), octets, hook.secrets, now)
    return Request({**headers, **signed}, octets)


def signing_key(keys: Sequence[DkimKey]) -> DkimKey | None:
    """The oldest that is active: a newer one waits until its record is published. `keys`: the newest first."""
    active = [each for each in keys if each.state.value == "active"]
    return active[-1] if active else None


def test_body(account: str, ident: str, now: float) -> dict[str, Any]:
    """Of the request that asks a receiver whether it is there."""
    return {"event_id": ident, "type": TEST, "timestamp": iso(now), "account": account, "test": True}


def _ident(idents: Sequence[str]) -> str:
    """Of one event its own; of a batch one that the same batch has again."""
    if len(idents) == 1:
        return idents[0]
    return "bat_" + hashlib.blake2b(" ".join(idents).encode(), digest_size=16).hexdigest()
