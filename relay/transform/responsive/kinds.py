"""All types of blocks, by the name they have in `type`."""

from __future__ import annotations

from collections.abc import Mapping

from relay.transform.responsive.block import Kind
from relay.transform.responsive.blocks_elsewhere import expand_feed, expand_import
from relay.transform.responsive.blocks_group import read_columns, read_container
from relay.transform.responsive.blocks_image import read_image
from relay.transform.responsive.blocks_link import read_button, read_link
from relay.transform.responsive.blocks_social import read_follow, read_share
from relay.transform.responsive.blocks_space import read_separator, read_spacer
from relay.transform.responsive.blocks_text import read_heading, read_html, read_text
from relay.transform.responsive.blocks_video import read_video
from relay.transform.responsive.values import Box

_WORDS = Box(10, 10, 10, 10)  # pixels around what is read

KINDS: Mapping[str, Kind] = {
    "text": Kind(read=read_text, padding=_WORDS),
    "html": Kind(read=read_html, padding=_WORDS),
    "heading": Kind(read=read_heading, padding=_WORDS),
    "image": Kind(read=read_image),
    "video": Kind(read=read_video),
    "button": Kind(read=read_button, padding=_WORDS),
    "link": Kind(read=read_link, padding=_WORDS),
    "columns": Kind(read=read_columns),
    "container": Kind(read=read_container),
    "separator": Kind(read=read_separator),
    "spacer": Kind(read=read_spacer),
    "follow": Kind(read=read_follow, padding=_WORDS),
    "share": Kind(read=read_share, padding=_WORDS),
    "feed": Kind(expand=expand_feed),
    "import": Kind(expand=expand_import),
}
