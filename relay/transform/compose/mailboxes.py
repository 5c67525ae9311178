"""Addresses with names, as people write them, and as they stand in From, To, Cc and Reply-To.

In:  `Ann Smith <ann@example.net>, "Smith, Bob" <bob@example.net>`, names in any script.
Out: `Mailbox`es; and their text for a field: quoted or in encoded words where that is needed.

Standards: RFC 5322 section 3.4, RFC 2047 section 5 (3), RFC 6532 (a local part outside ASCII stands as it is).

Why so: what stands between two commas is one mailbox, so a name with a comma in it needs its quotation marks; a
guess would make two addresses of one, or one of two. An address may be a placeholder of the template language, which
is for whoever fills it in to check. Otherwise names may be what they are (dots, colons, brackets).
Control characters are refused, line ends above all: nobody writes a header field by way of a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from relay.model.address import parse_path, printable
from relay.transform.compose import fields
from relay.transform.words import decode, encode

NAME = 500  # octets of a name
MOST = 5_000  # mailboxes of a field
_REMEMBERED = 200  # characters of a list that is remembered once it was read

BROKEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|\((?:[^()\\]|\\.)*\)|,|[^"<>(),]+')
_ESCAPED = re.compile(r"\\(.)")
_ENCODED = re.compile(r"=\?.*\?=")
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # atoms, and single spaces between them
_PLACEHOLDER = re.compile(r"\{\$[A-Za-z][A-Za-z0-9_.\[\]-]{0,100}(?:\|[a-z_]{1,30}){0,10}\}")
_EMPTY_GROUP = re.compile(r'([^\x00-\x1f\x7f:;<>@",()]{1,200}):\s*;')


@dataclass(frozen=True, slots=True)
class Mailbox:
    address: str
    name: str = ""

    @property
    def open(self) -> bool:
        """The address is a placeholder: `{$recipient}`."""
        return self.address.startswith("{$")


@dataclass(frozen=True, slots=True)
class Group:
    """A group with nobody in it: `undisclosed-recipients:;`."""

    name: str


def read_mailboxes(text: str) -> tuple[Mailbox | Group, ...]:
    """Mailboxes separated by commas. Raises ValueError."""
    return _remembered(text) if len(text) <= _REMEMBERED else _read(text)


def mailbox(address: str, name: str = "") -> Mailbox:
    """One of parts that were given apart. Raises ValueError."""
    if BROKEN.search(name):
        raise ValueError(f"a name has no control characters: {printable(name)}")
    plain = " ".join(name.split())
    if len(plain.encode()) > NAME:
        raise ValueError(f"a name has at most {NAME} octets: {printable(plain)}")
    address = address.strip()
    if _ENCODED.search(address):  # some readers decode it, and see another address
        raise ValueError(f"an encoded word in the address {printable(address)}")
    return Mailbox(address if _PLACEHOLDER.fullmatch(address) else parse_path(address, smtputf8=True), plain)


def written(each: Mailbox | Group) -> str:
    """As it stands in a field."""
    if isinstance(each, Group):
        return f"{_phrase(each.name)}:;"
    return f"{_phrase(each.name)} <{each.address}>" if each.name else each.address


def _phrase(name: str) -> str:
    if "=?" in name or not name.isascii():
        return encode(name)
    if _PLAIN.fullmatch(name):
        return name
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"' if len(quoted) <= NAME else fields.words(name)  # with an address behind it, in one line


@lru_cache(maxsize=4096)
def _remembered(text: str) -> tuple[Mailbox | Group, ...]:
    return _read(text)


def _read(text: str) -> tuple[Mailbox | Group, ...]:
    if BROKEN.search(text):
        raise ValueError(f"no line ends or other control characters: {printable(text)}")
    if ":" in text and (group := _EMPTY_GROUP.fullmatch(text.strip())) is not None:
        return (Group(group[1].strip()),)
    found: list[Mailbox | Group] = []
    pieces: list[str] = []
    at = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            raise ValueError(f"a {text[at]} without its other half: {printable(text)}")
        if piece[0] == ",":
            _add(found, pieces)
            pieces = []
        else:
            pieces.append(piece[0])
        at = piece.end()
    _add(found, pieces)
    return tuple(found)


def _add(found: list[Mailbox | Group], pieces: list[str]) -> None:
    """The mailbox of these pieces, if there is anything in them."""
    words = [each for each in pieces if not each.isspace() and not each.startswith("(")]
    if not words:
        return
    if len(found) == MOST:
        raise ValueError(f"over {MOST:,} addresses")
    angles = [each for each in words if each.startswith("<")]
    if not angles:
        found.append(mailbox("".join(words)))
        return
    if len(angles) > 1 or words[-1] is not angles[0]:
        raise ValueError(f"expected a comma after the > in {printable(''.join(pieces).strip())}")
    spaced = pieces[: pieces.index(angles[0])]
    found.append(mailbox(angles[0][1:-1], _said("".join(map(_unquoted, spaced)))))


def _unquoted(piece: str) -> str:
    if piece.startswith("("):
        return " "
    return _ESCAPED.sub(r"\1", piece[1:-1]) if piece.startswith('"') else piece


def _said(name: str) -> str:
    """A name without the encoding that somebody gave it already."""
    if "=?" not in name or not name.isascii():
        return name
    try:
        return decode(name.strip().encode()).text
    except ValueError:
        return name
