"""How many sessions there are at once: of one client address, and of all, on this machine.

In:  sessions that come and go, with the key of their address. Out: a place for each, or Refused.

A door has one. What a worker can hold by itself (descriptors, memory) is bounded besides, before anybody is asked.
"""

from __future__ import annotations

from relay.limits.interface import Limits, Place
from relay.model.reply import Refused

ALL = "all"


class Turnstile:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside: dict[int, str] = {}  # id of a session -> the key of its address

    def admits(self, session: object, key: str) -> bool:
        """Let it in where both places are at hand; False: `enter` must be asked, which may wait."""
        limits = self._limits
        if not limits.at_hand(Place.SESSION, key):
            return False
        if not limits.at_hand(Place.SESSIONS, ALL):
            limits.give_back(Place.SESSION, key)
            return False
        self._inside[id(session)] = key
        return True

    async def enter(self, session: object, key: str, *, of_one: int, of_all: int) -> None:
        """Raises Refused: 421 4.7.0 the address has its sessions, 421 4.3.2 the machine has."""
        if not await self._limits.lease(Place.SESSION, key, of_one):
            raise Refused(421, "4.7.0", f"At most {of_one} sessions at once from {key}")
        if not await self._limits.lease(Place.SESSIONS, ALL, of_all):
            self._limits.give_back(Place.SESSION, key)
            raise Refused(421, "4.3.2", f"At most {of_all} sessions at once; please try again later")
        self._inside[id(session)] = key

    def leave(self, session: object) -> None:
        """The session ended; one that was not let in has nothing to give back."""
        key = self._inside.pop(id(session), None)
        if key is not None:
            self._limits.give_back(Place.SESSION, key)
            self._limits.give_back(Place.SESSIONS, ALL)
