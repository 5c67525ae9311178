"""How strangers' words and long lines get into a report without breaking it. Text in, octets or safe text out."""

from __future__ import annotations

import binascii

LINE = 998  # octets of a line (RFC 5322 section 2.1.1)
_WORDS = 2000  # characters of what a stranger said that are repeated


def clean(text: str, utf8: bool = True) -> str:
    """A stranger's words on one line, without anything that could begin another field; in ASCII unless `utf8`."""
    words = "".join(each if each.isprintable() else " " for each in text[:_WORDS]).strip()
    return words if utf8 else words.encode("ascii", "replace").decode("ascii")


def folded(line: str) -> str:
    """A field in lines of about 76 characters, broken at blanks; a word that is too long is cut."""
    lines = [""]
    for word in line.split(" "):
        for piece in (word[at : at + 200] for at in range(0, len(word), 200)):
            if lines[-1] and len(lines[-1]) + len(piece) > 75:
                lines.append("")
            lines[-1] += f" {piece}" if lines[-1] or len(lines) > 1 else piece
    return "\r\n   ".join(each.strip() if number else each for number, each in enumerate(lines))


def transfer(octets: bytes) -> str:
    """The Content-Transfer-Encoding field that octets need as they are; none where they are ASCII."""
    return "" if octets.isascii() else "Content-Transfer-Encoding: 8bit\r\n"


def quoted_printable(octets: bytes) -> bytes:
    lines = (binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in octets.split(b"\r\n"))
    return b"\r\n".join(lines)


def plain(octets: bytes) -> bool:
    """Whether a part can stand as it is: ASCII, in lines that every server takes."""
    return octets.isascii() and max(map(len, octets.split(b"\r\n"))) <= LINE


def span(seconds: float) -> str:
    """How long, in the words people use."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length * 2 or (seconds >= length and unit != "minute"):
            count = round(seconds / length)
            return f"{count} {unit}{'s' * (count != 1)}"
    return "some minutes" if seconds >= 60 else "less than a minute"
