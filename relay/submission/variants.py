"""The contents that leave: one for all recipients, or one each. CPU only, fit for a thread.

In:  the header of a message, how it came, its addresses and options, the signers.
Out: the finished contents in order, signed, with the warnings of their making.

    control and stripped fields out -> Cc and To as asked -> Received, Date, Message-ID -> long lines -> signatures

Why so: a copy of one's own names nobody else: To is the recipient's address alone, and Cc, Resent-To and Resent-Cc
are gone. Each is a message of its own and has its own Message-ID where we write it. What `strip_headers` may never
take are the fields without which a message cannot be read, answered, verified or unsubscribed from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from relay.config import Content
from relay.model.address import from_addresses
from relay.model.options import NOTHING, Options
from relay.model.reply import Refused
from relay.submission.control.addresses import KEPT_FAMILIES, KEPT_FIELDS
from relay.transform.dkim import Signer, sign
from relay.transform.headers import Field, Header
from relay.transform.hygiene import Arrival, tidy
from relay.transform.longlines import shorten

_NAMING = frozenset({b"to", b"cc", b"resent-to", b"resent-cc"})  # fields that name recipients


@dataclass(frozen=True, slots=True)
class Finished:
    contents: tuple[bytes, ...]
    warnings: tuple[str, ...] = ()


def finish(
    header: Header,
    arrival: Arrival,
    remove: Sequence[Field],
    content: Content,
    signers: Sequence[Signer],
    options: Options = NOTHING,
    alone: Sequence[str] = (),
    shown: Sequence[str] = (),
) -> Finished:
    """`alone`: whose copies to make, empty for one content; `shown`: to be added to Cc.

    Raises:
        Refused: 554 5.6.0 a line is too long and may not be encoded, or Cc cannot be read.
    """
    if options is NOTHING:
        shortened = shorten(tidy(header, arrival, remove), content.long_lines)
        return Finished((sign(shortened.content, signers, arrival.at),), shortened.warnings)
    out = [*remove, *_stripped(header, options)]
    contents: list[bytes] = []
    warnings: dict[str, None] = {}
    for number, address in enumerate(alone or ("",)):
        gone, top = _addressed(header, address, shown)
        own = arrival
        if address:
            own = replace(arrival, recipient=address, copy=number + 1)
        shortened = shorten(tidy(header, own, [*out, *gone], top), content.long_lines)
        warnings.update(dict.fromkeys(shortened.warnings))
        contents.append(sign(shortened.content, signers, arrival.at))
    return Finished(tuple(contents), tuple(warnings))


def _stripped(header: Header, options: Options) -> list[Field]:
    """The fields that options want out."""
    found = [] if options.keep_message_id else header.named(b"message-id")
    if options.strip_headers:
        asked = {}
        for field in header.fields:
            if field.name not in asked:
                name = field.name.decode("ascii")
                asked[field.name] = not (name in KEPT_FIELDS or name.startswith(KEPT_FAMILIES)) and any(
                    fnmatchcase(name, each) for each in options.strip_headers
                )
            if asked[field.name]:
                found.append(field)
    return found


def _addressed(header: Header, address: str, shown: Sequence[str]) -> tuple[list[Field], list[bytes]]:
    """What of To and Cc goes out, and what is put on top in its place."""
    if address:
        gone = [each for each in header.fields if each.name in _NAMING]
        return gone, [f"To: {address}\r\n".encode()]
    if not shown:
        return [], []
    fields = header.named(b"cc")
    try:
        listed = [each for field in fields for each in from_addresses(header.value(field))]
        named = {each for field in header.named(b"to") for each in from_addresses(header.value(field))} | set(listed)
    except ValueError as error:
        raise Refused(554, "5.6.0", f"extra_cc: To or Cc of the message cannot be read: {error}") from error
    added = [each.encode() for each in shown if each not in named]
    if not added:
        return [], []
    values = [each for each in (header.value(field).strip(b" \t\r\n") for field in fields) if each]
    return fields, [b"Cc: " + b",\r\n ".join((*values, *added)) + b"\r\n"]
