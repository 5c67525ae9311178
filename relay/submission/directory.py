"""The registry as submission asks it: look-ups remembered until the registry changes, and keys kept loaded.

In:  names. Out: accounts, credentials, domains, and the signers of a domain.

Synchronous: a question costs microseconds, remembered or not; most of that to see whether the registry changed, so
that is asked once for several questions in a row, and by a worker every `LAG` seconds at most: a program that made a
change has hardly ended by then. What is not there is remembered, too, so that a client that tries names costs no
more than one that sends. A key that begins or ceases to sign at a time of its own makes the keys in use be chosen
anew when that time comes, and not before. All memories are bounded; loaded keys outlive a change of the registry,
since they are kept under the key itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any, Generic, Self, TypeVar

from relay.model.account import Account, Algorithm, Credential, DkimKey, Domain, KeyState, Preset, Token
from relay.model.clock import Clock, system_clock
from relay.model.template import Template
from relay.store.interface import NotFound, Registry
from relay.transform.dkim import Signer

REMEMBERED = 10_000  # answers of each kind
LAG = 0.01  # seconds for which a change may go unseen
LONGEST = 256  # characters of a user name; no real one has half of it, and an AUTH line has room for 9,000

log = logging.getLogger("relay.submission")
K = TypeVar("K")
V = TypeVar("V")


class _Memory(Generic[K, V]):
    """A bounded memory that drops the oldest answer first."""

    def __init__(self, ask: Callable[[K], V]) -> None:
        self._ask = ask
        self._answers: dict[K, V] = {}

    def get(self, key: K) -> V:
        try:
            return self._answers[key]
        except KeyError:
            answer = self._ask(key)
        if len(self._answers) >= REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = answer
        return answer

    def clear(self) -> None:
        self._answers.clear()


class Directory:
    """Look-ups, each by the registry as it is now, or was `lag` seconds ago at most; those inside `with directory:`
    by the same state of it.

    What stands in such a block must not wait for anything.
    """

    def __init__(
        self,
        registry: Registry,
        lag: float = 0.0,
        now: Callable[[], float] = time.monotonic,
        clock: Clock = system_clock,
    ) -> None:
        self._registry = registry
        self._lag = lag
        self._now = now
        self._clock = clock
        self._turn = inf  # when the next key in memory begins or ceases to sign
        self._fresh = -inf  # until then
        self._version = registry.version()
        self._steady = False
        self._accounts = _Memory(self._account)
        self._credentials = _Memory(self._credential)
        self._domains = _Memory(self._domain)
        self._signers = _Memory(self._load)
        self._names = _Memory(self._account_domains)
        self._hosts = _Memory(self._bounce_hosts)
        self._bases = _Memory(self._tracking_bases)
        self._named: _Memory[tuple[str, str], Signer | None] = _Memory(self._load_named)
        self._templates: _Memory[tuple[str, str, int | None], Template | None] = _Memory(self._template)
        self._webhooks = _Memory(self._registry.webhook_urls)
        self._tokens = _Memory(self._token)
        self._presets: _Memory[tuple[str, str], Preset | None] = _Memory(self._preset)
        self._always = _Memory(self._load_always)
        self._keys: _Memory[DkimKey, Signer | None] = _Memory(_loaded)
        self._timed: tuple[_Memory[Any, Any], ...] = (self._signers, self._named, self._always)
        self._forgetful: tuple[_Memory[Any, Any], ...] = (
            self._accounts,
            self._credentials,
            self._domains,
            self._names,
            self._hosts,
            self._bases,
            self._presets,
            self._webhooks,
            self._templates,
            self._tokens,
            *self._timed,
        )

    def __enter__(self) -> Self:
        self._refresh()
        self._steady = True
        return self

    def __exit__(self, *_: object) -> None:
        self._steady = False

    def account(self, name: str) -> Account | None:
        self._refresh()
        return self._accounts.get(name)

    def credential(self, username: str) -> Credential | None:
        self._refresh()
        if len(username) > LONGEST:
            return None
        return self._credentials.get(username.lower())

    def domain(self, name: str) -> Domain | None:
        """The domain of exactly that name, in A-labels, verified or not."""
        self._refresh()
        return self._domains.get(name)

    def token(self, token_id: str) -> Token | None:
        """The token of that id, which its digest has yet to be compared with."""
        self._refresh()
        return self._tokens.get(token_id)

    def webhook_urls(self, account: str) -> frozenset[str]:
        """Where webhooks of the account lead."""
        self._refresh()
        return self._webhooks.get(account)

    def preset(self, account: str, name: str) -> Preset | None:
        self._refresh()
        if len(name) > LONGEST:
            return None
        return self._presets.get((account, name.lower()))

    def template(self, account: str, name: str, version: int | None) -> Template | None:
        """The newest version where none is named."""
        self._refresh()
        if len(name) > LONGEST:
            return None
        return self._templates.get((account, name.lower(), version))

    def governing(self, name: str) -> Domain | None:
        """The nearest verified domain a name belongs to: itself, or the closest one above it."""
        self._refresh()
        while name:
            domain = self._domains.get(name)
            if domain is not None and domain.verified is not None:
                return domain
            name = name.partition(".")[2]
        return None

    def signers(self, domain: str) -> tuple[Signer, ...]:
        """The keys of a domain that sign now, ready: the newest of ours of each algorithm, RSA first (some verifiers
        read one), then those its account brought."""
        self._refresh()
        return self._signers.get(domain)

    def always(self, account: str) -> tuple[Signer, ...]:
        """The keys that sign all mail of an account now, ready."""
        self._refresh()
        return self._always.get(account)

    def signer(self, domain: str, selector: str) -> Signer | None:
        """The active key of that name, ready; None where it cannot be used. Raises NotFound."""
        self._refresh()
        return self._named.get((domain, selector))

    def bounce_host(self, account: str, host: str) -> bool:
        """Whether mail to this host is known to lead to us, for a domain of this account."""
        self._refresh()
        return host in self._hosts.get(account)

    def tracking_base(self, account: str, domain: Domain | None, wanted: str, usual: str | None) -> str | None:
        """Where links of a message begin, such as `https://clicks.example.com`; None: nowhere.

        `domain`: the one the message speaks for, if any. `wanted`: a host the message names, which counts only if it
        is one of its account. `usual`: for domains without a host of their own.
        """
        self._refresh()
        if wanted:
            return self._bases.get(account).get(wanted.lower())
        own = _base(domain) if domain is not None and domain.account == account else None
        return own or usual

    def demo_signers(self, account: str) -> tuple[Signer, ...]:
        """Keys of any verified domain of the account, for mail that never leaves; none if there are none."""
        self._refresh()
        for name in self._names.get(account):
            if found := self._signers.get(name):
                return found
        return ()

    def _refresh(self) -> None:
        if self._steady:
            return
        if self._lag:
            if (now := self._now()) < self._fresh:
                return
            self._fresh = now + self._lag
        version = self._registry.version()
        if version != self._version:
            self._version = version
            self._turn = inf
            for each in self._forgetful:
                each.clear()
        elif self._turn != inf and self._clock() >= self._turn:
            self._turn = inf
            for each in self._timed:
                each.clear()

    def _account(self, name: str) -> Account | None:
        try:
            return self._registry.account(name)
        except NotFound:
            return None

    def _credential(self, username: str) -> Credential | None:
        try:
            return self._registry.credential(username)
        except NotFound:
            return None

    def _domain(self, name: str) -> Domain | None:
        try:
            return self._registry.domain(name)
        except NotFound:
            return None

    def _account_domains(self, account: str) -> tuple[str, ...]:
        return tuple(each.name for each in self._registry.domains(account) if each.verified is not None)

    def _bounce_hosts(self, account: str) -> frozenset[str]:
        return frozenset(
            each.bounce_host
            for each in self._registry.domains(account)
            if each.verified is not None and each.bounce_host and each.bounce_verified is not None
        )

    def _tracking_bases(self, account: str) -> Mapping[str, str]:
        return {each.tracking_host: base for each in self._registry.domains(account) if (base := _base(each))}

    def _token(self, token_id: str) -> Token | None:
        try:
            return self._registry.token(token_id)
        except NotFound:
            return None

    def _preset(self, key: tuple[str, str]) -> Preset | None:
        try:
            return self._registry.preset(*key)
        except NotFound:
            return None

    def _template(self, key: tuple[str, str, int | None]) -> Template | None:
        try:
            return self._registry.template(*key)
        except NotFound:
            return None

    def _load_named(self, key: tuple[str, str]) -> Signer | None:
        domain, selector = key
        for each in self._signing(self._registry.keys(domain)):
            if each.selector == selector:
                return self._keys.get(each)
        raise NotFound(f"{domain} has no active key {selector}")

    def _load(self, domain: str) -> tuple[Signer, ...]:
        newest: dict[Algorithm, Signer] = {}
        brought: list[Signer] = []
        for key in self._signing(self._registry.keys(domain)):
            if key.custom:
                brought += self._ready(key)
            elif key.algorithm not in newest:
                newest.update((key.algorithm, each) for each in self._ready(key))
        return (*(newest[each] for each in (Algorithm.RSA, Algorithm.ED25519) if each in newest), *brought)

    def _load_always(self, account: str) -> tuple[Signer, ...]:
        return tuple(each for key in self._signing(self._registry.always_keys(account)) for each in self._ready(key))

    def _signing(self, keys: list[DkimKey]) -> Iterator[DkimKey]:
        """Those that sign now; the next time at which that changes is kept."""
        now = self._clock()
        for key in keys:
            if key.state is KeyState.ACTIVE:
                self._turn = min([self._turn, *(at for at in (key.start, key.end) if at is not None and at > now)])
            if key.signs(now):
                yield key

    def _ready(self, key: DkimKey) -> tuple[Signer, ...]:
        """Nothing where it cannot be read."""
        signer = self._keys.get(key)
        return () if signer is None else (signer,)


def _base(domain: Domain) -> str | None:
    """Where links in mail of the domain lead; None: it has no host for them that leads to us."""
    if not domain.tracking_host or domain.tracking_verified is None or domain.verified is None:
        return None
    return f"{'https' if domain.tracking_https else 'http'}://{domain.tracking_host}"


def _loaded(key: DkimKey) -> Signer | None:
    try:
        return Signer.load(key)
    except ValueError as error:
        log.error("%s", error)
        return None
