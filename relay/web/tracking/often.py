"""How often something happens to one recipient's message within a day, and whether that is enough. No IO.

In:  a recipient of a message, and the time. Out: whether it may happen once more.

Why so: whoever holds one link of ours can follow it a thousand times a second, for ever, and each time is a row on
disk, in the journal, the report database and the outboxes of webhooks. What a recipient does with a mail is told by
far fewer. The counts are in memory, and forgotten at the end of the process.
"""

from __future__ import annotations

from collections import OrderedDict

DAY = 86_400.0
KNOWN = 20_000  # recipients counted at once; the one nothing happened to for longest is forgotten first

Key = tuple[str, int]  # message and number of the recipient


class Often:
    def __init__(self, most: int, known: int = KNOWN) -> None:
        """`most`: times within a day that begins with the first."""
        self._most = most
        self._known = known
        self._counts: OrderedDict[Key, tuple[float, int]] = OrderedDict()  # until when, and how many so far

    def take(self, key: Key, now: float) -> bool:
        """Count it, unless that would be once too often. `now`: seconds of a clock that never goes back."""
        until, count = self._counts.pop(key, (0.0, 0))
        if now >= until:
            until, count = now + DAY, 0
        taken = count < self._most
        self._counts[key] = (until, count + taken)
        if len(self._counts) > self._known:
            self._counts.popitem(last=False)
        return taken
