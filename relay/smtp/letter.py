"""A letter: what one transaction carries, and what it needs from the next hop.

In:  an envelope, some of its recipients, and final octets.
Out: whether it needs 8BITMIME or SMTPUTF8, addresses as they go over the wire, and the content as the
     DATA command wants it: dots doubled once, everything else untouched.

Why so: a content with a bare CR or LF is refused here, although none should be in the queue. Some receivers take
LF.LF for the end of the message and what follows for commands; the last gate before the wire is the right
place to be sure (SMTP smuggling).

Standards: RFC 5321 section 4.5.2 (transparency), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 1870 (SIZE),
RFC 3461 (DSN), RFC 5891 (A-labels).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

from relay.model.address import ascii_domain
from relay.model.envelope import Envelope, Recipient
from relay.model.light import light
from relay.model.reply import Reply
from relay.smtp.lineends import only_crlf

LARGE = 4 << 20  # octets of a content that takes long to look at: a millisecond
BLOCK = 64 << 10  # octets written at once of a large content, so that it need not be copied whole
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_UNSAFE = re.compile("[^!-~]|[+=]")
# The engine searches for a literal as fast as memory is read; `bytes.find` and `replace` take three times as long.
_DOT = re.compile(rb"\n\.")


@light(frozen=True, slots=True, kw_only=True)
class Letter:
    envelope: Envelope  # its reverse-path and DSN wishes; its recipients are not looked at
    recipients: tuple[Recipient, ...]  # of this transaction
    content: bytes  # final octets, CRLF line ends
    sound: bool | None = None  # whether no line of it ends otherwise; None: nobody has looked yet

    @property
    def eight_bit(self) -> bool:
        return not self.content.isascii()

    @property
    def utf8_header(self) -> bool:
        """Whether a header field needs SMTPUTF8.

        Only if the client declared it: 8-bit octets in the header of a message that was never declared SMTPUTF8
        are an old bad habit, which goes out as it came.
        """
        if not self.envelope.smtputf8:
            return False
        end = self.content.find(b"\r\n\r\n")
        return not (self.content if end < 0 else self.content[:end]).isascii()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The extensions a server named in its EHLO reply that matter to us; none after HELO."""

    pipelining: bool = False
    eight_bit: bool = False
    utf8: bool = False
    dsn: bool = False
    starttls: bool = False
    auth: bool = False
    size: int | None = None  # octets of a message at most; 0: no fixed limit; None: not offered

    @classmethod
    def of(cls, reply: Reply) -> Offers:
        """Read the reply to EHLO; its first line is the server's name."""
        words = {}
        for line in reply.text.split("\n")[1:]:
            keyword, _, value = line.strip().replace("=", " ", 1).partition(" ")
            words[keyword.upper()] = value.strip()
        size = words.get("SIZE")
        return cls(
            pipelining="PIPELINING" in words,
            eight_bit="8BITMIME" in words,
            utf8="SMTPUTF8" in words,
            dsn="DSN" in words,
            starttls="STARTTLS" in words,
            auth="AUTH" in words,
            size=None if size is None else int(size) if size.isdecimal() and len(size) < 20 else 0,
        )


def wire_address(address: str) -> str:
    """The address as a server without SMTPUTF8 can take it: its domain in A-labels, if that alone is not ASCII."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{ascii_domain(domain)}" if local.isascii() else address
    except ValueError:
        return address


def flaw(letter: Letter) -> Reply | None:
    """What forbids to send this content to anybody."""
    sound = letter.sound
    if sound is None:
        sound = only_crlf(letter.content)
    if not sound:
        return Reply(554, "5.6.0", "the content has a bare CR or LF and cannot be sent safely")
    return None


async def soundness(content: bytes) -> bool | None:
    """What a letter with this content has as `sound`: of a large one it is found out in a thread."""
    return await asyncio.to_thread(only_crlf, content) if len(content) > LARGE else None


def unsafe(address: str) -> bool:
    """Whether the address would break the command line it stands in."""
    return _CONTROL.search(address) is not None


def xtext(text: str) -> str:
    """RFC 3461 section 4: what is not plain becomes `+` and two hexadecimal digits."""
    return _UNSAFE.sub(lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode()), text)


def blocks(content: bytes, behind: bytes = b"") -> Iterator[bytes | memoryview]:
    """The content as DATA wants it, final dot included, in pieces; the last one has what goes `behind` it, too.

    Each is looked through when it is asked for, so that the time it takes is spread over the transfer. They begin at
    line starts, so that no dot at one is overlooked; of a line that fills a block the pieces begin where they may.
    """
    tail = (b".\r\n" if content.endswith(b"\r\n") or not content else b"\r\n.\r\n") + behind
    octets, start, size = memoryview(content), 0, len(content)
    while size - start > 2 * BLOCK:
        end = content.rfind(b"\n", start, start + BLOCK) + 1 or start + BLOCK
        if content[end - 1] == 0x0D:  # its LF and the dot behind it belong together with it
            end -= 1
        if _dotted(content, start, end):
            yield _doubled(content, start, end)
        else:
            yield octets[start:end]
        start = end
    if _dotted(content, start, size):
        yield _doubled(content, start, size) + tail
    else:
        yield (content[start:] if start else content) + tail


def _at_line_start(content: bytes, at: int) -> bool:
    return not at or content[at - 1] == 0x0A


def _dotted(content: bytes, start: int, end: int) -> bool:
    """Whether a line begins with a dot there."""
    if content.startswith(b".", start, end) and _at_line_start(content, start):
        return True
    return _DOT.search(content, start, end) is not None


def _doubled(content: bytes, start: int, end: int) -> bytes:
    stuffed = content[start:end].replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") and _at_line_start(content, start) else stuffed
