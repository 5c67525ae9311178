"""Texts in other clothes: HTML, URL, base64, JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus, unquote_plus

from relay.transform.merge.error import Fault
from relay.transform.merge.state import State, Value
from relay.transform.merge.values import text_of

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_AT_MOST = {"html": 6, "url": 12, "base64": 6, "json": 6, "null": 1}  # characters that one becomes


def _html(text: str) -> str:
    return text.translate(_HTML)


def _url(text: str) -> str:
    return quote_plus(text, safe="", errors="replace")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")


def _json(text: str) -> str:
    """Without the quotes around it; fit to stand in a script, too."""
    written = json.dumps(text)[1:-1]
    return written.replace("/", "\\/")


ESCAPERS: Mapping[str, Callable[[str], str]] = {
    "html": _html,
    "url": _url,
    "base64": _base64,
    "json": _json,
    "null": lambda text: text,
}


def escaped(text: str, how: str, state: State) -> str:
    """The text in that clothing."""
    if len(text) > 64:
        state.spend(len(text))
        if len(text) * _AT_MOST[how] > state.limits.output:
            state.room(len(text) * _AT_MOST[how])
    return ESCAPERS[how](text)


def check_escape(given: tuple[Value, ...]) -> None:
    if given and text_of(given[0]).lower() not in ESCAPERS:
        raise Fault(f"escape knows {', '.join(ESCAPERS)}, not {text_of(given[0])[:20]!r}")


def escape(text: str, given: tuple[Value, ...], state: State) -> Value:
    return escaped(text, text_of(given[0]).lower() if given else "html", state)


def base64_encode(text: str, given: tuple[Value, ...], state: State) -> Value:
    return escaped(text, "base64", state)


def base64_decode(text: str, given: tuple[Value, ...], state: State) -> Value:
    """What is no base64 is left out; octets that are no UTF-8 become U+FFFD."""
    octets = text.encode("ascii", "ignore")
    try:
        return base64.b64decode(octets + b"=" * (-len(octets) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def urlencode(text: str, given: tuple[Value, ...], state: State) -> Value:
    return escaped(text, "url", state)


def urldecode(text: str, given: tuple[Value, ...], state: State) -> Value:
    return unquote_plus(text, errors="replace")


def jsonencode(value: Value, given: tuple[Value, ...], state: State) -> Value:
    try:
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=dict)
    except RecursionError:
        raise Fault("lists are nested too deeply to be written as JSON") from None
    except (TypeError, ValueError):
        return ""
    state.room(len(written))
    return written


def jsondecode(text: str, given: tuple[Value, ...], state: State) -> Value:
    """Nothing, where it is no JSON."""
    state.spend(64 * len(text))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
