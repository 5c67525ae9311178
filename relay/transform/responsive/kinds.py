"""All types of blocks, by the name they have in `type`."""

from __future__ import annotations

from collections.abc import Mapping

from relay.transform.responsive.block import Kind
from relay.transform.responsive.blocks_text import read_heading, read_html, read_text
from relay.transform.responsive.values import Box

_WORDS = Box(10, 10, 10, 10)  # pixels around what is read

KINDS: Mapping[str, Kind] = {
    "text": Kind(read=read_text, padding=_WORDS),
    "html": Kind(read=read_html, padding=_WORDS),
    "heading": Kind(read=read_heading, padding=_WORDS),
}
