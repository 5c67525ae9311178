"""Newsletters for a browser: pages whose pictures lie on a server at hand, as messages, and as they arrived.

In:  pages of the project's own newsletters, and of the larger collection where it is at hand.
Out: the same pages with the addresses of pictures changed, served by `Origin`; messages around them in each transfer
     encoding by turns; and which address of a picture stands for which.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes

from tests.conformance.origin import Origin, picture
from tests.transform.newsletters import OWN, SHARED, pages

# A page of each kind: image maps, tables as buttons, other charsets, broken markup, style sheets that turn dark.
OWN_NAMES = (
    "atlas-maps",
    "books-latin1",
    "broken-html",
    "cinema-1252",
    "ferry-base64",
    "fragment",
    "garden-buttons",
    "long-lines",
    "market-50k",
    "styled",
)
SHARED_NAMES = (
    "cerberus-hybrid",
    "complete-brand-promotion",
    "foundation-inky-marketing",
    "konsav-explorational",
    "leemunroe-simple",
    "mailgun-billing",
    "mjml-social",
    "sendgrid-dynamic-special-sale",
)

_PICTURED = re.compile(rb"""(?i)(?<![-\w])(?:src|background)\s*=\s*["']?\s*(https?://[^"'\s>]+)""")
_IN_STYLE = re.compile(rb"""(?i)background[-\w]*\s*:[^;"'{}]*url\(\s*["']?(https?://[^"'\s)]+)""")


@dataclass(frozen=True, slots=True)
class Newsletter:
    name: str
    page: bytes  # with the pictures on the server at hand
    charset: str

    @property
    def kind(self) -> str:
        return f"text/html; charset={self.charset}"

    def message(self, sender: str, encoding: str, control: Sequence[str]) -> bytes:
        """As somebody's program would send it."""
        lines = re.sub(rb"\r?\n", b"\r\n", self.page)
        body = {
            "base64": lambda: base64.encodebytes(lines).replace(b"\n", b"\r\n"),
            "quoted-printable": lambda: binascii.b2a_qp(lines, istext=True),
            "8bit": lambda: lines,
        }[encoding]()
        head = [
            *(f"X-SMTPeter-{each}" for each in control),
            f"From: News <{sender}>",
            "To: readers@example.com",
            f"Subject: {self.name}",
            "MIME-Version: 1.0",
            f"Content-Type: {self.kind}",
            f"Content-Transfer-Encoding: {encoding}",
        ]
        return "".join(f"{each}\r\n" for each in head).encode() + b"\r\n" + body


def newsletter(name: str, origin: Origin) -> Newsletter | None:
    """None where the collection is not at hand."""
    found = pages(OWN if name in OWN_NAMES else SHARED).get(name)
    if found is None:
        return None
    page, charset = found
    numbers: dict[bytes, int] = {}
    for pattern in (_PICTURED, _IN_STYLE):
        for url in pattern.findall(page):
            numbers.setdefault(url, len(numbers))
    for url, number in sorted(
        numbers.items(), key=lambda each: -len(each[0])
    ):  # the longer first: one may begin another
        path = f"/{name}/{number}.png"
        origin.says[path] = ("image/png", picture(80 + number % 7 * 10, 50 + number % 5 * 10, number + 1))
        page = re.sub(re.escape(url) + rb"(?=[\"'\s>)])", origin.url(path).encode(), page)
    return Newsletter(name, page, charset)


def page_of(content: bytes) -> bytes:
    """The html of a message that arrived, with its transfer encoding undone."""
    (html,) = [each for each in message_from_bytes(content).walk() if each.get_content_type() == "text/html"]
    octets = html.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets
