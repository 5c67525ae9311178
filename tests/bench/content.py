"""What is sent: one message, made once; only its number changes.

In:  what is to be sent: words of a size in octets, or a form of `letter`; the envelope, further fields.
Out: the octets around the number, and the body as it stands on the wire, dots doubled.

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

from tests.bench import letter

WORDS = "words"
MARK = b"\r\nMessage-ID: <bench."
RUN = 4  # characters
DIGITS = 8
END = b"\r\n.\r\n"
_TEXT = """the order of your last visit has been sent and will arrive on Monday please keep this message
until everything is in your hands our desk is open from eight to six thank you for writing"""
_WORDS = _TEXT.split()
_PLAIN = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit"


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
    pieces: tuple[bytes, ...]  # between any two goes the number; with the final dot

    def numbered(self, number: int) -> bytes:
        return (b"%08d" % number).join(self.pieces)


def letter_body(form: str, fresh: bool) -> tuple[bytes, ...]:
    """A letter's body on the wire; between pieces goes the number, if it is fresh."""
    _, _, octets = letter.content(form).partition(b"\r\n\r\n")
    wire = octets.replace(b"\r\n.", b"\r\n..")
    mark = letter.PLACE.encode()
    return tuple(wire.split(mark)) if fresh else (wire.replace(mark, b"%08d" % 0),)


def message(
    size: int,
    run: str,
    sender: str,
    recipients: Sequence[str],
    fields: Sequence[str] = (),
    content: str = WORDS,
    fresh: bool = False,
) -> Message:
    """A message of about `size` octets.

    Args:
        size: octets of the body of words; the header is a few hundred more.
        run: four characters.
        fields: further header fields, without line end.
    """
    head = [
        f"From: Bench <{sender}>",
        f"To: {', '.join(f'<{each}>' for each in recipients) if len(recipients) < 10 else f'Readers <{sender}>'}",
        "Subject: Your order has been sent",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000",
        "MIME-Version: 1.0",
        *fields,
    ]
    kind, text = _PLAIN, [body(size)]
    if content != WORDS:
        kind = letter.content(content).partition(b"\r\n\r\n")[0]
        text = list(letter_body(content, fresh))
    before = "\r\n".join(head).encode() + b"\r\n" + kind + MARK + run.encode() + b"."
    pieces = [before, *text]
    pieces[1] = b"@example.com>\r\n\r\n" + pieces[1]
    pieces[-1] += b".\r\n"
    return Message(tuple(pieces))
