"""Markup of strangers, made harmless: simple elements and links stay, everything else leaves its words behind.

In:  html as it comes, and the address it is relative to.
Out: html that is balanced, runs nothing, loads nothing, and has no placeholders.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser
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


def harmless(markup: str, base: str = "") -> str:
    cleaner = _Cleaner(base)
    cleaner.feed(markup)
    cleaner.close()
    return cleaner.done()


def web_address(given: str, base: str = "", schemes: Sequence[str] = ("http", "https")) -> str:
    """An absolute address without anything that could be more than one; "" where there is none."""
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


class _Cleaner(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base = base
        self._out: list[str] = []
        self._open: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        name = _AS.get(tag, tag)
        if self._silent or name not in _KEPT or len(self._open) >= DEPTH:
            return
        if name in _VOID:
            self._out.append(f"<{name}>")
            return
        if name in ("p", "li", "a") and name in self._open[-1:]:
            self._close(name)
        href = ""
        if name == "a":
            given = next((value for key, value in attrs if key == "href"), None)
            address = web_address(given or "", self._base, ("http", "https", "mailto"))
            if not address:
                return
            href = f' href="{escape(address)}"'
        self._open.append(name)
        self._out.append(f"<{name}{href}>")

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
            return
        self._close(_AS.get(tag, tag))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._out.append(escape(data, quote=False).replace("{", "&#123;"))

    def _close(self, name: str) -> None:
        if name in self._open:
            while (last := self._open.pop()) != name:
                self._out.append(f"</{last}>")
            self._out.append(f"</{name}>")

    def done(self) -> str:
        self._out += [f"</{each}>" for each in reversed(self._open)]
        return "".join(self._out).strip()
