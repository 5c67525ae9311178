"""Aggregate reports of DMARC: what a mail service tells the owner of a domain about mail in its name. Pure.

In:  the file a report came in: XML, or that in gzip or zip.
Out: the XML as it came, and an `Aggregate`: who reports on which domain, and how much of it failed.

Standards: RFC 7489 section 7.2 and appendix C; RFC 9990, whose reports differ by a namespace and by elements that are
passed over here. What real reporters do otherwise is taken, too: words in upper case, blanks around names, elements
in any order or namespace, no name of the organization.

Why so: anybody can send one, so nothing is built in memory that a stranger decides the size of. What is packed is
unpacked to a bound and no further, whatever it says of its size; the XML is read as a stream, without a tree; a DTD
is refused before it can define anything, and so is what is not based on ASCII, where a look for one could be misled.
Of a zip the first file is read by its own header: the table at the end, which a stranger may have written for
millions of files, is not looked at.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from xml.etree.ElementTree import ParseError, XMLParser

from relay.bounce.parts import shown
from relay.model.address import ascii_domain
from relay.model.dmarc import OTHERS, Aggregate, Sending

LARGEST: Final = 20 << 20  # octets of XML
DEPTH: Final = 32  # of elements in elements; a report has six
PIECES: Final = 3_000_000  # elements and pieces of text; 20 MiB of records have a third of it
SENDERS: Final = 100  # domains in From that are told apart; the rest is counted as `OTHERS`
SLICE: Final = 64 << 10  # octets that are parsed at once
SILENT: Final = 4  # slices that tell nothing new
TEXT: Final = 400  # characters of a value
MOST: Final = 1 << 53  # of a count
MEMBERS: Final = 16  # of a gzip
_GZIP, _ZIP, _ZIP_END = b"\x1f\x8b", b"PK\x03\x04", b"PK\x01\x02"
_MARK = b"\xef\xbb\xbf"
_DTD = re.compile(rb"<!(?:doctype|entity)", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+")
_TIME = re.compile(r"(\d{1,11})(?:\.\d*)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,17}", re.ASCII)


def is_packed(octets: bytes) -> bool:
    """Whether a file may be a report, by how it begins."""
    start = octets[:256].removeprefix(_MARK).lstrip()
    return octets.startswith((_GZIP, _ZIP)) or start.startswith((b"<?xml", b"<feedback", b"<!--"))


def unpack(octets: bytes) -> bytes:
    """The XML of a report, however it is packed. Raises ValueError: it is too large, cut off, or neither."""
    if octets.startswith(_GZIP):
        return _gunzip(octets)
    if octets.startswith(_ZIP):
        return _unzip(octets)
    if len(octets) > LARGEST:
        raise ValueError(f"its XML has over {LARGEST} octets")
    return octets


def read_aggregate(xml: bytes) -> Aggregate:
    """Raises ValueError: it is no XML, or no report; the text says what is wrong, fit for a reply."""
    if b"\0" in xml or _DTD.search(xml):
        raise ValueError("its XML is not in UTF-8, or has a document type")
    target = _Target()
    parser = XMLParser(target=target)  # noqa: S314 - without a DTD there are no entities to be attacked with
    try:
        _feed(parser, target, xml.removeprefix(_MARK).lstrip())
        parser.close()
    except ParseError as error:
        raise ValueError(f"its XML is broken at line {error.position[0]}") from None
    except (LookupError, UnicodeError):  # an encoding nobody knows
        raise ValueError("its XML has an unknown encoding") from None
    return target.told(xml)


def _feed(parser: XMLParser, target: _Target, xml: bytes) -> None:
    """Slice by slice, so that no tag with a million attributes is ever put together."""
    silent = 0
    for at in range(0, len(xml), SLICE):
        before = target.pieces
        parser.feed(xml[at : at + SLICE])
        silent = silent + 1 if target.pieces == before else 0
        if silent > SILENT:
            raise ValueError(f"its XML has a tag or comment of over {SLICE * SILENT} octets")


class _Target:
    """What the parser tells of a document, kept as far as it is of use."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self.pieces = 0
        self._text: list[str] = []
        self._length = 0
        self._head: dict[str, str] = {}  # by path below the root
        self._row: dict[str, str] = {}  # of the record under way
        self._sendings: dict[str, tuple[int, int, int]] = {}

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ValueError("its XML has a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count()
        self._path.append(tag.rpartition("}")[2].strip().lower()[:TEXT])
        if len(self._path) > DEPTH:
            raise ValueError("its elements are nested too deep")
        self._text, self._length = [], 0

    def data(self, text: str) -> None:
        self._count()
        if self._length < TEXT * 2:
            self._text.append(text)
            self._length += len(text)

    def end(self, tag: str) -> None:
        path = self._path[1:]
        self._path.pop()
        if not path:
            return
        if path == ["record"]:
            self._end_record()
        elif path[0] == "record":
            if len(path) <= 4:
                self._row.setdefault("/".join(path[1:]), self._value())
        elif len(path) <= 3 and len(self._head) < TEXT:
            self._head.setdefault("/".join(path), self._value())
        self._text, self._length = [], 0

    def close(self) -> None:
        """Nothing is left to do."""

    def told(self, xml: bytes) -> Aggregate:
        meta = "report_metadata/"
        email = self._head.get(f"{meta}email", "")
        name = self._head.get(f"{meta}org_name", "")
        domain = domain_of(self._head.get("policy_published/domain", ""))
        if not domain:
            raise ValueError("it is no aggregate report of DMARC: it names no domain with a policy")
        begin, end = (self._time(f"{meta}date_range/{which}") for which in ("begin", "end"))
        reporter = domain_of(email.rpartition("@")[2]) or domain_of(name)
        if not reporter:
            raise ValueError("it does not say who reports: it has neither an address nor the name of a domain")
        return Aggregate(
            organization=name or reporter,
            email=email,
            reporter=reporter,
            id=self._head.get(f"{meta}report_id", "") or sha256(xml).hexdigest()[:32],
            begin=begin,
            end=end,
            domain=domain,
            policy=self._head.get("policy_published/p", "").lower(),
            sendings=tuple(Sending(each, *counts) for each, counts in self._sendings.items()),
        )

    def _end_record(self) -> None:
        row, self._row = self._row, {}
        count = row.get("row/count", "")
        messages = int(count) if _NUMBER.fullmatch(count) else 0
        sender = domain_of(row.get("identifiers/header_from", "")) or OTHERS
        if sender not in self._sendings and len(self._sendings) >= SENDERS:
            sender = OTHERS
        failed = [row.get(f"row/policy_evaluated/{each}", "").lower() != "pass" for each in ("spf", "dkim")]
        had = self._sendings.get(sender, (0, 0, 0))
        now = (messages, *(messages if each else 0 for each in failed))
        self._sendings[sender] = tuple(min(a + b, MOST) for a, b in zip(had, now, strict=True))  # type: ignore[assignment]

    def _time(self, path: str) -> float:
        found = _TIME.fullmatch(self._head.get(path, ""))
        if found is None:
            raise ValueError(f"it is no aggregate report of DMARC: it has no time at {path}")
        return float(found[1])

    def _value(self) -> str:
        return shown("".join(self._text), TEXT)

    def _count(self) -> None:
        self.pieces += 1
        if self.pieces > PIECES:
            raise ValueError(f"its XML has over {PIECES} pieces")


def domain_of(text: str) -> str:
    """A domain as it is compared, A-labels in lower case; "" where the text is none."""
    plain = text.strip().strip(".").lower()
    try:
        plain = ascii_domain(plain)
    except ValueError:
        return ""
    return plain if len(plain) <= 253 and _WORD.fullmatch(plain) else ""


def policy_names(domain: str) -> Sequence[str]:
    """A domain and those above it, but for the last label."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)]


def _gunzip(octets: bytes) -> bytes:
    """Its first members (RFC 1952 section 2.2), of which it has one; what follows is passed over."""
    found, rest = b"", octets
    for _ in range(MEMBERS):
        if not rest.startswith(_GZIP):
            break
        piece, rest = _inflated(rest, 31, LARGEST - len(found))
        found += piece
    return found


def _unzip(octets: bytes) -> bytes:
    """The only file (APPNOTE 4.3.7)."""
    if len(octets) < 30:
        raise ValueError("its zip is cut off")
    flags, method = int.from_bytes(octets[6:8], "little"), int.from_bytes(octets[8:10], "little")
    size = int.from_bytes(octets[18:22], "little")
    start = 30 + int.from_bytes(octets[26:28], "little") + int.from_bytes(octets[28:30], "little")
    if flags & 1 or method not in (0, 8) or (method == 0 and flags & 8):
        raise ValueError("its zip is encrypted, or packed in a way we do not read")
    if method == 0:
        found, rest = octets[start : start + size], octets[start + size :]
        if len(found) > LARGEST:
            raise ValueError(f"its XML has over {LARGEST} octets")
    else:
        found, rest = _inflated(octets[start:], -15, LARGEST)
    if _ZIP in rest.partition(_ZIP_END)[0]:
        raise ValueError("its zip has more than one file")
    return found


def _inflated(octets: bytes, window: int, room: int) -> tuple[bytes, bytes]:
    """What was packed, and what follows it. Raises ValueError."""
    inflate = zlib.decompressobj(window)
    try:
        found = inflate.decompress(octets, room + 1)
    except zlib.error:
        raise ValueError("its gzip or zip is broken") from None
    if len(found) > room:
        raise ValueError(f"its XML has over {LARGEST} octets")
    if not inflate.eof:
        raise ValueError("its gzip or zip is cut off")
    return found, inflate.unused_data
