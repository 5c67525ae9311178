"""What a token stands for, looked up and remembered.

In:  the text of a token.
Out: the `Token`, and the recipient it stands for (`Tracked`), from whichever shard holds it; contents of messages.

Reads of databases run in threads of their own, one for rows and one for contents, so that neither a slow disk nor a
large content holds up other answers. What was read is remembered: a newsletter's pictures and links are asked for
in a row. A recipient who has not got the mail yet is remembered for a moment only, since the time of delivery counts
for verdicts. Who was erased meanwhile is known as erased at once (`gone.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from relay.model.account import LinkKey
from relay.model.token import TOKEN_LENGTH, Token
from relay.store.interface import NotFound, Registry, StoreDown, Tracked
from relay.store.readers import Readers
from relay.transform.token import read
from relay.web.tracking.gone import Gone

REMEMBERED = 2000  # recipients; some kilobytes each, with where all the links lead
CHARACTERS = 64 << 20  # of where those links lead, in all: a message may have thousands of long ones
FOR = 30.0  # seconds a delivered one is remembered
FOR_WAITING = 1.0  # seconds one is remembered who has not got it yet
LAG = 0.5  # seconds for which new keys may go unseen

T = TypeVar("T")


class Known:
    def __init__(
        self, data: Path, registry: Registry, gone: Gone, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._gone = gone
        self._steady = steady
        self._version = -1
        self._look_at = 0.0
        self._keys: list[LinkKey] = []
        self._remembered: OrderedDict[tuple[str, int], tuple[float, Tracked]] = OrderedDict()
        self._characters = 0
        self._rows = _Thread(data, "rows")
        self._contents = _Thread(data, "contents")

    def token(self, text: str) -> Token:
        """The token a text begins with.

        Raises:
            ValueError: none of ours.
            StoreDown: the keys cannot be read.
        """
        text = text[:TOKEN_LENGTH]
        if self._steady() >= self._look_at:
            try:
                self._refresh()
            except StoreDown:  # the keys we have are good still
                if not self._keys:
                    raise
        try:
            return read(text, self._keys)
        except ValueError:
            if not self._refresh():
                raise
            return read(text, self._keys)  # a key that was made a moment ago

    def newest(self) -> LinkKey:
        """The key that signs now. Raises StoreDown; NotFound: there is none, so no link of ours was ever sent."""
        self._refresh()
        if not self._keys:
            raise NotFound("there is no key of links")
        return self._keys[0]

    async def tracked(self, token: Token) -> Tracked:
        """Whom it stands for.

        Raises:
            NotFound: it is kept no longer.
            StoreDown: its shard cannot be read.
        """
        return self.remembered(token) or await self._look(token)

    def remembered(self, token: Token) -> Tracked | None:
        """The same at once, if it is in memory."""
        key = (token.message, token.recipient)
        found = self._remembered.get(key)
        if found is None:
            return None
        if self._steady() >= found[0]:
            self._forget(key)
            return None
        self._remembered.move_to_end(key)
        return self._gone.without(found[1])

    async def content(self, tracked: Tracked, use: Callable[[bytes], T]) -> T:
        """What `use` makes of the octets that were sent to a recipient, in the thread that reads them.

        Raises:
            NotFound: pruned.
            StoreDown: its shard cannot be read.
        """
        message, number = tracked.message, tracked.content
        return await self._contents.ask(lambda readers: use(readers.of(message).content(message, number)))

    def close(self) -> None:
        self._rows.close()
        self._contents.close()

    async def _look(self, token: Token) -> Tracked:
        found = await self._rows.ask(lambda readers: readers.tracked(token.message, token.recipient))
        if found is None:
            raise NotFound(f"{token.message}-{token.recipient} is not kept")
        kept = FOR if found.ended is not None else FOR_WAITING
        key = (token.message, token.recipient)
        self._forget(key)
        self._remembered[key] = (self._steady() + kept, found)
        self._characters += _characters(found)
        while len(self._remembered) > REMEMBERED or self._characters > CHARACTERS:
            self._forget(next(iter(self._remembered)))
        return self._gone.without(found)

    def _forget(self, key: tuple[str, int]) -> None:
        if (gone := self._remembered.pop(key, None)) is not None:
            self._characters -= _characters(gone[1])

    def _refresh(self) -> bool:
        """Whether there may be other keys than before. Raises StoreDown."""
        self._look_at = self._steady() + LAG
        version = self._registry.version()
        if version == self._version:
            return False
        self._keys = self._registry.link_keys()
        self._version = version
        return True


def _characters(tracked: Tracked) -> int:
    return sum(map(len, tracked.targets))


class _Thread:
    """Readers of shards, in a thread of their own."""

    def __init__(self, data: Path, name: str) -> None:
        self._readers = Readers(data)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def ask(self, question: Callable[[Readers], T]) -> T:
        """Raises NotFound, StoreDown, and what the question raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._readers)

    def close(self) -> None:
        self._thread.submit(self._readers.close).result()
        self._thread.shutdown()
