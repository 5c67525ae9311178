"""Rules of `<style>` blocks put into `style` attributes, for mail clients that do not read style sheets.

In:  the octets of an HTML text.
Out: the text with `style` attributes, its edits, and warnings. All other octets are those of the original, but for
     ` !important` after some declarations of dynamic rules (see `relay/transform/styles/cascade.py`).

css-inline answers one question alone: which rules match which elements, lightest first. For that it gets a copy in
which each start tag has a number, and one sheet in which rule 7 says `--zq7:1`. It loads nothing and sees no file.
What is written is made of the declarations as their author wrote them, before what the attribute says already.

The style sheets stay. Conditional comments, and style sheets in them, are left alone; a sheet for other media than
screens is only looked at for what it may override. Linked sheets are not loaded.

Why so: css-inline writes the whole text anew, knows nothing of `@media` and `:hover` that come later in a sheet, and
takes a sheet for print as one for all. A text that is nested deeper than people nest would end its process.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import css_inline

from relay.transform.edit import Edit, fill, splice
from relay.transform.html.spans import Page, Tag, escape, scan, unescape
from relay.transform.styles import cascade, sheets
from relay.transform.styles.cascade import Kind
from relay.transform.styles.sheets import Declaration, Rule

HTML = 1 << 20  # octets of a text
CSS = 256 << 10  # octets of its style sheets
RULES = 4_000  # selectors
TAGS = 20_000
PAIRS = 1_000_000  # of a rule and a tag
MATCHES = 150_000  # of these, by what a selector says last
WORK = 20_000_000  # of an octet of a selector and a tag; the worst that is let through takes some 0.5 s
SIBLINGS = 20_000_000  # of a `~`, a tag, and one before it
ADDED = 1 << 20  # octets of `style` attributes
DEPTH = 500  # elements within elements
_BARE = frozenset({b"head", b"meta", b"title", b"style", b"script", b"link", b"base", b"param", b"source"})
_VOID = frozenset({b"area", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"wbr", b"base"})
_OPTIONAL = frozenset({b"p", b"td", b"th", b"tr", b"li", b"tbody", b"thead", b"tfoot", b"option", b"dd", b"dt"})
_SCREEN = re.compile(rb"\s*(?:all|screen)?\s*", re.I)
_SHEET_TYPE = re.compile(rb"\s*(?:text/css)?\s*", re.I)


_TILDE = re.compile(rb"~(?!=)")
_LAST = re.compile(rb"[.#]?[a-z_][\w-]*\Z")
_INTRICATE = re.compile(rb"[^\w\s.#>+~*-]")  # it may end otherwise than its last word says


class _TooLarge(Exception):
    """What would be added is."""


@dataclass(frozen=True, slots=True)
class Inlined:
    text: bytes
    warnings: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()  # that made the text of the original; they have no holes


def inline(text: bytes) -> Inlined:
    """Never raises; where a limit is reached or nothing is to be done, the text is what it was."""
    if len(text) > HTML:
        return _left(text, f"the HTML is over {HTML} octets")
    page = scan(text)
    blocks = [each for each in page.tags if each.name == b"style" and not each.conditional]
    if not blocks:
        return Inlined(text, _linked(page))
    if sum(page.end_of(each) - each.end for each in blocks) > CSS:
        return _left(text, f"its style sheets are over {CSS} octets")
    try:
        rules, animated = _read(page, blocks)
    except ValueError as error:
        return _left(text, str(error))
    problem = _too_much(page, rules)
    if problem:
        return _left(text, problem)
    if all(each.dynamic for each in rules):
        return Inlined(text, _linked(page))
    matched = _match(page, rules)
    if matched is None:
        return _left(text, "they could not be applied")
    try:
        edits = tuple(_edits(page, rules, animated, matched))
    except cascade.TooMuch:
        return _left(text, "their rules override each other too often")
    except _TooLarge:
        return _left(text, f"they would add over {ADDED} octets")
    return Inlined(fill(splice(text, edits), _no_hole), _linked(page), edits)


def _left(text: bytes, why: str) -> Inlined:
    return Inlined(text, (f"style sheets were not inlined: {why}",))


def _linked(page: Page) -> tuple[str, ...]:
    """A warning about style sheets elsewhere; those that only bring fonts have nothing to inline."""
    for each in page.tags:
        if each.name == b"link" and not each.conditional and b"stylesheet" in (each.value(b"rel") or b"").lower():
            href = each.value(b"href") or b""
            if b"font" not in href:
                return (f"linked style sheets are not inlined: {href[:200].decode('utf-8', 'replace')}",)
    return ()


def _read(page: Page, blocks: Sequence[Tag]) -> tuple[list[Rule], frozenset[bytes]]:
    rules: list[Rule] = []
    animated: frozenset[bytes] = frozenset()
    for each in blocks:
        if not _SHEET_TYPE.fullmatch(each.value(b"type") or b""):
            continue
        dynamic = not _SCREEN.fullmatch(each.value(b"media") or b"")
        sheet = sheets.read(page.text, each.end, page.end_of(each), dynamic=dynamic)
        rules += sheet.rules
        animated |= sheet.animated
    return rules, animated


def _too_much(page: Page, rules: Sequence[Rule]) -> str:
    """What is more than a text may have; empty if nothing is."""
    count, tags = len(rules), len(page.tags)
    if count > RULES:
        return f"they have over {RULES} rules"
    if tags > TAGS or tags * count > PAIRS or tags * sum(len(each.selector) for each in rules) > WORK:
        return f"{count} rules for {tags} elements are too many"
    tildes = sum(len(_TILDE.findall(each.selector)) for each in rules)
    if tildes * tags * tags > SIBLINGS:
        return f"{tildes} times ~ for {tags} elements are too many"
    if tags * count > MATCHES and _likely(page, rules) > MATCHES:
        return f"{count} rules that may apply to each of {tags} elements are too many"
    foreign = any(each.name in (b"svg", b"math") for each in page.tags)  # there, all names nest
    if page.depth(frozenset() if foreign else _VOID | _OPTIONAL) > DEPTH:
        return f"elements are nested deeper than {DEPTH}"
    return ""


def _likely(page: Page, rules: Sequence[Rule]) -> int:
    """How many tags the rules can match at most, by the last class, id or name of each selector."""
    tags: Counter[bytes] = Counter(each.name for each in page.tags)
    for each in page.tags:
        tags.update({b"." + name.lower() for name in (each.value(b"class") or b"").split()})
        tags[b"#" + (each.value(b"id") or b"").lower()] += 1
    total = 0
    for rule in rules:
        found = None if _INTRICATE.search(rule.selector) else _LAST.search(rule.selector.lower())
        total += len(page.tags) if found is None else tags[found[0]]
    return total


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_link_tags=True, preallocate_node_capacity=4096)


def _match(page: Page, rules: Sequence[Rule]) -> Mapping[int, tuple[int, ...]] | None:
    """The rules that match each tag, lightest first, by number; None where that cannot be found out."""
    text, name = page.text, b"zq"
    while name in text:
        name += b"q"
    sheet = b"".join([b"%s{--%s%d:1}\n" % (rule.selector, name, number) for number, rule in enumerate(rules)])
    tested = b"".join(
        b"%s{--%s%d:1}\n" % (sheets.without_style(rule.selector), name, len(rules) + number)
        for number, rule in enumerate(rules)
        if rule.tests
    )
    marks = [(page.before_html, b"<style>" + sheet + tested + b"</style>")]
    for number, tag in enumerate(page.tags):
        if not tag.conditional:
            own = b" data-css-inline=ignore" if tag.name == b"style" else b""  # that sheet is not for css-inline
            marks.append((tag.name_end, b" data-%s=%d%s" % (name, number, own)))
    marks.sort(key=_place)  # a document type can stand behind a tag
    pieces: list[bytes] = []
    at = 0
    for place, mark in marks:
        pieces += (text[at:place], mark)
        at = place
    pieces.append(text[at:])
    try:
        copy = _inliner().inline(b"".join(pieces).decode("latin-1"))
    except css_inline.InlineError:
        return None
    found: dict[int, tuple[int, ...]] = {}
    # The name is nowhere else, so that a tag's octets tell as much as its attributes, in a third of the time.
    numbered = re.compile(rb"--" + name + rb"(\d{1,9}):")
    marked = re.compile(rb" data-" + name + rb'="(\d{1,9})"')
    written = copy.encode("latin-1", "replace")
    for tag in scan(written).tags:
        found_mark = marked.search(written, tag.start, tag.end)
        if found_mark is not None:
            matched = tuple(map(int, numbered.findall(written, tag.start, tag.end)))
            number = int(found_mark[1])
            # A tag that became two elements is left alone where rules tell them apart.
            found[number] = matched if found.setdefault(number, matched) == matched else ()
    return found


def _place(mark: tuple[int, bytes]) -> int:
    return mark[0]


def _edits(
    page: Page, rules: Sequence[Rule], animated: frozenset[bytes], matched: Mapping[int, tuple[int, ...]]
) -> Iterable[Edit]:
    count = len(rules)
    alike: dict[tuple[tuple[int, ...], bytes], list[Tag]] = {}  # by the rules that match, and what `style` says
    for number, hits in matched.items():
        tag = page.tags[number]
        if hits and tag.name not in _BARE:
            alike.setdefault((hits, tag.value(b"style") or b""), []).append(tag)
    given = {style: tuple(sheets.declarations(style)) for _, style in alike}
    kinds = {(hits, style): Kind(tuple(n for n in hits if n < count), given[style]) for hits, style in alike}
    decided = cascade.decide(rules, animated, set(kinds.values()))
    for raised in decided.raised:
        yield Edit(raised.end, raised.end, (b" !important",))
    texts = {key: _text(decided.added[kind]) for key, kind in kinds.items()}
    if sum(len(texts[key]) * len(tags) for key, tags in alike.items()) > ADDED:
        raise _TooLarge
    for key, tags in alike.items():
        added = texts[key]
        if added:
            tests = [test for each in key[0] if each >= count for test in rules[each - count].tests]
            for tag in tags:
                edit = _edit(tag, added, tests)
                if edit is not None:
                    yield edit


def _text(added: Sequence[Declaration]) -> bytes:
    return b"; ".join(
        [each.name + b": " + b" ".join(each.value.split()) + b" !important" * each.important for each in added]
    )


def _edit(tag: Tag, added: bytes, tests: Sequence[tuple[bytes, bytes]]) -> Edit | None:
    """The declarations in the `style` of a tag; None where a rule about such attributes would tell the difference."""
    attribute = tag.attribute(b"style")
    if attribute is None:
        if any(_holds(test, added) for test in tests):
            return None
        return Edit(tag.name_end, tag.name_end, (b' style="' + escape(added, b'"') + b'"',))
    former = tag.text[attribute.value_start : attribute.value_end]
    said = unescape(former)
    if any(_holds(test, said) != _holds(test, added + b"; " + said) for test in tests):
        return None
    if attribute.quote:
        return Edit(
            attribute.value_start,
            attribute.value_start,
            (escape(added, attribute.quote) + b"; " * bool(said.strip()),),
        )
    whole = escape(added, b'"') + b"; " * bool(former) + former.replace(b'"', b"&quot;")
    return Edit(attribute.start, attribute.end, (b'style="' + whole + b'"',))


def _holds(test: tuple[bytes, bytes], style: bytes) -> bool:
    """Whether an attribute selector for `style` matches such a value."""
    operator, value = test
    match operator:
        case b"":
            return True
        case b"*=":
            return bool(value) and value in style
        case b"^=":
            return bool(value) and style.startswith(value)
        case b"$=":
            return bool(value) and style.endswith(value)
        case b"~=":
            return value in style.split()
        case b"|=":
            return style == value or style.startswith(value + b"-")
        case _:
            return style == value


def _no_hole(hole: object) -> bytes:
    raise ValueError(f"{hole} in a style sheet")
