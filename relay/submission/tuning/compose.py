"""A content with its texts rewritten, in pieces that serve all of its recipients.

In:  a content, what is to be done to its texts, and a memory of what was done to others.
Out: `Composed`: its octets but for the tokens, and where its links lead.

Why so: what is worked out for a body is remembered by its octets and the rules, since in a mailing only headers
differ; so links are numbered within their body, and moved up when the bodies come together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from relay.model.token import Purpose
from relay.submission.tuning.memory import Memory
from relay.transform import css
from relay.transform.bodies import Body, bodies
from relay.transform.edit import Hole, overlay
from relay.transform.encoded import Compiled, ascii_based, decode
from relay.transform.headers import Header, read_header
from relay.transform.html.rewrite import rewrite_html
from relay.transform.merge.parts import delimiters
from relay.transform.plain import rewrite_text
from relay.transform.rules import Rules
from relay.transform.targets import NUMBERS

REMEMBERED = 32 << 20  # octets of rewritten bodies, a process
_NUMBERED = frozenset({Purpose.CLICK, Purpose.IMAGE})
_ENCODING = b"Content-Transfer-Encoding: "
_CHARSET = re.compile(rb""";\s*charset\s*=\s*(?:"[^"]*"|[^\s;]+)""", re.IGNORECASE)

Token = Callable[[Hole], bytes]


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked for."""

    rules: Rules
    inline_css: bool = False


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A body after its rewriting."""

    compiled: Compiled
    targets: tuple[str, ...]
    warnings: tuple[str, ...]
    untracked: frozenset[str]
    holes: bool
    charset: str = ""  # the one it is in now, where that is another


@dataclass(frozen=True, slots=True)
class Segment:
    compiled: Compiled
    first: int  # what is added to the numbers of its targets


@dataclass(frozen=True, slots=True)
class Composed:
    pieces: Sequence[bytes | Segment]
    targets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    holes: bool = False  # without any, all recipients get the same octets

    def fill(self, token: Token) -> bytes:
        """The content for one recipient."""
        return b"".join(
            [
                each if isinstance(each, bytes) else each.compiled.fill(_moved(token, each.first))
                for each in self.pieces
            ]
        )


BodyMemory = Memory[Rewrite | None]


def body_memory() -> BodyMemory:
    return Memory(REMEMBERED, _octets)


def compose(content: bytes, work: Work, memory: BodyMemory) -> Composed:
    header = read_header(content)
    found = bodies(header)
    if not found:
        return Composed((content,), warnings=("no text of the message may be changed, so nothing is tracked in it",))
    untracked: frozenset[str] = frozenset()
    targets: list[str] = []
    changes: list[tuple[int, int, bytes | Segment]] = []
    warnings: dict[str, None] = {}
    holes = False
    # A link that is not tracked in html is not tracked in its twin in plain text, either.
    for body in sorted(found, key=lambda each: not each.html):
        done = _remembered(content, body, work, untracked, memory)
        if done is None:
            warnings[f"a text in {body.charset}, {body.encoding.decode('ascii', 'replace')}, is left as it is"] = None
            continue
        if _splits(content, header, body, done.compiled):
            warnings["what is to be added to a text has a line that would end its part: the text is left"] = None
            continue
        if len(targets) + len(done.targets) > NUMBERS:
            warnings[f"a message has more than {NUMBERS} links and pictures: a text of it is left as it is"] = None
            continue
        warnings.update(dict.fromkeys(done.warnings))
        untracked |= done.untracked
        changes += _fields(header, body, done)
        changes.append((body.part.body, body.part.end, Segment(done.compiled, len(targets))))
        if len(done.compiled.pieces) > 1 and content.startswith(b"--", body.part.end):
            # Nothing was there: the blank line above was the line end that belongs to the delimiter.
            changes.append((body.part.end, body.part.end, b"\r\n"))
        targets += done.targets
        holes = holes or done.holes
    return Composed(tuple(_spliced(content, changes)), tuple(targets), tuple(warnings), holes)


