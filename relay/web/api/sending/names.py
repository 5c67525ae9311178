"""Which property is what: content and routing of SMTPeter's, or an option of ours by any of its names.

In:  the properties of a request. Out: the same in two, SMTPeter's by their plain names and options as they were
     written; or a Problem that names the nearest there is.

Names are compared without regard to case, `-` and `_`, as those of options are: `replyto` is `replyTo`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from relay.model.address import printable
from relay.submission.control.grammar import squeezed
from relay.submission.control.registry import BY_NAME, CARRIER, GROUPS, PREFIX, later, named, unknown
from relay.web.api.problem import Problem

CONTENT: Final = ("from", "to", "cc", "replyto", "subject", "text", "html", "extra", "attachments", "headers", "bcc")
CLICKS: Final = ("oneclickunsubscribe", "unsubscribepostoneclick")  # two names that one switch had for some days
OTHER: Final = ("mime", "recipient", "recipients", "envelope", "dsn", "unsubscribe", "template", "patch", *CLICKS)
PLAIN: Final = frozenset((*CONTENT, *OTHER))
SPELLED: Final[Mapping[str, str]] = {
    "replyto": "replyTo",
    "oneclickunsubscribe": "one-click-unsubscribe",
    "unsubscribepostoneclick": "unsubscribe-post-one-click",
}
FOREIGN: Final[Mapping[str, str]] = {  # what other services call a property, and how it is said here
    "personalizations": "who gets it stands in recipients, each with data of its own: {address: {name: value}}",
    "recipientvariables": "data of each recipient stand in recipients: {address: {name: value}}",
    "content": "the content stands in text and html",
    "body": "the content stands in text and html",
    "htmlbody": "the nearest is html",
    "textbody": "the nearest is text",
    "templateid": "the nearest is template",
    "templatealias": "the nearest is template",
    "templatemodel": "the nearest is data",
    "dynamictemplatedata": "the nearest is data",
    "substitutions": "the nearest is data",
    "categories": "the nearest is tags",
    "customargs": "the nearest is metadata",
    "uniqueargs": "the nearest is metadata",
    "messagestream": "the nearest is stream",
    "h": "further header fields stand in extra",
    "o": "options stand beside the other properties, by their names: GET /v1/options lists them",
    "v": "values of placeholders stand in data, values for events in metadata",
}
_THERE: Final = "/v1/docs shows those of a message, GET /v1/options all options"
_CARRIER = squeezed(CARRIER)


@dataclass(slots=True)
class Sorted:
    plain: dict[str, Any]  # by plain name
    options: dict[str, Any]  # as they were written
    warnings: list[str]


def sort(properties: Mapping[str, Any]) -> Sorted:
    """Raises Problem (unknown_property)."""
    found = Sorted({}, {}, [])
    for name, value in properties.items():
        plain = _plain(name) if len(name) <= 64 else None
        if plain is None:
            raise _unknown(name)
        if not plain:
            found.options[name] = value
        elif plain not in found.plain:
            found.plain[plain] = value
        else:
            found.warnings.append(f"{printable(name, 60)}: given by another spelling already; the first one counts")
    return found


def bared(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, with names of control headers as properties; one that is there already stays, and is not known."""
    if not any(map(_prefixed, properties)):
        return properties
    names = {name: _bare(name) for name in properties if _prefixed(name)}
    return {
        name if (bare := names.get(name, name)) in properties else bare: value for name, value in properties.items()
    }


def _prefixed(name: str) -> bool:
    return name[: len(PREFIX)].lower() == PREFIX.lower()


def _bare(name: str) -> str:
    """What a control header sets, without its prefix; where a property of SMTPeter's is called so, its other name."""
    bare = name[len(PREFIX) :]
    return f"extra_{bare}" if squeezed(bare) in ("cc", "bcc") else bare


@lru_cache(maxsize=2048)
def _plain(name: str) -> str | None:
    """The plain name; "" for an option; None for nothing we know."""
    key = squeezed(name)
    if key in PLAIN:
        return key
    return "" if key in GROUPS or key == _CARRIER or named(name) is not None else None


def _unknown(name: str) -> Problem:
    shown = printable(name, 60)
    if later(name) is not None:
        return Problem("unknown_property", f"{shown}: {unknown(name, header=False)}", field=shown)
    known = {squeezed(each): each for each in BY_NAME} | {each: SPELLED.get(each, each) for each in PLAIN}
    near = difflib.get_close_matches(squeezed(name)[:80], list(known), n=1)
    head, colon, _ = name.partition(":")  # `h:X-Header`, `o:tag`, `v:name`
    told = FOREIGN.get(squeezed(head)) if colon else FOREIGN.get(squeezed(name))
    if told is None:
        told = f"the nearest is {known[near[0]]}" if near else _THERE
    return Problem("unknown_property", f"{shown}: there is no such property; {told}", field=shown)
