"""Passwords: checked without holding up anybody else, remembered for minutes, and guessed at for a price.

In:  a user name and a password, and the client's address.
Out: a `Login`; or Refused: 535 5.7.8 when they are wrong, 454 4.7.0 when we cannot or will not tell now.

A password is argon2id, some 40 ms and 19 MiB each time, so two threads work at it, and a line of bounded length
waits for them. A password that was right is remembered for `REMEMBERED` seconds as a keyed digest of user
name, password and stored hash: a new password or a new start forgets it. The same question asked by several
sessions at once is answered once.

A wrong password costs its session a second, the next ones of that address two, four and eight. So many of one
user name and address in `auth_window` ban that pair, and five times as many ban the address whatever its names:
a whole office behind one address survives one wrong setting, a list of guesses does not. A wrong password that
a session tries again, as clients do that go from PLAIN to LOGIN, is no second guess. IPv6 clients are
counted by their /64. Trusted networks are never banned. Who is banned hears how long, in minutes.

No more passwords of a pair or an address are under examination at once, on all workers, than it has failures left
before its ban: a hundred guesses at the same time get no further than a hundred in a row.

Unknown and disabled users take as long as others and hear the same words; so do those without a password, as the
credentials of tokens are.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash, VerifyMismatchError

from relay import config
from relay.limits.interface import Kind, Limits, Mark, Place
from relay.model.account import Credential, Login
from relay.model.address import printable
from relay.model.clock import Clock
from relay.model.reply import Refused
from relay.smtp.networks import client_key
from relay.submission.directory import Directory

log = logging.getLogger("relay.submission")

THREADS = 2
LINE = 64  # questions that wait for them; at 40 ms each the last one waits little more than a second
REMEMBERED = 300.0  # seconds
MEMORY = 10_000  # passwords remembered, and addresses with failures
LONGEST_PAUSE = 8.0  # seconds
TURN = 0.05  # seconds between two looks whether it is our turn
TURNS = 60  # looks
ADDRESS_FACTOR = 5  # an address may fail this much oftener than one of its user names

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """An argon2id PHC string for `Credential.password_hash`. Takes some 40 ms."""
    return _hasher.hash(password)


class Logins:
    """One for a worker, shared by its listeners."""

    def __init__(
        self,
        directory: Directory,
        limits: Limits,
        settings: config.Limits,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._settings = settings
        self._clock = clock
        self._pause = pause
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._secret = os.urandom(32)
        self._nobody = hash_password(os.urandom(16).hex())  # what unknown users are checked against
        self._known: dict[bytes, float] = {}  # digest -> until when
        self._asked: dict[bytes, asyncio.Future[bool]] = {}
        self._failures: dict[str, tuple[int, float]] = {}  # address -> how many, and when the last

    def recall(self, username: str, password: str, address: str, *, trusted: bool = False) -> Login | None:
        """Who this is, where the password was right minutes ago and nobody is banned; None: `check` has to tell."""
        client = client_key(address)
        if not trusted and self._banned(_pair(username, client), client):
            return None
        credential = self._usable(username)
        if credential is None or not self._remembers(self._digest(username, password, credential.password_hash)):
            return None
        self._failures.pop(client, None)
        return login_of(credential)

    async def check(
        self,
        username: str,
        password: str,
        address: str,
        *,
        listener: str = "",
        trusted: bool = False,
        tried: set[bytes] | None = None,
    ) -> Login:
        """Who this is. `listener` is for the log; `tried` is the session's own, and remembers what was wrong in it.

        Raises:
            Refused: 535 5.7.8 or 454 4.7.0.
        """
        client = client_key(address)
        pair = _pair(username, client)
        if not trusted:
            await self._refuse_banned(pair, client)
        credential = self._usable(username)
        stored = credential.password_hash if credential else self._nobody
        digest = self._digest(username, password, stored)
        async with self._turn(digest, pair, client, trusted=trusted):
            right = self._remembers(digest) or await self._verify(digest, stored, password)
            if credential is None or not right:
                again = tried is not None and digest in tried
                if tried is not None:
                    tried.add(digest)
                # While the place is still ours: it goes over to the strike.
                pause = self._failed(username, pair, client, listener, count=not (trusted or again))
        if credential is None or not right:
            await self._pause(pause)
            raise Refused(535, "5.7.8", "Wrong user name or password")
        self._remember(digest)
        self._failures.pop(client, None)
        return login_of(credential)

    def reconfigure(self, settings: config.Limits) -> None:
        """Count and ban by these limits from now on."""
        self._settings = settings

    def ban(self, address: str) -> str | None:
        """Why this address may not even connect now; None when it may."""
        mark = self._limits.marked(Kind.BANNED_ADDRESS, client_key(address))
        return self._until(mark.until) if mark else None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _usable(self, username: str) -> Credential | None:
        with self._directory:
            credential = self._directory.credential(username)
            if credential is None or not credential.password_hash or not usable(credential, self._directory):
                return None
            return credential

    def _banned(self, pair: str, client: str) -> Mark | None:
        return self._limits.marked(Kind.BANNED_USER, pair) or self._limits.marked(Kind.BANNED_ADDRESS, client)

    async def _refuse_banned(self, pair: str, client: str) -> None:
        if mark := self._banned(pair, client):
            await self._pause(1.0)  # asking again and again is no cheaper than guessing
            raise Refused(454, "4.7.0", self._until(mark.until))

    @contextlib.asynccontextmanager
    async def _turn(self, digest: bytes, pair: str, client: str, *, trusted: bool) -> AsyncIterator[None]:
        """Hold a place of the pair and one of its address, unless there is nothing to guess at.

        Raises:
            Refused: 454 4.7.0, when a ban came in the meantime or no place was free for some seconds.
        """
        limit = self._settings.auth_failures
        wanted = ((Place.LOGIN_USER, pair, limit), (Place.LOGIN_ADDRESS, client, limit * ADDRESS_FACTOR))
        held: list[tuple[Place, str]] = []
        try:
            for place, key, most in wanted:
                looks = 0
                while not (trusted or self._remembers(digest) or digest in self._asked):
                    if await self._limits.lease(place, key, most):
                        held.append((place, key))
                        await self._refuse_banned(pair, client)
                        break
                    looks += 1
                    if looks > TURNS:
                        raise Refused(454, "4.7.0", "Too many logins at once; please try again")
                    await self._pause(TURN)
            yield
        finally:
            for place, key in held:
                self._limits.give_back(place, key)

    def _until(self, until: float) -> str:
        minutes = max(1, math.ceil((until - self._clock()) / 60))
        return f"Too many failed logins; try again in {minutes} minute{'' if minutes == 1 else 's'}"

    def _digest(self, username: str, password: str, stored: str) -> bytes:
        parts = (part.encode() for part in (username.lower(), password, stored))
        text = b"".join(len(part).to_bytes(4) + part for part in parts)  # so that no two triples run into one
        return hashlib.blake2b(text, key=self._secret, digest_size=32).digest()

    def _remembers(self, digest: bytes) -> bool:
        return self._known.get(digest, 0.0) > self._clock()

    def _remember(self, digest: bytes) -> None:
        if digest not in self._known or not self._remembers(digest):
            self._known.pop(digest, None)
            _make_room(self._known)
            self._known[digest] = self._clock() + REMEMBERED

    async def _verify(self, digest: bytes, stored: str, password: str) -> bool:
        asked = self._asked.get(digest)
        if asked is None:
            if len(self._asked) >= LINE + THREADS:
                raise Refused(454, "4.7.0", "Too many logins at once; please try again")
            asked = asyncio.get_running_loop().run_in_executor(self._pool, _matches, stored, password)
            self._asked[digest] = asked
            asked.add_done_callback(lambda _: self._asked.pop(digest))
        return await asyncio.shield(asked)  # others may wait for the same answer

    def _failed(self, username: str, pair: str, client: str, listener: str, *, count: bool) -> float:
        """Log it, and `count` it as a guess, or not. Returns the seconds it has to wait."""
        now, settings = self._clock(), self._settings
        failures, last = self._failures.pop(client, (0, 0.0))
        if now - last > settings.auth_window:
            failures = 0
        failures = failures + 1 if count else max(failures, 1)
        _make_room(self._failures)
        self._failures[client] = (failures, now)
        log.info("login failed user=%s address=%s listener=%s", printable(username), client, listener)
        if count:
            for kind, key, factor in ((Kind.BANNED_USER, pair, 1), (Kind.BANNED_ADDRESS, client, ADDRESS_FACTOR)):
                self._limits.strike(
                    kind,
                    key,
                    limit=settings.auth_failures * factor,
                    window=settings.auth_window,
                    rest=settings.auth_ban,
                    why="failed logins",
                )
        return min(2.0 ** (failures - 1), LONGEST_PAUSE)


def _pair(username: str, client: str) -> str:
    """By what the failures of a user name from an address are counted."""
    return f"{username.lower()[:128]} {client}"


def usable(credential: Credential, directory: Directory) -> bool:
    """Whether the credential and its account are there and not disabled."""
    account = directory.account(credential.account)
    return not credential.disabled and account is not None and not account.disabled


def login_of(credential: Credential) -> Login:
    return Login(
        account=credential.account,
        credential=credential.username,
        sandbox=credential.sandbox,
        control_headers=credential.control_headers,
        grants=credential.grants,
    )


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except VerifyMismatchError:
        return False
    except (Argon2Error, InvalidHash) as error:
        log.error("a stored password hash cannot be used: %s", error)
        return False


def _make_room(memory: dict[Any, Any]) -> None:
    """Drop the oldest entry of a memory that is full."""
    if len(memory) >= MEMORY:
        del memory[next(iter(memory))]
