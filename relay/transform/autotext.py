"""Plain text from html, for mails that come without.

In:  the octets of a page and their charset.
Out: its text as people read it: paragraphs, headings, lists, the cells of a table's rows beside each other, links as
     `label <url>`, pictures by their `alt`. No wrapping: programs that show text do that.

Left out: head, styles, scripts, comments (those for Outlook, too, since their twin for all others stands beside
them), and what is hidden (`display:none`, `mso-hide`, `hidden`, a height of nothing): a preheader is for the
list of mails, not for the mail. A link whose label says its address is written once.

One pass in linear time; nothing is kept but a stack of open elements, DEPTH at most. A page over HTML_OCTETS is left.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from relay.transform.charsets import codec
from relay.transform.urls import bare, web_url

HTML_OCTETS = 2 << 20
DEPTH = 256  # of elements; what is nested deeper is read as if it stood on that level
RULE = "-" * 40
_TOKEN = re.compile(
    r"""<!--(?:(?!-->).)*+(?:-->|\Z)|<(?:[!?]|/(?![A-Za-z]))[^>]*+>?"""
    r"""|<(/?)([A-Za-z][^\s/>]*+)((?>[^>"'=]++|=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+)|["'])*+)>|[^<]++|<""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""([^\s/>=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+)))?+""")
_HIDDEN = re.compile(
    r"(?i)(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?:max-height|max-width|opacity)\s*:\s*0(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:[;!]|$))"
)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff]+")
_MANY = re.compile(r"\n{3,}")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SKIPPED = _names("head style script title template noframes noembed iframe object select svg textarea")
_RAW = _names("style script title textarea iframe noembed noframes xmp")
_VOID = _names("area base br col embed hr img input link meta param source track wbr")
_BLOCKS = _names(
    "address article aside body center dd details div dl dt fieldset figcaption figure footer form header html"
    " legend li main nav section summary table tbody thead tfoot tr caption option"
)
_PARAGRAPHS = _names("blockquote h1 h2 h3 h4 h5 h6 ol p pre ul")
_CELLS = frozenset({"td", "th"})


def html_to_text(octets: bytes, charset: str = "utf-8") -> str | None:
    """The text with LF line ends, ended by one; None if the page is too large or says nothing."""
    if len(octets) > HTML_OCTETS:
        return None
    try:
        page = octets.decode(codec(charset), "replace")
    except LookupError:
        page = octets.decode("utf-8", "replace")
    text = _Reader().read(page)
    return f"{text}\n" if text else None


class _Open:
    """An element we are in."""

    __slots__ = ("hidden", "href", "name", "number", "start")

    def __init__(self, name: str, start: int, *, hidden: bool) -> None:
        self.name = name
        self.start = start  # of its text in what was written so far
        self.hidden = hidden
        self.href = ""
        self.number = 0  # of the last item of an ordered list


class _Reader:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._stack: list[_Open] = []
        self._counts: dict[str, int] = {}  # open elements by name, so that an end tag without its like costs nothing
        self._hidden = 0
        self._breaks = 2  # line ends at the end of what was written
        self._space = False  # a space is due before the next word
        self._depth = 0  # of lists

    def read(self, page: str) -> str:
        at = 0
        while at < len(page):
            found = _TOKEN.match(page, at)
            if found is None:
                break
            at = found.end()
            name = found[2]
            if name is None:
                if found[0] == "<" and page[at : at + 2].strip("/")[:1].isalpha():
                    break  # a tag that never ends: the rest is not looked at again
                if found[0][0] != "<" or found[0] == "<":
                    self._text(found[0])
            elif found[1]:
                self._end(name.lower())
            else:
                name = name.lower()
                self._start(name, found[3])
                if name in _RAW:
                    at = self._behind(page, at, name)
        while self._stack:
            self._close()
        return _tidy("".join(self._out))

    def _behind(self, page: str, at: int, name: str) -> int:
        """Where the end tag of a raw-text element is."""
        if not (found := _ENDS[name].search(page, at)):
            return len(page)
        return found.start()

    def _start(self, name: str, attributes: str) -> None:
        given = _attributes(attributes) if attributes.strip("/ \t\r\n") else {}
        hidden = name in _SKIPPED or "hidden" in given or _HIDDEN.search(given.get("style", "")) is not None
        if not self._hidden and not hidden:
            self._shown(name, given)
        if name in _VOID or len(self._stack) >= DEPTH:
            return
        if name in _IMPLIED and self._stack and self._stack[-1].name in _IMPLIED[name]:
            self._close()
        element = _Open(name, len(self._out), hidden=hidden)
        self._stack.append(element)
        self._counts[name] = self._counts.get(name, 0) + 1
        self._hidden += hidden
        if not self._hidden:
            self._entered(element, given)

    def _shown(self, name: str, given: Mapping[str, str]) -> None:
        if name == "br":
            self._break(self._breaks + 1 if self._breaks < 2 else 2)
        elif name == "hr":
            self._break(2)
            self._write(RULE)
            self._break(2)
        elif name == "img":
            self._text(given.get("alt", ""), decoded=True)
        elif name in _PARAGRAPHS:
            self._break(1 if name in ("ul", "ol") and self._depth else 2)
        elif name in _BLOCKS:
            self._break(1)

    def _entered(self, element: _Open, given: Mapping[str, str]) -> None:
        name = element.name
        if name in ("ul", "ol"):
            self._depth += 1
            element.number = _number(given.get("start", "1")) - 1
        elif name == "li":
            self._item()
            element.start = len(self._out)
        elif name == "a":
            element.href = web_url(given.get("href", "")) or _mail(given.get("href", ""))
            element.start = len(self._out)
        elif name in _CELLS and not self._breaks:
            self._space = True

    def _item(self) -> None:
        lists = next((each for each in reversed(self._stack) if each.name in ("ul", "ol")), None)
        if lists is not None and lists.name == "ol":
            lists.number += 1
        mark = f"{lists.number}." if lists is not None and lists.name == "ol" else "*"
        self._write("  " * (min(self._depth, 8) - 1) + mark)
        self._space = True

    def _end(self, name: str) -> None:
        if not self._counts.get(name):
            if name == "p" and not self._hidden:
                self._break(2)
            return
        while self._close() != name:
            pass

    def _close(self) -> str:
        element = self._stack.pop()
        self._counts[element.name] -= 1
        name = element.name
        if not self._hidden:
            if name == "a" and element.href:
                self._address(element)
            elif name in ("ul", "ol"):
                self._depth -= 1
                self._break(1 if self._depth else 2)
            elif name in _PARAGRAPHS:
                self._break(2)
            elif name in _BLOCKS:
                self._break(1)
            elif name in _CELLS and not self._breaks:
                self._space = True
        self._hidden -= element.hidden
        return name

    def _address(self, element: _Open) -> None:
        """The address of a link, behind its label."""
        label = "".join(self._out[element.start :]).strip()
        if not label or label.endswith(f"<{element.href}>"):
            return  # nothing to click on, or a link in a link
        if bare(label) != bare(element.href) and label != element.href:
            self._space = True
            self._write(f"<{element.href}>")

    def _text(self, text: str, *, decoded: bool = False) -> None:
        if self._hidden or not text:
            return
        text = text if decoded or "&" not in text else html.unescape(text)
        text = _INVISIBLE.sub("", text)
        pre = self._counts.get("pre", 0) > 0 and not decoded
        if pre:
            self._preformatted(text)
            return
        words = _SPACE.sub(" ", text)
        if words.startswith(" "):
            self._space = self._space or not self._breaks
        body = words.strip(" ")
        if body and body.strip("\xa0 "):
            self._write(body.replace("\xa0", " "))
            self._space = words.endswith(" ")

    def _preformatted(self, text: str) -> None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text:
            self._out.append(text)
            self._breaks = min(2, len(text) - len(text.rstrip("\n")))
            self._space = False

    def _write(self, words: str) -> None:
        if self._space and not self._breaks:
            self._out.append(" ")
        self._out.append(words)
        self._breaks, self._space = 0, False

    def _break(self, lines: int) -> None:
        if lines > self._breaks:
            self._out.append("\n" * (lines - self._breaks))
            self._breaks = lines
        self._space = False


_IMPLIED: Mapping[str, frozenset[str]] = {  # what a start tag closes, its end tag left out
    "li": frozenset(("li",)),
    "p": frozenset(("p",)),
    "tr": frozenset(("tr",)),
    "td": _CELLS,
    "th": _CELLS,
    "option": frozenset(("option",)),
    "a": frozenset(("a",)),
}
_ENDS = {name: re.compile(rf"(?i)</{name}(?=[\s/>])") for name in _RAW}


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single, none in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), html.unescape(double or single or none))
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def _mail(href: str) -> str:
    """The address of a mailto link."""
    scheme, _, rest = href.strip().partition(":")
    return rest.partition("?")[0] if scheme.lower() == "mailto" else ""


def _tidy(text: str) -> str:
    lines = [each.rstrip() for each in text.split("\n")]
    return _MANY.sub("\n\n", "\n".join(lines)).strip("\n")
