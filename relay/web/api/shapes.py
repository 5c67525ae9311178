"""Shapes of answers, for the API's document: what clients are generated from. Values only.

In:  nothing. Out: types that msgspec can describe.

Why so: these answers are made of what `relay/manage` says for the command line, too, which are mappings. A test holds
every answer it gets to these shapes, so neither says more than the other.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

# --- what would become of a message -----------------------------------------------------------------------


class OptionHeld(Struct):
    """An option of a message, and who set it."""

    value: Any
    set_by: str


class Leaving(Struct):
    """The octets of a message as they would leave, and for whom."""

    recipients: list[str]
    mime: str
    encoding: Literal["utf-8", "base64"]  # of `mime`


class Rehearsal(Struct):
    """What would become of a message."""

    recipients: list[str]
    envelope: str
    options: dict[str, OptionHeld]
    warnings: list[str]
    send_at: list[str]  # of each recipient
    deadline: str
    sandbox: bool
    dropped: dict[str, str]  # address -> why it gets nothing
    messages: list[Leaving]


# --- why it is where it is --------------------------------------------------------------------------------


class Step(Struct):
    """An event of a message's way."""

    event: str
    at: str
    facts: dict[str, Any]
    conversation: list[str]


class Story(Struct):
    """A recipient's way."""

    id: str
    address: str
    state: str
    attempts: int
    reply: str
    next_attempt: str | None
    ended: str | None
    route: dict[str, str]
    holds: list[str]
    steps: list[Step]


class Explained(Struct):
    """Why a message is where it is."""

    id: str
    account: str
    credential: str
    sender: str
    from_: str = field(name="from")
    received: str
    deadline: str | None
    size: int | None
    origin: str
    sandbox: bool
    peer: str
    kept: bool
    options: dict[str, OptionHeld]
    warnings: list[str]
    recipients: list[Story]
    steps: list[Step]


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


# --- queue ------------------------------------------------------------------------------------------------


class DomainWaiting(Struct):
    """What waits for a domain."""

    domain: str
    queued: int
    flight: int
    held: int
    next: str | None


class Waiting(Struct):
    states: dict[str, int]
    domains: list[DomainWaiting]


class Recipient(Struct):
    """A recipient that has not ended."""

    id: str
    state: str
    attempts: int
    next: str | None
    from_: str = field(name="from")
    to: str
    account: str
    credential: str
    received: str | None
    deadline: str | None
    ended: str | None
    size: int
    site: str
    reply: str


class Recipients(Struct):
    recipients: list[Recipient]
    next: str | None


class OrderGiven(Struct):
    """An order, or what one would concern."""

    order: int | None
    act: str
    concerned: int
    in_flight: int
    dry_run: bool


class OrderDone(Struct):
    """What an order came to."""

    order: int
    act: str
    at: str
    who: str
    reason: str
    selection: dict[str, str | list[str]]
    done: bool
    changed: int
    in_flight: int
    outstanding: list[int]


# --- suppressions -----------------------------------------------------------------------------------------


class SuppressionShown(Struct):
    """An entry of the suppression list."""

    address: str
    account: str
    stream: str
    group: str
    cause: str
    note: str
    until: str | None
    created: str


class SuppressionPage(Struct):
    suppressions: list[SuppressionShown]
    next: str | None


class SuppressionsOf(Struct):
    address: str
    suppressions: list[SuppressionShown]


class Removed(Struct):
    removed: int


class LineFault(Struct):
    line: int
    why: str


class Imported(Struct):
    entries: int
    new: int
    bad: int
    faults: list[LineFault]
    dry_run: bool


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
