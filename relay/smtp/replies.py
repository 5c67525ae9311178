"""Octets from a peer become replies.

In:  whatever the peer sends, in pieces of any size.
Out: complete replies, in order.

Bounded, since the peer may be anybody: a line of more than 4 KiB, a reply of more than 200 lines, or a line that
begins with no code makes the rest `garbled`, and the caller closes the connection; replies that came before it
stand. Bare LF ends a line, too: a reply cannot smuggle anything. Control characters in texts become `?`, so
that no log or report can be forged.
"""

from __future__ import annotations

import functools
import re

from relay.model.reply import Reply

LINE = 4096  # octets; RFC 5321 section 4.5.3.1.5 allows 512
LINES = 200  # of one reply; the longest EHLO replies have about 30
# C0, DEL, C1 (terminals obey them), what ends a line or turns its direction around in Unicode, and lone surrogates,
# which aiosmtplib makes of octets that are no UTF-8, and nothing can write down.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Garbled(Exception):
    """What the peer sends is no SMTP reply."""


class ReplyReader:
    """Collects replies of one connection."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []  # of a reply that is not complete
        self.garbled = ""  # why nothing that came after the last reply can be understood

    @property
    def partial(self) -> bool:
        """Whether something has come that is not a whole reply."""
        return bool(self._rest or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """Replies that `data` completed, up to where it makes no sense."""
        replies: list[Reply] = []
        *whole, self._rest = (self._rest + data).split(b"\n")
        try:
            for line in whole:
                reply = self._line(line)
                if reply is not None:
                    replies.append(reply)
            if len(self._rest) > LINE:
                raise Garbled(f"a reply line has more than {LINE} octets")
        except Garbled as error:
            self.garbled = str(error)
        return replies

    def _line(self, line: bytes) -> Reply | None:
        if len(line) > LINE:
            raise Garbled(f"a reply line has more than {LINE} octets")
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        if text[3:4] != "-":
            if not self._lines:
                return _single(text)
            lines, self._lines = [*self._lines, text], []
            return _parse(lines)
        if len(self._lines) == LINES:
            raise Garbled(f"a reply has more than {LINES} lines")
        if not text[:3].isdecimal():
            raise Garbled(f"not an SMTP reply: {_clean(text)[:80]!r}")
        self._lines.append(text)
        return None


def reply_of(code: int, message: str) -> Reply:
    """A reply that came as a number and a text of one or several lines.

    Raises:
        Garbled: the number is no reply code.
    """
    return _parse([f"{code} {line}" for line in message[: LINE * 8].split("\n")])


@functools.lru_cache(maxsize=256)  # most peers answer every message with the same few lines
def _single(text: str) -> Reply:
    return _parse([text])


def _parse(lines: list[str]) -> Reply:
    try:
        return Reply.parse_lines([_clean(line) for line in lines])
    except ValueError as error:
        raise Garbled(str(error)[:120]) from error


def _clean(text: str) -> str:
    return text if text.isprintable() else _CONTROL.sub("?", text.replace("\t", " "))
