"""DKIM keys of the relay's own are renewed every month, as far as DNS follows.

In:  the registry, a resolver, the clock.
Out: new keys, which wait until their record is seen; then they sign, and those they replace are retired.

    newest of ours, a month old, its record published -> another is made, and waits
    its record is seen -> it signs from now on, the older ones of its algorithm sign no more

Why so: we serve no DNS, so somebody else publishes: a person, or a program that reads `/dns/NAME/recommended`. A key
that signed before its record is there would fail; so it waits, for as long as that takes, and nothing is lost where
nobody ever publishes it. A domain whose present record nobody published gets no new key at all. Making an RSA key
holds the process up for some tenths of a second, so few are made at a time, and looks are bounded, too.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from relay.dns.answer import DnsFailure
from relay.dns.resolver import Resolver
from relay.manage.keys import new_keys, published, signing, use
from relay.model.account import DkimKey, KeyState
from relay.model.clock import Clock
from relay.store.interface import NotFound, Registry
from relay.transform.keys import dns_name

logger = logging.getLogger("relay.manage")

ROTATE = 30 * 86_400.0  # seconds a key signs
MADE = 10  # keys a round
LOOKS = 200  # look-ups a round for keys that wait, and as many for those that are due
WHO = "relay"  # in the audit


class Rotation:
    """One a relay. What a round did not come to has its turn in the next."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._waited = ""  # the last key that was looked at, of those that wait
        self._renewed = ""  # and of those that are old

    async def round(self, resolver: Resolver) -> None:
        """Raises StoreDown, StoreFull."""
        await self._activate(resolver)
        await self._renew(resolver)

    async def _activate(self, resolver: Resolver) -> None:
        """Keys whose record is there sign from now on."""
        waiting = self._registry.pending_keys(self._waited, LOOKS)
        for key in waiting:
            if self._overtaken(key):
                self._registry.retire_key(key.domain, key.selector)
            elif await _seen(resolver, key):
                self._use(key)
        self._waited = _name(waiting[-1]) if len(waiting) == LOOKS else ""

    def _overtaken(self, key: DkimKey) -> bool:
        """Somebody made another by hand since then."""
        ours = signing(self._registry.keys(key.domain))
        return any(each.created > key.created and each.algorithm is key.algorithm for each in ours)

    def _use(self, key: DkimKey) -> None:
        now = self._clock()
        try:
            use(self._registry, key, now)
        except NotFound:  # its domain was removed meanwhile
            return
        self._registry.audit(now, WHO, "dkim rotate", {"domain": key.domain, "selector": key.selector})
        logger.info("the key %s of %s is published, and signs from now on", key.selector, key.domain)

    async def _renew(self, resolver: Resolver) -> None:
        """Old keys get successors."""
        due = self._registry.due_keys(self._clock() - ROTATE, self._renewed, LOOKS)
        made = 0
        for key in due:
            if await _seen(resolver, key):
                made += await self._succeed(key)
            if made == MADE:
                self._renewed = _name(key)
                return
        self._renewed = _name(due[-1]) if len(due) == LOOKS else ""

    async def _succeed(self, key: DkimKey) -> int:
        """How many were made: one, or none where its domain was removed meanwhile."""
        now = self._clock()
        taken = {each.selector for each in self._registry.keys(key.domain)}
        (made,) = await asyncio.to_thread(new_keys, key.domain, [key.algorithm], now, taken)
        try:
            self._registry.domain(key.domain)
        except NotFound:
            return 0
        self._registry.add_key(replace(made, state=KeyState.PENDING))
        logger.info("the new key %s of %s waits for its record", made.selector, key.domain)
        return 1


async def _seen(resolver: Resolver, key: DkimKey) -> bool:
    try:
        return published(key, (await resolver.txt(dns_name(key))).records)
    except (DnsFailure, ValueError):
        return False


def _name(key: DkimKey) -> str:
    """As the registry puts them in order."""
    return f"{key.domain} {key.selector}"
