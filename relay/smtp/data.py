"""The content of a message, from the octet after DATA's 354 to its end: found, bounded, unstuffed, checked.

In:  octets as they arrive, in pieces of any size.
Out: `Arrived`, or `Refused` once the end has come.

The end is CRLF.CRLF and nothing else (RFC 5321 section 4.1.1.4); a dot is taken off at the start of a line
only where that line begins after CRLF (section 4.5.2). So no other sequence of CR, LF and dots can end a message
early and make commands of what follows it. What becomes of those sequences is `Rule`'s to say.

Nothing is kept of a message once it is clear that it will be refused, and yet it is read to its end, since the
client listens only then (section 4.2.5). A client that goes on far beyond the limit is `endless`.

Why so: NUL is refused (550 5.6.0). RFC 6152 does not allow it in 8BITMIME, and it ends the message in the eyes of
many a receiver. Eight-bit octets without BODY=8BITMIME are taken, as everybody does.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from relay.model.reply import Refused
from relay.smtp.budget import Budget
from relay.smtp.door import Arrived
from relay.smtp.lineends import only_crlf

# At a line's start: stuffed in, or of the end. `re` looks for a literal twice as fast as `bytes.find`.
_DOT = re.compile(rb"\r\n\.")
_END = b"\r\n.\r\n"
_FALSE_END = re.compile(rb"[\r\n]\0?\.\0?(?:(?:\r*\n){1,2}|\r+|\r\0\n)\Z")  # what some take for the end
_HALF_END = b"\r\n.\r"  # the true end, but for its last octet
_TAIL = 8  # octets in which an end of any kind shows
_FEW = 64  # stuffed dots that are taken out one by one
SLACK = 1 << 20  # octets beyond twice the limit before we stop reading
_ADVICE = "end each line with CR LF, and the message with CR LF dot CR LF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What contents a listener takes."""

    size: int  # octets, without the dots that were stuffed in
    line: int  # octets of a line, without its CRLF
    mend_lf: bool  # a bare LF becomes CRLF, or refuses the message


