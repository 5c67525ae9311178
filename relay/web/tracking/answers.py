"""Answers to links of ours, as values, and how they go out. No cookie is ever set, no script ever allowed.

In:  what a handler decided.
Out: status, fields and body, as ASGI sends them; a HEAD gets the same head.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Send = Callable[[dict[str, Any]], Awaitable[None]]
Fields = Sequence[tuple[bytes, bytes]]

# 43 octets: one transparent pixel, GIF89a.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")

PIECE = 64 << 10  # octets that are sent at a time: what a slow reader has not taken yet

_COMMON: Fields = ((b"x-robots-tag", b"noindex, nofollow"), (b"x-content-type-options", b"nosniff"))
_NO_STORE: Fields = ((b"cache-control", b"no-store"), *_COMMON)
_REDIRECT: Fields = (*_NO_STORE, (b"content-length", b"0"))
_NOTHING_RUNS = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"
# What a URL may have as it is (RFC 3986), and what people write in them beside.
_KEPT = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    fields: Fields
    body: bytes = b""
    instead: Answer | None = None  # where there is no room for the body just now

    async def send(self, send: Send, *, head: bool = False) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.fields})
        body = b"" if head else self.body
        for at in range(0, len(body) - PIECE, PIECE):
            await send({"type": "http.response.body", "body": body[at : at + PIECE], "more_body": True})
        rest = (len(body) - 1) // PIECE * PIECE if body else 0
        await send({"type": "http.response.body", "body": body[rest:] if rest else body})


def redirect(target: str) -> Answer:
    """To where a link led. What no field may hold is percent-encoded, as a browser would; nothing else is changed."""
    if not target.isascii() or not target.isprintable() or " " in target:
        target = quote(target, safe=_KEPT, errors="replace")
    return Answer(302, ((b"location", target.encode("ascii")), *_REDIRECT))


def page(status: int, text: str, policy: str, *more: tuple[bytes, bytes]) -> Answer:
    """A page of ours; `policy`: its Content-Security-Policy."""
    return document(status, text.encode(), b"text/html; charset=utf-8", policy.encode(), *more)


def document(status: int, body: bytes, kind: bytes, policy: bytes, *more: tuple[bytes, bytes]) -> Answer:
    fields = (
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"content-security-policy", policy),
        (b"referrer-policy", b"no-referrer"),
        *_NO_STORE,
        *more,
    )
    return Answer(status, fields, body)


def picture(
    octets: bytes, kind: str, cache: bytes, tag: str = "", status: int = 200, instead: Answer | None = None
) -> Answer:
    """`kind`: one of `pictures.TYPES`; `tag`: what a mail program may ask by whether it has changed."""
    fields: list[tuple[bytes, bytes]] = [
        (b"content-type", kind.encode("ascii")),
        (b"content-length", b"%d" % len(octets)),
        (b"cache-control", cache),
        (b"content-security-policy", _NOTHING_RUNS),
        (b"cross-origin-resource-policy", b"cross-origin"),
        *_COMMON,
    ]
    if tag:
        fields.append((b"etag", f'"{tag}"'.encode("ascii")))
    return Answer(status, fields, octets, instead)


def unchanged(cache: bytes, tag: str) -> Answer:
    """To who has the picture already."""
    return Answer(304, ((b"etag", f'"{tag}"'.encode("ascii")), (b"cache-control", cache), *_COMMON))


def text(status: int, said: str, *more: tuple[bytes, bytes]) -> Answer:
    body = said.encode()
    kind = b"text/plain; charset=utf-8"
    return Answer(status, ((b"content-type", kind), (b"content-length", b"%d" % len(body)), *_NO_STORE, *more), body)


EMPTY_PICTURE = picture(PIXEL, "image/gif", b"no-store")
LOST_PICTURE = picture(PIXEL, "image/gif", b"no-store", status=404)
GONE_PICTURE = picture(PIXEL, "image/gif", b"no-store", status=410)
