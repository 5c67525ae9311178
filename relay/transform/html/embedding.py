"""The pictures of a page, to be carried along in the message: which there are, and the page that shows those.

In:  a page, as text in utf-8; later names of parts (Content-ID) by URL.
Out: the URLs of its pictures on the web, each once, in order; the page with `cid:` in the place of those that came.

Why so: what counts as a picture is what opens are counted by, so the same eyes look: each place of a picture comes
back as a hole with the number of its URL. A picture with a placeholder in its URL differs by recipient, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relay.model.token import Purpose
from relay.transform.edit import Edit, Hole, splice
from relay.transform.html.rewrite import rewrite_html
from relay.transform.rules import Rules

_RULES = Rules(base=b"https://embedded.invalid", opens=True)


@dataclass(frozen=True, slots=True)
class Embedding:
    """A page and where pictures stand in it."""

    text: bytes
    places: tuple[tuple[int, int, str], ...]  # from, to, and the URL

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(url for _, _, url in self.places))

    def page(self, names: Mapping[str, str]) -> str:
        """`names`: Content-IDs by URL, of letters, digits, `.`, `-`, `_` and `@`; what has none stays on the web."""
        edits = [Edit(start, end, (f"cid:{names[url]}".encode(),)) for start, end, url in self.places if url in names]
        pieces = splice(self.text, edits)
        return b"".join(each for each in pieces if isinstance(each, bytes)).decode()


def embedding(page: str) -> Embedding:
    """Octets and time are linear in those of the page."""
    text = page.encode()
    found = rewrite_html(text, _RULES)
    places = [
        (edit.start, edit.end, found.targets[piece.number])
        for edit in found.edits
        for piece in edit.pieces
        if isinstance(piece, Hole) and piece.purpose is Purpose.IMAGE
    ]
    return Embedding(text, tuple([each for each in places if "{" not in each[2]]))