class Collector:
    def __init__(self, rule: Rule, budget: Budget) -> None:
        self._rule = rule
        self._budget = budget
        self._pieces: list[bytes] = []
        self._tail = b"\r\n"  # the last octets seen; the content starts at the start of a line
        self._dots: list[int] = []  # where a dot stands at a line's start, in octets from the first
        self.seen = 0  # octets that came
        self.latest = math.inf  # loop time: until then it has come at the least pace, as far as it has
        self._no_room = False
        # A dot is stuffed into lines of at least three octets, dot and CRLF: at most a third more.
        self._keep = rule.size + rule.size // 3 + len(_END)
        self.held = 0  # octets taken from the budget; `release` gives them back
        self.ended = False

    def feed(self, data: bytes, at: int = 0) -> int:
        """Take octets from `data[at:]`; returns where the rest begins that is no longer content."""
        end = self._end(data, at)
        piece = data[at:end] if at or end < len(data) else data
        self.seen += len(piece)
        self._tail = piece[-_TAIL:] if len(piece) >= _TAIL else (self._tail + piece)[-_TAIL:]
        if self.seen > self._keep:
            self.release()
        elif not self._no_room:
            if self._budget.take(len(piece)):
                self.held += len(piece)
                self._pieces.append(piece)
            else:
                self.release()
                self._no_room = True
        return end

    @property
    def endless(self) -> bool:
        """The client has sent so much beyond the limit that we need not hear the end."""
        return not self.ended and self.seen > 2 * self._rule.size + SLACK

    @property
    def false_end(self) -> bool:
        """What came last looks like an end, to a client that is about to wait for our reply."""
        return not self.ended and _FALSE_END.search(self._tail) is not None

    @property
    def half_end(self) -> bool:
        """Nothing but the last octet of the end is missing."""
        return not self.ended and self._tail.endswith(_HALF_END)

    def release(self) -> None:
        """Forget what is kept and give its octets back to the budget. May be called again."""
        self._pieces.clear()
        self._budget.give(self.held)
        self.held = 0

    def finish(self) -> Arrived:
        """The content, once `ended`; the budget still counts it until `release`.

        Raises:
            Refused: 452 4.3.1, 552 5.3.4, 500 5.6.0 or 550 5.6.0; all that was kept is released.
        """
        try:
            return self._finish()
        except Refused:
            self.release()
            raise

    def _finish(self) -> Arrived:
        rule = self._rule
        if self._no_room:
            raise no_memory()
        too_large = oversize(rule)
        if self.seen > self._keep:
            raise too_large
        content = self._unstuffed(b"".join(self._pieces))
        self._pieces.clear()
        if len(content) > rule.size:
            raise too_large
        return checked(content, rule)

    def _unstuffed(self, stuffed: bytes) -> bytes:
        end, dots = len(stuffed) - 3, self._dots  # the last CRLF of the content is the first of the end
        if len(dots) > _FEW:
            content = stuffed[:end].replace(b"\r\n.", b"\r\n")
            return content[1:] if content.startswith(b".") else content
        starts = (0, *(dot + 1 for dot in dots))
        return b"".join(stuffed[start:dot] for start, dot in zip(starts, (*dots, end), strict=True))

    def _end(self, data: bytes, at: int) -> int:
        """Where the content and its end are over in `data`, its length while they are not; notes dots on the way."""
        tail = self._tail
        window = tail + data[at : at + 4]
        found = window.find(_END)
        if found >= 0:  # it began in what came before
            self.ended = True
            if self._dots and self._dots[-1] == self.seen + found + 2 - len(tail):
                del self._dots[-1]
            return at + found + len(_END) - len(tail)
        dot = _DOT.search(window, max(0, len(tail) - 2), len(tail) + 2)
        if dot is not None and len(self._dots) <= _FEW:
            self._dots.append(self.seen + dot.end() - 1 - len(tail))
        return self._end_within(data, at)

    def _end_within(self, data: bytes, at: int) -> int:
        before = self.seen - at
        while len(self._dots) <= _FEW:
            dot = _DOT.search(data, at)
            if dot is None:
                return len(data)
            found, at = dot.span()
            if data.startswith(_END, found):
                break
            self._dots.append(before + at - 1)
        else:  # many are found and taken out faster all at once
            found = data.find(_END, at)
            if found < 0:
                return len(data)
        self.ended = True
        return found + len(_END)


def no_memory() -> Refused:
    return Refused(452, "4.3.1", "No memory for another message at the moment; please try again")


def oversize(rule: Rule) -> Refused:
    return Refused(552, "5.3.4", f"The message is larger than {rule.size} octets")


def checked(content: bytes, rule: Rule) -> Arrived:
    """What every content is held to, however it came. Raises Refused (550 5.6.0, 500 5.6.0)."""
    content, bare_lf = _line_ends(content, rule.mend_lf)
    if b"\0" in content:
        raise Refused(550, "5.6.0", "The message has a NUL octet; encode it with base64")
    if _longer(content, rule.line):
        raise Refused(500, "5.6.0", f"The message has a line longer than {rule.line} octets")
    return Arrived(content, bare_lf)


def _line_ends(content: bytes, mend_lf: bool) -> tuple[bytes, bool]:
    """The content with CRLF alone, and whether a bare LF was mended."""
    if only_crlf(content):
        return content, False
    if content.count(b"\r") != content.count(b"\r\n"):
        raise Refused(550, "5.6.0", f"The message has a bare CR; {_ADVICE}")
    if not mend_lf:
        raise Refused(550, "5.6.0", f"The message has a bare LF; {_ADVICE}")
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), True


def _longer(content: bytes, limit: int) -> bool:
    """Whether a line has more than `limit` octets. Leaps from line end to line end, a limit at a time."""
    at = 0
    while len(content) - at > limit:
        line_end = content.rfind(b"\r\n", at, at + limit + 2)
        if line_end < 0:
            return True
        at = line_end + 2
    return False
