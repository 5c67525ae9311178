"""The keys of our return paths: one is made when the first address is needed, and another each month (`keyring.py`).

In:  recipients whose message leaves under our own return path; local parts that come back; hosts and domains.
Out: addresses; recipients' ids; whose a host or domain is.
"""

from __future__ import annotations

from relay.bounce.aggregate import policy_names
from relay.bounce.returnpath import VALID, ReturnPath, Way, make, read
from relay.model.account import ReturnKey
from relay.model.clock import Clock
from relay.model.message import Due
from relay.store.interface import Registry
from relay.worker.keyring import Keyring


class ReturnKeys(Keyring[ReturnKey]):
    def __init__(self, registry: Registry, clock: Clock) -> None:
        super().__init__(
            registry,
            clock,
            "return paths",
            add=registry.add_return_key,
            listed=registry.return_keys,
            forget=registry.forget_return_keys,
            valid=VALID,
        )
        self._hosts: frozenset[str] = frozenset()
        self._report_hosts: frozenset[str] = frozenset()
        self._owners: dict[str, str] = {}  # of verified domains
        self._read_at = -1  # version of the registry they are of

    def is_host(self, host: str) -> bool:
        """Whether return paths of a domain are at this host, lower case. Raises StoreDown."""
        self._follow()
        return host in self._hosts

    def is_report_host(self, host: str) -> bool:
        """Whether a verified domain has its return paths at this host, lower case. Raises StoreDown."""
        self._follow()
        return host in self._report_hosts

    def owner(self, domain: str) -> str | None:
        """The account that has this domain verified, or the nearest one above it. Raises StoreDown."""
        self._follow()
        return next((self._owners[each] for each in policy_names(domain) if each in self._owners), None)

    def _follow(self) -> None:
        version = self._registry.version()
        if version == self._read_at:
            return
        domains = self._registry.domains()
        verified = [each for each in domains if each.verified is not None]
        self._hosts = frozenset(each.bounce_host.lower() for each in domains if each.bounce_host)
        self._report_hosts = frozenset(each.bounce_host.lower() for each in verified if each.bounce_host)
        self._owners = {each.name: each.account for each in verified}
        self._read_at = version

    def path(self, due: Due) -> str:
        """The address bounces of a recipient come back to, at the message's `return_host`. Raises StoreDown."""
        return f"{make(self.newest(), f'{due.message.id}-{due.number}')}@{due.message.return_host}"

    def unsubscribing(self, recipient_id: str, host: str) -> str:
        """The address a recipient unsubscribes by. Raises StoreDown."""
        return f"{make(self.newest(), recipient_id, Way.UNSUBSCRIBE)}@{host}"

    def read(self, local_part: str) -> ReturnPath:
        """What the local part of one of our addresses stands for.

        Raises:
            ValueError: it is none of ours, or too old; the text says which.
            StoreDown: the keys cannot be read.
        """
        return read(local_part, self.known(), self._clock())
