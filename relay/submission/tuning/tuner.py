"""The contents of a message as its options want them, before hygiene and signatures. CPU, and the disk for pictures.

In:  a message's header, its control fields, its recipients, and a `Tuning`.
Out: `Tuned`: how many contents there are, and each when it is asked for: a thousand are never in memory twice.

    control fields out -> template and data -> missing twin -> pictures out -> texts rewritten -> fields for lists

Why so: only what differs by recipient is made for each. Data that all share is filled in once; a message without a
link of ours has one content, whatever was asked for. What cannot be filled in for one recipient is refused for all,
unless the message says otherwise, since a sender would rather mend it than learn whom it left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from time import thread_time
from typing import Any

from relay.bounce import returnpath
from relay.model.options import MergeError
from relay.model.reply import Refused
from relay.model.token import Token
from relay.submission.tuning.compose import BodyMemory, Composed, body_memory, compose
from relay.submission.tuning.memory import Memory
from relay.submission.tuning.tuning import UNSUBSCRIBE_MARK, VIEW_MARK, Merging, Tuning
from relay.transform.autohtml import text_to_html
from relay.transform.autotext import html_to_text
from relay.transform.bodies import HTML, PLAIN, Body, bodies
from relay.transform.charsets import codec
from relay.transform.edit import Hole, fill
from relay.transform.encoded import decode
from relay.transform.headers import Field, Header, read_header, splice
from relay.transform.listheaders import BY_MAIL, ListFields, list_fields, unsubscribe_uris
from relay.transform.merge.error import TemplateError
from relay.transform.merge.message import Prepared, prepare
from relay.transform.structure import add_alternative, part_of, take_pictures
from relay.transform.token import make

LONGEST = 10.0  # seconds of CPU for all recipients of a message; a usual template takes a thousandth of one
TWINS = 8 << 20  # octets of texts made from another form that are remembered, a process
_PERSONAL = frozenset({"recipient", "envelope"})  # variables that are there without data


Twins = Memory[bytes | None]
# Keeps a picture of a type, gives its name; raises ValueError, StoreFull, StoreDown.
Host = Callable[[bytes, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Whose message it is, and to whom it goes."""

    id: str  # of the submission
    sender: str  # reverse-path
    people: Sequence[str]  # forward-paths, by recipient's number from 1


@dataclass(frozen=True, slots=True)
class Source:
    """A content before hygiene: `out` are fields that go, `top` whole lines that come."""

    header: Header
    out: Sequence[Field] = ()
    top: Sequence[bytes] = ()


@dataclass(slots=True)
class Tuned:
    """`each`: every recipient has a content of his own; else there is one for all."""

    each: bool
    people: int
    make: Callable[[int], Source | None]  # by recipient's number from 0; None: he gets none
    targets: dict[int, tuple[str, ...]] = field(default_factory=dict)  # by recipient's number from 0, as made
    links: bool = False
    warnings: dict[str, None] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)  # what was wrong with the data of a recipient


