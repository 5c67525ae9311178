"""The keys of tokens in links of ours: one is made when the first link is, and another each month (`keyring.py`).

In:  the configuration, which says how long links work.
Out: the newest key for who makes links (`newest`); all that are good for who reads them (`known`).

Why so: a link works for `tracking.life` after its message ended, and that comes after the key was used: a message may
be held (FUTURERELEASE) and then be tried for its lifetime. What an operator holds for longer than a month beyond that
ends with links nobody can follow.
"""

from __future__ import annotations

from relay.config import Config
from relay.model.account import LinkKey
from relay.model.clock import Clock
from relay.store.interface import Registry
from relay.worker.keyring import Keyring

LEAST = 30 * 86_400.0  # seconds beyond the life of links


class LinkKeys(Keyring[LinkKey]):
    def __init__(self, registry: Registry, clock: Clock, config: Config) -> None:
        super().__init__(
            registry,
            clock,
            "links",
            add=registry.add_link_key,
            listed=registry.link_keys,
            forget=registry.forget_link_keys,
            valid=_good(config),
        )

    def reconfigure(self, config: Config) -> None:
        self.valid = _good(config)


def _good(config: Config) -> float:
    """Seconds a key is good once a newer one has replaced it."""
    return config.tracking.life + max(LEAST, config.limits.hold + config.delivery.lifetime)
