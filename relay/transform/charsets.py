"""Character sets of mail by the names that mails give them.

In:  a name. Out: the codec that reads and writes it.

Why so: Python's codecs know names that are no character sets: `rot13` and `hex` make octets of octets, `idna` fails
on most texts, `unicode_escape` gives lone surrogates, and reading 60 KiB of `punycode` takes seconds. And Python
remembers each name that it does not know, for ever: only those are asked of it that may be known.
"""

from __future__ import annotations

import codecs
import encodings
import pkgutil
from encodings.aliases import aliases
from functools import cache, lru_cache
from typing import Final

UNKNOWN: Final = "unknown-8bit"  # RFC 1428 section 3: a name for what has none
CHARACTERS: Final = 40  # of a name; those in use have 20
_NONE: Final = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})


@lru_cache(maxsize=256)
def codec(name: str) -> str:
    """The name of a codec for str and bytes. Raises LookupError: this is no character set, or nobody knows it."""
    plain = encodings.normalize_encoding(name).lower() if name.isascii() and len(name) <= CHARACTERS else ""
    if plain not in _names() and plain.replace(".", "_") not in aliases:
        raise LookupError(f"unknown character set: {name[:CHARACTERS]!r}")
    found = codecs.lookup(plain)
    if found.name.replace("_", "-") in _NONE:
        raise LookupError(f"not a character set: {found.name}")
    bytes(4).decode(found.name)  # a LookupError, too, for what makes octets of octets
    return found.name


@cache
def _names() -> frozenset[str]:
    return frozenset({each.name for each in pkgutil.iter_modules(encodings.__path__)} | set(aliases))
