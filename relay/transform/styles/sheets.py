"""The rules of a style sheet, with the places of their declarations.

In:  the octets of a text and where a `<style>` in it has its content.
Out: one rule for each selector of a list: its declarations, and whether it always applies where its selector matches.

A rule is dynamic if it applies at times only: in an at-rule with a condition (`@media`, `@supports`), with a state
(`:hover`, `:checked`), or after a mail client has put its own elements or attributes around (`[data-ogsc]`). Its
selector is widened to all elements it may ever match; a state becomes `:not(.x)`, which weighs as much.

Standard: CSS Syntax Level 3 sections 5 and 9, as far as mail needs it. Work is linear in the octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

DEPTH = 32  # of blocks in blocks
NEVER = b"zq-never"  # a class that no element has
_BLANK = re.compile(rb"""/\*(?s:.*?)(?:\*/|\Z)|<!--|-->|"(?:[^"\\\r\n]|\\(?s:.))*+"?|'(?:[^'\\\r\n]|\\(?s:.))*+'?""")
_MARK = re.compile(
    rb"""([{};])|"(?:[^"\\\r\n]|\\(?s:.))*+"?|'(?:[^'\\\r\n]|\\(?s:.))*+'?|\\(?s:.)|(?i:url)\([^"')]*+\)?"""
)
_DECLARATION = re.compile(rb"\s*+(--[-\w]++|-?[A-Za-z][-\w]*+)\s*+:\s*+((?s:.+?))\s*+(!\s*+(?i:important))?+\s*+\Z")
_CONDITIONED = re.compile(rb"@(?:-\w+-)?(?:media|supports|layer|container|scope|document|starting-style)\b", re.I)
_WEIGHED = re.compile(rb"@(?:media|supports)\b", re.I)  # in others, weights are not all that counts
_FRAMES = re.compile(rb"@(?:-\w+-)?keyframes\b", re.I)
_COMMA = re.compile(
    rb"""[^,()\[\]"'\\]++|"[^"]*+"?|'[^']*+'?|\\.|\((?:[^()]|\([^()]*+\))*+\)|\[[^\]]*+\]|(,)""", re.S
)
_SELECTOR = re.compile(
    rb"""(?:[-\w\x80-\xff]++|\\.|[*\s>+~]|[.#](?=[-\w\\\x80-\xff])|\[[^\]{}]++\]|::?[-\w]++(?:\((?:[^(){}]|\([^(){}]*+\))*+\))?)++"""
)
_PSEUDO = re.compile(rb"(::?)([-\w]++)(\((?:[^()]|\([^()]*+\))*+\))?+")
_STEADY = re.compile(
    rb"(?:first|last|only)-(?:child|of-type)|nth-(?:last-)?(?:child|of-type)|root|empty|link|any-link|not", re.I
)
_LEGACY_ELEMENTS = (b"before", b"after", b"first-line", b"first-letter")
# What mail clients put around or into a text, for style sheets to be told where they are.
_CLIENTS = re.compile(
    rb"data-og|ExternalClass|ReadMsgBody|office365|#outlook|moz-text|MessageViewBody|outlook-|\bu\s*\+|x_|gmail|yahoo"
    rb"|yshortcuts|apple-data|owa|msgBody|WordSection|\[lang",
    re.I,
)
_LAST = re.compile(rb"[^\s>+~]++\Z")
_ON_STYLE = re.compile(rb"\[\s*+style\s*+(?:([*^$~|]?=)\s*+(\"[^\"]*+\"|'[^']*+'|[^\]\s]++)[^\]]*+)?\]", re.I)
_NOT_ON_STYLE = re.compile(rb":not\([^()]*+\)", re.I)


@dataclass(frozen=True, slots=True)
class Declaration:
    name: bytes  # lower case but for `--custom`
    value: bytes
    important: bool
    end: int  # where `!important` can be added


@dataclass(frozen=True, slots=True)
class Rule:
    selector: bytes  # one, widened where the rule is dynamic
    declarations: tuple[Declaration, ...]
    dynamic: bool
    certain: bool = True  # its weight is that of the selector
    alone: bool = True  # what is done to its declarations concerns no rule that is not dynamic and certain
    tests: tuple[tuple[bytes, bytes], ...] = ()  # operator and value of `[style...]` in it


@dataclass(frozen=True, slots=True)
class Sheet:
    rules: tuple[Rule, ...]
    animated: frozenset[bytes]  # properties that key frames set


@dataclass(slots=True)
class _Block:
    kind: str  # "group", "rule", "frames" or "other"
    prelude: bytes
    dynamic: bool
    certain: bool
    declarations: list[Declaration]


