"""The content of a message, from the octet after DATA's 354 to its end: found, bounded, unstuffed, checked.

In:  octets as they arrive, in pieces of any size.
Out: `Arrived`, or `Refused` once the end has come.

The end is CRLF.CRLF and nothing else (RFC 5321 section 4.1.1.4); a dot is taken off at the start of a line
only where that line begins after CRLF (section 4.5.2). So no other sequence of CR, LF and dots can end a message
early and make commands of what follows it. What becomes of those sequences is `Rule`'s to say.

Nothing is kept of a message once it is clear that it will be refused, and yet it is read to its end, since the
client listens only then (section 4.2.5). A client that goes on far beyond the limit is `endless`.

Why so: what is looked for is looked for in each piece as it comes, while it lies in the processor's cache; at the end
the pieces are joined once. `join` lets other threads go on while it copies pieces, so a large content is put together
in a thread, and whatever else a large one needs (many dots, bare LFs) is done BLOCK by BLOCK.

NUL is refused (550 5.6.0). RFC 6152 does not allow it in 8BITMIME, and it ends the message in the eyes of
many a receiver. Eight-bit octets without BODY=8BITMIME are taken, as everybody does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relay.model.reply import Refused
from relay.smtp.budget import Budget
from relay.smtp.door import Arrived
from relay.smtp.lineends import LineEnds

# At a line's start: stuffed in, or of the end. `re` looks for a literal twice as fast as `bytes.find`.
_DOT = re.compile(rb"\r\n\.")
_END = b"\r\n.\r\n"
_FALSE_END = re.compile(rb"[\r\n]\0?\.\0?(?:(?:\r*\n){1,2}|\r+|\r\0\n)\Z")  # what some take for the end
_HALF_END = b"\r\n.\r"  # the true end, but for its last octet
_TAIL = 8  # octets in which an end of any kind shows
_FEW = 64  # stuffed dots that are taken out one by one
LARGE = 2 << 20  # octets of a content that is put together in a thread; less takes a millisecond
BLOCK = 256 << 10  # octets worked on without letting others go on
SLACK = 1 << 20  # octets beyond twice the limit before we stop reading
_ADVICE = "end each line with CR LF, and the message with CR LF dot CR LF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What contents a listener takes."""

    size: int  # octets, without the dots that were stuffed in
    line: int  # octets of a line, without its CRLF
    mend_lf: bool  # a bare LF becomes CRLF, or refuses the message


class Looks:
    """What shows in the pieces of a content as they come."""

    __slots__ = ("_ends", "nul")

    def __init__(self) -> None:
        self._ends = LineEnds()
        self.nul = False

    def see(self, piece: bytes) -> None:
        self._ends.see(piece)
        if b"\0" in piece:
            self.nul = True

    def only_crlf(self) -> bool:
        """False for a bare CR or a bare LF. Nothing is seen after this was asked."""
        return self._ends.only_crlf()


class Collector:
    def __init__(self, rule: Rule, budget: Budget) -> None:
        self._rule = rule
        self._budget = budget
        self._pieces: list[bytes] = []
        self._looks = Looks()
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
                self._looks.see(piece)
            else:
                self.release()
                self._no_room = True
        return end

    @property
    def large(self) -> bool:
        """It takes so long to put together what came that `arrived` belongs in a thread."""
        return self.held > LARGE

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
            return self.arrived()
        except Refused:
            self.release()
            raise

    def arrived(self) -> Arrived:
        """The same, but what was taken from the budget stays taken; CPU only, fit for a thread."""
        rule = self._rule
        if self._no_room:
            raise no_memory()
        too_large = oversize(rule)
        if self.seen > self._keep:
            raise too_large
        pieces, self._pieces = self._pieces, []
        end, dots = self.seen - 3, self._dots  # the last CRLF of the content is the first of the end
        if len(dots) > _FEW:
            content = _unstuffed(b"".join(_without(pieces, (end,), end)))
        else:
            content = b"".join(_without(pieces, (*dots, end), end))
        if len(content) > rule.size:
            raise too_large
        del pieces
        return checked(content, self._looks, rule)

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


def _without(pieces: Sequence[bytes], cuts: Sequence[int], end: int) -> Iterator[bytes]:
    """The pieces up to the octet `end`, without the octets at `cuts`, of which `end` is the last."""
    at, cut = 0, 0
    for piece in pieces:
        base, at = at, at + len(piece)
        start = 0
        while cuts[cut] < at:
            yield piece[start : cuts[cut] - base]
            start = cuts[cut] - base + 1
            if cuts[cut] == end:
                return
            cut += 1
        yield piece[start:] if start else piece


def _unstuffed(stuffed: bytes) -> bytes:
    """Without any dot at a line's start."""
    lines = (each.replace(b"\r\n.", b"\r\n") for each in _blocks(stuffed))  # each begins at a line's start
    return b"".join([each[1:] if each.startswith(b".") else each for each in lines])


def _blocks(content: bytes) -> Iterator[bytes]:
    """Whole lines, as they end in CRLF, of about BLOCK octets; a line that is longer stays whole."""
    start, size = 0, len(content)
    while size - start > BLOCK:
        end = content.rfind(b"\r\n", start, start + BLOCK) + 2
        if end == 1:
            end = content.find(b"\r\n", start + BLOCK - 1) + 2
            if end == 1:
                break
        yield content[start:end]
        start = end
    yield content[start:] if start else content


def checked(content: bytes, looks: Looks, rule: Rule) -> Arrived:
    """What every content is held to, however it came. Raises Refused (550 5.6.0, 500 5.6.0)."""
    bare_lf = not looks.only_crlf()
    if bare_lf:
        content = _mended(content, rule.mend_lf)
    if looks.nul:
        raise Refused(550, "5.6.0", "The message has a NUL octet; encode it with base64")
    if _longer(content, rule.line):
        raise Refused(500, "5.6.0", f"The message has a line longer than {rule.line} octets")
    return Arrived(content, bare_lf)


def _mended(content: bytes, mend_lf: bool) -> bytes:
    """The content with CRLF alone, where it has bare LFs."""
    mended = []
    for each in _blocks(content):
        if each.count(b"\r") != each.count(b"\r\n"):
            raise Refused(550, "5.6.0", f"The message has a bare CR; {_ADVICE}")
        mended.append(each.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if mend_lf else each)
    if not mend_lf:
        raise Refused(550, "5.6.0", f"The message has a bare LF; {_ADVICE}")
    return b"".join(mended)


def _longer(content: bytes, limit: int) -> bool:
    """Whether a line has more than `limit` octets. Leaps from line end to line end, a limit at a time."""
    at = 0
    while len(content) - at > limit:
        line_end = content.rfind(b"\r\n", at, at + limit + 2)
        if line_end < 0:
            return True
        at = line_end + 2
    return False
