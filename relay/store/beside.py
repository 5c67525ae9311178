"""What lies beside the registry, shared by all processes of the machine, in files with their own rhythm.

    Suppressions  who gets no mail.
    Idempotency   which key was used for which submission, and who had which campaign.

What they raise: see `relay/store/interface.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from relay.model.suppression import Cause, Suppression


class Suppressions(Protocol):
    """Who gets no mail. Synchronous; a look-up takes microseconds, less while the list is empty."""

    def add(self, entries: Iterable[Suppression]) -> int:
        """Put entries in, each in place of one of the same account, address, stream, group and cause. How many were
        new."""

    def remove(
        self, account: str, address: str, stream: str = "", *, group: str = "", cause: Cause | None = None
    ) -> bool:
        """Take out the entry of that cause, or those of all. Whether there was one."""

    def matching(self, account: str, address: str, stream: str, now: float, group: str = "") -> Sequence[Suppression]:
        """The entries that hold for mail of this account, stream and group to this address, its own and those of its
        domain; the most particular first."""

    def find(self, account: str, address: str, stream: str, now: float, group: str = "") -> Suppression | None:
        """The first of them."""

    def listing(
        self, account: str | None = None, address: str = "", after: str = "", limit: int = 1000
    ) -> list[Suppression]:
        """Entries by address, from the one behind `after`; of one account, or all; `address`: only entries that
        concern it."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """A key in use."""

    id: str  # of the submission it stands for
    recipients: int
    envelope: str  # digest of reverse-path and recipients
    at: float
    kept: bool  # the submission is known to be on disk; else it may be on its way there, or lost in a crash


@dataclass(frozen=True, slots=True)
class Had:
    """Who brought a campaign to somebody."""

    id: str  # of the submission
    kept: bool  # it is known to be on disk; else it may be on its way there, or lost in a crash


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call of the HTTP API answered."""

    status: int
    media: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """A request that has the name."""

    fingerprint: bytes
    answer: Answered | None  # None: it is being worked on, or ended without one


class Idempotency(Protocol):
    """Keys of submissions, who had which campaign, and what calls with a key answered; machine-wide.

    A key of a submission belongs to its credential; that of a call is named by a digest of the caller's choice.
    """

    async def reserve(self, credential: str, key: str, wanted: Reservation) -> Reservation | None:
        """Take a key for a submission about to be stored; None: it is ours, on disk. Else who has it.

        Of several processes that ask at once one gets None.
        """

    async def keep(self, credential: str, key: str) -> None:
        """Its submission is on disk."""

    async def release(self, credential: str, key: str, id: str) -> None:
        """Its submission was not stored; others may use the key. Only if it is still that submission's."""

    async def resolve(self, shard: int, stored: Callable[[str], bool]) -> int:
        """At start, before the shard takes mail: settle the keys of its submissions that are not known to be kept.

        `stored` tells whether the shard has a submission. How many keys were released. The same for campaigns.
        """

    async def prune(self, before: float) -> int:
        """Forget keys used before that time."""

    async def claim(self, keys: Sequence[bytes], id: str, at: float) -> Mapping[bytes, Had]:
        """Take these for a submission about to be stored, all in one write. Those that others had before."""

    async def keep_claims(self, id: str) -> None:
        """That submission is on disk."""

    async def release_claims(self, id: str) -> None:
        """It was not stored."""

    async def prune_claims(self, before: float) -> int:
        """Forget who had a campaign before that time."""

    async def begin(self, name: bytes, fingerprint: bytes, at: float, oldest: float) -> Known | None:
        """Take a name for a call about to be carried out; None: it is ours, on disk. Else who has it.

        One taken before `oldest` is free.
        """

    async def answered(self, name: bytes, answer: Answered) -> None:
        """That is what it came to."""

    async def forgo(self, name: bytes) -> None:
        """Nothing was done; the name is free."""

    async def prune_answers(self, before: float) -> int:
        """Forget calls made before that time."""

    async def close(self) -> None: ...