def read(text: bytes, start: int, end: int, *, dynamic: bool = False) -> Sheet:
    """The rules of the sheet `text[start:end]`, in order. Where a rule makes no sense, it is left out.

    Raises:
        ValueError: blocks are nested deeper than anybody nests them.
    """
    css = _BLANK.sub(_blank, text[start:end])
    rules: list[Rule] = []
    animated: set[bytes] = set()
    blocks = [_Block("group", b"", dynamic, True, [])]
    at = 0
    for mark in (*_MARK.finditer(css), None):
        if mark is not None and mark[1] is None:
            continue
        kind = mark[1] if mark is not None else b"}"
        place = mark.start() if mark is not None else len(css)
        block = blocks[-1]
        if kind == b"{":
            if len(blocks) > DEPTH:
                raise ValueError(f"blocks in them are nested deeper than {DEPTH}")
            blocks.append(_opened(block, css[at:place].strip()))
            at = place + 1
            continue
        if block.kind in ("rule", "frames"):
            declaration = _declaration(css, at, place, start)
            if declaration is not None:
                block.declarations.append(declaration)
            at = place + 1
        elif kind == b";" or len(blocks) > 1:
            at = place + 1
        if kind == b"}" and len(blocks) > 1:
            blocks.pop()
            if block.kind == "rule":
                rules += _rules(block)
            elif block.kind == "frames":
                animated.update(each.name for each in block.declarations)
    return Sheet(tuple(rules), frozenset(animated))


def declarations(css: bytes) -> Iterator[Declaration]:
    """Those of a `style` attribute."""
    css = _BLANK.sub(_blank, css)
    at = 0
    for mark in (*_MARK.finditer(css), None):
        if mark is None or mark[1] == b";":
            place = mark.start() if mark is not None else len(css)
            declaration = _declaration(css, at, place, 0)
            if declaration is not None:
                yield declaration
            at = place + 1


def _blank(match: re.Match[bytes]) -> bytes:
    return match[0] if match[0][:1] in b"\"'" else b" " * len(match[0])


def _opened(around: _Block, prelude: bytes) -> _Block:
    if prelude.startswith(b"@"):
        if _FRAMES.match(prelude):
            return _Block("frames", b"", True, True, [])
        certain = around.certain and bool(_WEIGHED.match(prelude))
        return _Block("group" if _CONDITIONED.match(prelude) else "other", prelude, True, certain, [])
    if around.kind == "rule":  # a rule within a rule may be about any element
        return _Block("rule", b"*", True, False, [])
    if around.kind == "group":
        return _Block("rule", prelude, around.dynamic, around.certain, [])
    return _Block(around.kind, b"", True, True, [])


def _declaration(css: bytes, start: int, end: int, base: int) -> Declaration | None:
    found = _DECLARATION.match(css, start, end)
    if found is None:
        return None
    name = found[1] if found[1].startswith(b"--") else found[1].lower()
    return Declaration(name, found[2], found[3] is not None, base + found.end(2))


def _rules(block: _Block) -> Iterator[Rule]:
    if not block.declarations:
        return
    given = tuple(block.declarations)
    found = [
        _rule(each, given, dynamic=block.dynamic, certain=block.certain) if _SELECTOR.fullmatch(each) else None
        for each in _listed(block.prelude)
    ]
    alone = all(each is not None and each.dynamic and each.certain for each in found)
    for each in found:
        if each is not None:
            yield each if alone else replace(each, alone=False)


def _listed(prelude: bytes) -> list[bytes]:
    """The selectors of a list."""
    found, at = [], 0
    for each in _COMMA.finditer(prelude):
        if each[1]:
            found.append(prelude[at : each.start()].strip())
            at = each.end()
    return [*found, prelude[at:].strip()]


def _rule(selector: bytes, given: tuple[Declaration, ...], *, dynamic: bool, certain: bool) -> Rule | None:
    widened, at = [], 0
    for each in _PSEUDO.finditer(_without_tests(selector)):
        name = each[2].lower()
        if each[1] == b"::" or name in _LEGACY_ELEMENTS:
            return None  # a box of its own, which no attribute reaches
        steady = bool(_STEADY.fullmatch(name)) and (name != b"not" or b":" not in (each[3] or b""))
        if not steady:
            dynamic = True
            certain = certain and each[3] is None
            widened += [selector[at : each.start()], b":not(." + NEVER + b")"]
            at = each.end()
    wide = b"".join((*widened, selector[at:]))
    if _CLIENTS.search(selector):
        last = _LAST.search(wide)
        return Rule(last[0] if last else b"*", given, True, False)
    tests = tuple((each[1] or b"", (each[2] or b"").strip(b"\"'")) for each in _ON_STYLE.finditer(selector))
    return Rule(wide, given, dynamic, certain, tests=tests)


def _without_tests(selector: bytes) -> bytes:
    """The selector with its `[...]` blanked, as they may hold what looks like a pseudo-class."""
    return re.sub(rb"\[[^\]]*+\]", lambda match: b"_" * len(match[0]), selector)


def without_style(selector: bytes) -> bytes:
    """The selector widened to elements whatever their `style` attribute is."""
    widened = _NOT_ON_STYLE.sub(lambda match: b"" if b"style" in match[0].lower() else match[0], selector)
    return _ON_STYLE.sub(b":not(." + NEVER + b")", widened) or b"*"
