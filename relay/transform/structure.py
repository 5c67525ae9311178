"""Parts put into a message and taken out, with no other octet changed.

In:  a content; a text to be added in the form that it lacks, or nothing.
Out: the content, as it is where that is wiser, with a warning that says so.

A text without its twin becomes a multipart/alternative of both, the plain one first (RFC 2046 section 5.1.4): in the
place of the text, or, where the text is what a multipart/related is about, in the place of that. Where an alternative
lacks one, that is added to it. Of a message that is no multipart, the Content-* fields go into the part.

Pictures that the html shows by their Content-ID (RFC 2392) can be taken out, to be hosted elsewhere; a multipart that
is left with one part gives way to it. What the html does not name stays: nobody would find it otherwise.

A message that is signed, encrypted or a report stays as it is, and so does one whose parts nobody can be sure of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import unquote_to_bytes

from relay.transform.bodies import HTML, PLAIN, Body, bodies
from relay.transform.encoded import QUOTED, SEVEN, decode, encode_whole
from relay.transform.headers import Field, Header, read_header, unfold
from relay.transform.html.spans import unescape
from relay.transform.tree import Node, read_tree

NOT_ADDED = "no text or html is made for the message"
NOT_TAKEN = "the pictures of the message stay in it"
UNSURE = "its parts are broken, too many or too deep"
SEALED = "it is signed or encrypted, a report, or has no text of its own"
_ALTERNATIVE, _RELATED, _MIXED = b"multipart/alternative", b"multipart/related", b"multipart/mixed"
_KNOWN = frozenset({_ALTERNATIVE, _RELATED, _MIXED})
_CID = re.compile(rb"(?i)cid:([^\s\"'<>()]+)")
_IMAGE = re.compile(rb"image/[a-z0-9.+-]{1,60}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was part of the message."""

    content_id: str  # without angle brackets
    type: str  # such as image/png
    octets: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    content: bytes
    warnings: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


def lacking(found: Sequence[Body]) -> bytes:
    """The form that a message with these bodies lacks, text/plain or text/html; nothing if it has both or none."""
    html, plain = any(each.html for each in found), any(not each.html for each in found)
    return b"" if html == plain else PLAIN if html else HTML


def add_alternative(content: bytes, text: str | bytes) -> Changed:
    """The content with this text in the form that it lacks; itself, if it lacks none.

    `text` may be a part that `part_of` made of it for this form, where many messages get the same.
    """
    header = read_header(content)
    found = bodies(header)
    kind = lacking(found)
    if not kind:
        return Changed(content, () if found else (f"{NOT_ADDED}: {SEALED}",))
    path = _path(header, found[0])
    if isinstance(path, str):
        return Changed(content, (f"{NOT_ADDED}: {path}",))
    part = part_of(text, kind) if isinstance(text, str) else text
    for place in range(len(path) - 1, 0, -1):
        if path[place - 1].type == _ALTERNATIVE:
            return Changed(_inserted(content, path[place - 1], path[place], part, first=kind == PLAIN))
    whole = len(path) - 1
    while whole and path[whole - 1].type == _RELATED and path[whole - 1].children[0] is path[whole]:
        whole -= 1
    return Changed(_wrapped(header, path[whole], part, first=kind == PLAIN, root=whole == 0))


def take_pictures(content: bytes) -> Changed:
    """The content without the pictures its html shows by Content-ID, and these."""
    header = read_header(content)
    named = _named(content, bodies(header))
    if not named:
        return Changed(content)
    root = read_tree(header)
    if root is None:
        return Changed(content, (f"{NOT_TAKEN}: {UNSURE}",))
    taken: list[Node] = []
    pictures: list[Picture] = []
    for parent in _multiparts(root):
        for child in parent.children:
            picture = _picture(content, child, named) if parent.type in (_RELATED, _MIXED) else None
            if picture is not None:
                taken.append(child)
                pictures.append(picture)
    if not taken:
        return Changed(content)
    return Changed(_without(header, root, {each.start for each in taken}), (), tuple(pictures))


def _path(header: Header, body: Body) -> tuple[Node, ...] | str:
    """From the message down to its text; or why not."""
    root = read_tree(header)
    if root is None:
        return UNSURE
    path = root.path(body.part.start)
    if not path:
        return UNSURE
    return path if all(each.type in _KNOWN and not each.sealed for each in path[:-1]) else SEALED


def part_of(text: str, kind: bytes) -> bytes:
    """A part with this text, header and all; `kind`: text/plain or text/html."""
    written, _ = encode_whole(text, "utf-8", SEVEN)
    encoding = written.encoding if written.encoding in (SEVEN, QUOTED) else QUOTED
    fields = b"Content-Type: " + kind + b"; charset=utf-8\r\nContent-Transfer-Encoding: " + encoding
    return fields + b"\r\n\r\n" + written.body


