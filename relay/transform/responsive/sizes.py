"""How wide and high a picture is, from its first octets: PNG, GIF, JPEG, WebP.

In:  octets of a picture, perhaps not all.
Out: pixels; None where they cannot be told.
"""

from __future__ import annotations

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG segments that say the size
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers without a length


def size_of(octets: bytes) -> tuple[int, int] | None:
    found = None
    if octets.startswith(b"\x89PNG\r\n\x1a\n") and octets[12:16] == b"IHDR":
        found = _big(octets, 16, 4), _big(octets, 20, 4)
    elif octets[:6] in (b"GIF87a", b"GIF89a"):
        found = _little(octets, 6, 2), _little(octets, 8, 2)
    elif octets.startswith(b"\xff\xd8"):
        found = _jpeg(octets)
    elif octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
        found = _webp(octets)
    return found if found is not None and min(found) > 0 else None


def _jpeg(octets: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(octets):
        if octets[at] != 0xFF:
            return None
        marker = octets[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAMES:
            return _big(octets, at + 7, 2), _big(octets, at + 5, 2)
        else:
            at += 2 + max(2, _big(octets, at + 2, 2))
    return None


def _webp(octets: bytes) -> tuple[int, int] | None:
    if len(octets) < 30:
        return None
    kind = octets[12:16]
    if kind == b"VP8X":
        return 1 + _little(octets, 24, 3), 1 + _little(octets, 27, 3)
    if kind == b"VP8L" and octets[20] == 0x2F:
        bits = _little(octets, 21, 4)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and octets[23:26] == b"\x9d\x01\x2a":
        return _little(octets, 26, 2) & 0x3FFF, _little(octets, 28, 2) & 0x3FFF
    return None


def _big(octets: bytes, at: int, length: int) -> int:
    return int.from_bytes(octets[at : at + length], "big")


def _little(octets: bytes, at: int, length: int) -> int:
    return int.from_bytes(octets[at : at + length], "little")
