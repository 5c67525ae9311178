"""Who may send: accounts, their credentials, domains, keys and tokens, as the registry keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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


class OnInvalid(StrEnum):
    """What an unknown control header or a bad value comes to."""

    REJECT = "reject"
    WARN = "warn"  # the option is left out, with a warning
    IGNORE = "ignore"


class OverQuota(StrEnum):
    REFUSE = "refuse"  # 452 4.7.1
    DELAY = "delay"  # taken, and sent once the quota has room


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much may be submitted in an hour and in a day (both sliding); None is without limit."""

    messages_hour: int | None = None
    messages_day: int | None = None
    recipients_hour: int | None = None
    recipients_day: int | None = None
    bytes_hour: int | None = None
    bytes_day: int | None = None
    domains_hour: int | None = None  # recipient domains not written to before in that time
    domains_day: int | None = None
    over: OverQuota = OverQuota.REFUSE


NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    name: str
    created: float
    disabled: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)  # defaults, by name, as `Options.as_dict` has them
    quota: Quota = NO_QUOTA  # of all its credentials together


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
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values that go with a grant, by option
    forbidden: frozenset[str] = frozenset()  # options a message may not set; or `option=value`
    presets: frozenset[str] = frozenset()  # those a message may name
    options: Mapping[str, Any] = field(default_factory=dict)  # defaults, by name, as `Options.as_dict` has them
    on_invalid: OnInvalid = OnInvalid.REJECT
    lifetime: float | None = None  # seconds; a longer deadline is cut to it
    refuse_suppressed: bool = False  # 550 5.7.1 for a message to suppressed recipients only, in place of an event
    quota: Quota = NO_QUOTA


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A set of options under a name, which a message may ask for."""

    account: str
    name: str
    options: Mapping[str, Any]  # as `Options.as_dict` has them
    created: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnKey:
    """What signs our return paths. The newest signs; the others are good until they are forgotten."""

    number: int  # from 1, rising
    secret: bytes  # 32 octets
    created: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKey:
    """What signs the tokens in links of ours. The newest signs; the others are good until they are forgotten."""

    number: int  # from 1, rising
    secret: bytes  # 32 octets
    created: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """The DMARC policy an account wants for a domain (RFC 7489 section 6.3), for its owner to publish."""

    policy: str = "none"  # none, quarantine, reject
    percentage: int = 100  # of the mail it is applied to, once `end` has come
    start: str = ""  # date, YYYY-MM-DD, UTC: the percentage climbs day by day from 0 then to `percentage` at `end`
    end: str = ""  # "": it is `percentage` from the start
    addresses: tuple[str, ...] = ()  # that get aggregate reports beside ours


NO_DMARC = Dmarc()


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    name: str  # A-labels, lower case
    account: str
    challenge: str  # what the TXT record at _relay-challenge.<name> must say
    created: float
    verified: float | None = None  # when; None while it is not
    verified_by: str = ""  # "dns", or "hand" with who forced it: "hand (relay init)"
    options: Mapping[str, Any] = field(default_factory=dict)  # defaults for mail of this domain
    bounce_host: str = ""  # domain of our return paths for its mail: bounces.example.com
    bounce_verified: float | None = None  # when that was seen to lead to us; None while it was not
    tracking_host: str = ""  # host of the links in its mail: clicks.example.com
    tracking_https: bool = False  # those links begin with https
    tracking_verified: float | None = None  # when the host was seen to lead to us; None while it was not
    spf: tuple[str, ...] = ()  # further mechanisms of its SPF record: `ip4:192.0.2.0/24`, `include:example.net`
    dmarc: Dmarc = NO_DMARC


class Algorithm(StrEnum):
    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


class KeyState(StrEnum):
    PENDING = "pending"  # made by us in its turn; signs once its record is seen in DNS
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
    custom: bool = False  # made or brought by its account, and never rotated by us; else managed
    always: bool = False  # signs all mail of the domain's account, whatever its From
    start: float | None = None  # signs from then on; None: from the start
    end: float | None = None  # signs until then; None: for good

    def signs(self, now: float) -> bool:
        begun = self.start is None or self.start <= now
        return self.state is KeyState.ACTIVE and begun and (self.end is None or now < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    id: str  # stands before the dot in the token itself, so a look-up needs no scan
    account: str
    digest: str  # SHA-256 of the whole token, hex; the token has 160 random bits, so no slow hash
    scopes: frozenset[Scope]
    created: float
    note: str = ""
    credential: str = ""  # user name of the credential its mail is sent as; "": it sends none
    rate: int | None = None  # requests a minute; None: as the configuration has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whom a session speaks for, once AUTH succeeded or its network was bound to a credential."""

    account: str
    credential: str  # its user name
    sandbox: bool = False
    control_headers: ControlHeaders = ControlHeaders.ON
    grants: frozenset[str] = frozenset()
