"""What is sent: one message, made once; only its number changes.

In:  a size in octets, the envelope, further fields.
Out: the octets before and after the number, and the body as it stands on the wire, dots doubled.

The number stands in the Message-ID, which every system leaves alone: `<bench.RUN.NUMBER@example.com>`, RUN four
characters that tell one run from another, NUMBER eight digits. The body is text of words, with a line that begins
with a dot, so that dot-stuffing is part of what is checked; it has no octet above 127, no long line and no blank at
a line's end, so that nobody has a reason to change it.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass

MARK = b"\r\nMessage-ID: <bench."
RUN = 4  # characters
DIGITS = 8
END = b"\r\n.\r\n"
_TEXT = """the order of your last visit has been sent and will arrive on Monday please keep this message
until everything is in your hands our desk is open from eight to six thank you for writing"""
_WORDS = _TEXT.split()


@functools.lru_cache(maxsize=16)
def body(size: int) -> bytes:
    """Text of exactly `size` octets on the wire, ending with CRLF; the same at every call."""
    words = random.Random(size)
    lines = [b"..a line that begins with a dot"]
    left = size - len(lines[0]) - 2
    while left > 160:
        line = " ".join(words.choices(_WORDS, k=12)).encode()[:76].rstrip()
        lines.append(line)
        left -= len(line) + 2
    lines.append(b"x" * (left - 2))
    return b"\r\n".join(lines) + b"\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    before: bytes  # the fields up to the number
    after: bytes  # the rest, with the final dot


def message(size: int, run: str, sender: str, recipients: Sequence[str], fields: Sequence[str] = ()) -> Message:
    """A message of about `size` octets.

    Args:
        size: octets of the body; the header is a few hundred more.
        run: four characters.
        fields: further header fields, without line end.
    """
    head = [
        f"From: Bench <{sender}>",
        f"To: {', '.join(f'<{each}>' for each in recipients)}",
        "Subject: Your order has been sent",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
        *fields,
    ]
    before = "\r\n".join(head).encode() + MARK + run.encode() + b"."
    return Message(before, b"@example.com>\r\n\r\n" + body(size) + b".\r\n")
