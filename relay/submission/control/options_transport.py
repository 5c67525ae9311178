"""The options that say how a message goes out: TLS, signatures, and from where."""

from __future__ import annotations

from typing import Any

from relay.model.options import RequireTls, VerifyTls
from relay.submission.control import addresses, grammar
from relay.submission.control.option import Listed, Option, Permission, Repeat, Scope

_VERIFY = tuple(VerifyTls)  # the laxest first


def _laxer(value: VerifyTls, base: VerifyTls, scope: Scope) -> bool:
    return _VERIFY.index(value) < _VERIFY.index(base)


def _foreign_key(value: str, base: Any, scope: Scope) -> bool:
    """Whether it is another domain's than the author's."""
    domain, comma, _ = value.partition(",")
    return bool(comma) and domain != scope.domain


TRANSPORT_OPTIONS: tuple[Option, ...] = (
    Option(
        name="require_tls",
        header="RequireTLS",
        type="may, must",
        read=grammar.choice(
            RequireTls,
            {"true": RequireTls.MUST, "yes": RequireTls.MUST, "false": RequireTls.MAY, "no": RequireTls.MAY},
        ),
        help="`must`: no attempt in clear text; without TLS the mail waits, and then fails.",
        example="must",
        permission=Permission(
            words="P0 `must`; P2 `may` where the default is `must`",
            grant="tls-relax",
            needs=lambda value, base, scope: value is RequireTls.MAY and base is RequireTls.MUST,
        ),
        safety=True,
    ),
    Option(
        name="verify_tls",
        header="VerifyTLS",
        type="none, opportunistic, required",
        read=grammar.choice(VerifyTls),
        help="`required`: only to a host whose certificate names it; `opportunistic`: whatever TLS there is.",
        example="required",
        permission=Permission(words="P0 stricter than the default; P2 laxer", grant="tls-relax", needs=_laxer),
        safety=True,
    ),
    Option(
        name="dkim",
        header="Dkim",
        type="on, off",
        read=grammar.truth,
        help="Whether the message is signed.",
        example="off",
        permission=Permission(
            words="P0 `on`; P2 `off` where the default is `on`",
            grant="dkim-off",
            needs=lambda value, base, scope: bool(base) and not value,
        ),
        safety=True,
    ),
    Option(
        name="dkim_key",
        header="DkimKey",
        type="selector, or domain,selector",
        read=addresses.dkim_key,
        help="The key that signs, in place of the newest of the author's domain.",
        example="s2026",
        permission=Permission(
            words="P1 of the author's domain; P2 of another one of the account",
            grant="dkim",
            needs=_foreign_key,
            listed=Listed.NARROWS,
        ),
        safety=True,
    ),
    Option(
        name="dkim_extra",
        header="DkimExtra",
        type="domain,selector; several separated by semicolons",
        limits=f"{addresses.EXTRA_KEYS} signatures",
        read=addresses.dkim_keys,
        whole=addresses.few_keys,
        repeat=Repeat.UNION,
        help="Further keys of the account that sign, too.",
        example="example.org,s1",
        permission=Permission(words="P2", grant="dkim", listed=Listed.NARROWS),
        safety=True,
    ),
    Option(
        name="pool",
        header="Pool",
        type="name of a pool of the configuration",
        limits="64 letters, digits, dots, - and _",
        read=grammar.name,
        help="Where the mail leaves from.",
        example="marketing",
        permission=Permission(
            words="P2, of the credential's list if it has one", grant="route", listed=Listed.NARROWS
        ),
        safety=True,
    ),
    Option(
        name="source_ip",
        header="SourceIp",
        type="IP addresses separated by commas",
        limits=f"{addresses.IPS} addresses",
        read=addresses.ips,
        whole=addresses.few_ips,
        repeat=Repeat.UNION,
        help="The addresses it may leave from, of those the relay has.",
        example="192.0.2.10, 2001:db8::10",
        permission=Permission(words="P3", grant="source-ip", listed=Listed.NEEDED),
        safety=True,
    ),
)
