"""Shapes of answers on webhooks, credentials, tokens and options, for the API's document: as `shapes.py`.

In:  nothing. Out: types that msgspec can describe.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

# --- webhooks ---------------------------------------------------------------------------------------------


class WebhookKey(Struct):
    """Where the key of SMTPeter's signature is published in DNS."""

    name: str
    record: str


class WebhookShown(Struct, kw_only=True):
    """A webhook."""

    id: str
    account: str
    url: str
    events: list[str]
    format: Literal["json", "form"]
    shape: Literal["relay", "smtpeter"]
    signature: str
    batched: bool
    machine: bool
    test: bool
    deferred_every: int
    checked: str | None
    check_file: str | None
    check_text: str | None
    disabled: str | None
    disabled_at: str | None
    note: str
    created: str
    key: WebhookKey | None


class WebhookFaring(WebhookShown, kw_only=True):
    """A webhook, and how it fares."""

    state: str
    waiting: int
    dead: int
    lost: int
    failures: int
    failing_since: str | None
    paused_until: str | None
    last_success: str | None


class WebhookFound(WebhookShown, kw_only=True):
    """A webhook, and what a check of its URL came to, where there was one."""

    passed: bool | UnsetType = UNSET
    found: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET  # where one was made


class WebhookList(Struct):
    webhooks: list[WebhookFaring]
    next: str | None


class WebhookTried(Struct):
    """What a webhook answered."""

    id: str
    event: str
    status: int | None
    answer: str


class WebhookReplayed(Struct):
    id: str
    replayed: int
    disabled: str | None


class WebhookDelivery(Struct):
    """A request to a webhook."""

    at: str
    event: str
    events: int
    attempt: int
    status: int | None
    seconds: float
    answer: str


class WebhookDeliveries(Struct):
    deliveries: list[WebhookDelivery]


class DeadLetter(Struct):
    """An event that a webhook was not told of."""

    id: str
    event: str
    at: str
    died: str
    attempts: int
    reason: str


class DeadLetters(Struct):
    dead: list[DeadLetter]
    next: str | None


# --- who may do what --------------------------------------------------------------------------------------


class CredentialShown(Struct, kw_only=True):
    """A credential."""

    username: str
    account: str
    disabled: bool
    sandbox: bool
    control_headers: str
    on_invalid: str
    grants: list[str]
    allowed: dict[str, list[str]]
    forbidden: list[str]
    presets: list[str]
    lifetime: float | None  # seconds
    refuse_suppressed: bool
    note: str
    created: str
    options: dict[str, Any]
    quota: dict[str, int | str]


class CredentialMade(CredentialShown, kw_only=True):
    """A credential with its password, which is nowhere else."""

    password: str


class CredentialPage(Struct):
    credentials: list[CredentialShown]
    next: str | None


class TokenShown(Struct, kw_only=True):
    """A token, without what is secret."""

    id: str
    account: str
    scopes: list[Literal["send", "read", "manage"]]
    credential: str | None
    rate: int | None
    note: str
    created: str
    last_used: str | None


class TokenMade(TokenShown, kw_only=True):
    """A token, whole, which is nowhere else."""

    token: str


class TokenPage(Struct):
    tokens: list[TokenShown]
    next: str | None


class AccountShown(Struct):
    """An account."""

    name: str
    created: str
    options: dict[str, Any]
    quota: dict[str, int | str]


class Who(Struct):
    """The caller."""

    account: AccountShown
    token: TokenShown
    credential: CredentialShown | None
    rate: int


# --- options ----------------------------------------------------------------------------------------------


class OptionShown(Struct, kw_only=True):
    """An option of messages."""

    option: str
    header: str
    aliases: list[str]
    esmtp: str = field(name="ESMTP")
    value: str
    limits: str
    example: str
    meaning: str
    permission: str
    grant: str
    allowed_list: bool
    repeated: str
    bad_value: str
    set_by: list[str]


class OptionWhole(OptionShown, kw_only=True):
    """An option of messages, and the JSON Schema of its value."""

    family: str
    schema: dict[str, Any]


class OptionReference(Struct):
    options: list[OptionShown]
    grants: dict[str, str]


class PresetShown(Struct):
    """Options under a name."""

    preset: str
    account: str
    created: str
    options: dict[str, Any]


class PresetPage(Struct):
    presets: list[PresetShown]
    next: str | None
