"""What the relay keeps, and the only door to it.

Engines stand behind these interfaces: `sqlite` (embedded, one directory a shard) now, one for several
machines later. All pass the contract tests of `tests/store/contract.py`, so nothing above this package
knows which one is in use.

Three kinds of room:
    Queue     one shard: contents, recipients, journal. One process owns it for life (an exclusive lock);
              its writes are asynchronous and return once they are on disk.
    Reader    the same shard, read by anyone at any time, also while its owner runs or none does.
    Registry  accounts, credentials, domains, keys, tokens, presets, templates, orders: small, mostly read, shared by
              all processes; its calls are synchronous and take microseconds.

Beside the registry, shared by all processes of the machine in files with their own rhythm (`beside.py`):
    Suppressions  who gets no mail.
    Idempotency   which key was used for which submission.

What they raise:
    StoreFull: no room; the session answers 452 4.3.1.
    StoreDown: the engine cannot be reached or failed; the session answers 451 4.3.0.
    ShardBusy: another process owns the shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from relay.model.account import Account, Credential, DkimKey, Domain, LinkKey, Preset, ReturnKey, Token
from relay.model.event import Event
from relay.model.message import Due, Lane, Message, NewMessage, Settlement, State
from relay.model.options import Options
from relay.model.order import Done, Order, Selection
from relay.model.template import Template
from relay.store.erasure import ERASED


class StoreFull(Exception):
    """There is no room for another message."""


class StoreDown(Exception):
    """The engine failed or cannot be reached; nothing of the call was kept."""


class ShardBusy(Exception):
    """Another process owns this shard."""


class NotFound(LookupError):
    """No such message, content, account, credential, domain, key or token."""


class Exists(Exception):
    """What should be made is there already."""


@dataclass(frozen=True, slots=True)
class LaneState:
    lane: Lane
    due: float  # earliest next attempt among its queued recipients
    queued: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a lane handed out, and when it has more."""

    dues: tuple[Due, ...]
    next_due: float | None  # earliest next attempt of what stayed queued in this lane; None: nothing left


@dataclass(frozen=True, slots=True)
class Acted:
    """What an order did to a shard."""

    changed: int  # recipients
    in_flight: int  # that fitted but are being attempted, and so were left alone
    lanes: tuple[LaneState, ...] = ()  # that have work now which they had not: for the scheduler


