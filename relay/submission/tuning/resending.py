"""The contents of a message that is sent again: as they left, with what is ours in them made anew.

In:  contents as they left once, whose they are now, the keys that our links and addresses are signed with.
Out: `Tuned`, as of any message: contents whose tokens name the new message, in the same places.

Taken out are the fields that we put on top when they left (Received and the signatures above it), since new ones
come. Tokens in links, pictures and List-Unsubscribe, and the addresses to unsubscribe by, are replaced one by one; a
token has the same length as any other, so that no line breaks elsewhere. All other octets stay.

Why so: a message is kept as it left, and not as it came. To take its links out again and rewrite them anew would be
guessing; so would be a template whose data are forgotten. Where links lead is kept with the new message, too: the old
one may be forgotten long before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from relay.bounce import returnpath
from relay.model.account import LinkKey, ReturnKey
from relay.model.token import TOKEN_LENGTH
from relay.submission.submission import Resent
from relay.submission.tuning.tuner import Party, Source, Tuned
from relay.transform.bodies import bodies
from relay.transform.edit import Edit
from relay.transform.encoded import decode
from relay.transform.headers import Field, Header, read_header, unfold
from relay.transform.token import make, read

_CANDIDATE = re.compile(rb"/(?=([A-Za-z0-9_-]{%d}))" % TOKEN_LENGTH)  # our links have a slash before each token
_OURS = frozenset({b"received", b"dkim-signature"})
_LEAVE = b"list-unsubscribe"

Token = Callable[[bytes], bytes | None]


def bare(content: bytes, id: str) -> bytes:
    """A content as it left, without the fields that we put on top then."""
    header = read_header(content)
    fields = header.fields
    return content[: header.start] + content[_top(header, fields, id) :]


def again(resent: Resent, party: Party, link: LinkKey, returns: ReturnKey) -> Tuned:
    """Raises Refused: a content cannot be read, which none is that left."""
    contents = [bare(each, resent.id) for each in resent.contents]
    linked = [_has_address(each, resent.id) or _has_token(each, resent) for each in contents]
    each = resent.personal or any(linked)

    def made(number: int) -> Source:
        content = contents[resent.which[number]]
        if not linked[resent.which[number]]:
            return Source(read_header(content))

        def token(old: bytes) -> bytes | None:
            try:
                found = read(old.decode("ascii"), resent.keys)
            except ValueError:
                return None
            if found.message != resent.id:
                return None
            return make(link, replace(found, message=party.id, recipient=number + 1))

        address = returnpath.make(returns, f"{party.id}-{number + 1}", returnpath.Way.UNSUBSCRIBE).encode()
        return Source(read_header(_renewed(content, resent.id, token, address)))

    tuned = Tuned(each, len(party.people), made, links=any(linked))
    if resent.targets:
        places = enumerate(resent.which) if each else [(0, resent.which[0])]
        tuned.targets = {place: resent.targets[which] for place, which in places if which in resent.targets}
    return tuned


def _top(header: Header, fields: Sequence[Field], id: str) -> int:
    """Where the header goes on behind our own fields; its start, where our Received field is not found."""
    mark = f" id {id}".encode()
    for field in fields:
        if field.name not in _OURS:
            break
        if field.name == b"received":
            return field.end if mark in unfold(header.value(field)) else header.start
    return header.start


def _has_address(content: bytes, id: str) -> bool:
    """Whether it names an address of ours to unsubscribe by."""
    return any(id.encode() in value for value in read_header(content).named(_LEAVE))


def _has_token(content: bytes, resent: Resent) -> bool:
    found: list[bytes] = []

    def note(old: bytes) -> bytes | None:
        try:
            if not found and read(old.decode("ascii"), resent.keys).message == resent.id:
                found.append(old)
        except ValueError:
            pass
        return None

    _renewed(content, resent.id, note, b"")
    return bool(found)


def _renewed(content: bytes, id: str, token: Token, address: bytes) -> bytes:
    """The content with other tokens and another address to unsubscribe by."""
    header = read_header(content)
    pieces: list[bytes] = []
    at = 0
    for field in header.fields:
        if field.name == _LEAVE:
            value = _with_tokens(content[field.value : field.end], token)
            if address:
                value = re.sub(rb"u[1-9][0-9]{0,8}-%b-[0-9]{1,7}-[0-9a-v]{24}" % id.encode(), address, value)
            pieces += (content[at : field.value], value)
            at = field.end
    for body in bodies(header):
        part = body.part
        text = decode(content[part.body : part.end], body.encoding)
        if text is None:
            continue
        edits = [Edit(start, start + TOKEN_LENGTH, (new,)) for start, new in _places(text.octets, token)]
        if edits:
            pieces += (content[at : part.body], text.edit(edits).body)
            at = part.end
    pieces.append(content[at:])
    return b"".join(pieces)


def _with_tokens(text: bytes, token: Token) -> bytes:
    for start, new in _places(text, token):
        text = text[:start] + new + text[start + TOKEN_LENGTH :]
    return text


def _places(text: bytes, token: Token) -> list[tuple[int, bytes]]:
    candidates = ((each.start(1), token(each[1])) for each in _CANDIDATE.finditer(text))
    return [(start, new) for start, new in candidates if new is not None]
