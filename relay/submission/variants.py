"""The contents that leave: one for all recipients, or one each. CPU only, fit for a thread.

In:  the header of a message, how it came, its addresses and options, what is to be made of its content, the signers.
Out: the finished contents in order, signed, with the warnings of their making; whose they are; where links lead.

    control fields out -> texts (`tuning/`) -> stripped fields out, Cc and To as asked -> Received, Date, Message-ID
    -> long lines -> signatures

Why so: a copy of one's own names nobody else: To is the recipient's address alone, and Cc, Resent-To and Resent-Cc
are gone. Each is a message of its own and has its own Message-ID where we write it. What `strip_headers` may never
take are the fields without which a message cannot be read, answered, verified or unsubscribed from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from fnmatch import fnmatchcase

from relay.config import Content, LongLines
from relay.model.address import from_addresses
from relay.model.light import light
from relay.model.options import NOTHING, Options
from relay.model.reply import Refused
from relay.submission.control.addresses import KEPT_FAMILIES, KEPT_FIELDS
from relay.submission.tuning.tuner import Tuned
from relay.transform.dkim import Signer, sign
from relay.transform.draft import Draft
from relay.transform.headers import Field, Header
from relay.transform.hygiene import Arrival, tidy
from relay.transform.longlines import shorten

_NAMING = frozenset({b"to", b"cc", b"resent-to", b"resent-cc"})  # fields that name recipients


@light(frozen=True, slots=True)
class Finished:
    contents: tuple[bytes, ...]
    warnings: tuple[str, ...] = ()
    which: tuple[int, ...] = ()  # number of each recipient's content, archives left out; empty: as was planned
    targets: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # of the links, by number of the content
    links: bool = False  # links of ours with tokens are in it
    faults: Mapping[int, str] = field(default_factory=dict)  # what a recipient's data lacked, by place from 0
    dropped: frozenset[int] = frozenset()  # recipients who get nothing, by place from 0


def finish(
    header: Header,
    arrival: Arrival,
    remove: Sequence[Field],
    content: Content,
    signers: Sequence[Signer],
    options: Options = NOTHING,
    alone: Sequence[str] = (),
    shown: Sequence[str] = (),
    tune: Callable[[], Tuned] | None = None,
    most: int = 0,
) -> Finished:
    """`alone`: whose copies to make, empty for one content; `shown`: to be added to Cc; `tune`: `Tuner.tune`;
    `most`: octets of all contents that are tuned, as links, data and templates can make much of little; 0: any.

    Raises:
        Refused: 554 5.6.0 a line is too long and may not be encoded, or Cc cannot be read; 552 5.3.4 over `most`.
    """
    if options is NOTHING and tune is None:
        octets, told = _signed(tidy(header, arrival, remove), content.long_lines, signers, arrival.at)
        return Finished((octets,), told)
    if tune is not None:
        return _tuned(tune(), arrival, content.long_lines, signers, options, alone, shown, most)
    out = [*remove, *_stripped(header, options)]
    contents: list[bytes] = []
    warnings: dict[str, None] = {}
    for number, address in enumerate(alone or ("",)):
        gone, top = _addressed(header, address, shown)
        own = arrival
        if address:
            own = replace(arrival, recipient=address, copy=number + 1)
        octets, told = _signed(tidy(header, own, [*out, *gone], top), content.long_lines, signers, arrival.at)
        warnings.update(dict.fromkeys(told))
        contents.append(octets)
    return Finished(tuple(contents), tuple(warnings))


def _tuned(
    tuned: Tuned,
    arrival: Arrival,
    rule: LongLines,
    signers: Sequence[Signer],
    options: Options,
    alone: Sequence[str],
    shown: Sequence[str],
    most: int,
) -> Finished:
    """The contents of a message whose texts change: one for all, or one for each who gets one."""
    contents: list[bytes] = []
    warnings: dict[str, None] = {}
    which: list[int] = []
    targets: dict[int, tuple[str, ...]] = {}
    apart = tuned.each or bool(alone)
    dropped = set()
    size = 0
    for place in range(tuned.people if apart else 1):
        source = tuned.make(place)
        if source is None:
            dropped.add(place)
            which.append(0)  # it is never sent
            continue
        if place in tuned.targets:
            targets[len(contents)] = tuned.targets[place]
        which.append(len(contents))
        address = alone[place] if alone else ""
        own = replace(arrival, recipient=address, copy=place + 1) if address else arrival
        gone, top = _addressed(source.header, address, shown)
        out = [*source.out, *_stripped(source.header, options), *gone]
        octets, told = _signed(tidy(source.header, own, out, [*source.top, *top]), rule, signers, arrival.at)
        size += len(octets)
        if most and size > most:
            text = f"{len(contents) + 1} of its {tuned.people if apart else 1} contents, links and data put in, have"
            raise Refused(552, "5.3.4", f"{text} {size} octets, over the limit of {most}; send to fewer at once")
        warnings.update(dict.fromkeys(told))
        contents.append(octets)
    if not contents:
        raise Refused(554, "5.6.0", f"template: it fails for every recipient: {next(iter(tuned.faults.values()))}")
    return Finished(
        contents=tuple(contents),
        warnings=(*tuned.warnings, *warnings),
        which=tuple(which) if apart else (0,) * tuned.people,
        targets=targets,
        links=tuned.links,
        faults=tuned.faults,
        dropped=frozenset(dropped),
    )


def _signed(draft: Draft, rule: LongLines, signers: Sequence[Signer], at: float) -> tuple[bytes, tuple[str, ...]]:
    """The content that leaves, and warnings. Only one with long lines is put together before it is signed."""
    if rule is LongLines.PASS or not draft.has_long_lines:
        return draft.signed(signers, at), ()
    shortened = shorten(draft.content(), rule)
    return sign(shortened.content, signers, at), shortened.warnings


def _stripped(header: Header, options: Options) -> list[Field]:
    """The fields that options want out."""
    if options.keep_message_id and not options.strip_headers:
        return []
    asked: dict[bytes, bool] = {b"message-id": not options.keep_message_id}
    for name in header.shape.places:
        if not asked.get(name):
            text = name.decode("ascii")
            asked[name] = not (text in KEPT_FIELDS or text.startswith(KEPT_FAMILIES)) and any(
                fnmatchcase(text, each) for each in options.strip_headers
            )
    return [field for field in header.fields if asked[field.name]]


def _addressed(header: Header, address: str, shown: Sequence[str]) -> tuple[Sequence[Field], list[bytes]]:
    """What of To and Cc goes out, and what is put on top in its place."""
    if address:
        gone = [each for each in header.fields if each.name in _NAMING]
        return gone, [f"To: {address}\r\n".encode()]
    if not shown:
        return [], []
    given = header.named(b"cc")
    try:
        listed = [each for value in given for each in from_addresses(value)]
        named = {each for value in header.named(b"to") for each in from_addresses(value)} | set(listed)
    except ValueError as error:
        raise Refused(554, "5.6.0", f"extra_cc: To or Cc of the message cannot be read: {error}") from error
    added = [each.encode() for each in shown if each not in named]
    if not added:
        return [], []
    values = [each for each in (value.strip(b" \t\r\n") for value in given) if each]
    fields = header.at(header.shape.places.get(b"cc", ()))
    return fields, [b"Cc: " + b",\r\n ".join((*values, *added)) + b"\r\n"]
