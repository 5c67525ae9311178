"""The grammars of what is shown to recipients: links, blocks of text, lists and groups; and of data for templates.

In:  text or JSON. Out: texts, tuples and mappings; or ValueError.

Standards: RFC 2369 and RFC 8058 (URLs of List-Unsubscribe), RFC 2919 section 2 (List-ID), RFC 6068 (mailto).

Why so: a URL may hold placeholders (`{$id}`), so braces and the like are let through; what would end a field, a
bracket or an attribute is not. Feedback-ID's own separator is the colon, and white space in it is nobody's friend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from relay.model.address import parse_path
from relay.model.options import Bypass, MergeSyntax
from relay.submission.control import addresses
from relay.submission.control.carrier import parse_json
from relay.submission.control.grammar import choice, is_json, items, lower_name, pairs, plain_text, shown, truth, word

URL_OCTETS = 900  # a URL of List-Unsubscribe cannot be folded, and a line has 998
BLOCK_OCTETS = 16 << 10
UTM_OCTETS = 255
UTM_DOMAINS = 50
GROUPS = 25
LIST_ID_OCTETS = 255
FEEDBACK_OCTETS = 127
FEEDBACK_FIELDS = 3
VARIABLES = 1000
VARIABLE_OCTETS = 128

UTM = ("source", "medium", "campaign", "term", "content")
FOREIGN_SYNTAXES = ("mailgun", "sendgrid", "mandrill", "handlebars", "mailjet")

_URL = re.compile(r"https?://[!#-;=?-~]+", re.IGNORECASE)
_MAILTO = re.compile(r"(?:mailto:)?([^?\s]+)((?:\?[!#-;=?-~]*)?)", re.IGNORECASE)
_LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LIST_ID = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_NAMED = re.compile(r"([^<>]*)<([^<>]*)>")
_FEEDBACK = re.compile(r"[!-9;-~]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_BLOCK = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # tabs and line ends may stay

_causes = choice(Bypass)
_syntax = choice(MergeSyntax)


def web_url(value: Any) -> str:
    """An absolute URL of the web."""
    found = plain_text(value).strip()
    if len(found.encode()) > URL_OCTETS:
        raise ValueError(f"at most {URL_OCTETS:,} octets, not {len(found.encode())}: {shown(found)}")
    if _URL.fullmatch(found) is None or not _host(found):
        raise ValueError(f"expected a URL such as https://example.com/page, not {shown(value)}")
    return found


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return "" if parts.port == 0 or "@" in parts.netloc else parts.hostname or ""
    except ValueError:
        return ""


def mailto(value: Any) -> str:
    """An address; `mailto:` may stand before it, and fields (`?subject=stop`) behind it."""
    found = plain_text(value).strip()
    if len(found.encode()) > URL_OCTETS:
        raise ValueError(f"at most {URL_OCTETS:,} octets, not {len(found.encode())}: {shown(found)}")
    parts = _MAILTO.fullmatch(found)
    if parts is None or not found.isascii() or any(each in parts[1] for each in '<>"'):
        raise ValueError(f"expected an address such as leave@example.com?subject=leave, not {shown(value)}")
    return addresses.address(parts[1]) + parts[2]


def hosted(value: Any) -> bool:
    """`hosted` or `default`; yes and no work, too."""
    said = word(value).lower()
    if said in ("hosted", "default"):
        return said == "hosted"
    try:
        return truth(value)
    except ValueError:
        raise ValueError(f"expected hosted or default, not {shown(value)}") from None


def block(value: Any) -> str:
    """A text of one or more lines."""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, not {shown(value)}")
    found = value.strip()
    if _BLOCK.search(found):
        raise ValueError(f"no control characters: {shown(found)}")
    if not found:
        raise ValueError("expected a text, not white space")
    if len(found.encode()) > BLOCK_OCTETS:
        raise ValueError(f"at most {BLOCK_OCTETS >> 10} KiB, not {len(found.encode()):,} octets")
    return found


def utm(value: Any) -> dict[str, str]:
    """Texts by `source`, `medium`, `campaign`, `term`, `content`; `utm_` may stand before the names."""
    found: dict[str, str] = {}
    for key, each in pairs(value).items():
        name = str(key).strip().lower().removeprefix("utm_")
        if name not in UTM:
            raise ValueError(f"expected {', '.join(UTM)}, not {shown(key)}")
        if each is None or each == "":
            continue
        text = plain_text(each).strip()
        if len(text.encode()) > UTM_OCTETS:
            raise ValueError(f"{name} has at most {UTM_OCTETS} octets: {shown(text)}")
        found[name] = text
    return found


def domains(value: Any) -> tuple[str, ...]:
    """Domain names, in A-labels; `*.` before one says nothing more."""
    return tuple(dict.fromkeys(addresses.domain(word(each).removeprefix("*.")) for each in items(value)))


def few_domains(found: tuple[str, ...]) -> None:
    if len(found) > UTM_DOMAINS:
        raise ValueError(f"at most {UTM_DOMAINS} domains, not {len(found)}")


def groups(value: Any) -> tuple[str, ...]:
    """Names of groups, in lower case."""
    return tuple(dict.fromkeys(lower_name(each) for each in items(value)))


def few_groups(found: tuple[str, ...]) -> None:
    if len(found) > GROUPS:
        raise ValueError(f"at most {GROUPS} groups, not {len(found)}")


def bypass(value: Any) -> tuple[Bypass, ...]:
    """Causes of suppressions."""
    return tuple(dict.fromkeys(_causes(each) for each in items(value, semicolons=True)))


def list_id(value: Any) -> str:
    """`list.example.com`, or `Name <list.example.com>` (RFC 2919)."""
    found = plain_text(value).strip()
    if len(found.encode()) > LIST_ID_OCTETS:
        raise ValueError(f"at most {LIST_ID_OCTETS} octets, not {len(found.encode())}: {shown(found)}")
    named = _NAMED.fullmatch(found)
    name, ident = (named[1].strip(), named[2].strip()) if named is not None else ("", found)
    if _LIST_ID.fullmatch(ident) is None:
        raise ValueError(f"expected list.example.com or Name <list.example.com>, not {shown(value)}")
    name = name.strip('"').strip()
    return f"{name} <{ident}>" if name else ident


def feedback_id(value: Any) -> str:
    """Up to three texts parted by colons."""
    found = plain_text(value).strip()
    fields = found.split(":")
    if len(found) > FEEDBACK_OCTETS:
        raise ValueError(f"at most {FEEDBACK_OCTETS} octets, not {len(found)}: {shown(found)}")
    if len(fields) > FEEDBACK_FIELDS:
        raise ValueError(f"at most {FEEDBACK_FIELDS} fields, since the last one is ours: {shown(found)}")
    if any(each and _FEEDBACK.fullmatch(each) is None for each in fields) or not any(fields):
        raise ValueError(f"expected printable ASCII without white space, not {shown(value)}")
    return found


def variable(value: Any) -> str:
    """The name of a variable; a `$` before it counts for nothing."""
    found = word(value).removeprefix("$")
    if _VARIABLE.fullmatch(found) is None:
        raise ValueError(f"the name of a variable has 1 to 64 letters, digits and _: {shown(value)}")
    return found


def variables(value: Any) -> dict[str, Any]:
    """Values of JSON by name; or `k=v, k2=v2`."""
    if isinstance(value, str) and is_json(value, "{"):
        value = parse_json(value, lines=True)
    found = pairs(value)
    for key in found:
        _check_name(key)
    return found


def few_variables(found: Mapping[str, Any]) -> None:
    if len(found) > VARIABLES:
        raise ValueError(f"at most {VARIABLES:,} names, not {len(found):,}")


def by_recipient(value: Any) -> dict[str, dict[str, Any]]:
    """`{"ann@example.net": {"name": "Ann"}}`"""
    if isinstance(value, str):
        value = parse_json(value, lines=True)
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a JSON object by address, not {shown(value)}")
    found: dict[str, dict[str, Any]] = {}
    for key, data in value.items():
        if not isinstance(data, Mapping):
            raise ValueError(f"{shown(key)}: expected a JSON object, not {shown(data)}")
        for name in data:
            _check_name(name)
        few_variables(data)
        found[parse_path(str(key).strip(), smtputf8=True)] = dict(data)
    return found


def _check_name(key: Any) -> None:
    if not isinstance(key, str) or not key.strip() or len(key.encode()) > VARIABLE_OCTETS or not key.isprintable():
        raise ValueError(f"a name of data has 1 to {VARIABLE_OCTETS} octets, none of them a control: {shown(key)}")


def merge_syntax(value: Any) -> MergeSyntax:
    """`smtpeter` or `none`; those of other services are known, and not done."""
    if word(value).lower() in FOREIGN_SYNTAXES:
        raise ValueError(f"the placeholders of {word(value).lower()} are not expanded here: smtpeter or none")
    found: MergeSyntax = _syntax(value)
    return found
