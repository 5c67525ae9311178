"""A campaign comes to nobody twice, whichever worker it comes to and whatever dies meanwhile.

In:  the campaign of a message with `dedupe_campaign`, and its recipients.
Out: which of them had it from another message of the account; or Refused.

As with keys of submissions (`once.py`): a claim is on disk before the message is stored, and kept or given back
after. One that is neither belongs to a message that is being stored now, or was stored by a process that died, or
never was.

Why so: whoever has an address's claim is the one that sends, also if it fails later: a mailing that is repeated is to
reach those it did not go to, not those it could not reach. Addresses are kept as digests, since what is remembered
outlives the messages. A test claims nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from relay.model.reply import Refused
from relay.store.beside import Idempotency
from relay.store.interface import StoreDown, StoreFull

log = logging.getLogger("relay.submission")

REMEMBERED = 90 * 86_400.0  # seconds a campaign is remembered
OWED = 10_000  # submissions remembered whose claims could not be given back


@dataclass(frozen=True, slots=True)
class Turn:
    """What one submission wants to bring."""

    id: str
    at: float
    people: Mapping[bytes, int]  # key -> number of the recipient


def turn(account: str, campaign: str, addresses: Iterable[tuple[int, str]], id: str, at: float) -> Turn:
    return Turn(id, at, {_key(account, campaign, address): number for number, address in addresses})


def _key(account: str, campaign: str, address: str) -> bytes:
    told = "\0".join((account, campaign, address.lower()))
    return blake2b(told.encode("utf-8", "surrogateescape"), digest_size=16).digest()


class Campaigns:
    """Claims for one worker."""

    def __init__(self, keys: Idempotency, stored: Callable[[str], bool]) -> None:
        """`stored` tells whether a submission is on disk, in whichever shard; it may read files."""
        self._keys = keys
        self._stored = stored
        self._owed: list[str] = []

    async def claim(self, wanted: Turn) -> frozenset[int]:
        """The recipients who had it. All others are ours to bring it to.

        Raises:
            Refused: 451 4.3.0 a message that brings it to one of them is under way.
            StoreDown, StoreFull: nothing was claimed.
        """
        others = await self._keys.claim(tuple(wanted.people), wanted.id, wanted.at)
        for other in {each.id for each in others.values() if not each.kept}:
            try:
                there = await asyncio.get_running_loop().run_in_executor(None, self._stored, other)
                if there:
                    await self._keys.keep_claims(other)
            except BaseException:
                await self.release(wanted)
                raise
            if not there:
                await self.release(wanted)
                text = "another message of this campaign to the same recipient is under way; try again"
                raise Refused(451, "4.3.0", f"dedupe_campaign: {text}")
        return frozenset(wanted.people[each] for each in others)

    async def keep(self, wanted: Turn) -> None:
        """It is on disk. A fault is told in the log only: the message is taken, and can be looked up."""
        try:
            await self._keys.keep_claims(wanted.id)
        except (StoreDown, StoreFull) as fault:
            log.warning("the recipients of %s could not be marked as served: %s", wanted.id, fault)

    async def release(self, wanted: Turn) -> None:
        """It was not stored. What cannot be given back now is given back by `settle`."""
        try:
            await self._keys.release_claims(wanted.id)
        except (StoreDown, StoreFull) as fault:
            log.warning("the recipients of %s are given back later: %s", wanted.id, fault)
            if len(self._owed) < OWED:
                self._owed.append(wanted.id)

    async def settle(self) -> None:
        """Give back what could not be given back in its time. Raises StoreDown, StoreFull."""
        while self._owed:
            await self._keys.release_claims(self._owed[-1])
            self._owed.pop()
