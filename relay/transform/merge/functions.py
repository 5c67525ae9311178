"""Functions of the template language: `{hash($text, 'sha256')}`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from relay.transform.merge.error import Fault
from relay.transform.merge.state import State, Value
from relay.transform.merge.values import flattened, text_of

HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class Function:
    run: Callable[[Sequence[Value], State], Value]
    least: int  # arguments
    most: int
    takes: str  # for whoever gave others


def digest(value: Value, algorithm: str, state: State) -> str:
    """Hexadecimal; of a list or object over all its values, without the keys."""
    made = hashlib.new(algorithm, usedforsecurity=False)
    for each in flattened(value, state):
        state.spend(len(each))
        made.update(each.encode("utf-8", "replace"))
    return made.hexdigest()


def _hash(given: Sequence[Value], state: State) -> Value:
    algorithm = text_of(given[1]).lower().replace("-", "")
    if algorithm not in HASHES:
        raise Fault(f"hash() knows {', '.join(HASHES)}, not {algorithm[:20]!r}")
    return digest(given[0], algorithm, state)


FUNCTIONS: Mapping[str, Function] = {"hash": Function(_hash, 2, 2, "a text and the name of an algorithm")}
