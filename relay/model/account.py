"""Who may send: accounts, their credentials, domains, keys and tokens, as the registry keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ControlHeaders(StrEnum):
    """What a credential's control headers (X-SMTPeter-...) come to."""

    ON = "on"  # read, honoured, removed; unknown ones refused
    STRIP = "strip"  # removed and ignored: for relays that pass on others' mail
    PASS = "pass"  # noqa: S105 - left in place, ignored


class Scope(StrEnum):
    """What a token may do."""

    SEND = "send"
    READ = "read"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    created: float
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    username: str  # unique in the relay; compared without regard to case
    account: str
    password_hash: str  # argon2id, PHC string
    created: float
    note: str = ""
    disabled: bool = False
    sandbox: bool = False
    control_headers: ControlHeaders = ControlHeaders.ON
    grants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    name: str  # A-labels, lower case
    account: str
    challenge: str  # what the TXT record at _relay-challenge.<name> must say
    created: float
    verified: float | None = None  # when; None while it is not
    verified_by: str = ""  # "dns", or "hand" with who forced it: "hand (relay init)"


class Algorithm(StrEnum):
    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


class KeyState(StrEnum):
    ACTIVE = "active"  # signs
    RETIRED = "retired"  # signs no more; its record stays published until mail in flight has arrived


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    domain: str
    selector: str
    algorithm: Algorithm
    private_pem: str
    public_base64: str  # the p= of its TXT record
    created: float
    state: KeyState = KeyState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    id: str  # stands before the dot in the token itself, so a look-up needs no scan
    account: str
    digest: str  # SHA-256 of the whole token, hex; the token has 160 random bits, so no slow hash
    scopes: frozenset[Scope]
    created: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whom a session speaks for, once AUTH succeeded or its network was bound to a credential."""

    account: str
    credential: str  # its user name
    sandbox: bool = False
    control_headers: ControlHeaders = ControlHeaders.ON
    grants: frozenset[str] = frozenset()
