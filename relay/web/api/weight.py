"""How much memory the body of a request comes to once it is read, found out before it is. Pure, but for its time.

In:  the octets of a JSON text or of a form.
Out: octets of memory; or ValueError: it has more values than are read.

A value is what stands between commas and brackets outside of texts; `[[],{}]` has three.

Why so: whoever reads JSON reads all of it in one go, in which nothing else of the process gets a turn, and makes of
three octets an object of a hundred. So values are counted first, in pieces that let others in, with no parser: in a
text without escapes every second stretch between quotes is outside.
"""

from __future__ import annotations

from typing import Final

VALUES: Final = 500_000  # of a body; reading as many takes a tenth of a second
OBJECT: Final = 120  # octets of memory that a value takes at most, its text left out
TEXTS: Final = 2  # times that a body is in memory, as octets and as texts
FORM: Final = 5  # the same, of a form, which is cut up and unquoted
_PIECE: Final = 64 << 10
_OUTSIDE: Final = (b",", b"[", b"{")


def of_form(octets: bytes | bytearray | memoryview) -> int:
    return FORM * len(octets)


def of_json(octets: bytes | bytearray | memoryview) -> int:
    """Raises ValueError."""
    return TEXTS * len(octets) + OBJECT * values(octets)


def values(octets: bytes | bytearray | memoryview) -> int:
    """How many values a JSON text has, but for the outermost. Raises ValueError: over `VALUES`.

    Of what is no JSON, any number.
    """
    found, inside, left = 0, 0, b""
    for start in range(0, len(octets), _PIECE):
        piece = left + bytes(octets[start : start + _PIECE])
        whole = piece.rstrip(b"\\")
        left = b"\\" * ((len(piece) - len(whole)) % 2)  # a pair is a backslash, a single one may escape a quote
        piece = whole.replace(b"\\\\", b"").replace(b'\\"', b"")
        stretches = piece.split(b'"')
        outside = b"".join(stretches[inside::2])
        found += sum(map(outside.count, _OUTSIDE))
        inside ^= (len(stretches) - 1) & 1
        if found > VALUES:
            raise ValueError(f"over {VALUES:,} values")
    return found
