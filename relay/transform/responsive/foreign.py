"""Markup of strangers, made harmless: simple elements and links stay, everything else leaves its words behind.

In:  html as it comes, and the address it is relative to.
Out: html that is balanced, runs nothing, loads nothing, and has no placeholders. One pass in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape, unescape
from urllib.parse import urljoin, urlsplit

DEPTH = 30  # elements within each other
ADDRESS = 2000  # characters
_KEPT = frozenset(
    {
        "p", "br", "b", "strong", "i", "em", "u", "s", "small", "sub", "sup", "ul", "ol", "li", "blockquote", "pre",
        "code", "a", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    }
)  # fmt: skip
_AS = {"div": "p", "section": "p", "article": "p", "tr": "p", "figcaption": "p"}
_VOID = frozenset({"br", "hr"})
_SILENT = frozenset(
    {
        "script", "style", "iframe", "object", "svg", "math", "template", "noscript", "head", "title", "select",
        "textarea", "audio", "video", "canvas",
    }
)  # fmt: skip

_TOKEN = re.compile(
    r"""<!--(?:(?!-->).)*+(?:-->|\Z)|<(?:[!?]|/(?![A-Za-z]))[^>]*+>?"""
    r"""|<(/?)([A-Za-z][^\s/>]*+)((?>[^>"'=]++|=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+)|["'])*+)>|[^<]++|<""",
    re.DOTALL,
)
_HREF = re.compile(r"""(?i)(?<![^\s"'/])href\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+))""")
_ENDS = {name: re.compile(rf"(?i)</{name}\b[^>]*+>?") for name in _SILENT}


def harmless(markup: str, base: str = "") -> str:
    return _Cleaner(base).read(markup)


def web_address(given: str, base: str = "", schemes: Sequence[str] = ("http", "https")) -> str:
    """An absolute address without anything that could be more than one; "" where there is none."""
    if not given.strip():
        return ""
    try:
        found = urljoin(base, given.strip())
        parts = urlsplit(found)
    except ValueError:
        return ""
    if parts.scheme.lower() not in schemes or len(found) > ADDRESS or (parts.scheme != "mailto" and not parts.netloc):
        return ""
    for character, written in (("{", "%7B"), ("}", "%7D"), (" ", "%20"), ("<", "%3C"), (">", "%3E"), ('"', "%22")):
        found = found.replace(character, written)
    return "" if any(each <= " " or each in "\x7f\\" for each in found) else found


class _Cleaner:
    def __init__(self, base: str) -> None:
        self._base = base
        self._out: list[str] = []
        self._open: list[str] = []

    def read(self, markup: str) -> str:
        at = 0
        while at < len(markup):
            found = _TOKEN.match(markup, at)
            if found is None or (found[0] == "<" and markup[at + 1 : at + 3].strip("/")[:1].isalpha()):
                break  # a tag that never ends
            at = found.end()
            name = (found[2] or "").lower()
            if not name:
                self._words(found[0])
            elif name in _SILENT:
                at = at if found[1] else _behind(markup, at, name)
            elif found[1]:
                self._close(_AS.get(name, name))
            else:
                self._start(_AS.get(name, name), found[3])
        return "".join([*self._out, *(f"</{each}>" for each in reversed(self._open))]).strip()

    def _words(self, text: str) -> None:
        if text[0] != "<" or text == "<":
            self._out.append(escape(unescape(text), quote=False).replace("{", "&#123;"))

    def _start(self, name: str, attributes: str) -> None:
        if name not in _KEPT or len(self._open) >= DEPTH:
            return
        if name in _VOID:
            self._out.append(f"<{name}>")
            return
        if name in ("p", "li", "a") and name in self._open[-1:]:
            self._close(name)
        href = ""
        if name == "a":
            found = _HREF.search(attributes)
            given = unescape(next(filter(None, found.groups()), "")) if found else ""
            address = web_address(given, self._base, ("http", "https", "mailto"))
            if not address:
                return
            href = f' href="{escape(address)}"'
        self._open.append(name)
        self._out.append(f"<{name}{href}>")

    def _close(self, name: str) -> None:
        if name in self._open:
            while (last := self._open.pop()) != name:
                self._out.append(f"</{last}>")
            self._out.append(f"</{name}>")


def _behind(markup: str, at: int, name: str) -> int:
    """Where what is not shown ends; an element of the same name in it ends it, too."""
    found = _ENDS[name].search(markup, at)
    return found.end() if found else len(markup)