class Tuner:
    """For one process."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._memory: BodyMemory = body_memory()
        self._twins: Twins = Memory(TWINS, lambda twin: 100 + len(twin or ""))

    def tune(self, tuning: Tuning, header: Header, remove: Sequence[Field], party: Party) -> Tuned:
        """Raises Refused; StoreDown, StoreFull."""
        plain = read_header(splice(header, remove, []))
        work = _Work(self._host, self._memory, self._twins, tuning, party)
        merging = tuning.merging
        if merging is None:
            return work.same(plain.content)
        lenient = merging.error is MergeError.DELIVER
        complaints: list[TemplateError] = []
        try:
            prepared = prepare(plain, merging.template, merging.block)
            if not prepared.changes:
                return work.same(plain.content)
            if merging.own or prepared.variables & _PERSONAL:
                return work.different(prepared, merging, plain.content)
            content = prepared.render(_data(merging, party, None), complaints if lenient else None)
        except TemplateError as error:
            if not lenient:
                raise Refused(554, "5.6.0", f"template: {error}") from error
            content = plain.content
            complaints.append(error)
        tuned = work.same(content)
        for each in complaints:
            tuned.warnings[f"template: {each}"] = None
        if complaints:
            tuned.faults = dict.fromkeys(range(len(party.people)), str(complaints[0]))
        return tuned


class _Work:
    """On one message."""

    def __init__(self, host: Host, memory: BodyMemory, twins: Twins, tuning: Tuning, party: Party) -> None:
        self._host = host
        self._memory = memory
        self._twins = twins
        self._tuning = tuning
        self._party = party

    def same(self, content: bytes) -> Tuned:
        """All recipients get this content, but for their tokens."""
        composed, lists = self._composed(content)
        tuned = Tuned(
            _holes(composed, lists), len(self._party.people), lambda number: self._source(composed, lists, number)
        )
        self._told(tuned, composed, lists, 0)
        if composed.targets and tuned.each:
            tuned.targets = dict.fromkeys(range(len(self._party.people)), composed.targets)
        return tuned

    def different(self, prepared: Prepared, merging: Merging, plain: bytes) -> Tuned:
        """Each gets his own, made when it is asked for."""
        party = self._party
        begin = thread_time()

        def made(number: int) -> Source | None:
            content = plain
            if thread_time() - begin > LONGEST:
                text = f"template: {number} of {len(party.people)} recipients take {LONGEST:.0f} s of computing"
                raise Refused(554, "5.6.0", f"{text}, the limit for all of them; send to fewer at once")
            complaints: list[TemplateError] | None = [] if merging.error is MergeError.DELIVER else None
            try:
                content = prepared.render(_data(merging, party, party.people[number]), complaints)
            except TemplateError as error:
                if merging.error is MergeError.REJECT:
                    raise Refused(554, "5.6.0", f"template: for {party.people[number]}: {error}") from error
                tuned.faults[number] = str(error)
                if merging.error is MergeError.DROP:
                    return None
            if complaints:
                tuned.faults[number] = str(complaints[0])
            composed, lists = self._composed(content)
            self._told(tuned, composed, lists, number)
            return self._source(composed, lists, number)

        tuned = Tuned(True, len(party.people), made)
        return tuned

    def _told(self, tuned: Tuned, composed: Composed, lists: ListFields, number: int) -> None:
        tuned.warnings.update(dict.fromkeys((*composed.warnings, *lists.warnings)))
        tuned.links = tuned.links or _holes(composed, lists)
        if composed.targets:
            tuned.targets[number] = composed.targets

    def _composed(self, content: bytes) -> tuple[Composed, ListFields]:
        tuning = self._tuning
        warnings: list[str] = []
        if tuning.auto_text or tuning.auto_html:
            content = self._with_twin(content, warnings)
        work = tuning.work
        if tuning.hosted_images:
            content, hosted = self._hosted(content, warnings)
            work = replace(work, rules=replace(work.rules, hosted=hosted))
        header = read_header(content)
        if work.rules.rewrites or work.inline_css:
            if uris := unsubscribe_uris(header):
                work = replace(work, rules=replace(work.rules, skip=work.rules.skip | set(uris)))
            composed = compose(content, work, self._memory)
        else:
            composed = Composed((content,))
        if warnings:
            composed = replace(composed, warnings=(*warnings, *composed.warnings))
        return composed, ListFields() if tuning.lists is None else list_fields(header, tuning.lists)

    def _source(self, composed: Composed, lists: ListFields, number: int) -> Source:
        key, ident = self._tuning.key, self._party.id

        def token(hole: Hole) -> bytes:
            assert key is not None  # a tuning that may have links has one
            return make(key, Token(hole.purpose, ident, number + 1, hole.number))

        def line(hole: Hole) -> bytes:
            return self._address(number) if hole == BY_MAIL else token(hole)

        header = read_header(composed.fill(token))
        gone = {each.name for each in lists.remove}
        out = [each for each in header.fields if each.name in gone] if gone else ()
        return Source(header, out, [fill(each, line) for each in lists.add])

    def _address(self, number: int) -> bytes:
        """The local part of the recipient's address to unsubscribe by."""
        key = self._tuning.return_key
        assert key is not None  # a tuning that has such addresses has one
        return returnpath.make(key, f"{self._party.id}-{number + 1}", returnpath.Way.UNSUBSCRIBE).encode()

    def _with_twin(self, content: bytes, warnings: list[str]) -> bytes:
        """The content with the form of its text that it lacks, if that is wanted."""
        found = bodies(read_header(content))
        if not found or any(each.html for each in found) == any(not each.html for each in found):
            return content
        first = found[0]
        if not (self._tuning.auto_text if first.html else self._tuning.auto_html):
            return content
        octets = content[first.part.body : first.part.end]
        key = (blake2b(octets, digest_size=16).digest(), first.html, first.encoding, first.charset)
        twin = self._twins.get(key, lambda: _twin(octets, first))
        if twin is None:
            return content
        changed = add_alternative(content, twin)
        warnings += changed.warnings
        return changed.content

    def _hosted(self, content: bytes, warnings: list[str]) -> tuple[bytes, tuple[tuple[str, str], ...]]:
        """The content without the pictures in it, and where they are now."""
        changed = take_pictures(content)
        hosted = []
        try:
            for each in changed.pictures:
                name = self._host(each.octets, each.type)
                hosted.append((each.content_id, f"{self._tuning.base}/h/{name}"))
        except ValueError as error:
            warnings.append(f"hosted_images: {error}; the pictures stay in the message")
            return content, ()
        warnings += changed.warnings
        return changed.content, tuple(hosted)


def _twin(octets: bytes, body: Body) -> bytes | None:
    """The text in its other form, as a part."""
    text = decode(octets, body.encoding)
    if text is None:
        return None
    if body.html:
        said, kind = html_to_text(text.octets, body.charset), PLAIN
    else:
        said, kind = text_to_html(_said(text.octets, body.charset)), HTML
    return None if said is None else part_of(said, kind)


def _holes(composed: Composed, lists: ListFields) -> bool:
    return composed.holes or any(isinstance(each, Hole) for line in lists.add for each in line)


def _data(merging: Merging, party: Party, address: str | None) -> Mapping[str, Any]:
    data = {"webversion": VIEW_MARK, "unsubscribe": UNSUBSCRIBE_MARK, "envelope": party.sender, **merging.shared}
    if address is not None:
        data |= {"recipient": address, **merging.own.get(address, {})}
    return data


def _said(octets: bytes, charset: str) -> str:
    try:
        text = octets.decode(codec(charset))
        text.encode()  # fails for lone surrogates, which are no text
        return text
    except (LookupError, UnicodeError):
        return octets.decode("utf-8", "replace")
