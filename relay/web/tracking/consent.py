"""Unsubscribing: what a form or a mail program asks for becomes what somebody wants no more. No IO.

In:  the body of a POST, the options of the message.
Out: which groups of mail are given up or taken back, and by which way (`Wish`); or None: not understood.

Standards: RFC 8058 (one-click: the body `List-Unsubscribe=One-Click`, as a form of either kind).

A one-click unsubscribes from the message's own `suppression_group`, which is all mail of the account where it has
none. The page offers that group and `suppression_groups_shown`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from relay.model.options import Options

FIELDS = 200  # of a form
ALL = ""  # the group that is all mail of the account

_ONE_CLICK = re.compile(
    rb'name="?List-Unsubscribe"?[^\r\n]{0,200}\r?\n(?:[^\r\n]{1,200}\r?\n){0,9}\r?\nOne-Click', re.IGNORECASE
)  # in multipart/form-data; bounded, since the pattern may begin anywhere


@dataclass(frozen=True, slots=True)
class Wish:
    via: str  # one-click or page
    off: Sequence[str]  # groups
    on: Sequence[str] = ()


def groups_of(options: Options) -> tuple[str, ...]:
    """Those a message's page shows: its own first, each once."""
    own = (options.suppression_group,) if options.suppression_group else ()
    return tuple(dict.fromkeys((*own, *options.suppression_groups_shown)))


def wish_of(body: bytes, multipart: bool, options: Options, off: Callable[[str], bool]) -> Wish | None:
    """`off`: whether a group is given up now."""
    if multipart:
        return Wish("one-click", (options.suppression_group,)) if _ONE_CLICK.search(body) else None
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        return None
    if any(name.lower() == "list-unsubscribe" and value.strip().lower() == "one-click" for name, value in fields):
        return Wish("one-click", (options.suppression_group,))
    groups = groups_of(options)
    match dict(fields).get("act"):
        case "all":
            return Wish("page", (ALL,))
        case "back":
            return Wish("page", (), (ALL,))
        case "save":
            wanted = {value for name, value in fields if name == "group"}
            if not wanted <= set(groups):
                return None
            return Wish(
                "page",
                tuple(each for each in groups if each not in wanted and not off(each)),
                tuple(each for each in groups if each in wanted and off(each)),
            )
        case _:
            return None


def said(wish: Wish, domain: str) -> str:
    """What a page says was done."""
    if ALL in wish.off:
        return f"You are unsubscribed from all mail of {domain}."
    if ALL in wish.on:
        return f"You get mail from {domain} again."
    if not wish.off and not wish.on:
        return "Nothing was changed."
    return "Your choice is saved."