def _splits(content: bytes, header: Header, body: Body, compiled: Compiled) -> bool:
    """Whether lines that were added are delimiters of parts. In base64 there are none."""
    if len(compiled.pieces) == 1 or compiled.line:
        return False
    text = b"\n" + b"".join([each if isinstance(each, bytes) else b"0" for each in compiled.pieces])
    if b"\n--" not in text:
        return False
    before = b"\n" + content[body.part.body : body.part.end]
    return any(text.count(each) > before.count(each) for each in delimiters(header))


def _remembered(
    content: bytes, body: Body, work: Work, untracked: frozenset[str], memory: BodyMemory
) -> Rewrite | None:
    octets = content[body.part.body : body.part.end]
    known = frozenset() if body.html else untracked
    digest = blake2b(octets, digest_size=16).digest()
    key = (digest, body.html, body.charset, body.encoding, body.delsp, work, known)
    return memory.get(key, lambda: _rewrite(octets, body, work, known))


def _rewrite(octets: bytes, body: Body, work: Work, untracked: frozenset[str]) -> Rewrite | None:
    """None: it has to be left alone."""
    text = decode(octets, body.encoding) if ascii_based(body.charset) else None
    if text is None:
        return None
    inlined = css.Inlined(text.octets)
    if not body.html:
        found = rewrite_text(text.octets, work.rules, charset=body.charset, untracked=untracked, delsp=body.delsp)
    else:
        if work.inline_css:
            inlined = css.inline(text.octets)
        found = rewrite_html(inlined.text, work.rules, charset=body.charset)
    holes = any(isinstance(piece, Hole) for edit in found.edits for piece in edit.pieces)
    edits = overlay(inlined.text, inlined.edits, found.edits) if inlined.edits else found.edits
    warnings = inlined.warnings + found.warnings
    return Rewrite(text.compile(edits), found.targets, warnings, found.untracked, holes, found.charset)


def _fields(header: Header, body: Body, done: Rewrite) -> list[tuple[int, int, bytes | Segment]]:
    """The changes of the part's charset and transfer encoding, if there are any."""
    changes: list[tuple[int, int, bytes | Segment]] = []
    content, encoding = header.content, done.compiled.encoding
    whole = body.part.start == header.start
    above = header.start if whole else body.part.start
    of_type = body.part.named(b"content-type")
    if done.charset:
        named = b"; charset=" + done.charset.encode()
        if of_type:
            start, end = of_type[0].value, of_type[0].end
            value = _CHARSET.sub(b"", content[start:end].rstrip(b"\r\n")).rstrip(b"; \t")
            changes.append((start, end, value + named + b"\r\n"))
        else:
            changes.append((above, above, b"Content-Type: text/plain" + named + b"\r\n"))
    if encoding != re.split(rb"[\s;(]", body.encoding.strip(), maxsplit=1)[0].lower():
        line = _ENCODING + encoding + b"\r\n"
        given = body.part.named(b"content-transfer-encoding")
        after = of_type[0].end if of_type else above
        changes.append((given[0].start, given[0].end, line) if given else (after, after, line))
    if changes and whole and not header.has(b"mime-version"):
        changes.append((above, above, b"MIME-Version: 1.0\r\n"))
    return changes


def _spliced(content: bytes, changes: list[tuple[int, int, bytes | Segment]]) -> list[bytes | Segment]:
    pieces: list[bytes | Segment] = []
    at = 0
    for start, end, piece in sorted(changes, key=lambda each: each[:2]):
        pieces += [content[at:start], piece]
        at = end
    pieces.append(content[at:])
    return pieces


def _moved(token: Token, first: int) -> Token:
    if not first:
        return token
    return lambda hole: token(Hole(hole.purpose, hole.number + first) if hole.purpose in _NUMBERED else hole)


def _octets(rewrite: Rewrite | None) -> int:
    if rewrite is None:
        return 100
    pieces = sum(len(each) if isinstance(each, bytes) else 100 for each in rewrite.compiled.pieces)
    return 500 + pieces + sum(map(len, rewrite.targets))
