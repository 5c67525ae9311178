"""The pictures of a page, for whoever puts them into the message with it.

In:  a page as `render` writes it.
Out: the addresses of its pictures; the page with other addresses in their place.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping

from relay.transform.html.spans import Attribute, scan
from relay.transform.responsive.placeholders import has_placeholders, masked_octets, to_attribute

MOST = 200  # pictures of a page


def images(page: str) -> tuple[str, ...]:
    """Addresses on the web, each once, in the order of the page; those with placeholders differ by recipient."""
    found = (each for each, _ in _sources(page))
    return tuple(dict.fromkeys(each for each in found if each.lower().startswith("http")))[:MOST]


def with_images(page: str, others: Mapping[str, str]) -> str:
    """The page with each of these addresses replaced, as by `cid:...`."""
    octets, made, at = page.encode(), list[bytes](), 0
    for source, place in _sources(page):
        if source in others and place.value_start >= at:
            value = to_attribute(others[source])
            written = value if place.quote else f'"{value}"'
            made += [octets[at : place.value_start], written.encode()]
            at = place.value_end
    return b"".join([*made, octets[at:]]).decode()


def _sources(page: str) -> Iterator[tuple[str, Attribute]]:
    octets = page.encode()
    for tag in scan(masked_octets(page)).tags:
        source = tag.attribute(b"src") if tag.name in (b"img", b"v:image", b"v:imagedata") else None
        if source is not None and source.value_end > source.value_start:
            value = octets[source.value_start : source.value_end].decode()
            if not has_placeholders(value):
                yield html.unescape(value).strip(), source
