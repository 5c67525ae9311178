"""The property `unsubscribe`: the sender's own way to unsubscribe, in the three forms it had; or an option of ours.

In:  `unsubscribe`, and the switch that stood beside it for some days.
Out: header fields that name the sender's own page and address; or a value for the option `unsubscribe`.

    "unsubscribe": "https://example.com/leave"                                     until January 2024
    "unsubscribe": ["https://example.com/leave", "leave@example.com"]
    "unsubscribe-post-one-click": true                                             beside one of these
    "unsubscribe": {"email": "leave@example.com", "url": "https://...", "oneclick": true}
    "unsubscribe": "both"                                                          ours: the relay does it

Standards: RFC 2369 (List-Unsubscribe), RFC 8058 (List-Unsubscribe-Post).

Why so: in SMTPeter's forms nothing of ours is named, since whoever uses them counts his unsubscribers himself. In the
object the page stands first, as receivers with one click take the first page; a list keeps its order. A page without
https gets no List-Unsubscribe-Post, which receivers would not heed, and a warning; SMTPeter's own example has one, so
it is no reason to refuse mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.model.address import printable
from relay.model.options import Unsubscribe
from relay.submission.control import grammar, texts
from relay.submission.control.grammar import squeezed
from relay.transform.listheaders import ONE_CLICK, allows_one_click
from relay.web.api.problem import Problem

MOST = 10  # pages and addresses
_WORDS = frozenset({squeezed(each.value) for each in Unsubscribe} | grammar.YES | grammar.NO)
_MEMBERS = {"email": "email", "url": "url", "oneclick": "oneclick"}


@dataclass(frozen=True, slots=True)
class Leaving:
    fields: Sequence[bytes] = ()  # whole ones
    option: Any = None  # for `unsubscribe` of ours; None: nothing
    warning: str = ""


NOTHING = Leaving()


def read_unsubscribe(value: Any, click: Any = None, click_name: str = "") -> Leaving:
    """`click`: of the switch beside it, named `click_name`. Raises Problem."""
    clicks, page = _switch(click, click_name)
    if isinstance(value, Mapping) and value:
        names = {squeezed(str(each)) for each in value}
        if not names <= _MEMBERS.keys():
            return Leaving(option=value)  # ours: mode, mailto, tag, html, text beside them
        members = {squeezed(str(name)): each for name, each in value.items() if each not in (None, "")}
        uris = [_page(members["url"], "unsubscribe.url")] if "url" in members else []
        uris += [_mail(members["email"], "unsubscribe.email")] if "email" in members else []
        clicks = clicks or _truth(members.get("oneclick", False), "unsubscribe.oneclick")
    elif isinstance(value, bool) or (isinstance(value, str) and squeezed(value.strip()) in _WORDS):
        return Leaving(option=value)
    else:
        uris = [_uri(each, where) for each, where in _items(value)]
    if page and page not in uris:
        uris.insert(0, page)
    if not uris:
        if clicks:
            raise Problem("missing", "unsubscribe: one click needs a url", field="unsubscribe")
        return NOTHING
    line = "List-Unsubscribe: " + ",\r\n ".join(f"<{each}>" for each in uris) + "\r\n"
    fields = [line.encode()]
    if clicks and not any(map(allows_one_click, uris)):
        text = "unsubscribe: one click needs a url that begins with https (RFC 8058)"
        if not any(each.lower().startswith("http:") for each in uris):
            raise Problem("bad_value", text, field="unsubscribe")
        return Leaving(fields, warning=f"{text}, so List-Unsubscribe-Post is left out")
    if clicks:
        fields.append(b"List-Unsubscribe-Post: " + ONE_CLICK + b"\r\n")
    return Leaving(fields)


def _switch(value: Any, name: str) -> tuple[bool, str]:
    """Whether one click is wanted; and the page, where the switch itself names it."""
    if value is None or value == "":
        return False, ""
    if isinstance(value, str) and value.strip().lower().startswith("http"):
        return True, _page(value, name)
    return _truth(value, name), ""


def _items(value: Any) -> list[tuple[Any, str]]:
    if value in (None, "", [], {}):
        return []
    if isinstance(value, str):
        return [(value, "unsubscribe")]
    if not isinstance(value, list | tuple):
        text = "unsubscribe: expected an address, a URL, a list of them, or {email, url, oneclick}"
        raise Problem("bad_value", text, field="unsubscribe")
    if len(value) > MOST:
        raise Problem("bad_value", f"unsubscribe: over {MOST} pages and addresses", field="unsubscribe")
    return [(each, f"unsubscribe[{place}]") for place, each in enumerate(value)]


def _uri(value: Any, where: str) -> str:
    if isinstance(value, str) and value.strip().lower().startswith(("http:", "https:")):
        return _page(value, where)
    if isinstance(value, str) and "@" in value:
        return _mail(value, where)
    text = f"{where}: expected an address such as leave@example.com or a URL, not {printable(repr(value), 60)}"
    raise Problem("bad_value", text, field=where)


def _page(value: Any, where: str) -> str:
    return _read(texts.web_url, value, where)


def _mail(value: Any, where: str) -> str:
    return f"mailto:{_read(texts.mailto, value, where)}"


def _truth(value: Any, where: str) -> bool:
    try:
        return grammar.truth(value)
    except ValueError as error:
        raise Problem("bad_value", f"{where}: {error}", field=where) from None


def _read(read: grammar.Read, value: Any, where: str) -> str:
    try:
        return str(read(value))
    except ValueError as error:
        raise Problem("bad_value", f"{where}: {error}", field=where) from None
