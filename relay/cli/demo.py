"""The account `demo`, so that a newcomer can send a message at once.

In:  the registry, and `secrets.json` beside it as far as it is there.
Out: the account with its domain, DKIM keys, credential and token; and what a client needs to know of them.

Everything is made once and then left as it is: a credential that was disabled stays disabled, a password that
was rotated stays the new one. Only what is missing is made. The plain secrets lie in `secrets.json` (mode
0600), since the registry keeps digests only; without that file the password cannot be known, so a new one is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from relay.cli.files import write_private
from relay.manage import secret
from relay.manage.keys import make_keys, missing
from relay.model.account import Account, Credential, Domain, Scope, Token
from relay.store.interface import NotFound, Registry

ACCOUNT = "demo"
DOMAIN = "example.com"
USERNAME = "demo"
SENDER = f"me@{DOMAIN}"
BY = "hand (relay init)"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What clients of the demo account are given."""

    username: str
    password: str
    token: str
    sender: str


def secrets_path(data: Path) -> Path:
    return data / "secrets.json"


def read_secrets(data: Path) -> Secrets | None:
    """None where there are none, or the file is damaged."""
    try:
        return Secrets(**json.loads(secrets_path(data).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_secrets(data: Path, secrets: Secrets) -> None:
    write_private(secrets_path(data), json.dumps(asdict(secrets), indent=2).encode() + b"\n")


def keep_password(data: Path, username: str, password: str) -> None:
    """Put the new password in `secrets.json` when it was the demo credential that was rotated."""
    known = read_secrets(data)
    if known is not None and known.username.lower() == username.lower():
        write_secrets(data, replace(known, password=password))


def found_demo(registry: Registry, data: Path, at: float) -> Secrets:
    """Make what is missing of the demo account.

    The secrets are on disk before the registry has their digests: a crash between the two leaves a file whose
    secrets the next call puts to use.
    """
    known = read_secrets(data)
    secrets = known or Secrets(USERNAME, secret.password(), secret.token()[1], SENDER)
    if known is None:
        write_secrets(data, secrets)
    if not _has(registry.account, ACCOUNT):
        registry.add_account(Account(name=ACCOUNT, created=at))
    _found_domain(registry, at)
    _found_credential(registry, secrets, at, lost=known is None)
    _found_token(registry, secrets, at)
    return secrets


def _found_token(registry: Registry, secrets: Secrets, at: float) -> None:
    """Its mail is the demo credential's; so is that of a token that was made before tokens had a credential."""
    token_id = secrets.token.partition(".")[0]
    if not _has(registry.token, token_id):
        token = Token(
            id=token_id,
            account=ACCOUNT,
            digest=secret.token_digest(secrets.token),
            scopes=frozenset(Scope),
            created=at,
            note="relay init",
            credential=secrets.username,
        )
        registry.add_token(token)
    elif not (token := registry.token(token_id)).credential:
        registry.update_token(replace(token, credential=secrets.username))


def _found_domain(registry: Registry, at: float) -> None:
    if not _has(registry.domain, DOMAIN):
        registry.add_domain(Domain(name=DOMAIN, account=ACCOUNT, challenge=secret.challenge(), created=at))
        registry.verify_domain(DOMAIN, at, BY)
        registry.audit(at, "relay init", "domain verify --force", {"domain": DOMAIN})
    make_keys(registry, DOMAIN, missing(registry.keys(DOMAIN)), at)


def _found_credential(registry: Registry, secrets: Secrets, at: float, *, lost: bool) -> None:
    """`lost`: the plain secrets had to be made anew, so the credential takes the new password."""
    from relay.submission.login import hash_password

    if not _has(registry.credential, secrets.username):
        hashed = hash_password(secrets.password)
        registry.add_credential(
            Credential(
                username=secrets.username, account=ACCOUNT, password_hash=hashed, created=at, note="relay init"
            )
        )
    elif lost:
        hashed = hash_password(secrets.password)
        registry.update_credential(replace(registry.credential(secrets.username), password_hash=hashed))


def _has(look: Callable[[str], object], name: str) -> bool:
    try:
        look(name)
    except NotFound:
        return False
    return True
