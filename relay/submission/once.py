"""A submission with an idempotency key is taken once, whichever worker it comes to and whatever dies meanwhile.

In:  the key, the id chosen for a submission, its final envelope.
Out: the key is ours (`None`), or the submission that has it; or Refused.

The key is reserved, on disk, before the message is stored, and kept after. A reservation that is not kept means one
of three: its message is being stored now; it was stored, and the process died before it could say so; or it
never was. Looking the id up tells the second from the others, and the worker that owns its shard settles
the third when it starts again. Until then the client hears 451, and comes back. A key that could not be given back,
on a full disk, is given back later (`settle`).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from relay.model.envelope import Envelope
from relay.model.reply import Refused
from relay.store.beside import Idempotency, Reservation
from relay.store.interface import StoreDown, StoreFull

log = logging.getLogger("relay.submission")

OWED = 10_000  # keys remembered that could not be given back; more are settled when the worker starts anew


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one submission, and what it stands for."""

    credential: str
    text: str
    reservation: Reservation


def key_of(credential: str, text: str, id: str, envelope: Envelope, at: float) -> Key:
    reservation = Reservation(
        id=id, recipients=len(envelope.recipients), envelope=digest(envelope), at=at, kept=False
    )
    return Key(credential, text, reservation)


def digest(envelope: Envelope) -> str:
    """What tells one envelope from another: reverse-path and recipients, whatever their order."""
    told = "\0".join((envelope.reverse_path, *sorted(each.address for each in envelope.recipients)))
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


class Once:
    """Reserves keys for one worker."""

    def __init__(self, keys: Idempotency, stored: Callable[[str], bool]) -> None:
        """`stored` tells whether a submission is on disk, in whichever shard; it may read files."""
        self._keys = keys
        self._stored = stored
        self._owed: list[Key] = []

    async def reserve(self, key: Key) -> Reservation | None:
        """Take the key; None: it is ours. Else the reservation of the submission that was taken with it.

        Raises:
            Refused: 554 5.6.0 it was used for another envelope; 451 4.3.0 its submission is under way.
            StoreDown: the keys cannot be reached.
        """
        other = await self._keys.reserve(key.credential, key.text, key.reservation)
        if other is None:
            return None
        if other.envelope != key.reservation.envelope:
            text = f"idempotency_key: it was used for {other.id}, which has another sender or other recipients"
            raise Refused(554, "5.6.0", text)
        if not other.kept:
            if not await asyncio.get_running_loop().run_in_executor(None, self._stored, other.id):
                raise Refused(451, "4.3.0", "another submission with this idempotency_key is under way; try again")
            await self._keys.keep(key.credential, key.text)
        return other

    async def keep(self, key: Key) -> None:
        """Its submission is on disk. A fault is told in the log only: the message is taken, and can be looked up."""
        try:
            await self._keys.keep(key.credential, key.text)
        except (StoreDown, StoreFull) as fault:
            log.warning("the idempotency key of %s could not be marked as used: %s", key.reservation.id, fault)

    async def release(self, key: Key) -> None:
        """Its submission was not stored. What cannot be released now is released by `settle`."""
        try:
            await self._release(key)
        except (StoreDown, StoreFull) as fault:
            log.warning("the idempotency key of %s is released later: %s", key.reservation.id, fault)
            if len(self._owed) < OWED:
                self._owed.append(key)

    async def settle(self) -> None:
        """Release what could not be released in its time; call it now and then. Raises StoreDown, StoreFull."""
        while self._owed:
            key = self._owed[-1]
            await self._release(key)
            self._owed.remove(key)  # others may have come meanwhile

    async def _release(self, key: Key) -> None:
        await self._keys.release(key.credential, key.text, key.reservation.id)
