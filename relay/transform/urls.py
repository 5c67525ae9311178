"""URLs of web pages as they stand in messages: which can be tracked, what exactly is requested, what is shown.

In:  a value as it stands in a text, its character references undone.
Out: the absolute URL that a browser would request for it; the same with parameters; what of it our link shows.

Standards: the URL standard's section 4.4 (white space), RFC 3986. Anything unusual enough that browsers might read it
otherwise than we do (no slashes, an odd authority, octets that are no text) is no URL here, and is left alone by all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, urljoin

from relay.model.address import ascii_domain

URL_OCTETS = 8192  # of a target; what is longer is left alone
PATH_OCTETS = 100  # of what is shown
_STRIPPED = "".join(map(chr, range(0x21)))  # C0 controls and space
_INSIDE = re.compile(r"[\t\n\r]")
_PARTS = re.compile(r"(?i:https?)://([^/\\?#]+)([^?#]*)(\?[^#]*)?(#.*)?\Z", re.DOTALL)
_AUTHORITY = re.compile(r"(?:[^@\[\]]*@)?(\[[0-9A-Fa-f:.]+\]|[^:@\[\]%\s]+)(?::[0-9]*)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNSAFE = re.compile(r"[\x00-\x20\"<>\x7f-\U0010ffff]")
_PLAIN = re.compile(r"[!#-;=?-~]+")  # nothing that would have to be escaped in a request
# What another system will fill in; a link with it leads nowhere before that.
_PLACEHOLDER = re.compile(
    r"\{\{|\}\}|\{%(?![0-9A-Fa-f]{2})|\{\$|\$\{|<%|%>|\*\||\|\*|\[\[|\]\]"
    r"|%recipient[.%]|%(?:tag_|mailing_list_)?unsubscribe_(?:url|email)%"
)
_SHOWN = re.compile(r"%[0-9A-Fa-f]{2}|[A-Za-z0-9._~/-]|(.)", re.DOTALL)
_DOTS = re.compile(r"(?i)(?:^|/)(?:\.|%2e){1,2}(?:/|$)")


def web_url(value: str, *, base: str = "", charset: str = "utf-8") -> str | None:
    """What a browser requests for such a link, fragment included; None where it is no web page or not for sure one.

    `base`: what relative ones are relative to; with none they are nobody's.
    """
    if len(value) > URL_OCTETS:
        return None
    if not _PLAIN.fullmatch(value):
        value = _INSIDE.sub("", value.strip(_STRIPPED))
    if base and value and not value.startswith("#") and not _SCHEME.match(value):
        try:
            value = urljoin(base, value)
        except ValueError:
            return None
    found = _PARTS.match(value)
    if found is None or placeholder(value):
        return None
    authority = _AUTHORITY.fullmatch(found[1])
    if authority is None:
        return None
    return value if _PLAIN.fullmatch(value) else _requested(value, found, authority, charset)


def placeholder(value: str) -> bool:
    """Whether something is still to be filled in."""
    return _PLACEHOLDER.search(value) is not None


def _requested(value: str, found: re.Match[str], authority: re.Match[str], charset: str) -> str | None:
    """The URL in ASCII: the host in A-labels, the path in UTF-8, the query in the charset of the page."""
    host = authority[1]
    if not host.isascii():
        try:
            host = ascii_domain(host)
        except ValueError:
            return None
    elif _UNSAFE.search(host):
        return None
    start = found.start(1)
    before, behind = value[: start + authority.start(1)], value[start + authority.end(1) : found.end(1)]
    try:
        query = _escaped(found[3] or "", charset)
    except LookupError:
        query = _escaped(found[3] or "", "utf-8")
    url = _escaped(before) + host + _escaped(behind) + _escaped(found[2]) + query + _escaped(found[4] or "")
    return url if len(url) <= URL_OCTETS else None


def _escaped(text: str, charset: str = "utf-8") -> str:
    return _UNSAFE.sub(lambda found: quote(found[0].encode(charset, "xmlcharrefreplace"), safe=""), text)


def key(url: str) -> str:
    """The same for URLs that differ in the case of scheme or host alone."""
    found = _PARTS.match(url)
    return url if found is None else url[: found.end(1)].lower() + url[found.end(1) :]


def host_of(url: str) -> str:
    """The host in lower case without port; "" where there is none."""
    found = _PARTS.match(url)
    authority = _AUTHORITY.fullmatch(found[1]) if found else None
    return authority[1].lower().rstrip(".") if authority else ""


def place_of(url: str) -> str:
    """Host and port, in lower case; no port where it is the usual one of http or https."""
    found = _PARTS.match(url)
    authority = _AUTHORITY.fullmatch(found[1]) if found else None
    if authority is None:
        return ""
    port = authority[0][authority.end(1) :].lstrip(":")
    return authority[1].lower().rstrip(".") + (f":{port}" if port not in ("", "80", "443") else "")


def within(host: str, domains: Iterable[str]) -> bool:
    """Whether the host is one of the domains, or below one."""
    return any(host == each or host.endswith("." + each) for each in domains)


def bare(url: str) -> str:
    """What people take for the same address: no scheme, the host in lower case, no slash at the end."""
    text = re.sub(r"(?i)^https?://", "", url)
    at = re.search(r"[/?#\\]", text)
    end = at.start() if at else len(text)
    return (text[:end].lower() + text[end:]).removesuffix("/")


def with_parameters(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The URL with these parameters before its fragment; those it has already keep their value."""
    address, mark, fragment = url.partition("#")
    path, _, query = address.partition("?")
    given = {each.partition("=")[0] for each in query.split("&")}
    added = [_parameter(name, value) for name, value in parameters if name not in given]
    if not added:
        return url
    return path + "?" + "&".join([query, *added] if query else added) + mark + fragment


@lru_cache(maxsize=256)
def _parameter(name: str, value: str) -> str:
    return f"{quote(name, safe='')}={quote(value, safe='')}"


@lru_cache(maxsize=1024)
def path_shown(url: str) -> bytes:
    """The path as our link shows it: no leading slash, at most PATH_OCTETS, fit for any attribute and for text.

    Nothing where it has dot segments, since these would eat what stands before them.
    """
    found = _PARTS.match(url)
    path = found[2].replace("\\", "/").removeprefix("/") if found else ""
    if "." in path or "%2" in path:
        if _DOTS.search(path):
            return b""
        path = path.rstrip(".")
    return _cut(path)


@lru_cache(maxsize=1024)
def file_shown(url: str) -> bytes:
    """The last name of the path, as our link to a picture shows it."""
    return path_shown(url).rpartition(b"/")[2]


def _cut(path: str) -> bytes:
    shown: list[str] = []
    room = PATH_OCTETS
    for found in _SHOWN.finditer(path[:PATH_OCTETS]):
        piece = quote(found[1], safe="") if found[1] else found[0]
        if len(piece) > room:
            break
        shown.append(piece)
        room -= len(piece)
    return "".join(shown).rstrip(".").encode("ascii")
