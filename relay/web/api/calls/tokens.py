"""Tokens: what applications show to this API, made and revoked by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from relay.manage import tokens
from relay.manage.reach import Reach
from relay.manage.wrong import Beyond
from relay.model.account import Credential, Scope, Token
from relay.store.interface import NotFound, Registry
from relay.web.api.answers import answer, nothing
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.managed import AFTER, GIVES, LIMIT, few, given, page, reach, told
from relay.web.api.services import Services
from relay.web.api.shapes_managed import TokenMade, TokenPage, TokenShown

FAMILY = "Tokens"
SHOWN: dict[str, Any] = {
    "id": "4kd92mzq7r",
    "account": "shop",
    "scopes": ["send"],
    "credential": "token-4kd92mzq7r",
    "rate": None,
    "note": "the webshop on host a",
    "created": "2026-05-01T08:00:00.000Z",
    "last_used": None,
}
WHOLE = f"{SHOWN['id']}.Zt4kd92mzq7rw3n5s8vbyhc6jx2pgk4m"


class TokenChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Properties of a token, as a change names them."""

    note: str | UnsetType = UNSET
    scopes: list[str] | UnsetType = UNSET
    credential: str | UnsetType = UNSET
    rate: int | UnsetType | None = UNSET


class TokenNew(Struct, forbid_unknown_fields=True, kw_only=True):
    """A token to be made."""

    scopes: list[str]
    note: str = ""
    credential: str | None = None
    rate: int | None = None


async def tokens_get(services: Services, asked: Asked) -> Answer:
    registry = services.registry
    found, following = page(registry.tokens(asked.caller.account), lambda it: it.id, asked)
    used = registry.tokens_used()
    return answer({"tokens": [tokens.describe(each, used) for each in found], "next": following})


async def token_post(services: Services, asked: Asked) -> Answer:
    body: TokenNew = asked.body
    registry, account = services.registry, asked.caller.account
    few(len(registry.tokens(account)), tokens.MOST, "tokens")
    with told():
        bound = reach(services, asked)
        scopes = tokens.read_scopes(body.scopes)
        bound.scopes(scopes)
        rate = _rate(services, bound, body.rate)
        token, whole = tokens.draft(account, scopes, body.note, rate, asked.at)
        credential, made = _credential(services, bound, token, body.credential)
        token = tokens.add(registry, token, credential, made=made)
    shown = tokens.describe(token, {})
    detail = {name: value for name, value in shown.items() if value}
    registry.audit(asked.at, asked.caller.who, "token add", detail)
    return answer({**shown, "token": whole}, 201, {"Location": f"{asked.base}/tokens/{token.id}"})


async def token_get(services: Services, asked: Asked) -> Answer:
    return answer(tokens.describe(_found(services, asked), services.registry.tokens_used()))


async def token_patch(services: Services, asked: Asked) -> Answer:
    before, registry, change = _found(services, asked), services.registry, given(asked.body)
    with told():
        bound = reach(services, asked)
        credential = None
        if "scopes" in change:
            change["scopes"] = tokens.read_scopes(change["scopes"])
        if "rate" in change:
            change["rate"] = _rate(services, bound, change["rate"])
        if "credential" in change:
            credential = tokens.find_credential(registry, before.account, change.pop("credential"))
        after = tokens.changed(before, change, credential)
        added = after.scopes - before.scopes
        if added and credential is None and before.credential:
            credential = registry.credential(before.credential)
        bound.extend(before, after, credential)
        if Scope.MANAGE in added and bound.needed(after):
            after = replace(after, credential=_made(registry, bound, after).username)
    if after != before:
        registry.update_token(after)
        registry.audit(asked.at, asked.caller.who, "token set", tokens.difference(after, before))
    return answer(tokens.describe(after, registry.tokens_used()))


async def token_delete(services: Services, asked: Asked) -> Answer:
    token = _found(services, asked)
    tokens.revoke(services.registry, token)
    detail = {"token": token.id, "account": token.account}
    services.registry.audit(asked.at, asked.caller.who, "token revoke", detail)
    return nothing()


def _credential(
    services: Services, bound: Reach, token: Token, username: str | None
) -> tuple[Credential | None, bool]:
    """Whose mail the token's is, and whether it is new. One that manages is bound as its maker is. Raises Wrong,
    Beyond."""
    if username is not None:
        found = tokens.find_credential(services.registry, token.account, username)
        bound.use(found, "credential")
        return found, False
    if Scope.SEND in token.scopes or bound.needed(token):
        return bound.fresh(tokens.credential_for(token)), True
    return None, False


