"""A page of html, rewritten in one pass.

In:  its octets, in a charset that writes ASCII as ASCII, and rules.
Out: edits that do not overlap, and the targets of the links and pictures in them, in the order of the page.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

from relay.transform.charsets import codec
from relay.transform.edit import Edit
from relay.transform.html.images import Images
from relay.transform.html.insertions import Marks, insertions, page_in_html
from relay.transform.html.links import Links, may_link
from relay.transform.html.spans import Attribute, Page, Tag, scan
from relay.transform.rules import Rewritten, Rules
from relay.transform.targets import Targets


def rewrite_html(text: bytes, rules: Rules, *, charset: str = "utf-8", first: int = 0) -> Rewritten:
    """`first`: the number of the first target, where texts of the same content have some already."""
    if not rules.rewrites:
        return Rewritten()
    charset = known(charset)
    work = _Work(scan(text), rules, Targets(rules, first), charset)
    work.tags()
    work.marked()
    added, warnings = insertions(work.page, rules, work.marks, charset, shown=work.targets.pictures)
    warnings += [*work.marks.warnings, *work.targets.warnings]
    return Rewritten(
        edits=tuple(apart(work.edits, added)),
        targets=tuple(work.targets.urls),
        warnings=tuple(warnings),
        untracked=frozenset(work.links.untracked),
    )


def known(charset: str) -> str:
    """The charset; utf-8 where nobody knows it, and for ASCII, of which it is more."""
    try:
        name = codec(charset)
    except LookupError:
        return "utf-8"
    return "utf-8" if name == "ascii" else name


def named(given: str, charset: str) -> bool:
    """Whether a name is one of that charset."""
    try:
        return codec(given) == charset
    except LookupError:
        return False


def apart(edits: Sequence[Edit], added: Sequence[Edit]) -> list[Edit]:
    """The edits in order; of those added, the ones that fall into none of the others."""
    found = sorted(edits, key=_place)
    starts = [each.start for each in found]
    for each in added:
        place = bisect_left(starts, max(each.end, each.start + 1))
        if place == 0 or found[place - 1].end <= each.start or found[place - 1].start >= each.end:
            found.append(each)
    return sorted(found, key=_place)


def _place(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


class _Work:
    def __init__(self, page: Page, rules: Rules, targets: Targets, charset: str) -> None:
        self.page = page
        self.targets = targets
        self.edits: list[Edit] = []
        self.marks = Marks(page.text, rules, charset)
        self.links = Links(page, rules, targets, charset)
        self._rules = rules
        self._linking = rules.clicks_html or bool(rules.utm) or bool(self.marks.spans)
        self._images = Images(page, rules, targets, charset) if rules.opens or rules.hosted else None

    def tags(self) -> None:
        """Links and pictures, in their order."""
        for tag in self.page.tags:
            linking = self._linking and may_link(tag.name)
            images = self._images if self._images is not None and self._images.wants(tag) else None
            if linking or images is not None:
                attributes = tag.attributes
                if linking:
                    self._link(tag, attributes)
                if images is not None:
                    self.edits += images.edits(tag, attributes)
                    if tag.name == b"style":
                        self.edits += images.block(tag.end, self.page.end_of(tag))

    def _link(self, tag: Tag, attributes: Sequence[Attribute]) -> None:
        href = next((each for each in attributes if each.name == b"href"), None)
        if href is None:
            return
        purpose = self.marks.within(href.value_start, href.value_end)
        if purpose is not None:
            self.edits.append(Edit(href.value_start, href.value_end, page_in_html(self._rules, purpose)))
        else:
            self.edits += self.links.edits(tag, attributes, href)

    def marked(self) -> None:
        """The sender's marks that stand in no address."""
        if self.marks.spans:
            self.edits = apart(self.edits, self.marks.edits(partial(page_in_html, self._rules)))
