"""Where the links of contents lead: lists of targets, each kept once however many messages have it.

In:  contents with their targets, as messages are added.
Out: rows that name the set of each; and the targets again.

A set is found by a digest of account and targets, and goes with the last message that names it. Which sets are
there is remembered, so that the messages of a mailing cost one small row each.

Why so: sets are counted by the index of what names them, not by a time that would have to be put off each day: a
message that an operator holds for a year keeps its set without anybody's doing. What is remembered was read, never
only written: a transaction that fails takes its rows along, and nobody tells this memory.
"""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import apsw

from relay.store.sqlite import statements as sql
from relay.store.sqlite.connect import Row, fetch, value

REMEMBERED = 4_096  # sets
LARGE = 2_048  # octets of JSON, from which on a set is compressed
DIGEST = 16  # octets

Targets = tuple[int, bytes, tuple[str, ...]]  # key of the content, digest, targets


class Known:
    """Keys of sets by digest, the latest used ones. For the writing thread alone."""

    def __init__(self, sets: int = REMEMBERED) -> None:
        self._room = sets
        self._keys: OrderedDict[bytes, int] = OrderedDict()

    def get(self, digest: bytes) -> int | None:
        key = self._keys.get(digest)
        if key is not None:
            self._keys.move_to_end(digest)
        return key

    def put(self, digest: bytes, key: int) -> None:
        self._keys[digest] = key
        if len(self._keys) > self._room:
            self._keys.popitem(last=False)

    def forget(self, digest: bytes) -> None:
        self._keys.pop(digest, None)


def digest_of(account: str, targets: Sequence[str]) -> bytes:
    text = "\0".join((account, *targets))
    if text.count("\0") != len(targets):  # one of them has it within
        text = json.dumps((account, *targets))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()


def rows(wanted: Iterable[Targets], known: Known, connection: apsw.Connection) -> list[Row]:
    """For ADD_TRACKED; sets that are not there yet are written."""
    made: dict[bytes, int] = {}
    found: list[Row] = []
    for content, digest, targets in wanted:
        key = known.get(digest) or made.get(digest)
        if key is None:
            key = value(connection, sql.SET_OF, (digest,))
            if key is not None:
                known.put(digest, key)
            else:
                connection.execute(sql.ADD_SET, (digest, packed(targets)))
                key = made[digest] = connection.last_insert_rowid()
        found.append((content, key))
    return found


def forget(contents: tuple[int, int], known: Known, connection: apsw.Connection) -> None:
    """What names the sets of contents between those keys, and sets that nothing names any more."""
    for key in {key for (key,) in fetch(connection, sql.FORGET_TRACKED, contents)}:
        for (digest,) in fetch(connection, sql.FORGET_SET, (key,)):
            known.forget(digest)


def packed(targets: Sequence[str]) -> bytes:
    text = json.dumps(targets, separators=(",", ":")).encode()
    return zlib.compress(text, 1) if len(text) >= LARGE else text


def unpacked(octets: bytes) -> tuple[str, ...]:
    return tuple(json.loads(octets if octets[:1] == b"[" else zlib.decompress(octets)))
