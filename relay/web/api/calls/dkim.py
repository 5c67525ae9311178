"""DKIM keys: the relay's own of a domain, and those its account brings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from relay.manage import custom_keys
from relay.manage.custom_keys import KeyChanges, shown, weaknesses
from relay.manage.keys import newest
from relay.model.account import Algorithm, DkimKey, Scope
from relay.transform.keys import dns_name, public_pem
from relay.web.api.answers import answer, text
from relay.web.api.call import TEXT, Answer, Asked, Body, Call, Param, Shown
from relay.web.api.calls.domains import NAME, domains, named
from relay.web.api.managed import told
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY = "DKIM"
_SELECTOR = Param(name="selector", help="letters, digits and hyphens, at most 63", example="own2026")
_CODES = ("not_found", "bad_value", "unavailable")


class ManagedKey(msgspec.Struct):
    """The key of the relay's own that signs now."""

    selector: str
    algorithm: str
    public: str


class CustomKey(msgspec.Struct, kw_only=True):
    """A key of the account's."""

    domain: str
    selector: str
    hostname: str  # where its record stands in DNS
    always: bool
    created: str
    start: str | None
    end: str | None
    algorithm: str
    public: str
    private: str
    warnings: list[str]


class KeyBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A key to be made, or what changes of one."""

    privatekey: str | None = None
    always: bool | None = None
    start: str | None = None
    end: str | None = None


async def dkimkey_get(services: Services, asked: Asked) -> Answer:
    key = _managed(services, asked)
    return answer(ManagedKey(key.selector, _algorithm(key), public_pem(key)))


async def dkimkey_publickey_get(services: Services, asked: Asked) -> Answer:
    return text(public_pem(_managed(services, asked)))


async def dkimkey_algorithm_get(services: Services, asked: Asked) -> Answer:
    return text(_algorithm(_managed(services, asked)))


async def dkimkey_selector_get(services: Services, asked: Asked) -> Answer:
    return text(_managed(services, asked).selector)


def _managed(services: Services, asked: Asked) -> DkimKey:
    """Raises Problem."""
    domain = domains(services, asked).of(named(asked))
    found = newest(services.registry.keys(domain.name))
    if not found:
        raise Problem("not_found", f"{domain.name} has no key of the relay's own")
    return found[0]


def _algorithm(key: DkimKey) -> str:
    """RSA is what the hash alone stands for: older than the other, and usual."""
    return "sha256" if key.algorithm is Algorithm.RSA else key.algorithm.value


async def dkimkeys_get(services: Services, asked: Asked) -> Answer:
    registry = services.registry
    names = [each.name for each in registry.domains(asked.caller.account)]
    return answer([_described(key) for name in names for key in registry.keys(name) if key.custom])


async def dkimkeys_domain_get(services: Services, asked: Asked) -> Answer:
    domain = domains(services, asked).of(named(asked))
    return answer([_described(each) for each in services.registry.keys(domain.name) if each.custom])


async def dkimkeys_selector_get(services: Services, asked: Asked) -> Answer:
    domain = domains(services, asked).of(named(asked))
    name = asked.path["selector"].lower()
    found = [each for each in services.registry.keys(domain.name) if each.custom and each.selector == name]
    if not found:
        raise Problem("not_found", f"{domain.name} has no key of that selector of the account's own")
    return answer([_described(each) for each in found])


async def dkimkey_post(services: Services, asked: Asked) -> Answer:
    body: KeyBody = asked.body if asked.body is not None else KeyBody()
    registry, account = services.registry, asked.caller.account
    with told():
        domain = domains(services, asked).of(named(asked))
        name = custom_keys.selector(asked.path["selector"])
        before = custom_keys.find(registry, domain.name, name)
        key = before
        if key is None or body.privatekey:
            made = await services.threaded(custom_keys.make, domain.name, name, body.privatekey, asked.at)
            domains(services, asked).of(domain.name)
            before = custom_keys.find(registry, domain.name, name)  # as it is after that time
            key = made if before is None else _with(before, made, replaced=bool(body.privatekey))
        changes = KeyChanges(always=body.always, start=body.start, end=body.end)
        kept = custom_keys.put(registry, account, key, changes)
    act = "dkim key add" if before is None else "dkim key set"
    detail = {"domain": kept.domain, "selector": kept.selector, "always": kept.always}
    registry.audit(asked.at, asked.caller.who, act, {**detail, "start": kept.start, "end": kept.end})
    return answer(_described(kept), 201 if before is None else 200)


def _with(before: DkimKey, made: DkimKey, *, replaced: bool) -> DkimKey:
    """The key there is, with the octets of the one that was brought."""
    if not replaced:
        return before
    return replace(before, algorithm=made.algorithm, private_pem=made.private_pem, public_base64=made.public_base64)


async def dkimkey_delete(services: Services, asked: Asked) -> Answer:
    with told():
        domain = domains(services, asked).of(named(asked))
        name = custom_keys.selector(asked.path["selector"])
        custom_keys.remove(services.registry, domain.name, name)
    detail = {"domain": domain.name, "selector": name}
    services.registry.audit(asked.at, asked.caller.who, "dkim key remove", detail)
    return answer({"domain": domain.name, "selector": name, "deleted": True})


def _described(key: DkimKey) -> CustomKey:
    return CustomKey(
        domain=key.domain,
        selector=key.selector,
        hostname=dns_name(key),
        always=key.always,
        created=shown(key.created),
        start=None if key.start is None else shown(key.start),
        end=None if key.end is None else shown(key.end),
        algorithm=_algorithm(key),
        public=public_pem(key),
        private=key.private_pem,
        warnings=weaknesses(key),
    )


_PUBLIC = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A...\n-----END PUBLIC KEY-----\n"
EXAMPLE: dict[str, Any] = {
    "domain": "example.com",
    "selector": "own2026",
    "hostname": "own2026._domainkey.example.com",
    "always": False,
    "created": "2026-05-01 08:00:00",
    "start": None,
    "end": "2027-05-01 00:00:00",
    "algorithm": "sha256",
    "public": _PUBLIC,
    "private": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC...\n-----END PRIVATE KEY-----\n",
    "warnings": [],
}
_MANAGED = (
    "Of the keys of the relay's own, which come with a domain, the RSA key that signs now (`sha256`); Ed25519 stands "
    "in `/dns/NAME/recommended`. Private parts of these are never shown. "
)
_ROTATED = (
    "They change every month where their records can follow: a new key is made, stands in `/dns/NAME/recommended`, "
    "and signs in the place of the old one once its record is seen in DNS."
)
_OWN = "Custom keys only, with their private parts, so this needs the scope `manage`; by domain, the newest first."


def _text_call(part: str, summary: str, handler: Any, example: str) -> Call:
    return Call(
        method="GET",
        path=f"/dkimkey/{{name}}/{part}",
        name=f"dkimkey_{part}_get",
        family=FAMILY,
        summary=summary,
        help=f"{_MANAGED}As text.",
        scope=Scope.READ,
        handler=handler,
        params=(NAME,),
        answers=(Shown(help="The text.", media=TEXT, example=example),),
        codes=_CODES,
        smtpeter=True,
    )


CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/dkimkey/{name}",
        name="dkimkey_get",
        family=FAMILY,
        summary="Show the managed key",
        help=_MANAGED + _ROTATED,
        scope=Scope.READ,
        handler=dkimkey_get,
        params=(NAME,),
        answers=(
            Shown(
                help="The key.",
                shape=ManagedKey,
                example={"selector": "r20260501", "algorithm": "sha256", "public": _PUBLIC},
            ),
        ),
        codes=_CODES,
        smtpeter=True,
    ),
    _text_call("publickey", "The public half of the managed key", dkimkey_publickey_get, _PUBLIC),
    _text_call("algorithm", "The algorithm of the managed key", dkimkey_algorithm_get, "sha256"),
    _text_call("selector", "The selector of the managed key", dkimkey_selector_get, "r20260501"),
    Call(
        method="GET",
        path="/dkimkeys",
        name="dkimkeys_get",
        family=FAMILY,
        summary="List custom keys",
        help=_OWN,
        scope=Scope.MANAGE,
        handler=dkimkeys_get,
        answers=(Shown(help="The keys.", shape=list[CustomKey], example=[EXAMPLE]),),
        codes=("unavailable",),
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/dkimkeys/{name}",
        name="dkimkeys_domain_get",
        family=FAMILY,
        summary="List custom keys of a domain",
        help=_OWN,
        scope=Scope.MANAGE,
        handler=dkimkeys_domain_get,
        params=(NAME,),
        answers=(Shown(help="The keys; maybe none.", shape=list[CustomKey], example=[EXAMPLE]),),
        codes=_CODES,
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/dkimkeys/{name}/{selector}",
        name="dkimkeys_selector_get",
        family=FAMILY,
        summary="Show a custom key",
        help=f"{_OWN} A list of one.",
        scope=Scope.MANAGE,
        handler=dkimkeys_selector_get,
        params=(NAME, _SELECTOR),
        answers=(Shown(help="The key, in a list.", shape=list[CustomKey], example=[EXAMPLE]),),
        codes=_CODES,
        smtpeter=True,
    ),
    Call(
        method="POST",
        path="/dkimkey/{name}/{selector}",
        name="dkimkey_post",
        family=FAMILY,
        summary="Make or change a custom key",
        help=(
            "`privatekey`: RSA of 1024 to 4096 bits, or Ed25519; PKCS#1 or PKCS#8, DER or PEM, in base64 (PEM may be "
            "as it is), not encrypted. Without it a new key is made with an RSA key of 2048 bits, and one that is "
            "there keeps its own. The key signs mail of its domain beside the relay's own keys, at once: publish "
            "its record first, or give a `start`. `always`: it signs all mail of the account, whatever its From. "
            "`start` and `end`: it signs from then on, and until then; `YYYY-MM-DD HH:MM:SS` in UTC, or ISO 8601; "
            "empty text takes the time away. What is not named stays. A selector of a key of the relay's own is 409; "
            "`publickey`, `algorithm` and `selector` are names of calls, and of no key. A domain has 10 such keys at "
            "most, and an account 5 that always sign."
        ),
        scope=Scope.MANAGE,
        handler=dkimkey_post,
        params=(NAME, _SELECTOR),
        body=Body(
            help="the key, and when it signs",
            shape=KeyBody,
            example={"always": False, "end": "2027-05-01 00:00:00"},
            required=False,
        ),
        answers=(
            Shown(help="Made.", status=201, shape=CustomKey, example=EXAMPLE),
            Shown(help="Changed.", shape=CustomKey, example={**EXAMPLE, "always": True}),
        ),
        codes=(*_CODES, "conflict", "unknown_property"),
        smtpeter=True,
    ),
    Call(
        method="DELETE",
        path="/dkimkey/{name}/{selector}",
        name="dkimkey_delete",
        family=FAMILY,
        summary="Delete a custom key",
        help=(
            "It signs no more. Leave its record published for some days, for mail that is under way. A key of the "
            "relay's own cannot be deleted (409)."
        ),
        scope=Scope.MANAGE,
        handler=dkimkey_delete,
        params=(NAME, _SELECTOR),
        answers=(
            Shown(
                help="It is gone.",
                shape=dict[str, str | bool],
                example={"domain": "example.com", "selector": "own2026", "deleted": True},
            ),
        ),
        codes=(*_CODES, "conflict"),
        smtpeter=True,
    ),
)
