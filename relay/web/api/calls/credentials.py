"""Credentials: what clients log in with over SMTP, and what holds for their mail; and who is asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from relay.manage import secret
from relay.manage.credential_changes import changed
from relay.manage.credentials import MOST, check_username, describe, describe_account, difference
from relay.manage.tokens import describe as describe_token
from relay.manage.wrong import Wrong
from relay.model.account import ControlHeaders, Credential, OnInvalid, Scope
from relay.store.interface import NotFound
from relay.submission.login import hash_password
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.managed import AFTER, GIVES, LIMIT, few, given, page, reach, told
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.api.shapes_managed import CredentialMade, CredentialPage, CredentialShown, Who

FAMILY = "Credentials"
_MERGE = (
    "A change is a merge patch (RFC 7396): what is not named stays; of `options`, `quota` and `allowed` each member "
    "is changed alone, and null takes it away; lists are replaced."
)
SHOWN: dict[str, Any] = {
    "username": "shop-4kd92m",
    "account": "shop",
    "disabled": False,
    "sandbox": False,
    "control_headers": "on",
    "on_invalid": "reject",
    "grants": [],
    "allowed": {},
    "forbidden": ["priority"],
    "presets": ["receipts"],
    "lifetime": None,
    "refuse_suppressed": False,
    "note": "the webshop on host a",
    "created": "2026-05-01T08:00:00.000Z",
    "options": {"track_clicks": "html", "tags": ["invoice"]},
    "quota": {"messages_hour": 1000, "over": "delay"},
}
ACCOUNT: dict[str, Any] = {
    "account": {
        "name": "shop",
        "created": "2026-05-01T08:00:00.000Z",
        "options": {},
        "quota": {"messages_day": 50_000, "over": "refuse"},
    },
    "token": {
        "id": "4kd92mzq7r",
        "account": "shop",
        "scopes": ["send", "read", "manage"],
        "credential": "shop-4kd92m",
        "rate": None,
        "note": "",
        "created": "2026-05-01T08:00:00.000Z",
        "last_used": "2026-05-02T08:00:00.000Z",
    },
    "credential": SHOWN,
    "rate": 120_000,
}


class CredentialChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Properties of a credential, as a change names them."""

    note: str | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    sandbox: bool | UnsetType = UNSET
    control_headers: ControlHeaders | UnsetType = UNSET
    on_invalid: OnInvalid | UnsetType = UNSET
    refuse_suppressed: bool | UnsetType = UNSET
    lifetime: float | str | UnsetType | None = UNSET
    grants: list[str] | UnsetType = UNSET
    forbidden: list[str] | UnsetType = UNSET
    presets: list[str] | UnsetType = UNSET
    allowed: dict[str, list[str] | None] | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    quota: dict[str, int | str | None] | UnsetType = UNSET


class CredentialNew(CredentialChanges, forbid_unknown_fields=True, kw_only=True):
    """A credential to be made."""

    username: str = ""


async def account_get(services: Services, asked: Asked) -> Answer:
    token, registry = asked.caller.token, services.registry
    return answer(
        {
            "account": describe_account(registry.account(token.account)),
            "token": describe_token(token, registry.tokens_used()),
            "credential": _own(services, asked),
            "rate": services.config.http.api.rate if token.rate is None else token.rate,
        }
    )


async def credentials_get(services: Services, asked: Asked) -> Answer:
    found, following = page(services.registry.credentials(asked.caller.account), lambda it: it.username, asked)
    return answer({"credentials": [describe(each) for each in found], "next": following})


async def credential_post(services: Services, asked: Asked) -> Answer:
    body: CredentialNew = asked.body if asked.body is not None else CredentialNew()
    registry, account = services.registry, asked.caller.account
    few(len(registry.credentials(account)), MOST, "credentials")
    password = secret.password()
    hashed = await services.threaded(hash_password, password)
    with told():
        check_username(body.username)
        if body.username.lower().startswith("token-"):
            raise Wrong("username", "names that begin with token- are for the credentials of tokens")
        bound = reach(services, asked)
        bare = bound.fresh(
            Credential(
                username=body.username or secret.username(account),
                account=account,
                password_hash=hashed,
                created=asked.at,
            )
        )
        made = changed(bare, _properties(body), bound.presets)
        bound.change(bare, made)
    registry.add_credential(made)
    registry.audit(asked.at, asked.caller.who, "credential add", difference(made, bare))
    headers = {"Location": f"{asked.base}/credentials/{made.username}"} if made.username.isascii() else {}
    return answer({**describe(made), "password": password}, 201, headers)


async def credential_get(services: Services, asked: Asked) -> Answer:
    return answer(describe(_found(services, asked)))


async def credential_patch(services: Services, asked: Asked) -> Answer:
    before = _found(services, asked)
    with told():
        bound = reach(services, asked)
        after = changed(before, _properties(asked.body), bound.presets)
        bound.change(before, after)
    _keep(services, asked, after, before, "credential set")
    return answer(describe(after))


async def credential_delete(services: Services, asked: Asked) -> Answer:
    before = _found(services, asked)
    after = replace(before, disabled=True)
    _keep(services, asked, after, before, "credential disable")
    return answer(describe(after))


async def credential_rotate(services: Services, asked: Asked) -> Answer:
    with told():
        reach(services, asked).use(_found(services, asked), "username")
    password = secret.password()
    hashed = await services.threaded(hash_password, password)
    before = _found(services, asked)
    if not before.password_hash:
        raise Problem("conflict", f"{before.username} is a token's: nobody logs in with it")
    services.registry.update_credential(replace(before, password_hash=hashed))
    services.registry.audit(asked.at, asked.caller.who, "credential rotate", {"username": before.username})
    return answer({**describe(before), "password": password})


