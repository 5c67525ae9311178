"""The inputs that are kept, as plain files: seeds to begin with, and whatever broke a property once.

A crash is called after what broke and the digest of its octets, unless somebody gave it a better name.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

HERE = Path(__file__).parent
CRASHES, SEEDS = HERE / "crashes", HERE / "seeds"
LARGEST = 16 << 10  # octets of a file of the larger collection that is used as a seed
KINDS = {
    "mime": ("mime", "newsletters"),
    "header": ("mime", "autoreplies"),
    "dkim": ("mime",),
    "returned": ("dsn", "bounces", "arf"),
}


def kept(place: Path, target: str) -> dict[str, bytes]:
    """The inputs of a target by file name."""
    return {each.name: each.read_bytes() for each in sorted((place / target).glob("*")) if each.is_file()}


def collection(target: str) -> dict[str, bytes]:
    """Mail of the larger collection that fits the target; empty where it is absent (see `tests/corpus`)."""
    place = Path(os.environ.get("RELAY_CORPUS", HERE.parents[2] / "shared" / "corpus"))
    files = (each for kind in KINDS.get(target, ()) for each in sorted((place / kind).glob("*.eml")))
    contents = {each.name: re.sub(rb"\r?\n", b"\r\n", each.read_bytes()) for each in files}
    return {name: octets for name, octets in contents.items() if len(octets) <= LARGEST}


def keep(target: str, why: str, octets: bytes) -> Path:
    """Write a crash down, and say where."""
    word = re.sub(r"[^a-z0-9]+", "-", why.lower()).strip("-")[:40] or "crash"
    path = CRASHES / target / f"{word}-{hashlib.sha256(octets).hexdigest()[:8]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    return path
