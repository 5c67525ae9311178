"""The property `tracking`: a picture of a pixel of the sender's own, for mails that have no other picture."""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.transform.responsive.markup import opening
from relay.transform.responsive.node import Node
from relay.transform.responsive.placeholders import masked
from relay.transform.responsive.values import WEB, url

_PICTURE = re.compile(r"(?i)<img\b")
_END = re.compile(r"(?i)</body\s*>")


@dataclass(frozen=True, slots=True)
class Pixel:
    url: str = ""
    force: bool = False  # also where there are pictures

    def put_into(self, page: str) -> str:
        """The page with it, before the end of the body."""
        shown = masked(page)
        if not self.url or (not self.force and _PICTURE.search(shown)):
            return page
        given = {"src": self.url, "width": "1", "height": "1", "alt": "", "border": "0"}
        made = opening("img", given, {"display": "block", "width": "1px", "height": "1px", "border": "0"})
        ends = list(_END.finditer(shown))
        at = ends[-1].start() if ends else len(page)
        return f"{page[:at]}{made}{page[at:]}"


def read_pixel(node: Node) -> Pixel:
    child = node.child("tracking")
    if child is None:
        return Pixel()
    found = Pixel(url(child, "pixel", WEB), child.flag("force"))
    child.finish()
    return found