def _boundary(content: bytes, part: bytes) -> bytes:
    """One that stands in neither: told by their digest, so that the same message gets the same."""
    number = 0
    while True:
        digest = blake2b(content, digest_size=12, key=number.to_bytes(4)).hexdigest().encode()
        boundary = b"=_alternative_" + digest
        if boundary not in content and boundary not in part:
            return boundary
        number += 1


def _inserted(content: bytes, alternative: Node, sibling: Node, part: bytes, *, first: bool) -> bytes:
    """The content with one more part in an alternative: before all others, or behind the one that says the same."""
    before = alternative.children[0] if first else sibling
    line = content[before.delimiter : before.start]
    at = before.delimiter if first else before.behind
    if not first and at == before.end and not content.startswith(b"--", at):  # the multipart never ends
        return content[:at] + b"\r\n" + line + part + content[at:]
    return content[:at] + line + part + b"\r\n" + content[at:]


def _wrapped(header: Header, node: Node, part: bytes, *, first: bool, root: bool) -> bytes:
    """The content with an alternative of a node and the part in the place of the node."""
    content = header.content
    boundary = _boundary(content, part)
    line = b"--" + boundary + b"\r\n"
    kind = b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n'
    own = content[node.start : node.end]
    if root:
        own = _fields(content, node.fields, content_fields=True) + b"\r\n" + content[node.body :]
    parts = [part, own] if first else [own, part]
    inside = line + (b"\r\n" + line).join(parts) + b"\r\n--" + boundary + b"--"
    if not root:
        return content[: node.start] + kind + b"\r\n" + inside + content[node.end :]
    version = b"" if header.has(b"mime-version") else b"MIME-Version: 1.0\r\n"
    return _fields(content, node.fields, content_fields=False) + version + kind + b"\r\n" + inside + b"\r\n"


def _fields(content: bytes, fields: Iterable[Field], *, content_fields: bool) -> bytes:
    """The fields that speak of the body, or all others, each with its line end."""
    return b"".join(
        content[each.start : each.end].removesuffix(b"\r\n") + b"\r\n"
        for each in fields
        if each.name.startswith(b"content-") == content_fields
    )


def _named(content: bytes, found: Sequence[Body]) -> frozenset[bytes]:
    """What the html names by Content-ID."""
    names: set[bytes] = set()
    for each in found:
        text = decode(content[each.part.body : each.part.end], each.encoding) if each.html else None
        if text is not None:
            names.update(unquote_to_bytes(unescape(name)) for name in _CID.findall(text.octets))
    return frozenset(names)


def _multiparts(node: Node) -> Iterable[Node]:
    """Those in which pictures may be: no report, nothing signed."""
    if node.multipart and not node.sealed and node.type in _KNOWN:
        yield node
        for each in node.children:
            yield from _multiparts(each)


def _picture(content: bytes, node: Node, named: frozenset[bytes]) -> Picture | None:
    """The picture that a part is; None if it is none, or one that is not named, or not to be read."""
    if node.multipart or node.sealed or not _IMAGE.fullmatch(node.type):
        return None
    name = _value(content, node, b"content-id").strip(b"<>")
    text = decode(content[node.body : node.end], _value(content, node, b"content-transfer-encoding") or SEVEN)
    if name not in named or text is None or not text.octets:
        return None
    try:
        return Picture(name.decode("utf-8"), node.type.decode("ascii"), text.octets)
    except UnicodeDecodeError:
        return None


def _value(content: bytes, node: Node, name: bytes) -> bytes:
    found = [each for each in node.fields if each.name == name]
    return unfold(content[found[0].value : found[0].end]).strip() if len(found) == 1 else b""


def _without(header: Header, root: Node, gone: set[int]) -> bytes:
    """The content without those parts."""
    content = header.content
    kept = _kept(content, root, gone)
    left = [each for each in root.children if each.start not in gone]
    if len(left) != 1 or len(left) == len(root.children):
        return content[header.start : root.start] + kept
    # The one part that is left becomes the message: its Content-* fields take the place of the message's.
    only = left[0]
    inner = _kept(content, only, gone)
    part = read_header(inner)
    fields = _fields(inner, part.fields, content_fields=True)
    body = inner[part.body :]
    ended = body if body.endswith(b"\r\n") else body + b"\r\n"
    return _fields(content, root.fields, content_fields=False) + fields + b"\r\n" + ended


def _kept(content: bytes, node: Node, gone: set[int]) -> bytes:
    """A part without those in it; where one part is left of several, that one."""
    if not node.multipart:
        return content[node.start : node.end]
    left = [each for each in node.children if each.start not in gone]
    if len(left) == 1 < len(node.children) and node.type == _RELATED and node.delimiter:
        return _kept(content, left[0], gone)
    pieces: list[bytes] = []
    at = node.start
    for each in node.children:
        pieces.append(content[at : each.delimiter])
        if each in left:
            pieces += [
                content[each.delimiter : each.start],
                _kept(content, each, gone),
                content[each.end : each.behind],
            ]
        at = each.behind
    pieces.append(content[at : node.end])
    return b"".join(pieces)