def _made(registry: Registry, bound: Reach, token: Token) -> Credential:
    """The credential of a token that is to manage. Raises Exists."""
    made = bound.fresh(tokens.credential_for(token))
    registry.add_credential(made)
    return made


def _rate(services: Services, bound: Reach, wanted: int | None) -> int | None:
    """No token makes more requests than the one that gave it. Raises Beyond, Wrong."""
    tokens.check_rate(wanted)
    if bound.token.rate is None and wanted is None:
        return None
    usual = services.config.http.api.rate
    mine = usual if bound.token.rate is None else bound.token.rate
    asked = usual if wanted is None else wanted
    if mine and (not asked or asked > mine):
        if wanted is None:
            return mine
        raise Beyond("rate", f"this token makes {mine:,} requests a minute at most, and gives no more")
    return wanted


def _found(services: Services, asked: Asked) -> Token:
    """Raises NotFound, for others' too."""
    ident = asked.path["id"]
    found = services.registry.token(ident)
    if found.account != asked.caller.account:
        raise NotFound(f"no token {ident}")
    return found


_ID = Param(name="id", help="What stands before the dot in the token.", example=SHOWN["id"])
_CODES = ("bad_value", "unknown_property", "scope", "not_found", "conflict", "unavailable")
_CREDENTIAL = (
    "`credential` is whose grants, defaults and quota its mail has: one of the account that has no more than the "
    "calling token's own; without it one is made, `token-<id>`, which nobody can log in with over SMTP. "
)

CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/tokens",
        name="tokens_get",
        family=FAMILY,
        summary="List tokens",
        help="Those of the account, by id, with when each was used last (some seconds may pass until that is known).",
        scope=Scope.MANAGE,
        handler=tokens_get,
        query=(LIMIT, AFTER),
        answers=(Shown(help="A page of them.", shape=TokenPage, example={"tokens": [SHOWN], "next": None}),),
        codes=("unavailable",),
    ),
    Call(
        method="POST",
        path="/tokens",
        name="token_post",
        family=FAMILY,
        summary="Make a token",
        help=(
            "The token is in this answer and nowhere else. `scopes` are of `send` (make mail), `read` (look at "
            f"things) and `manage` (change them, see secrets). {_CREDENTIAL}`rate` is requests a minute, no more "
            f"than the calling token has; null: as the relay has it. {GIVES} A token that manages, made by one with "
            "a credential, gets a credential that is bound as that one is. There is no Idempotency-Key here, since "
            "an answer with a secret is kept nowhere: a token whose answer was lost is revoked, and another made."
        ),
        scope=Scope.MANAGE,
        handler=token_post,
        body=Body(
            help="what it may do",
            shape=TokenNew,
            example={"scopes": ["send"], "note": "the webshop on host a"},
        ),
        answers=(
            Shown(
                help="Made; with the token itself.",
                status=201,
                shape=TokenMade,
                example={**SHOWN, "token": WHOLE},
                headers={"Location": "Where it is."},
            ),
        ),
        codes=(*_CODES, "missing"),
    ),
    Call(
        method="GET",
        path="/tokens/{id}",
        name="token_get",
        family=FAMILY,
        summary="Show a token",
        help="What is kept of it; the token itself is kept as a digest, and cannot be shown.",
        scope=Scope.MANAGE,
        handler=token_get,
        params=(_ID,),
        answers=(Shown(help="The token.", shape=TokenShown, example=SHOWN),),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="PATCH",
        path="/tokens/{id}",
        name="token_patch",
        family=FAMILY,
        summary="Change a token",
        help=f"What is not named stays. A token can change itself, within what it has. {GIVES}",
        scope=Scope.MANAGE,
        handler=token_patch,
        params=(_ID,),
        body=Body(
            help="the properties that change", shape=TokenChanges, example={"scopes": ["send", "read"], "rate": 600}
        ),
        answers=(
            Shown(
                help="The token as it is now.",
                shape=TokenShown,
                example={**SHOWN, "scopes": ["send", "read"], "rate": 600},
            ),
        ),
        codes=_CODES,
    ),
    Call(
        method="DELETE",
        path="/tokens/{id}",
        name="token_delete",
        family=FAMILY,
        summary="Revoke a token",
        help=(
            "Its next request is refused; what it has queued is still delivered. A credential that was made with it "
            "is disabled, unless another token uses it. A token can revoke itself."
        ),
        scope=Scope.MANAGE,
        handler=token_delete,
        params=(_ID,),
        answers=(Shown(help="It is gone.", status=204, media=""),),
        codes=("not_found", "unavailable"),
    ),
)
