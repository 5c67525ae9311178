"""Access tokens as applications and operators see and change them; and the credentials that are made with them.

In:  the registry; what a token shall do.
Out: the token and its text, which is shown once; or `Wrong`, `Unfit`, NotFound.

A token that sends needs a credential: whose grants, defaults and quota its mail has. It is an existing one of the
account, or one made with it, `token-<id>`: it has no password, so nobody logs in with it. When the token goes, such
a credential is disabled, unless another token uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from relay.manage import secret
from relay.manage.credentials import check_note
from relay.manage.wrong import Wrong
from relay.model.account import Credential, Scope, Token
from relay.model.clock import iso
from relay.store.interface import NotFound, Registry

MOST = 1000  # tokens of an account, made by its own tokens
FASTEST = 100_000_000  # requests a minute
MADE = "token-"  # begins the user names of credentials made with a token


def read_scopes(given: Iterable[str]) -> frozenset[Scope]:
    """Raises Wrong."""
    found = set()
    for each in given:
        try:
            found.add(Scope(each.strip().lower()))
        except ValueError:
            raise Wrong("scopes", f"no scope {each[:40]!r}; there are {', '.join(Scope)}") from None
    if not found:
        raise Wrong("scopes", f"a token has one scope at least: {', '.join(Scope)}")
    return frozenset(found)


def check_rate(rate: int | None) -> None:
    """Raises Wrong."""
    if rate is not None and not 0 <= rate <= FASTEST:
        raise Wrong("rate", f"requests a minute are 0 (any number) to {FASTEST:,}, not {rate}")


def draft(account: str, scopes: frozenset[Scope], note: str, rate: int | None, now: float) -> tuple[Token, str]:
    """A token without a credential, and its text. Raises Wrong."""
    check_note(note)
    check_rate(rate)
    ident, whole = secret.token()
    token = Token(
        id=ident,
        account=account,
        digest=secret.token_digest(whole),
        scopes=scopes,
        created=now,
        note=note,
        rate=rate,
    )
    return token, whole


def credential_for(token: Token) -> Credential:
    """The one that is made with a token; nobody logs in with it."""
    return Credential(
        username=f"{MADE}{token.id}",
        account=token.account,
        password_hash="",
        created=token.created,
        note=token.note or f"of token {token.id}",
    )


def find_credential(registry: Registry, account: str, username: str) -> Credential:
    """One of the account, to be a token's. Raises Wrong."""
    try:
        found = registry.credential(username)
    except NotFound:
        found = None
    if found is None or found.account != account:
        raise Wrong("credential", f"there is no credential {username[:128]!r} of account {account}")
    return found


def add(registry: Registry, token: Token, credential: Credential | None, *, made: bool) -> Token:
    """Keep it with its credential; `made`: the credential is new. Raises Exists, NotFound."""
    if credential is not None:
        if made:
            registry.add_credential(credential)
        token = replace(token, credential=credential.username)
    registry.add_token(token)
    return token


def revoke(registry: Registry, token: Token) -> None:
    """It is refused from the next request on. Raises NotFound."""
    registry.remove_token(token.id)
    if token.credential != f"{MADE}{token.id}":
        return
    if any(each.credential == token.credential for each in registry.tokens(token.account)):
        return
    try:
        made = registry.credential(token.credential)
    except NotFound:
        return
    registry.update_credential(replace(made, disabled=True))


def changed(before: Token, given: Mapping[str, Any], credential: Credential | None) -> Token:
    """`given`: of note, scopes and rate; `credential`: another one. Raises Wrong."""
    note, rate = given.get("note", before.note), given.get("rate", before.rate)
    check_note(note)
    check_rate(rate)
    after = replace(
        before,
        note=note,
        rate=rate,
        scopes=given.get("scopes", before.scopes),
        credential=before.credential if credential is None else credential.username,
    )
    if Scope.SEND in after.scopes and not after.credential:
        raise Wrong("credential", "a token that sends needs a credential")
    return after


def describe(token: Token, used: Mapping[str, float]) -> dict[str, Any]:
    """In JSON's types, without its digest. `used`: when tokens were used last."""
    last = used.get(token.id)
    return {
        "id": token.id,
        "account": token.account,
        "scopes": [each.value for each in Scope if each in token.scopes],
        "credential": token.credential or None,
        "rate": token.rate,
        "note": token.note,
        "created": iso(token.created),
        "last_used": None if last is None else iso(last),
    }


def difference(after: Token, before: Token) -> dict[str, Any]:
    """What an audit keeps of a change."""
    old, new = describe(before, {}), describe(after, {})
    return {"token": after.id, **{name: value for name, value in new.items() if value != old[name]}}
