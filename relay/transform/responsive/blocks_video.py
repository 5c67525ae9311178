"""The block `video`: a still that leads to the video; on the page online, where it is asked for, the video itself.

Known: YouTube, whose stills have addresses that follow from the video's, and Vimeo, which has to be asked for one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from relay.transform.responsive.block import Content, Reading
from relay.transform.responsive.blocks_image import Image, Picture
from relay.transform.responsive.layout import Place, Scope
from relay.transform.responsive.link import Link, link
from relay.transform.responsive.markup import element
from relay.transform.responsive.node import Node
from relay.transform.responsive.placeholders import neutral
from relay.transform.responsive.text import labelled
from relay.transform.responsive.values import PICTURE, attributes, css, fetched_url, url_of

LABEL = "Watch the video"
_YOUTUBE = re.compile(
    r"(?i)https?://(?:www\.|m\.)?(?:youtu\.be/|youtube(?:-nocookie)?\.com/"
    r"(?:watch\?(?:[^#]*&)?v=|embed/|v/|shorts/|live/))((?-i:[\w-]{6,20}))(?![\w-])"
)
_VIMEO = re.compile(r"(?i)https?://(?:www\.|player\.)?vimeo\.com/(?:[\w-]+/){0,4}(\d{4,15})(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Video(Content):
    still: Image
    link: Link  # where the still leads
    player: str  # "": it is not shown on the page itself

    def html(self, scope: Scope, place: Place) -> str:
        if scope.web and self.player:
            given = {
                "src": self.player,
                "width": str(scope.width),
                "height": str(round(scope.width * 9 / 16)),
                "frameborder": "0",
                "allowfullscreen": "allowfullscreen",
                "title": self.still.alt,
            }
            return element("iframe", "", given, {"display": "block", "max-width": "100%", "border": "0"})
        if self.still.src:
            return self.still.html(scope, place)
        return self.link.around(f"&#9654;&nbsp;{LABEL}", scope, scope.font.css)

    def text(self, scope: Scope) -> str:
        return labelled(self.still.alt or LABEL, self.link.address(scope))


def read_video(node: Node, reading: Reading) -> Content:
    name = "url" if node.has("url") else "source"
    address = fetched_url(node, name)
    youtube, vimeo = _YOUTUBE.match(address), _VIMEO.match(address)
    still = title = player = ""
    if youtube:
        still = f"https://img.youtube.com/vi/{youtube[1]}/hqdefault.jpg"
        player = f"https://www.youtube-nocookie.com/embed/{youtube[1]}"
    elif vimeo:
        asked = f"https://vimeo.com/api/oembed.json?url={quote(address, safe='')}"
        still, title = _told(reading.fetched(asked, "oembed", node.at(name), required=False), node.at(name))
        player = f"https://player.vimeo.com/video/{vimeo[1]}"
        if not still:
            node.warn(name, "there is no still of this video; a link takes its place")
    else:
        raise node.error(name, "expected the address of a video of YouTube or Vimeo")
    target = link(node, "link")
    if not target.url:
        target = Link(url=address, attributes=target.attributes, css=target.css)
    alt = node.text("alt") or neutral(title) or LABEL
    image = Image(
        src=still, alt=alt, picture=Picture(percent=100), link=target, css=css(node), attributes=attributes(node)
    )
    return Video(still=image, link=target, player=player if node.flag("embed") else "")


def _told(octets: bytes | None, path: str) -> tuple[str, str]:
    """The still's address and the video's title, as the platform says them; empty where it does not."""
    try:
        said = json.loads(octets or b"{}")
        json.dumps(said, ensure_ascii=False).encode()  # fails for half characters
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    still, title = said.get("thumbnail_url"), said.get("title")
    if not isinstance(still, str) or "{" in still:
        return "", ""
    return url_of(still, path, PICTURE), title[:200] if isinstance(title, str) else ""
