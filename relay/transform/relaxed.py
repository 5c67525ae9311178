"""The relaxed form of DKIM: what is hashed and signed in place of what was written.

In:  a body by its offset in a content with CRLF line ends; the value of a header field.
Out: the SHA-256 of the relaxed body; the relaxed value.

Standards: RFC 6376 section 3.4.2 (fields) and 3.4.4 (body).

Why so: lines without a blank or a tab, as those of base64 are, are hashed where they lie, all at once: to find one
octet costs a hundredth of hashing, to find two that follow one another twice as much. The rest is taken block by
block, so that what is copied stays in the processor's cache and no copy of megabytes is made. Where blanks stand
together, parting the text at them and leaving out what is empty costs half of replacing them, and two passes do for
runs of any length.
"""

from __future__ import annotations

import hashlib

BLOCK = 64 << 10  # octets relaxed at a time; whole lines, so one that is longer is a block of its own
_TAIL = 512  # octets in which a body usually has its last text


def body_hash(content: bytes, start: int = 0) -> bytes:
    """SHA-256 of the body that begins at `start`, in relaxed form."""
    end = _text_end(content, start)
    octets = memoryview(content)
    digest = hashlib.sha256()
    at, blank, tab = start, -1, -1
    while at < end:
        if blank < at:
            blank = _find(content, b" ", at, end)
        if tab < at:
            tab = _find(content, b"\t", at, end)
        clean = min(blank, tab)
        stop = end if clean == end else content.rfind(b"\r\n", at, clean) + 2
        if stop == end or stop - at >= BLOCK:
            digest.update(octets[at:stop])
        else:
            stop = end if end - at <= BLOCK else _line_end(content, at, end)
            digest.update(_relaxed(content[at:stop]))
        at = stop
    if end > start:
        digest.update(b"\r\n")
    return digest.digest()


def relaxed_value(value: bytes) -> bytes:
    """A field's value, folds and all, in relaxed form."""
    if b"\r\n" in value:
        value = value.replace(b"\r\n", b"")
    if b"\t" in value:
        value = value.replace(b"\t", b" ")
    return _single_blanks(value).strip(b" ")


def _relaxed(text: bytes) -> bytes:
    """Whole lines, or the last one of a body without its end."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    text = _single_blanks(text)
    return text.replace(b" \r\n", b"\r\n") if b" \r\n" in text else text


def _single_blanks(text: bytes) -> bytes:
    while b"  " in text:  # again at most once: of an odd run two are left
        pieces = text.split(b"  ")
        kept = list(filter(None, pieces))
        if not pieces[0]:
            kept.insert(0, b"")
        if not pieces[-1]:
            kept.append(b"")
        text = b" ".join(kept)
    return text


def _find(content: bytes, octet: bytes, at: int, end: int) -> int:
    """Offset of the next such octet; `end` where there is none."""
    found = content.find(octet, at, end)
    return end if found < 0 else found


def _text_end(content: bytes, start: int) -> int:
    """Offset behind the body's last text: what follows relaxes to empty lines, which do not count."""
    at = max(start, len(content) - _TAIL)
    end = at + len(content[at:].rstrip(b" \t\r\n"))
    if end == at:
        end = start + len(content[start:at].rstrip(b" \t\r\n"))
    blank = content[end:].replace(b"\r\n", b"  ")  # a CR or LF on its own is text
    return end + 1 + max(blank.rfind(b"\r"), blank.rfind(b"\n"))


def _line_end(content: bytes, at: int, end: int) -> int:
    """Where the last line ends that begins and ends within a block, or else the first line that ends behind it."""
    found = content.rfind(b"\r\n", at, at + BLOCK)
    if found < 0:
        found = content.find(b"\r\n", at + BLOCK - 1, end)
    return end if found < 0 else found + 2
