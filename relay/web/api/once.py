"""A request that comes twice with its Idempotency-Key is carried out once, and answered the same.

In:  who asks, the call, the key, a digest of the request; what carries it out.
Out: its answer; or the one that the same request got before, with `Idempotency-Replayed: true`.

    begin  the name (account, method, path, key) is taken, on disk, for this request
    work   the handler, with a key for its submissions that is made of the name
    end    the answer is kept, or the name is free again, or it stays taken without an answer

Another request under the key is 422 `idempotency_key_reused`, one that is under way 409 `in_progress`. Kept are
answers in the 200s and those that found fault with the request itself (`KEPT`). Where nothing was done that a
change elsewhere would not mend (a grant, a token, something that was not there, a limit of pace), the name is free
again. A failure of ours, an answer over `LONGEST`, one of which the handler says that it is not final, and a crash
leave the name without an answer: the same request is then carried out again, and the key of its submissions makes
intake find those that were taken.

Why so: what is under way is known by this process alone, for one process serves the API. So no row on disk can say
that a request is under way which died with its process, and nothing has to be settled at start.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from relay.store.beside import Answered, Idempotency
from relay.store.interface import StoreDown, StoreFull
from relay.web.api.answers import answer
from relay.web.api.call import Answer
from relay.web.api.problem import Problem

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
KEY: Final = 256  # characters
LONGEST: Final = 1 << 20  # octets of an answer that is kept
WAIT: Final = 1.0  # seconds after which a request that was under way may be asked for again
KEPT: Final = frozenset({400, 413, 415, 422})  # beside the 200s: the request itself is at fault
_OMITTED: Final = frozenset({"access_token", "dry_run"})  # of the query: they change nothing of what is done

log = logging.getLogger("relay.web")
Work = Callable[[str, bool], Awaitable[Answer]]


def checked(key: str) -> str:
    """The key. Raises Problem."""
    if not 0 < len(key) <= KEY or not (key.isascii() and key.isprintable()):
        raise Problem(
            "bad_parameter", f"{HEADER}: expected 1 to {KEY} printable characters of US-ASCII", field=HEADER
        )
    return key


def fingerprint(query: Iterable[tuple[str, str]], media: str, body: bytes | bytearray | memoryview) -> bytes:
    """A digest of a request: its query, the kind of its body without parameters, and the body's octets.

    `body` is as the client wrote it, its Content-Encoding undone. A client that asks again sends the same octets;
    telling JSON that means the same from JSON that does not would cost as much as reading it.
    """
    digest = hashlib.sha256()
    for name, value in sorted(query):
        if name not in _OMITTED:
            digest.update(_measured(name) + _measured(value))
    digest.update(b"\n" + _measured(media.partition(";")[0].strip().lower()))
    digest.update(body)
    return digest.digest()


class Once:
    """Made once for the process that serves the API."""

    def __init__(self, names: Idempotency, life: Callable[[], float]) -> None:
        """`life`: seconds for which a key is kept."""
        self._names = names
        self._life = life
        self._under_way: set[bytes] = set()

    async def run(
        self, *, account: str, method: str, path: str, key: str, fingerprint: bytes, at: float, work: Work
    ) -> Answer:
        """The answer of `work(key of its submissions, whether this request was made before)`, or the one from before.

        `path` is that of the request, decoded, with its version.

        Raises:
            Problem: of the key; of `work`; or the one from before, as an answer.
            StoreFull, StoreDown: the key could not be taken, and nothing was done.
        """
        name = name_of(account, method, path, checked(key))
        if name in self._under_way:
            raise Problem("in_progress", f"a request with this {HEADER} is under way", field=HEADER, retry=WAIT)
        self._under_way.add(name)
        try:
            known = await self._names.begin(name, fingerprint, at, at - self._life())
            if known is not None and known.fingerprint != fingerprint:
                text = f"this {HEADER} was used for another request to {method} {path}"
                raise Problem("idempotency_key_reused", text, field=HEADER)
            if known is not None and known.answer is not None:
                return _replayed(known.answer)
            return await self._carry_out(name, work, again=known is not None)
        finally:
            self._under_way.discard(name)

    async def _carry_out(self, name: bytes, work: Work, *, again: bool) -> Answer:
        try:
            came = await work(name.hex(), again)
        except Problem as problem:
            if problem.status in KEPT:
                await self._keep(name, answer(problem.body(), problem.status, problem.headers))
            elif problem.status < 500 and not again:
                await self._forgo(name)
            raise
        if came.final and came.status < 300:
            await self._keep(name, came)
        return came

    async def _keep(self, name: bytes, came: Answer) -> None:
        """A fault is told in the log only: the request was carried out, and its submissions have their own keys."""
        if not isinstance(came.body, bytes) or len(came.body) > LONGEST:
            return
        try:
            await self._names.answered(name, Answered(came.status, came.media, came.headers, came.body))
        except (StoreDown, StoreFull) as fault:
            log.warning("an answer could not be kept for its %s: %s", HEADER, fault)

    async def _forgo(self, name: bytes) -> None:
        try:
            await self._names.forgo(name)
        except (StoreDown, StoreFull) as fault:
            log.warning("an %s that was not used stays with its request: %s", HEADER, fault)


def name_of(account: str, method: str, path: str, key: str) -> bytes:
    told = "\0".join((account, method, path.rstrip("/"), key))
    return hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=20).digest()


def _replayed(kept: Answered) -> Answer:
    headers = {**kept.headers, REPLAYED: "true"}
    return Answer(body=kept.body, status=kept.status, media=kept.media, headers=headers)


def _measured(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    return b"%d:%b" % (len(octets), octets)
