"""A message from its parts.

In:  header fields, a text, an html, attachments.
Out: the octets, CRLF at the end of every line.

    mixed( alternative( text, related( html, pictures that the html shows ) ), attachments )

Only what is needed of that is made. Standards: RFC 2046 section 5.1, RFC 2387 (related), RFC 2183 (disposition),
RFC 2392 (Content-ID).

Why so: boundaries begin with `=_`, which neither base64 nor quoted-printable can hold, so they are looked for in what
is not encoded alone; and they are a digest, so that the same request makes the same message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from relay.transform.compose.bodies import Part, text_part
from relay.transform.compose.fields import named

HTML, PLAIN = "text/html", "text/plain"
OCTETS = "application/octet-stream"
_VERSION = b"MIME-Version: 1.0\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    type: str  # with its parameters, checked
    name: str = ""
    body: Sequence[bytes] = ()  # base64 in lines, in pieces
    plain: bool = False  # the body is not in base64, but stands as it is: 7bit with CRLF
    inline: bool = False
    content_id: str = ""  # without angle brackets; the html shows it as `cid:...`


def message(fields: Sequence[bytes], text: str | None, html: str | None, attachments: Sequence[Attachment]) -> bytes:
    """`fields`: whole ones, From and the like. Raises ValueError: a text that cannot be sent."""
    root = text_part(text or "", PLAIN) if html is None and not attachments else _tree(text, html, attachments)
    return b"".join((*fields, _VERSION, root.head, b"\r\n", *root.body))


def _tree(text: str | None, html: str | None, attachments: Sequence[Attachment]) -> Part:
    bodies = [] if text is None else [text_part(text, PLAIN)]
    shown = [each for each in attachments if each.content_id and html is not None]
    others = [each for each in attachments if not (each.content_id and html is not None)]
    if html is not None:
        page = text_part(html, HTML)
        bodies.append(_multipart("related", [page, *map(_part, shown)], f'; type="{HTML}"') if shown else page)
    if len(bodies) > 1:
        bodies = [_multipart("alternative", bodies)]
    if others:
        return _multipart("mixed", [*bodies, *map(_part, others)])
    return bodies[0]


def _part(attachment: Attachment) -> Part:
    lines = [
        f"Content-Type: {attachment.type}",
        f"Content-Disposition: {'inline' if attachment.inline else 'attachment'}",
        f"Content-Transfer-Encoding: {'7bit' if attachment.plain else 'base64'}",
    ]
    if attachment.name:
        first, second = named(attachment.name)
        lines[0] += f";\r\n {first}"
        lines[1] += f";\r\n {second}"
    if attachment.content_id:
        lines.append(f"Content-ID: <{attachment.content_id}>")
    head = ("\r\n".join(lines) + "\r\n").encode()
    return Part(head, attachment.body or (b"\r\n",), open=attachment.plain)


def _multipart(kind: str, parts: Sequence[Part], more: str = "") -> Part:
    boundary = _boundary(kind, parts)
    line = b"--" + boundary
    body: list[bytes] = []
    for each in parts:
        body += (line, b"\r\n", each.head, b"\r\n", *each.body)
    body += (line, b"--\r\n")
    head = b'Content-Type: multipart/%s%s;\r\n boundary="%s"\r\n' % (kind.encode(), more.encode(), boundary)
    return Part(head, body, open=any(each.open for each in parts))


def _boundary(kind: str, parts: Sequence[Part]) -> bytes:
    seen = blake2b(kind.encode(), digest_size=12)
    for each in parts:
        seen.update(each.head)
        seen.update(each.body[0][:8192] if each.body else b"")
    boundary = b"=_" + seen.hexdigest().encode()
    while any(boundary in piece for each in parts if each.open for piece in each.body):
        boundary = b"=_" + blake2b(boundary, digest_size=12).hexdigest().encode()
    return boundary