def _own(services: Services, asked: Asked) -> dict[str, Any] | None:
    token = asked.caller.token
    if not token.credential:
        return None
    try:
        return describe(services.registry.credential(token.credential))
    except NotFound:
        return None


def _found(services: Services, asked: Asked) -> Credential:
    """Raises NotFound, for others' too."""
    name = asked.path["username"]
    found = services.registry.credential(name)
    if found.account != asked.caller.account:
        raise NotFound(f"no credential {name}")
    return found


def _keep(services: Services, asked: Asked, after: Credential, before: Credential, act: str) -> None:
    if after != before:
        services.registry.update_credential(after)
        services.registry.audit(asked.at, asked.caller.who, act, difference(after, before))


def _properties(body: CredentialChanges) -> Mapping[str, Any]:
    return {name: value for name, value in given(body).items() if name != "username"}


_USERNAME = Param(name="username", help="The user name, in any case.", example="shop-4kd92m")
_CHANGED = {
    "note": "moved to host b",
    "options": {"track_opens": True, "tags": None},
    "quota": {"messages_hour": 500},
}
_CODES = ("bad_value", "unknown_property", "scope", "not_found", "conflict", "unavailable")

CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/account",
        name="account_get",
        family=FAMILY,
        summary="Who am I",
        help=(
            "The account, the token and the credential of the caller: scopes, defaults, quotas. `rate` is how many "
            "requests a minute the token may make (0: any number); how many are left stands in `RateLimit` of every "
            "answer. `credential` is null where the token sends no mail."
        ),
        scope=Scope.READ,
        handler=account_get,
        answers=(Shown(help="The caller.", shape=Who, example=ACCOUNT),),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="GET",
        path="/credentials",
        name="credentials_get",
        family=FAMILY,
        summary="List credentials",
        help="Those of the account, by user name. Passwords are kept as digests, and cannot be shown.",
        scope=Scope.MANAGE,
        handler=credentials_get,
        query=(LIMIT, AFTER),
        answers=(
            Shown(help="A page of them.", shape=CredentialPage, example={"credentials": [SHOWN], "next": None}),
        ),
        codes=("unavailable",),
    ),
    Call(
        method="POST",
        path="/credentials",
        name="credential_post",
        family=FAMILY,
        summary="Make a credential",
        help=(
            "Its password is in this answer and nowhere else. `options` are defaults for its mail, by any of their "
            "names: SMTPeter's `trackclicks` is `track_clicks`. `quota` is within that of the account, which stays. "
            f"User names are unique in the relay; one is made where none is given. {GIVES} A new credential begins "
            "with what binds the token's own. There is no Idempotency-Key here, since an answer with a secret is "
            "kept nowhere: a `username` that is there already is 409."
        ),
        scope=Scope.MANAGE,
        handler=credential_post,
        body=Body(
            help="properties of the credential, all of them optional",
            shape=CredentialNew,
            example={"note": "the webshop on host a", "options": {"trackclicks": True, "tags": ["invoice"]}},
            required=False,
        ),
        answers=(
            Shown(
                help="Made; with its password.",
                status=201,
                shape=CredentialMade,
                example={**SHOWN, "password": "Zt4kd92mPq7rXw3nLs8vBy6c"},
                headers={"Location": "Where it is."},
            ),
        ),
        codes=_CODES,
    ),
    Call(
        method="GET",
        path="/credentials/{username}",
        name="credential_get",
        family=FAMILY,
        summary="Show a credential",
        help="All that is set for it.",
        scope=Scope.MANAGE,
        handler=credential_get,
        params=(_USERNAME,),
        answers=(Shown(help="The credential.", shape=CredentialShown, example=SHOWN),),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="PATCH",
        path="/credentials/{username}",
        name="credential_patch",
        family=FAMILY,
        summary="Change a credential",
        help=f"{_MERGE} `disabled: false` lets it log in again. {GIVES}",
        scope=Scope.MANAGE,
        handler=credential_patch,
        params=(_USERNAME,),
        body=Body(help="the properties that change", shape=CredentialChanges, example=_CHANGED),
        answers=(Shown(help="The credential as it is now.", shape=CredentialShown, example=SHOWN),),
        codes=_CODES,
    ),
    Call(
        method="DELETE",
        path="/credentials/{username}",
        name="credential_delete",
        family=FAMILY,
        summary="Disable a credential",
        help=(
            "It may not log in any more, and tokens send no mail with it; what it has queued is still delivered. It "
            "is not forgotten, and its user name is not free again: events and messages name it."
        ),
        scope=Scope.MANAGE,
        handler=credential_delete,
        params=(_USERNAME,),
        answers=(
            Shown(help="The credential as it is now.", shape=CredentialShown, example={**SHOWN, "disabled": True}),
        ),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="POST",
        path="/credentials/{username}/rotate",
        name="credential_rotate",
        family=FAMILY,
        summary="Give a credential a new password",
        help=(
            "The old password is refused from now on. A credential that has more than the token's own gets its new "
            "password from the operator: 403. That of a token has no password: 409."
        ),
        scope=Scope.MANAGE,
        handler=credential_rotate,
        params=(_USERNAME,),
        answers=(
            Shown(
                help="With its new password.",
                shape=CredentialMade,
                example={**SHOWN, "password": "Zt4kd92mPq7rXw3nLs8vBy6c"},
            ),
        ),
        codes=("scope", "not_found", "conflict", "unavailable"),
    ),
)
