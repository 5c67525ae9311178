"""Texts that are templates: changed around their constructs, which stay as they are.

In:  a source in the template language.
Out: the same, escaped or encoded where it is text; its pieces; or with something else in the place of constructs.

Why so: the page is made once, and filled in for each recipient. So `{$name|default:"you"}` has to come through
unharmed wherever it stands; what it says there is the business of the template language.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import quote

from relay.transform.merge.error import Fault, located
from relay.transform.merge.source import constructs
from relay.transform.merge.state import LIMITS
from relay.transform.responsive.error import DocumentError

_LITERAL = re.compile(r"(?is)(\{literal[ \t]*+\})(.*)(\{/literal[ \t]*+\})")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\"|\\(?!"))*+)"')
_BRACE = re.compile(r"\{(?!\s)")
_HELD = re.compile("\ue000([0-9]+)\ue001")
_LEFT = "&#123;"  # a brace in html
_URL_SAFE = "-._~"


def check(source: str, path: str) -> str:
    """The source. Raises DocumentError: a construct in it is none, or never ends."""
    if "{" in source:
        try:
            for _ in constructs(source, LIMITS.constructs):
                pass
        except Fault as fault:
            raise DocumentError(path, str(located(source, fault))) from None
    return source


def has_placeholders(source: str) -> bool:
    return next(constructs(source, LIMITS.constructs), None) is not None


def pieces(source: str) -> Iterator[tuple[str, bool]]:
    """Texts, and constructs as they are written (True)."""
    at = 0
    for start, end, _ in constructs(source, LIMITS.constructs):
        if start > at:
            yield source[at:start], False
        literal = _LITERAL.fullmatch(source, start, end)
        if literal:
            yield literal[1], True
            yield literal[2], False
            yield literal[3], True
        else:
            yield source[start:end], True
        at = end
    if at < len(source):
        yield source[at:], False


def around(source: str, text: Callable[[str], str], construct: Callable[[str], str] = str) -> str:
    """Both changed, each in its way."""
    if "{" not in source:
        return text(source)
    return "".join(construct(piece) if is_construct else text(piece) for piece, is_construct in pieces(source))


def to_html(source: str) -> str:
    """Plain text as the content of an element."""
    return around(source, partial(_escaped, quote=False))


def to_attribute(source: str) -> str:
    """Plain text as a value between double quotes; texts in constructs get single ones where they can."""
    return around(source, _escaped, lambda piece: _DOUBLE.sub(_requoted, piece))


def closed(markup: str) -> str:
    """Markup whose last character does not begin a construct with whatever comes behind it."""
    return f"{markup[:-1]}{_LEFT}" if markup.endswith("{") else markup


def to_query(source: str) -> str:
    """As a name or value in the query of a URL. Values that come out of constructs are the template's business."""
    return around(source, partial(quote, safe=_URL_SAFE))


def neutral(text: str) -> str:
    """Somebody else's text, as a source that comes out as it."""
    return _BRACE.sub("{ldelim}", text) if "{" in text else text


def masked(source: str, filler: str = "x") -> str:
    """The source with each character of a construct made the filler: offsets stay."""
    return around(source, str, lambda piece: filler * len(piece))


def masked_octets(source: str) -> bytes:
    """The same in UTF-8, for offsets in that."""
    return around(source, str, lambda piece: "x" * len(piece.encode())).encode()


def held(source: str, change: Callable[[str], str]) -> str:
    """What a change makes of the source, each construct being one word for it."""
    if "{" not in source:
        return change(source)
    kept: list[str] = []

    def hold(piece: str) -> str:
        kept.append(piece)
        return f"\ue000{len(kept) - 1}\ue001"

    changed = change(around(source, _without_marks, hold))
    return _HELD.sub(lambda found: kept[int(found[1])] if int(found[1]) < len(kept) else "", changed)


def _escaped(text: str, *, quote: bool = True) -> str:
    """A brace that is none of a construct must not become one by what is put behind it."""
    return html.escape(text, quote=quote).replace("{", _LEFT)


def _without_marks(text: str) -> str:
    return text.replace("\ue000", "").replace("\ue001", "")


def _requoted(found: re.Match[str]) -> str:
    return found[0] if "'" in found[1] or "\\" in found[1] else f"'{found[1]}'"
