"""Awkward messages: our own beside this file, and a larger collection where it is at hand.

The larger one is found by RELAY_CORPUS (a directory with `mime/*.eml`), or beside the repository.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

HERE = Path(__file__).parent


def own() -> dict[str, bytes]:
    """Our messages by name, as they are."""
    return {path.stem: path.read_bytes() for path in sorted(HERE.glob("*.eml"))}


def shared() -> dict[str, bytes]:
    """The larger collection with CRLF line ends; empty where it is absent."""
    place = Path(os.environ.get("RELAY_CORPUS", HERE.parents[2] / "shared" / "corpus")) / "mime"
    return {path.stem: re.sub(rb"\r?\n", b"\r\n", path.read_bytes()) for path in sorted(place.glob("*.eml"))}


SHARED_IS_ABSENT = "the larger corpus is absent; RELAY_CORPUS may name a directory with mime/*.eml"
