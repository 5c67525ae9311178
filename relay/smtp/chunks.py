"""The content of a message in chunks of a size that is told beforehand: BDAT (RFC 3030).

In:  for each BDAT its size and whether it is the last; then octets as they arrive, in pieces of any size.
Out: `Arrived` after the last one, held to the same rules as a content after DATA; or `Refused`.

No octet of a chunk is ever a command, whatever became of its BDAT: it is counted, and dropped where the message
is refused, so that client and server stay in step. Dots mean nothing here.

Why so: nobody who sends chunks sends a dot that he did not mean, so nothing is unstuffed. A content that does not
end in CRLF gets one, as it would on its next way in DATA. A chunk far beyond the limit is not read to its end.
"""

from __future__ import annotations

import math
import re

from relay.model.reply import Refused
from relay.smtp.budget import Budget
from relay.smtp.data import LARGE, SLACK, Looks, Rule, checked, no_memory, oversize
from relay.smtp.door import Arrived

_BDAT = re.compile(r"([0-9]{1,19})(?: +(LAST))?", re.IGNORECASE)


def parse_bdat(argument: str) -> tuple[int, bool]:
    """Size and LAST of what follows BDAT. Raises ValueError: nobody knows how many octets will follow."""
    found = _BDAT.fullmatch(argument)
    if found is None:
        raise ValueError(f"not BDAT: {argument!r}")
    return int(found[1]), found[2] is not None


class Chunks:
    """The chunks of one message; as a collector it ends with each chunk, and goes on with the next."""

    def __init__(self, rule: Rule, budget: Budget) -> None:
        self._rule = rule
        self._budget = budget
        self._pieces: list[bytes] = []
        self._looks = Looks()
        self._left = 0  # octets of this chunk that have not come
        self.seen = 0  # octets of all chunks that came
        self.latest = math.inf  # loop time: until then this chunk has come at the least pace, as far as it has
        self._refusal: Refused | None = None
        self.size = 0  # of this chunk
        self.last = False
        self.held = 0  # octets taken from the budget; `release` gives them back

    def expect(self, size: int, last: bool) -> None:
        """A BDAT came; so many octets follow."""
        self.size = self._left = size
        self.last = last

    def drop(self, refusal: Refused) -> None:
        """The message is refused: what comes of it is counted, and kept no more."""
        self._refusal = self._refusal or refusal
        self.release()

    def feed(self, data: bytes, at: int = 0) -> int:
        """Take octets from `data[at:]`; returns where the rest begins that is no longer of this chunk."""
        end = min(len(data), at + self._left)
        piece = data[at:end] if at or end < len(data) else data
        self._left -= len(piece)
        self.seen += len(piece)
        if self._refusal is not None:
            return end
        if self.seen > self._rule.size:
            self.drop(oversize(self._rule))
        elif self._budget.take(len(piece)):
            self.held += len(piece)
            self._pieces.append(piece)
            self._looks.see(piece)
        else:
            self.drop(no_memory())
        return end

    @property
    def ended(self) -> bool:
        """This chunk is complete."""
        return not self._left

    @property
    def large(self) -> bool:
        """It takes so long to put together what came that `arrived` belongs in a thread."""
        return self.held > LARGE

    @property
    def endless(self) -> bool:
        """The client sends so much beyond the limit that we need not hear the end."""
        return bool(self._left) and self.seen > 2 * self._rule.size + SLACK

    @property
    def false_end(self) -> bool:
        """Nothing looks like an end here."""
        return False

    @property
    def half_end(self) -> bool:
        return False

    @property
    def refusal(self) -> Refused | None:
        """Why the message is refused, as far as its chunks tell."""
        return self._refusal

    def release(self) -> None:
        """Forget what is kept and give its octets back to the budget. May be called again."""
        self._pieces.clear()
        self._budget.give(self.held)
        self.held = 0

    def finish(self) -> Arrived:
        """The content, once the last chunk ended; the budget still counts it until `release`.

        Raises:
            Refused: as after DATA; all that was kept is released.
        """
        try:
            return self.arrived()
        except Refused:
            self.release()
            raise

    def arrived(self) -> Arrived:
        """The same, but what was taken from the budget stays taken; CPU only, fit for a thread."""
        if self._refusal is not None:
            raise self._refusal
        pieces, self._pieces = self._pieces, []
        if pieces and not pieces[-1].endswith(b"\n"):
            pieces.append(b"\r\n")  # behind a bare CR, too, which is found and refused as such
            self._looks.see(pieces[-1])
        content = b"".join(pieces)
        del pieces
        return checked(content, self._looks, self._rule)
