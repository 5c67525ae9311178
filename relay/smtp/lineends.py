"""Whether a content's lines end in CR LF and in nothing else.

In:  a content, or its pieces one after the other. Out: yes or no.

Why so: the decoder in which Python reads text files notes in one pass which line ends it meets. Counting CR, LF and
CR LF one after the other takes five times as long, and every message is looked at twice on its way. Pieces are looked
at while they lie in the processor's cache: fifty megabytes at once would take three times as long, and would hold the
interpreter, and with it everybody else, until all of it is done.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

PIECE = 64 << 10  # octets looked at without letting others go on, and copied where no new memory is asked for


class LineEnds:
    """What ends the lines of a content, as far as it came."""

    __slots__ = ("_met",)

    def __init__(self) -> None:
        self._met = IncrementalNewlineDecoder(None, translate=False)

    def see(self, piece: bytes) -> None:
        """The next octets."""
        if len(piece) <= PIECE:
            self._met.decode(str(piece, "latin-1"))
            return
        octets = memoryview(piece)
        for at in range(0, len(octets), PIECE):
            self._met.decode(str(octets[at : at + PIECE], "latin-1"))

    def only_crlf(self) -> bool:
        """False once there was a bare CR or a bare LF. Nothing is seen after this was asked."""
        self._met.decode("", final=True)  # a CR at the very end
        return self._met.newlines in (None, "\r\n")


def only_crlf(content: bytes) -> bool:
    """False for a bare CR or a bare LF anywhere."""
    ends = LineEnds()
    ends.see(content)
    return ends.only_crlf()
