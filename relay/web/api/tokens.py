"""Who asks: the access token of a request, and the caller it stands for.

In:  the fields and the query of a request.
Out: a `Caller`; or Problem, 401.

A token is `<id>.<secret>`; the id finds it, the digest of the whole decides, compared in constant time. It comes as
`Authorization: Bearer TOKEN`, as `Authorization: Basic` (the token is the password, or the user name where there is
no password), or as `access_token` in the query, as SMTPeter's clients send it. Nothing logs it.

Why so: the field goes before the query, which is what an application's framework adds by itself. That a token was
revoked is seen by the next request, since the directory asks the registry whether it changed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from relay.model.account import Token
from relay.submission.directory import Directory
from relay.web.api.problem import Problem

LONGEST = 256  # characters of a token
_BASIC = "basic "
_BEARER = "bearer "
_NOBODY = hashlib.sha256(b"").hexdigest()
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="relay"'}
INVALID = "Invalid access token"  # in SMTPeter's words


def given(authorization: str, query: Mapping[str, list[str]]) -> str:
    """The token as the request has it; "" where it has none. Raises Problem: it cannot be read."""
    if authorization:
        kind = authorization[:7].lower()
        if kind.startswith(_BEARER):
            return authorization[7:].strip()
        if kind.startswith(_BASIC):
            return _basic(authorization[6:].strip())
        raise Problem(
            "bad_token",
            "Authorization: expected Bearer TOKEN, or Basic with the token as password",
            headers=_CHALLENGE,
        )
    tokens = query.get("access_token", [])
    return tokens[-1] if tokens else ""


def find(token: str, directory: Directory) -> Token:
    """The token in the registry. Raises Problem, 401."""
    if not token:
        text = "there is no access token: send Authorization: Bearer TOKEN, or access_token in the query"
        raise Problem("no_token", text, headers=_CHALLENGE)
    found = None
    if len(token) <= LONGEST and token.isascii():
        found = directory.token(token.partition(".")[0])
    digest = hashlib.sha256(token[:LONGEST].encode("utf-8", "surrogateescape")).hexdigest()
    right = hmac.compare_digest(digest, found.digest if found is not None else _NOBODY)
    if found is None or not right or not _usable(found, directory):
        raise Problem("bad_token", INVALID, headers=_CHALLENGE)
    return found


def _usable(token: Token, directory: Directory) -> bool:
    account = directory.account(token.account)
    return account is not None and not account.disabled


def _basic(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError as error:  # binascii.Error and UnicodeDecodeError are such, and so is what is not ASCII
        raise Problem(
            "bad_token", "Authorization: Basic: it is not base64 of user:password", headers=_CHALLENGE
        ) from error
    return password or user
