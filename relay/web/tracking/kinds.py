"""What kind of picture some octets are, by their first ones. Pure.

Why so: what another host, or a part of a message, says of itself is not believed: only pictures are passed on, under
our name, and never HTML or what could run in a browser. SVG can, and has no first octets of its own, so it is none.
"""

from __future__ import annotations

_FIRST: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
)
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"mif1": "image/heif"}


def picture_kind(octets: bytes) -> str:
    """Its media type; "": no picture we pass on."""
    for first, kind in _FIRST:
        if octets.startswith(first):
            return kind
    if octets[:4] == b"RIFF" and octets[8:12] == b"WEBP":
        return "image/webp"
    if octets[4:8] == b"ftyp":
        return _BRANDS.get(octets[8:12], "")
    return ""
