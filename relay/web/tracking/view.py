"""A message as a page: what a recipient's mail program would show of it, and the pictures inside it. No IO.

In:  the octets that were sent to the recipient.
Out: the HTML part as it is, but for addresses of pictures in the message (`cid:`); else the text, as a page; or one
     of those pictures by its number among the message's parts.

What is shown is the sender's; the answer's Content-Security-Policy keeps it from running anything, from sending forms
and from being framed, and its links from what they could do to this page.

Why so: nothing else is rewritten, so that the page has the links and pictures of the mail, which are tracked as
they are there: who looks at the page opens the message.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import unquote_to_bytes

from relay.model.reply import Refused
from relay.transform.charsets import codec
from relay.transform.headers import Header, read_header
from relay.transform.mime import Part, leaves
from relay.web.tracking.kinds import picture_kind

POLICY = (
    "default-src 'none'; img-src * data:; media-src *; font-src * data:; style-src * 'unsafe-inline'; "
    "form-action 'none'; base-uri http: https:; frame-ancestors 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
PICTURES = 1000  # parts of a message that its page may show

_CHARSET = re.compile(rb""";\s*charset\s*=\s*"?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_CID = re.compile(rb"""cid:([^\s"'<>)\\]{1,300})""", re.IGNORECASE)
_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    charset: str


def page_of(content: bytes, address: Callable[[int], str]) -> Page | None:
    """The page; None: there is nothing in it that can be shown. `address` gives where picture `number` is found."""
    header = _header(content)
    if header is None:
        return None
    parts = leaves(header)
    texts = [each for each in parts if not _attached(content, each)]
    for kind in (b"text/html", b"text/plain"):
        for part in texts:
            if part.type == kind:
                octets, charset = _decoded(content, part), _charset(content, part)
                if kind == b"text/plain":
                    return Page(_as_page(octets, charset), "utf-8")
                return Page(_with_pictures(octets, _pictures(content, parts), address), charset)
    return None


def picture_of(content: bytes, number: int) -> tuple[bytes, str] | None:
    """Octets and media type of part `number`, if that is a picture."""
    header = _header(content)
    parts = leaves(header) if header is not None else []
    if number >= len(parts):
        return None
    octets = _decoded(content, parts[number])
    kind = picture_kind(octets)
    return (octets, kind) if kind else None


def _header(content: bytes) -> Header | None:
    try:
        return read_header(content)
    except Refused:  # kept by an older version, which took it
        return None


def _pictures(content: bytes, parts: list[Part]) -> Mapping[bytes, int]:
    """Numbers of the parts that have a Content-ID, by it."""
    found: dict[bytes, int] = {}
    for number, part in enumerate(parts[:PICTURES]):
        name = part.value(content, b"content-id").strip().removeprefix(b"<").removesuffix(b">")
        if name and not part.type.startswith((b"text/", b"message/")):
            found.setdefault(name, number)
    return found


def _with_pictures(html: bytes, pictures: Mapping[bytes, int], address: Callable[[int], str]) -> bytes:
    if not pictures:
        return html

    def replaced(found: re.Match[bytes]) -> bytes:
        name = found[1]
        number = pictures.get(name, pictures.get(unquote_to_bytes(name.replace(b"&amp;", b"&")), -1))
        return address(number).encode("ascii") if number >= 0 else found[0]

    return _CID.sub(replaced, html)


def _as_page(octets: bytes, charset: str) -> bytes:
    try:
        text = octets.decode(codec(charset), "replace")
    except LookupError:
        text = octets.decode("utf-8", "replace")
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<title>Message</title></head>\n<body><pre style="white-space: pre-wrap; overflow-wrap: anywhere">'
        f"{escape(text)}</pre></body></html>\n"
    ).encode("utf-8", "replace")


def _attached(content: bytes, part: Part) -> bool:
    return part.value(content, b"content-disposition").strip().lower().startswith(b"attachment")


def _charset(content: bytes, part: Part) -> str:
    found = _CHARSET.search(part.value(content, b"content-type"))
    return found[1].decode("ascii").lower() if found else "utf-8"


def _decoded(content: bytes, part: Part) -> bytes:
    octets = content[part.body : part.end]
    encoding = part.value(content, b"content-transfer-encoding").lower()
    if encoding.startswith(b"quoted-printable"):
        return quopri.decodestring(octets)
    if encoding.startswith(b"base64"):
        plain = _BASE64.sub(b"", octets.partition(b"=")[0])
        return binascii.a2b_base64(
            plain[: len(plain) // 4 * 4 + (len(plain) % 4 if len(plain) % 4 > 1 else 0)] + b"=="
        )
    return octets
