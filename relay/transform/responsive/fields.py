"""What a document says of the message around its page: addresses, fields of the header, attachments.

In:  the top of a document.
Out: `Fields`; addresses and values are templates. Bcc is read and left out: it is nobody else's business.

Why so: a document may carry private keys for DKIM. Keys belong to the relay, not to templates that many can read, and
a key that was left out without a word would be mail without the signature somebody counts on: it is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.node import Node, text_of
from relay.transform.responsive.placeholders import around, check, masked, to_attribute
from relay.transform.responsive.values import fetched_url

ADDRESSES = 1000  # of a field
HEADERS = 100
ATTACHMENTS = 50
_NAME = re.compile(r"[!-9;-~]{1,76}")
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~ -]*")
_ADDRESS = re.compile(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}")
# What the message is made of, and what is said in properties of its own.
_OURS = frozenset(
    {
        "from", "reply-to", "to", "cc", "bcc", "subject", "mime-version", "content-type", "content-transfer-encoding",
        "content-disposition", "content-id", "return-path", "received", "dkim-signature",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Either its octets, or where they lie."""

    path: str  # in the document
    name: str = ""  # "": the last part of the URL, if anything
    type: str = ""  # "": what the server says, or application/octet-stream
    url: str = ""
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Values of fields as they are written (`"A name" <address>`), in characters, without folding."""

    from_: str = ""
    reply_to: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    subject: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()


def read_fields(node: Node) -> Fields:
    if node.has("dkim"):
        raise node.error("dkim", "keys of a template are not used; give them to the relay with POST /dkimkey")
    _addresses(node, "bcc")
    return Fields(
        from_=_one(node, "from"),
        reply_to=_one(node, "replyTo"),
        to=_addresses(node, "to"),
        cc=_addresses(node, "cc"),
        subject=node.line("subject"),
        headers=_headers(node),
        attachments=tuple(_attachment(node.node_of(value, path)) for value, path in _attached(node)),
    )


def _one(node: Node, name: str) -> str:
    found = _addresses(node, name)
    if len(found) > 1:
        raise node.error(name, "expected one address")
    return found[0] if found else ""


def _addresses(node: Node, name: str) -> tuple[str, ...]:
    """A text, an object with name and address, or an array of both."""
    value = node.raw(name)
    if value is None or value == "":
        return ()
    entries = node.entries(name) if isinstance(value, (list, tuple)) else [(value, node.at(name))]
    if len(entries) > ADDRESSES:
        raise node.error(name, f"over {ADDRESSES} addresses")
    return tuple(_address(node, each, path) for each, path in entries)


def _address(node: Node, value: object, path: str) -> str:
    if isinstance(value, Mapping):
        inner = node.node_of(value, path)
        name, address = inner.line("name").strip(), inner.line("address").strip()
        inner.finish()
        path = inner.at("address")
        written = f"{_quoted(name)} <{address}>" if name else address
    else:
        written = address = check(text_of(value, path).strip(), path)
    shown = masked(address)
    plain = shown == address
    if any(each < " " or each == "\x7f" for each in shown):
        raise DocumentError(path, "an address has no control characters")
    bare = isinstance(value, Mapping) or "<" not in address
    if plain and (not _ADDRESS.fullmatch(address) if bare and "," not in address else "@" not in address):
        raise DocumentError(path, "expected an address, as ann@example.com")
    return written


def _quoted(name: str) -> str:
    """The name in front of an address; quoted where it is more than words."""
    if _ATOMS.fullmatch(masked(name)) and '"' not in name:
        return name
    inside = around(name, lambda text: text.replace("\\", "\\\\").replace('"', '\\"'), to_attribute)
    return f'"{inside}"'


def _headers(node: Node) -> tuple[tuple[str, str], ...]:
    child = node.child("headers")
    if child is None:
        return ()
    names = child.names()
    if len(names) > HEADERS:
        raise node.error("headers", f"over {HEADERS} fields")
    found: list[tuple[str, str]] = []
    for name in names:
        if not _NAME.fullmatch(name):
            raise child.error(name, "expected the name of a field, without spaces and colons")
        if name.lower() in _OURS:
            raise child.error(name, "a field that the message is given anyhow; subject, from, to ... are properties")
        value = child.raw(name)
        values = child.entries(name) if isinstance(value, (list, tuple)) else [(value, child.at(name))]
        for each, path in values:
            text = check(text_of(each, path), path)
            if any(one < " " and one != "\t" for one in text):
                raise DocumentError(path, "the value of a field has no line end or other control character")
            found.append((name, text.strip()))
    return tuple(found)


def _attached(node: Node) -> list[tuple[object, str]]:
    found = node.entries("attachments")
    if len(found) > ATTACHMENTS:
        raise node.error("attachments", f"over {ATTACHMENTS} attachments")
    return found


def _attachment(node: Node) -> Attachment:
    url, name, type_ = fetched_url(node, "url"), node.line("name").strip(), node.line("type").strip().lower()
    data = b""
    given = node.raw("data")
    if type_ and not _TYPE.fullmatch(type_):
        raise node.error("type", "expected a type of content, as application/pdf")
    if given is not None:
        if url:
            raise DocumentError(node.path, "expected either url or data")
        try:
            data = base64.b64decode("".join(text_of(given, node.at("data")).split()), validate=True)
        except (binascii.Error, ValueError):
            raise node.error("data", "expected base64") from None
    elif not url:
        raise DocumentError(node.path, "expected url or data")
    node.finish()
    return Attachment(path=node.path, name=name, type=type_, url=url, data=data)
