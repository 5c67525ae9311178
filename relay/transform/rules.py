"""What is to be done to the texts of a content, and what came of it.

In:  options, already decided: nothing here is looked up.
Out: `Rules` for the rewriters of html and plain text; `Rewritten` from them.

Why so: rules hold plain values and can be hashed, so that together with a digest of the text they are the key under
which a rewritten text is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from relay.model.token import Purpose
from relay.transform.edit import Edit, Hole


class Pixel(StrEnum):
    """Where the picture of one pixel goes."""

    NEEDED = ""  # at the end, and only where no picture of the message tells of the opening
    BOTTOM = "bottom"
    TOP = "top"
    TAG = "tag"  # in the place of `Rules.pixel_tag`


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All off: a text stays as it is."""

    base: bytes = b""  # where our links lead, without a slash at its end: https://clicks.example.com
    clicks_html: bool = False
    clicks_text: bool = False
    prevent_scam: bool = False
    opens: bool = False
    pixel: Pixel = Pixel.NEEDED
    pixel_tag: str = ""
    utm: tuple[tuple[str, str], ...] = ()  # (`source` or `utm_source`, value)
    utm_domains: tuple[str, ...] = ()  # with their sub-domains; empty: all
    footer_html: str = ""
    footer_text: str = ""
    view_online: bool = False  # a line on top, unless `view_marker` stands in the text
    view_marker: str = ""  # text that becomes the URL of the message's page
    unsubscribe: bool = False  # a line at the end, unless `unsubscribe_marker` stands in the text
    unsubscribe_marker: str = ""  # text that becomes the URL of the unsubscribe page
    unsubscribe_html: str = ""  # that line; see `relay/transform/html/insertions.py`
    unsubscribe_text: str = ""
    unsubscribe_url: str = ""  # the sender's own page, in the place of ours
    skip: frozenset[str] = frozenset()  # URLs that are never tracked: those of List-Unsubscribe
    hosted: tuple[tuple[str, str], ...] = ()  # Content-ID without angle brackets -> URL

    @property
    def rewrites(self) -> bool:
        """Whether anything is asked for at all."""
        return self != Rules(base=self.base, skip=self.skip)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Edits that do not overlap, in order; the holes of links and pictures are numbered from `first` on."""

    edits: tuple[Edit, ...] = ()
    targets: tuple[str, ...] = ()  # target `first + i` is what hole number `first + i` leads to
    warnings: tuple[str, ...] = ()
    charset: str = ""  # the one to be named from now on, where what was added asks for another
    untracked: frozenset[str] = frozenset()  # URLs marked as such that are to be left alone in the text's twin, too


OWN_PAGES: Mapping[Purpose, bytes] = {Purpose.VIEW: b"-view", Purpose.UNSUBSCRIBE: b"-unsubscribe"}


def own_page(rules: Rules, purpose: Purpose) -> tuple[bytes | Hole, ...]:
    """The URL of a page of ours, or the sender's own in its place."""
    if purpose is Purpose.UNSUBSCRIBE and rules.unsubscribe_url:
        return (rules.unsubscribe_url.encode(),)
    return rules.base + b"/", Hole(purpose), OWN_PAGES[purpose]