class Queue(Protocol):
    """One shard, as its owner sees it."""

    @property
    def shard(self) -> int: ...

    @property
    def last_id(self) -> str | None:
        """The greatest submission id kept, for `IdSource(after=...)`."""

    async def add(self, new: NewMessage) -> None:
        """Take responsibility for a message: contents, recipients and events become durable together."""

    async def record(self, events: Sequence[Event]) -> None:
        """Journal events that change no state (`rejected`, `attempted`)."""

    async def lanes(self) -> list[LaneState]:
        """Every lane with queued recipients. Asked once at start; the scheduler keeps count afterwards."""

    async def claim(self, lane: Lane, now: float, limit: int) -> Claim:
        """Put at most `limit` due recipients of the lane in flight, earliest first, and hand them out."""

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[NewMessage] = ()) -> None:
        """Record attempts and add the reports they cause, all in one transaction.

        Settling the same recipient twice is refused silently: the first outcome stands.
        """

    async def release(self, dues: Iterable[Due], at: float) -> None:
        """Put recipients in flight back into the queue, due at `at`, as if never claimed."""

    async def content(self, message: str, number: int) -> bytes:
        """Final octets of a content.

        Raises:
            NotFound: pruned, or never there.
        """

    async def act(self, order: Order, now: float) -> Acted:
        """Carry out an order, in small transactions between which others write; events say what was done.

        Doing it again changes nothing that was changed already. Recipients in flight are left alone and counted; so
        are, by `erase`, those who wait for mail *from* the address. The order given again takes them. One carried out
        over a minute after it was given leaves alone what came since then, unless it names it by id.
            retry    queued ones are due now.
            hold     queued ones become held; `release` makes them queued again, due when they were.
            fail     queued and held ones become queued, due now and `Due.doomed` with the order's reason.
            delete   queued and held ones become cancelled.
            drop     the contents of messages that have ended are forgotten; `changed` counts the messages,
                     `in_flight` those that have not ended and were left alone. The selection has ids, of submissions,
                     and perhaps their account; nothing else (ValueError).
            erase    the address is replaced by `erased@invalid` in recipients and journal; contents that
                     went to it alone are forgotten; its unfinished recipients are cancelled. The selection has
                     the address and nothing else (ValueError).
        """

    async def prune(self, now: float) -> int:
        """Forget what outlived its retention; returns how many messages went."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientState:
    number: int
    address: str
    state: State
    attempts: int
    next_attempt: float | None  # for queued
    reply: str  # the last one
    ended: float | None
    content: int
    site: str = ""  # of the last attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """What a link of ours stands for: one recipient of a message, and where the links of its content lead."""

    shard: int
    message: str
    number: int  # of the recipient, from 1
    account: str
    credential: str
    address: str  # `ERASED`: the person was erased
    sender: str  # the envelope's reverse-path
    author: str  # domain in From
    options: Options  # tags, campaign, stream, tenant, metadata, message_ref and all else the message asked for
    content: int
    targets: tuple[str, ...]  # by the number of the link
    received: float
    state: State
    ended: float | None  # of this recipient; for a delivered one when that was
    return_host: str
    links: bool  # the message has links of ours
    test: bool  # it was kept in the sandbox, and not sent

    @property
    def erased(self) -> bool:
        return self.address == ERASED


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A journal row. `seq` rises by one a row within a shard and is never used twice."""

    shard: int
    seq: int
    event: Event
    text: str = field(default="", compare=False, repr=False)  # the event as it is kept, where it was read: JSON

    @property
    def id(self) -> str:
        return f"{self.shard}.{self.seq}"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a domain."""

    domain: str
    queued: int
    flight: int
    held: int
    due: float | None  # earliest next attempt of what is queued; None: nothing is


class Reader(Protocol):
    """A shard, read from outside its owner. Synchronous."""

    @property
    def shard(self) -> int: ...

    def message(self, message: str) -> Message:
        """Raises NotFound."""

    def recipients(self, message: str) -> list[RecipientState]: ...
    def tracked(self, message: str, recipient: int) -> Tracked | None:
        """The recipient of that number, as links need it; None: not kept, or no longer. A fraction of a ms."""

    def content(self, message: str, number: int) -> bytes:
        """Raises NotFound."""

    def journal(self, after: int, limit: int) -> list[Entry]:
        """Rows with a seq greater than `after`, in order."""

    def history(self, message: str) -> list[Entry]:
        """All journal rows of one message, in order."""

    def listing(self, selection: Selection, limit: int = 100) -> list[tuple[Message, RecipientState]]:
        """Recipients for the queue listing, earliest next attempt first."""

    def matching(self, selection: Selection) -> Mapping[State, int]:
        """How many recipients fit, by state."""

    def backlog(self, selection: Selection, limit: int = 100) -> list[Backlog]:
        """The domains with the most recipients that fit and have not ended; `selection.states` is passed over."""

    def counts(self) -> Mapping[State, int]:
        """Recipients by state; final ones are counted while their message is kept."""

    def close(self) -> None: ...


class Registry(Protocol):
    """Accounts and what belongs to them. Every change raises `version`."""

    def version(self) -> int:
        """Changes with every change any process makes; cheap enough to ask for each session."""

    def add_account(self, account: Account) -> None: ...
    def account(self, name: str) -> Account:
        """Raises NotFound."""

    def accounts(self) -> list[Account]: ...
    def set_account_disabled(self, name: str, disabled: bool) -> None: ...
    def update_account(self, account: Account) -> None:
        """Replace the account of that name. Raises NotFound."""

    def add_credential(self, credential: Credential) -> None: ...
    def credential(self, username: str) -> Credential:
        """Raises NotFound. User names are compared without regard to case."""

    def credentials(self, account: str | None = None) -> list[Credential]: ...
    def update_credential(self, credential: Credential) -> None:
        """Replace the credential of that user name. Raises NotFound."""

    def add_domain(self, domain: Domain) -> None: ...
    def domain(self, name: str) -> Domain:
        """Raises NotFound."""

    def domains(self, account: str | None = None) -> list[Domain]: ...
    def tracking_hosts(self) -> Mapping[str, Domain]:
        """The hosts of links that were seen to lead to us, each with a verified domain it is for."""

    def verify_domain(self, name: str, at: float, by: str) -> None:
        """Mark a domain verified and record by whom. Raises NotFound."""

    def update_domain(self, domain: Domain) -> None:
        """Replace the domain of that name. Raises NotFound."""

    def remove_domain(self, name: str) -> None: ...

    def put_preset(self, preset: Preset) -> None:
        """Add it, or replace the one of that account and name."""

    def preset(self, account: str, name: str) -> Preset:
        """Raises NotFound. Names are compared without regard to case."""

    def presets(self, account: str | None = None) -> list[Preset]: ...
    def remove_preset(self, account: str, name: str) -> None:
        """Raises NotFound."""

    def put_template(self, template: Template) -> Template:
        """Keep a new version of it, made where there is none of that name; returned with its id and version.

        With an id it is a version of that template, which gets the name. The newest `VERSIONS` are kept.

        Raises:
            NotFound: there is no such account, or no template of that id in it.
            Exists: another one has the name.
        """

    def template(self, account: str, name: str, version: int | None = None) -> Template:
        """By name, without regard to case, or by id: digits are an id first. The newest version, unless one is asked
        for. Raises NotFound."""

    def webhook_urls(self, account: str) -> frozenset[str]:
        """Where webhooks of the account lead, ready or not."""

    def templates(self, account: str | None = None) -> list[Template]:
        """The newest version of each."""

    def template_names(self, account: str, start: int = 0, limit: int | None = None) -> list[tuple[int, str]]:
        """Id and name of each, by id; so many from the one at `start` on."""

    def template_versions(self, account: str, name: str) -> list[Template]:
        """The newest first. Raises NotFound."""

    def remove_template(self, account: str, name: str) -> None:
        """All its versions. Raises NotFound."""

    def add_return_key(self, secret: bytes, created: float) -> ReturnKey: ...
    def return_keys(self) -> list[ReturnKey]:
        """The newest first."""

    def forget_return_keys(self, before: float) -> int:
        """Forget those that were replaced before that time (by a newer one); the newest stays. How many went."""

    def add_link_key(self, secret: bytes, created: float) -> LinkKey: ...
    def link_keys(self) -> list[LinkKey]:
        """The newest first."""

    def forget_link_keys(self, before: float) -> int:
        """As `forget_return_keys`."""

    def add_order(self, order: Order) -> Order:
        """Keep an order; returns it with its number."""

    def order(self, number: int) -> Order:
        """Raises NotFound."""

    def orders(self, shard: int) -> list[Order]:
        """Those that shard has not done yet, in order."""

    def order_done(self, done: Done) -> None: ...
    def done(self, order: int) -> list[Done]: ...
    def forget_orders(self, before: float) -> int:
        """Forget orders given before that time, done or not. How many went."""

    def add_key(self, key: DkimKey) -> None: ...
    def keys(self, domain: str | None = None) -> list[DkimKey]:
        """All keys of a domain (of all domains), newest first."""

    def always_keys(self, account: str) -> list[DkimKey]:
        """Those that sign all mail of an account: of its verified domains, the newest first."""

    def pending_keys(self, after: str = "", limit: int = 1000) -> list[DkimKey]:
        """Those of all domains that wait for their record, by domain and selector; behind `after`, which is those two
        with a space."""

    def due_keys(self, before: float, after: str = "", limit: int = 1000) -> list[DkimKey]:
        """Those of ours that sign for a verified domain since before a time, the newest of their algorithm, without
        a successor that waits. In order and part as `pending_keys`."""

    def update_key(self, key: DkimKey) -> None:
        """Replace the key of that domain and selector. Raises NotFound."""

    def remove_key(self, domain: str, selector: str) -> None:
        """Raises NotFound."""

    def retire_key(self, domain: str, selector: str) -> None:
        """Raises NotFound."""

    def add_token(self, token: Token) -> None: ...
    def token(self, token_id: str) -> Token:
        """Raises NotFound."""

    def tokens(self, account: str | None = None) -> list[Token]: ...
    def update_token(self, token: Token) -> None:
        """Replace the token of that id. Raises NotFound."""

    def remove_token(self, token_id: str) -> None:
        """Raises NotFound."""

    def tokens_used(self) -> Mapping[str, float]:
        """When each was used last, by id; those that never were are missing."""

    def note_tokens_used(self, used: Mapping[str, float]) -> None:
        """Keep when they were used; raises no version. Those that are gone are passed over."""

    def audit(self, at: float, who: str, act: str, detail: Mapping[str, Any]) -> None:
        """Keep who did what; acts that loosen a rule (`domain verify --force`) are recorded here."""

    def audits(self, limit: int = 100) -> list[Mapping[str, Any]]:
        """The newest first: `at`, `who`, `act`, `detail`."""

    def close(self) -> None: ...
