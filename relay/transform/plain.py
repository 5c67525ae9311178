"""A plain text, rewritten.

In:  its octets, in a charset that writes ASCII as ASCII, and rules.
Out: edits that do not overlap, and the targets of the links in them.

A URL begins with http:// or https:// where no word runs into it, and ends before white space, `<>"`, punctuation at
its end, and a bracket that was not opened in it (RFC 3986 appendix C). In angle brackets, with `URL:` or without, it
may go over several lines; it is then written on one. Left alone are URLs in quoted lines (`>`), which are somebody
else's words; URLs that run into a letter beyond ASCII or, with DelSp, into a soft line break, whose end nobody knows;
those after which `[[data-msys-clicktrack="0"]]` stands; those the html says to leave alone; and a text with a PGP
signature in it as a whole. A label cannot differ from its link in plain text: `prevent_scam` changes nothing here.

Our link shows the path as long as it fits in a line of LINE octets or is no longer than the link was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from relay.model.token import TOKEN_LENGTH, Purpose
from relay.transform.edit import Edit, Piece
from relay.transform.html.insertions import UNSUBSCRIBE, VIEW, Marks, lacks_unsubscribing, with_url
from relay.transform.html.rewrite import apart, known, named
from relay.transform.rules import Rewritten, Rules, own_page
from relay.transform.targets import Targets
from relay.transform.urls import key, path_shown, placeholder, web_url

LINE = 76
SEALED = "the text holds a PGP message or signature: it stays as it is"
_PGP = re.compile(rb"^-----BEGIN PGP (?:SIGNED )?MESSAGE-----", re.MULTILINE)
_LINK = re.compile(rb"(?i)(?<![a-z0-9])https?(\+notrack)?://[!#-;=?-~]++")
_ANGLED = re.compile(rb"(?i)<(?:URL:)?(https?://[!#-;=?-~]++(?:[ \t]*+\r?\n[ \t]*+[!#-;=?-~]++){1,20})[ \t\r\n]*+>")
_BREAKS = re.compile(rb"[ \t\r\n]+")
_UNTRACKED = re.compile(rb"""[ \t]*\[\[data-msys-clicktrack\s*=\s*["']?0["']?\]\]""")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_LABEL = re.compile(r"<%(.*?)%>", re.DOTALL)
_URL, _MARK = b"<URL:", b"[[data-msys-clicktrack="
_QUOTED = re.compile(rb"[ \t]*+>")
_CLOSING = {b")": b"(", b"]": b"[", b"}": b"{"}
_TRAILING = b".,;:!?"
_AROUND = b"'*_~|"  # in a pair, before the link and at its end


def rewrite_text(
    text: bytes,
    rules: Rules,
    *,
    charset: str = "utf-8",
    first: int = 0,
    untracked: frozenset[str] = frozenset(),
    delsp: bool = False,
) -> Rewritten:
    """`first`: the number of the first target; `untracked`: as the html of the content told; `delsp`: format=flowed
    with DelSp=yes (RFC 3676)."""
    if not rules.rewrites:
        return Rewritten()
    if _PGP.search(text):
        return Rewritten(warnings=(SEALED,))
    given, charset = charset, known(charset)
    targets = Targets(rules, first)
    work = _Text(text, rules, targets, {key(each) for each in untracked}, charset, delsp=delsp)
    marks = Marks(text, rules, charset)
    edits: list[Edit] = []
    if rules.clicks_text or rules.utm:
        edits = [*work.edits(marks)]
    edits = apart(edits, [Edit(start, end, own_page(rules, purpose)) for start, end, purpose in marks.spans])
    added, warnings = _insertions(text, rules, marks, charset)
    warnings += [*marks.warnings, *targets.warnings]
    grown = charset == "utf-8" and not named(given, charset) and any(_beyond(each) for each in added)
    return Rewritten(
        edits=tuple(apart(edits, added)),
        targets=tuple(targets.urls),
        warnings=tuple(warnings),
        charset=charset if grown else "",
    )


def _beyond(edit: Edit) -> bool:
    return not all(each.isascii() for each in edit.pieces if isinstance(each, bytes))


class _Text:
    def __init__(
        self, text: bytes, rules: Rules, targets: Targets, untracked: set[str], charset: str, *, delsp: bool
    ) -> None:
        self._text = text
        self._rules = rules
        self._targets = targets
        self._untracked = untracked
        self._charset = charset
        self._delsp = delsp
        self._line = -1  # where the last line that was looked at begins, up to where it is known
        self._known = 0
        self._quotes = False

    def edits(self, marks: Marks) -> Iterator[Edit]:
        """What changes in the links, in their order."""
        for start, end, value in self._links():
            if marks.within(start, end) is None and not self._quoted(start):
                yield from self._link(start, end, value)

    def _links(self) -> Iterator[tuple[int, int, bytes]]:
        """Where links stand, and what they say."""
        text, at = self._text, 0
        while (found := _LINK.search(text, at)) is not None:
            start, end = found.span()
            opening = start - 1 if text[start - 1 : start] == b"<" else start - len(_URL)
            if opening >= 0 and (wrapped := _ANGLED.match(text, opening)) is not None and wrapped.start(1) == start:
                at = wrapped.end()
                yield start, wrapped.end(1), _BREAKS.sub(b"", wrapped[1])
                continue
            at = end
            link, mark, _ = found[0].partition(_MARK)
            if not mark and self._runs_on(end):
                continue
            if not placeholder(link.decode("ascii")):
                link = trimmed(link, text[start - 1 : start])
                yield start, start + len(link), link

    def _runs_on(self, end: int) -> bool:
        """Whether nobody can tell if the link ends there."""
        behind = self._text[end : end + 4]
        if behind[:1] > b"\x7f":
            letter = behind.decode(self._charset, "ignore")[:1]
            return letter == "" or unicodedata.category(letter)[0] in "LMNC"
        return behind[:2] == b"<%" or (self._delsp and behind[:2] in (b" \r", b" \n"))

    def _quoted(self, at: int) -> bool:
        """Whether the line is a quoted one. Asked from the front on, so that a line is looked at once."""
        line = self._text.rfind(b"\n", self._known, at) + 1
        self._known = at
        if line or self._line < 0:
            self._line = line
            self._quotes = _QUOTED.match(self._text, line) is not None
        return self._quotes

    def _link(self, start: int, end: int, value: bytes) -> Iterator[Edit]:
        rules, targets = self._rules, self._targets
        scheme, plus, _ = value[:16].lower().partition(b"+notrack:")
        if plus:
            if rules.clicks_text:
                yield Edit(start + len(scheme), start + len(scheme) + len(plus) - 1, ())
            return
        mark = _UNTRACKED.match(self._text, end)
        if mark is not None:
            if rules.clicks_text:
                yield Edit(mark.start(), mark.end(), ())
            return
        url = web_url(value.decode("ascii"))
        if url is None or targets.ours(url) or key(url) in self._untracked:
            return
        target = targets.measured(url)
        pieces = targets.click(target, self._shown(target, end - start)) if rules.clicks_text else None
        if pieces is not None:
            yield Edit(start, end, pieces)
        elif target != url:
            yield Edit(start, end, (target.encode(),))

    def _shown(self, target: str, length: int) -> bytes:
        path = path_shown(target)
        room = max(LINE, length) - len(self._rules.base) - TOKEN_LENGTH - 2
        return path if len(path) <= room else b""


def trimmed(link: bytes, before: bytes) -> bytes:
    """The link without the punctuation of its sentence. Counts brackets once, so that many cost no more."""
    counts = {each: link.count(each) for pair in _CLOSING.items() for each in pair}
    end = len(link)
    while end:
        last = link[end - 1 : end]
        if last in _CLOSING and counts[last] > counts[_CLOSING[last]]:
            counts[last] -= 1
        elif last in counts or not (last in _TRAILING or (last == before and last in _AROUND)):
            break
        end -= 1
    return link[:end]


def _insertions(text: bytes, rules: Rules, marks: Marks, charset: str) -> tuple[list[Edit], list[str]]:
    """A line on top, and lines at the end, in the line ends that the text has."""
    newline = b"\n" if b"\n" in text and b"\r\n" not in text else b"\r\n"
    edits: list[Edit] = []
    warnings: list[str] = []
    if rules.view_online and Purpose.VIEW not in marks.purposes:
        url = own_page(rules, Purpose.VIEW)
        edits.append(Edit(0, 0, (f"{VIEW}:".encode(), newline, *url, newline, newline)))
    lines: list[Piece] = []
    if rules.footer_text:
        lines += [newline, _written(rules.footer_text.rstrip("\r\n"), charset, newline, warnings), newline]
    if lacks_unsubscribing(text, rules, marks, charset):
        lines += [newline, *_unsubscribe(rules, charset, newline, warnings), newline]
    if lines:
        if text and not text.endswith(b"\n"):
            lines.insert(0, newline)
        edits.append(Edit(len(text), len(text), tuple(lines)))
    return edits, warnings


def _written(text: str, charset: str, newline: bytes, warnings: list[str]) -> bytes:
    """The text in the charset of the part, with a warning where that lacks a character."""
    text = _NEWLINE.sub(newline.decode(), text)
    try:
        return text.encode(charset)
    except UnicodeEncodeError as error:
        lacking = f"U+{ord(text[error.start]):04X}"
        warnings.append(f"{charset} lacks {lacking}, which was to be added to the text: a ? stands there")
        return text.encode(charset, "replace")


def _unsubscribe(rules: Rules, charset: str, newline: bytes, warnings: list[str]) -> Iterator[Piece]:
    """The line at the end; where it has no place for the URL, that follows a colon."""
    line = (rules.unsubscribe_text or UNSUBSCRIBE).rstrip("\r\n")
    texts = with_url(line, rules)
    if texts is None and (found := _LABEL.search(line)) is not None:
        texts = [f"{line[: found.start()]}{found[1].strip()} ", line[found.end() :]]
    for number, each in enumerate(texts or (f"{line}: ", "")):
        if number:
            yield from own_page(rules, Purpose.UNSUBSCRIBE)
        if each:
            yield _written(each, charset, newline, warnings)
