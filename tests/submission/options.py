"""A message's options, resolved for a credential made for the test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from relay.config import Limits, OptionPolicy
from relay.model.account import Account, ControlHeaders, Credential, Domain, OnInvalid, Preset
from relay.model.envelope import NO_PARAMETERS, Envelope, Parameters, Recipient
from relay.model.options import Resolved
from relay.model.reply import Refused
from relay.submission.control.reader import Controls, read_controls
from relay.submission.control.registry import GRANTS
from relay.submission.control.resolve import Holder, resolve
from relay.transform.headers import read_header

NOW = 1_790_000_000.0  # a Monday: 2026-09-21 14:13:20 UTC
DAY = 86_400.0
ANN = "ann@example.net"
BOB = "bob@example.net"

EVERYTHING: Mapping[str, Any] = {
    "grants": frozenset(GRANTS),
    "allowed": {
        each: ("*",)
        for each in (
            "webhook_url",
            "tenant",
            "source_ip",
            "recipients",
            "extra_cc",
            "extra_bcc",
            "pool",
            "envelope_from",
            "bypass",
        )
    },
    "presets": frozenset({"invoices"}),
}


def field(name: str, value: Any) -> str:
    """A control field; a list or an object as JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"X-SMTPeter-{name}: {text}\r\n"


def controls(
    lines: str, rule: ControlHeaders = ControlHeaders.ON, on_invalid: OnInvalid = OnInvalid.REJECT
) -> Controls:
    return read_controls(read_header(lines.encode("utf-8", "surrogateescape")), rule, on_invalid)


def envelope(*recipients: str | Recipient, **fields: Any) -> Envelope:
    people = tuple(each if isinstance(each, Recipient) else Recipient(address=each) for each in recipients or (ANN,))
    return Envelope(**{"reverse_path": "shop@example.com", "recipients": people, **fields})


def ask(
    lines: str = "",
    *,
    to: Sequence[str | Recipient] = (ANN,),
    mail: Mapping[str, Any] | None = None,
    parameters: Parameters = NO_PARAMETERS,
    properties: Mapping[str, Any] | None = None,
    account: Mapping[str, Any] | None = None,
    domain: Mapping[str, Any] | None = None,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    policy: OptionPolicy | None = None,
    limits: Limits | None = None,
    **credential: Any,
) -> Resolved:
    """What `lines` and all the others come to.

    `account` and `domain` are their defaults, `known` the account's presets; what else is given is the credential's.
    """
    mine = Credential(username="crm", account="shop", password_hash="", created=0.0, **credential)

    def preset(name: str) -> Preset | None:
        found = (known or {}).get(name)
        return None if found is None else Preset(account="shop", name=name, options=found, created=0.0)

    return resolve(
        controls(lines, mine.control_headers, mine.on_invalid),
        parameters,
        envelope(*to, **(mail or {})),
        holder=Holder(
            credential=mine,
            account=Account(name="shop", created=0.0, options=account or {}),
            domain=Domain(
                name="example.com", account="shop", challenge="", created=0.0, verified=1.0, options=domain or {}
            ),
            preset=preset,
        ),
        policy=policy or OptionPolicy(),
        limits=limits or Limits(),
        now=NOW,
        properties=properties,
    )


def refusal(*lines: Any, **given: Any) -> str:
    """Why it is refused, with code and status."""
    try:
        got = ask(*lines, **given)
    except Refused as refused:
        assert len(refused.reply.octets()) <= 512, refused.reply
        return str(refused.reply)
    raise AssertionError(f"it was taken: {got}")
