"""Making what is shown once: passwords, user names, tokens, challenges; and a token's digest.

A token has 160 random bits of its own, so a fast digest of it is enough (see `model.account.Token`); what is
kept of a password is `relay.submission.login.hash_password`.
"""

from __future__ import annotations

import hashlib
import secrets

# No letters and digits that look alike, and nothing a shell, a URL or a config file would want quoted.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LOWER = "abcdefghijkmnpqrstuvwxyz23456789"


def _random(length: int, alphabet: str) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def password() -> str:
    """24 characters, 139 random bits."""
    return _random(24, _ALPHABET)


def username(account: str) -> str:
    return f"{account}-{_random(6, _LOWER)}"


def webhook() -> str:
    """What follows `wh_` in a webhook's id; also what its check file says."""
    return _random(16, _LOWER)


def challenge() -> str:
    """What the TXT record of a domain must say to prove who runs it."""
    return f"relay-verify={_random(32, _LOWER)}"


def token() -> tuple[str, str]:
    """A token's id, and the whole token: the id, a dot, and 32 characters with 160 random bits."""
    token_id = _random(10, _LOWER)
    return token_id, f"{token_id}.{_random(32, _LOWER)}"


def token_digest(whole: str) -> str:
    return hashlib.sha256(whole.encode()).hexdigest()
