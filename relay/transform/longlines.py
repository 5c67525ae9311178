"""Lines over 998 octets (RFC 5322 section 2.1.1): encoded away before signing, so that no next hop cuts them.

In:  a content, and what the operator wants done.
Out: the content, and warnings about lines that had to stay.

Text becomes quoted-printable (RFC 2045 section 6.7) with its Content-Transfer-Encoding changed accordingly;
base64 is only wrapped anew. Nothing inside a signed, encrypted or contained message changes, nor inline PGP,
nor the header: there a long line stays, and a warning says so.

Why so: many servers break a longer line wherever it is full, which shows in the text and breaks the
signature. A message without such a line pays one search that looks at every thousandth octet.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from relay.config import LongLines
from relay.model.reply import Refused
from relay.transform.headers import read_header, unfold
from relay.transform.mime import Part, leaves

LINE = 998  # octets without CRLF
_DASHES = re.compile(rb"(?<!=)-(?=-)")
_IDENTITY = frozenset({b"", b"7bit", b"8bit", b"binary"})


@dataclass(frozen=True, slots=True)
class Shortened:
    content: bytes
    warnings: tuple[str, ...] = ()


def shorten(content: bytes, rule: LongLines) -> Shortened:
    """Apply the rule to all lines over 998 octets.

    Raises:
        Refused: 554 5.6.0, where the rule is `refuse` and there is one.
    """
    at = 0 if rule is LongLines.PASS else long_line(content, 0, len(content))
    if rule is LongLines.PASS or at is None:
        return Shortened(content)
    if rule is LongLines.REFUSE:
        number = content.count(b"\n", 0, at) + 1
        raise Refused(554, "5.6.0", f"line {number} of the message is over the limit of {LINE} octets")
    header = read_header(content)
    pieces: list[bytes | memoryview] = []
    done = 0
    for part in leaves(header):
        if long_line(content, part.body, part.end) is None:
            continue
        changed = _encoded(content, part, top=part.start == header.start)
        if changed is not None:
            pieces += [memoryview(content)[done : part.start], changed]
            done = part.end
    pieces.append(memoryview(content)[done:])
    result = b"".join(pieces)
    left = long_line(result, 0, len(result))
    if left is None:
        return Shortened(result)
    number = result.count(b"\n", 0, left) + 1
    text = f"line {number} is longer than {LINE} octets and could not be encoded; a next hop may break it"
    return Shortened(result, (text,))


def long_line(content: bytes, start: int, end: int) -> int | None:
    """Offset of a line over 998 octets, or None. Jumps from line end to line end, a thousand octets at a time."""
    at, last = start, end - LINE
    while at < last:
        stop = at + LINE + 2
        line_end = content.rfind(b"\n", at, stop if stop < end else end)
        if line_end < 0:
            return at
        at = line_end + 1
    return None


def _encoded(content: bytes, part: Part, *, top: bool) -> bytes | None:
    """Header and body of the part with short lines; None where it has to stay as it is."""
    given = part.named(b"content-transfer-encoding")
    if part.sealed or len(given) > 1:
        return None
    body = content[part.body : part.end]
    encoding = unfold(content[given[0].value : given[0].end]).strip().lower() if given else b""
    if encoding == b"base64":
        return content[part.start : part.body] + _wrapped(body)
    if not part.type.startswith(b"text/") or b"-----BEGIN PGP " in body:
        return None
    if encoding == b"quoted-printable":
        return content[part.start : part.body] + b"\r\n".join(map(_soft_breaks, body.split(b"\r\n")))
    if encoding not in _IDENTITY:
        return None
    field = b"Content-Transfer-Encoding: quoted-printable\r\n"
    if given:
        head = content[part.start : given[0].start] + field + content[given[0].end : part.body]
    else:
        last = part.fields[-1].end if part.fields else part.start
        head = content[part.start : last] + _described(part, body, top=top) + field + content[last : part.body]
    return head + b"\r\n".join(map(_quoted_printable, body.split(b"\r\n")))


def _quoted_printable(line: bytes) -> bytes:
    octets = binascii.b2a_qp(line, istext=False)
    if b"\n--" in octets:
        return _broken(octets.replace(b"=\n", b""))
    return octets.replace(b"\n", b"\r\n")  # its own soft line breaks are bare


def _soft_breaks(line: bytes) -> bytes:
    """A line that is quoted-printable already, broken where it is over the limit."""
    return line if len(line) <= LINE else _broken(line)


def _broken(line: bytes) -> bytes:
    """Quoted-printable in lines of 76; no break falls inside an `=XX`, or where it would make a delimiter of `--`."""
    line = _DASHES.sub(b"=2D", line)
    pieces, at = [], 0
    while len(line) - at > 76:
        cut = _between(line, at)
        if cut == len(line):
            break
        pieces.append(line[at:cut])
        at = cut
    pieces.append(line[at:])
    return b"=\r\n".join(pieces)


def _between(line: bytes, at: int) -> int:
    """Where the line that begins at `at` may be cut, at the 75th octet or as near as can be.

    Not behind an `=` or the octet after it, also where no `=XX` stands: with our `=` behind it, it would mean more.
    """
    cut = at + 75
    while cut > at + 2 and b"=" in line[cut - 2 : cut]:
        cut -= 1
    if cut == at + 2:  # nothing but such nonsense; it has to be a longer line
        cut = at + 75
        while cut < len(line) and b"=" in line[cut - 2 : cut]:
            cut += 1
    return cut


def _described(part: Part, body: bytes, *, top: bool) -> bytes:
    """What a message that never spoke of MIME needs, so that its new encoding is heeded."""
    if not top:
        return b""
    fields = b"" if part.named(b"mime-version") else b"MIME-Version: 1.0\r\n"
    if not part.named(b"content-type") and not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            return fields  # a character set we would have to guess
        fields += b"Content-Type: text/plain; charset=utf-8\r\n"
    return fields


def _wrapped(body: bytes) -> bytes:
    """Base64 in lines of 76 characters; what was no base64 goes along, for decoders to skip as before."""
    text = b"".join(body.split())
    lines = [text[at : at + 76] for at in range(0, len(text), 76)]
    tail = b"\r\n" if body.endswith(b"\r\n") else b""
    return b"\r\n".join(lines) + tail
