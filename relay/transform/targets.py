"""Where links lead: which URLs are tracked, and the numbered list of the targets of a text.

In:  rules, and URLs in the order in which they stand in a text.
Out: what stands in their place; the targets.
"""

from __future__ import annotations

from relay.model.token import Purpose
from relay.transform.edit import Hole, Piece
from relay.transform.rules import Rules
from relay.transform.urls import file_shown, host_of, key, path_shown, place_of, with_parameters, within

NUMBERS = 1 << 16  # a token holds no larger number
FULL = f"a message has more than {NUMBERS} links and pictures: those after that are not tracked"

PARAMETERS = 8 << 20  # octets of a text; ten short ones for each of that many links have less
CROWDED = f"utm: the parameters of all links together have over {PARAMETERS} octets: links after that get none"


class Targets:
    """The targets of a text so far."""

    def __init__(self, rules: Rules, first: int) -> None:
        self.urls: list[str] = []
        self.pictures = False  # whether one tells of an opening
        self.full = False
        self.crowded = False
        self._room = PARAMETERS
        self._rules = rules
        self._first = first
        self._base = rules.base + b"/"
        self._own = place_of(rules.base.decode("ascii", "replace"))
        self._skip = {key(each) for each in rules.skip}
        self._utm = tuple(
            (name if name.startswith("utm_") else f"utm_{name}", value) for name, value in rules.utm if value
        )
        self._domains = tuple(each.lower().strip(".") for each in rules.utm_domains)

    def ours(self, url: str) -> bool:
        """Whether a URL leads to us already, or is one to be left alone."""
        return (self._own != "" and place_of(url) == self._own) or (bool(self._skip) and key(url) in self._skip)

    def measured(self, url: str) -> str:
        """The URL with the sender's analytics parameters."""
        if not self._utm or (self._domains and not within(host_of(url), self._domains)):
            return url
        measured = with_parameters(url, self._utm)
        self._room -= len(measured) - len(url)
        if self._room < 0:
            self.crowded = True
            return url
        return measured

    @property
    def warnings(self) -> list[str]:
        """What of the text was left as it is."""
        return [FULL] * self.full + [CROWDED] * self.crowded

    def click(self, url: str, path: bytes | None = None) -> tuple[Piece, ...] | None:
        """What stands for a link, with `path` for what it shows; None when there is no room."""
        return self._hole(Purpose.CLICK, url, path_shown(url) if path is None else path)

    def picture(self, url: str) -> tuple[Piece, ...] | None:
        """What stands for a picture that comes through us."""
        pieces = self._hole(Purpose.IMAGE, url, file_shown(url))
        self.pictures = self.pictures or pieces is not None
        return pieces

    def _hole(self, purpose: Purpose, url: str, shown: bytes) -> tuple[Piece, ...] | None:
        number = self._first + len(self.urls)
        if number >= NUMBERS:
            self.full = True
            return None
        self.urls.append(url)
        hole = Hole(purpose, number)
        return (self._base, hole, b"-" + shown) if shown else (self._base, hole)
