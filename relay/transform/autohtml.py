"""Html from plain text, for mails that come without.

In:  a text.
Out: a page that says the same: paragraphs and their lines, quoted lines as quotations, indented blocks as they stand,
     web and mail addresses as links. All else is escaped, and the page holds no script, style sheet or picture.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from relay.transform.plain import trimmed
from relay.transform.urls import web_url

TEXT_CHARACTERS = 2 << 20
QUOTES = 16  # levels that are shown
_LINK = re.compile(
    r"(?i)(?<![a-z0-9@._-])(?:(https?://[^\s<>\"]++)|(www\.[^\s<>\"]++)"
    r"|([a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})(?![a-z0-9@]))"
)
_QUOTE = re.compile(r"(?:> ?)+")
_START = '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title></title></head>\n<body>\n'
_END = "</body></html>\n"
_CITE = '<blockquote type="cite" style="margin:0 0 0 8px;padding-left:8px;border-left:2px solid #cccccc">\n'


def text_to_html(text: str) -> str | None:
    """A page with LF line ends; None where the text is too large or says nothing."""
    if len(text) > TEXT_CHARACTERS or not text.strip():
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    return _START + "".join(_blocks(lines)) + _END


def _blocks(lines: list[str]) -> Iterator[str]:
    """Paragraphs, each within its level of quotation."""
    level = 0
    paragraph: list[str] = []
    for line in lines:
        mark = _QUOTE.match(line)
        depth = min(mark[0].count(">"), QUOTES) if mark else 0
        words = line[mark.end() :] if mark else line
        if depth != level or not words.strip():
            yield from _paragraph(paragraph)
            paragraph = []
        if depth > level:
            yield _CITE * (depth - level)
        elif depth < level:
            yield "</blockquote>\n" * (level - depth)
        level = depth
        if words.strip():
            paragraph.append(words)
    yield from _paragraph(paragraph)
    yield "</blockquote>\n" * level


def _paragraph(lines: list[str]) -> Iterator[str]:
    if not lines:
        return
    if all(each[:1] in " \t" for each in lines):  # set by hand: a table, an address, a program
        yield "<pre>" + "\n".join(_linked(each.rstrip()) for each in lines) + "</pre>\n"
    else:
        yield "<p>" + "<br>\n".join(_linked(each.strip()) for each in lines) + "</p>\n"


def _linked(line: str) -> str:
    """The line, escaped, with its addresses as links."""
    pieces: list[str] = []
    at = 0
    for found in _LINK.finditer(line):
        words = found[0] if found[3] else _trimmed(found[0], line[max(0, found.start() - 1) : found.start()])
        target = f"mailto:{words}" if found[3] else web_url(words if found[1] else f"http://{words}")
        if target is None:
            continue
        pieces += [html.escape(line[at : found.start()], quote=False), f'<a href="{html.escape(target)}">']
        pieces += [html.escape(words, quote=False), "</a>"]
        at = found.start() + len(words)
    pieces.append(html.escape(line[at:], quote=False))
    return "".join(pieces)


def _trimmed(link: str, before: str) -> str:
    return trimmed(link.encode(), before.encode()).decode()
