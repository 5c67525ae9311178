"""The keys of our return paths: one is made when the first address is needed, and another each month (`keyring.py`).

In:  recipients whose message leaves under our own return path; local parts that come back.
Out: addresses; recipients' ids.
"""

from __future__ import annotations

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
        self._hosts_of = -1  # version of the registry they are of

    def is_host(self, host: str) -> bool:
        """Whether return paths of a domain are at this host, lower case. Raises StoreDown."""
        version = self._registry.version()
        if version != self._hosts_of:
            self._hosts = frozenset(each.bounce_host.lower() for each in self._registry.domains() if each.bounce_host)
            self._hosts_of = version
        return host in self._hosts

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
