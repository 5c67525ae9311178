"""The links of a page: tracked, given parameters, or left alone.

In:  a tag that can be a link (`<a>`, `<area>`, and Outlook's `v:` shapes), and rules.
Out: edits: of its address alone, and of marks that asked us to leave it alone.

Left alone: all but http and https; what leads to us already; what another system has yet to fill in; the URLs of
List-Unsubscribe; and, where `prevent_scam` says so, a link whose label is an address: the link's own (whatever
scheme, case of the host, white space, one slash at the end) or any other, since mail programs warn of a label that
names another host than the link. Markup in a label does not count; an address among words makes no such label. The
sender's analytics parameters are added to such a link all the same: it leads to the same host.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from relay.transform.edit import Edit
from relay.transform.html.spans import Attribute, Page, Tag, escape, unescape
from relay.transform.rules import Rules
from relay.transform.targets import Targets
from relay.transform.urls import bare, web_url

LABEL = 2048  # octets of a label that can be an address, markup included
NOTRACK = "+notrack"  # in the scheme
# Attributes that ask to leave a link alone: what their value must be (None: any), and whether the same URL is then
# left alone in the plain text, too.
_MARKS: dict[bytes, tuple[frozenset[bytes] | None, bool]] = {
    b"clicktracking": (frozenset({b"off", b"false", b"0", b"no"}), False),
    b"disable-tracking": (frozenset({b"", b"true", b"yes", b"1", b"on"}), False),
    b"data-pm-no-track": (None, True),
    b"mc:disable-tracking": (None, False),
    b"data-msys-clicktrack": (frozenset({b"0", b"false", b"off", b"no"}), False),
    b"ses:no-track": (None, False),
    b"ses:tags": (frozenset(), False),  # names the link, for another's statistics; only taken out
    b"data-mt-no-track": (None, True),
    b"data-smtpeter-track": (frozenset({b"off", b"false", b"0", b"no"}), False),
}
_NOTRACK = re.compile(r"(?i)\s*https?(\+notrack):")
_COMMENT = re.compile(r"<!--(?:(?!-->).)*+(?:-->|\Z)", re.DOTALL)
_BREAK = re.compile(r"(?i)</?(?:br|p|div|td|tr|li|table|h[1-6])\b[^<>]*+>")
_TAG = re.compile(r"<[^<>]*+>")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_ADDRESS = re.compile(
    r"(?i)(?:https?://|www\.)\S+|(?:[^\W_](?:[\w-]*+)\.)+([a-z]{2,24}|xn--[a-z0-9-]+)(?::[0-9]+)?([/?#]\S*)?"
)
_FILES = frozenset(  # names of files are no hosts
    b"pdf html htm txt doc docx xls xlsx ppt pptx odt csv png jpg jpeg gif webp svg js css xml json ics eml".split()
)


def may_link(name: bytes) -> bool:
    return name in (b"a", b"area") or name.startswith(b"v:")


class Links:
    """Goes through the links of a page, in their order."""

    def __init__(self, page: Page, rules: Rules, targets: Targets, charset: str) -> None:
        self.untracked: set[str] = set()
        self._page = page
        self._text = page.text
        self._rules = rules
        self._targets = targets
        self._charset = charset
        self._base = base_of(page, charset)
        lower = page.text.lower()
        self._marked = b"track" in lower or b"ses:" in lower  # one of these is in every mark

    def edits(self, tag: Tag, attributes: Sequence[Attribute], href: Attribute) -> list[Edit]:
        """What changes in a link whose address is `href`."""
        edits: list[Edit] = []
        text, clicks = self._text, self._rules.clicks_html
        opted = twin = False
        if self._marked:
            marks = [each for each in attributes if each.name in _MARKS]
            for each in marks:
                off, too = self._asks(each)
                opted, twin = opted or off, twin or (off and too)
            if clicks:
                edits += [self._without(each) for each in marks]
        raw = text[href.value_start : href.value_end]
        value = plain(raw, self._charset)
        if value is None:
            return edits
        found = _NOTRACK.match(value)
        if found is not None:
            return [*edits, self._followed(href, raw, value, found)] if clicks else edits
        url = web_url(value, base=self._base, charset=self._charset)
        if url is None or self._targets.ours(url):
            return edits
        if opted:
            if twin:
                self.untracked.add(url)
            return edits
        edit = self._changed(tag, href, raw, url)
        return edits if edit is None else [*edits, edit]

    def _changed(self, tag: Tag, href: Attribute, raw: bytes, url: str) -> Edit | None:
        target = self._targets.measured(url)
        if self._rules.clicks_html and not (
            self._rules.prevent_scam and tag.name == b"a" and self._is_address(tag, url)
        ):
            pieces = self._targets.click(target)
            if pieces is not None:
                return Edit(href.value_start, href.value_end, pieces)
        return None if target == url else _measured(href, raw, url, target, self._charset)

    def _asks(self, mark: Attribute) -> tuple[bool, bool]:
        """Whether a mark says to leave the link alone, and whether that goes for the plain text, too."""
        values, twin = _MARKS[mark.name]
        value = unescape(self._text[mark.value_start : mark.value_end]).strip().lower()
        return values is None or value in values, twin

    def _without(self, mark: Attribute) -> Edit:
        """Take a mark out, with the white space before it where that leaves nothing that runs together."""
        start = mark.start
        if self._text[mark.end : mark.end + 1] in (b" ", b"\t", b"\r", b"\n", b"\f", b">"):
            while self._text[start - 1 : start] in (b" ", b"\t", b"\r", b"\n", b"\f"):
                start -= 1
        return Edit(start, mark.end, ())

    def _followed(self, href: Attribute, raw: bytes, value: str, found: re.Match[str]) -> Edit:
        """The link with the scheme that was meant."""
        place = raw.lower().find(NOTRACK.encode())
        if place >= 0:
            start = href.value_start + place
            return Edit(start, start + len(NOTRACK), ())
        meant = value[: found.start(1)] + value[found.end(1) :]
        return Edit(href.value_start, href.value_end, (escape(meant.encode(self._charset, "replace"), href.quote),))

    def _is_address(self, tag: Tag, url: str) -> bool:
        end = self._page.end_of(tag)
        raw = self._text[tag.end : end] if end - tag.end <= LABEL else b""
        if b"." not in raw and b"&" not in raw and b"/" not in raw:
            return False
        return is_address(label(raw.decode(self._charset, "replace")), url)


def base_of(page: Page, charset: str) -> str:
    """What relative links of the page are relative to; "" where nothing says it."""
    for tag in page.tags:
        if tag.name == b"base" and not tag.conditional and (href := tag.attribute(b"href")) is not None:
            value = plain(page.text[href.value_start : href.value_end], charset)
            return (web_url(value, charset=charset) or "") if value is not None else ""
    return ""


def plain(raw: bytes, charset: str) -> str | None:
    """What a value says; None where its octets are no text."""
    if b"&" in raw or not raw.isascii():
        raw = unescape(raw, charset)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def label(markup: str) -> str:
    """What is read of a link."""
    text = _TAG.sub("", _BREAK.sub(" ", _COMMENT.sub("", markup)))
    return _INVISIBLE.sub("", html.unescape(text)).strip()


def is_address(text: str, url: str) -> bool:
    """Whether a label is an address: this one, or another."""
    if not text or any(map(str.isspace, text)):
        return False
    if bare(text) == bare(url):
        return True
    found = _ADDRESS.fullmatch(text)
    return found is not None and (found[2] is not None or (found[1] or "").lower().encode() not in _FILES)


def _measured(href: Attribute, raw: bytes, url: str, target: str, charset: str) -> Edit:
    """The parameters put into the address; the whole of it anew only where its fragment cannot be found."""
    before, mark, _ = url.partition("#")
    found = re.search(rb"(?<!&)#", raw) if mark else None
    place = found.start() if found else len(raw.rstrip(b" \t\r\n\f"))
    added = target.partition("#")[0].removeprefix(before)
    if plain(raw[:place].lstrip(b" \t\r\n\f"), charset) == before and target.startswith(before):
        at = href.value_start + place
        return Edit(at, at, (escape(added.encode(), href.quote),))
    return Edit(href.value_start, href.value_end, (escape(target.encode(), href.quote),))
