"""The registry of options: every option a message can set, by whatever door.

In:  a name as somebody wrote it. Out: its option, or the nearest name there is.

Names are compared without regard to case, `-` and `_`, after the prefix. A new option is a row in one of the
tables (`options_*.py`), a field of `relay/model/options.py`, and a grammar where none of the old ones fits; the
readers of headers, ESMTP parameters and REST properties, permissions, help and the handbook go by these rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from relay.model.address import printable
from relay.model.options import plain
from relay.submission.control.carrier import check_json
from relay.submission.control.grammar import Read, squeezed
from relay.submission.control.option import Door, Option
from relay.submission.control.options_consent import CONSENT_OPTIONS
from relay.submission.control.options_content import CONTENT_OPTIONS
from relay.submission.control.options_data import DATA_OPTIONS
from relay.submission.control.options_envelope import ENVELOPE_OPTIONS
from relay.submission.control.options_keeping import KEEPING_OPTIONS
from relay.submission.control.options_merge import MERGE_OPTIONS
from relay.submission.control.options_timing import TIMING_OPTIONS
from relay.submission.control.options_tracking import TRACKING_OPTIONS
from relay.submission.control.options_transport import TRANSPORT_OPTIONS

PREFIX = "X-SMTPeter-"
CARRIER = "Options"  # a JSON object of options
METADATA = "Metadata-"  # the family of fields with one key each

FAMILIES: Mapping[str, tuple[Option, ...]] = {
    "Classification and data": DATA_OPTIONS,
    "Timing": TIMING_OPTIONS,
    "Transport": TRANSPORT_OPTIONS,
    "Envelope and reports": ENVELOPE_OPTIONS,
    "Keeping, testing, content": KEEPING_OPTIONS,
    "Links and opens": TRACKING_OPTIONS,
    "What it looks like": CONTENT_OPTIONS,
    "Templates and data": MERGE_OPTIONS,
    "Lists and consent": CONSENT_OPTIONS,
}
OPTIONS: tuple[Option, ...] = tuple(each for family in FAMILIES.values() for each in family)

# A JSON object that sets several options; each of them also has a name of its own. A group may be called as an option
# is: then it is the group where its value is an object.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "dsn": {"notify": "dsn_notify", "ret": "dsn_ret", "envid": "dsn_envid", "orcpt": "dsn_orcpt"},
    "footer": {"text": "footer_text", "html": "footer_html"},
    "unsubscribe": {
        "mode": "unsubscribe",
        "url": "unsubscribe_url",
        "mailto": "unsubscribe_mailto",
        "email": "unsubscribe_mailto",
        "oneclick": "one_click",
        "tag": "unsubscribe_tag",
        "html": "unsubscribe_html",
        "text": "unsubscribe_text",
    },
}

# What other services have and is not done here, with the reason. A setting that went unnoticed would be worse than a
# refusal, also if it only says `false`.
LATER: Mapping[str, str] = {
    "archive_url": "a copy of a mail is not posted to a URL that stands in a message; bcc_archive sends one by mail",
    "smarthost": "a message cannot name the host that takes it, nor a password for that: headers end up in logs",
}

GRANTS: Mapping[str, str] = {
    "any-sender": "send as any domain; signed with the relay's own",
    **{
        grant: ", ".join(each.name for each in OPTIONS if each.permission.grant == grant)
        for grant in sorted({each.permission.grant for each in OPTIONS} - {""})
    },
}


@dataclass(frozen=True, slots=True)
class Named:
    """An option, by one of its names."""

    option: Option
    read: Read


def _names(options: Iterable[Option]) -> Mapping[str, Named]:
    table: dict[str, Named] = {}
    for option in options:
        names = {squeezed(each): option.read for each in (option.name, option.header)}
        names |= {squeezed(each.name): each.read or option.read for each in option.aliases}
        for name, read in names.items():
            if name in table:
                raise ValueError(f"two options are called {name}")
            table[name] = Named(option, read)
    return table


_BY_NAME = _names(OPTIONS)
_LATER = {squeezed(each): each for each in LATER}
BY_NAME: Mapping[str, Option] = {each.name: each for each in OPTIONS}


def named(name: str) -> Named | None:
    """The option of that name (what follows the prefix of a header, or the name of a property), and its grammar."""
    return _BY_NAME.get(squeezed(name))


def find(name: str) -> Option | None:
    """The option of that name."""
    found = named(name)
    return None if found is None else found.option


def nearest(name: str) -> Option | None:
    """The option whose name is most like this one, if one is like it at all."""
    near = difflib.get_close_matches(squeezed(name)[:80], list(_BY_NAME), n=1)
    return _BY_NAME[near[0]].option if near else None


def later(name: str) -> str | None:
    """The name of an option of other services that is not done here."""
    return _LATER.get(squeezed(name))


def header_of(option: Option) -> str:
    """`X-SMTPeter-Tags`"""
    return PREFIX + option.header


def unknown(name: str, *, header: bool, hint: bool = True) -> str:
    """What to say of a name that is no option's; `header`: names are told as those of header fields."""
    if (known := later(name)) is not None:
        return f"{known} is not done here: {LATER[known]}"
    kind = "no such control header" if header else "no such option"
    near = nearest(name) if hint else None
    if near is None:
        return f"{kind}; `relay options` lists them"
    return f"{kind}; the nearest is {header_of(near) if header else near.name}"


def parse_setting(name: str, value: Any, door: Door = Door.CREDENTIAL) -> tuple[str, Any]:
    """An option as it is kept among defaults: its name, and its value in JSON's types.

    `value` is text, as on a command line, or a value of JSON or YAML. `control_headers` and `on_invalid` are read,
    too, but stand on the credential itself, not among its options.

    Raises:
        ValueError: no such option, not one for this door, or a bad value; the text names the option.
    """
    found = named(name)
    if found is None:
        raise ValueError(f"{printable(name, 60)}: {unknown(name, header=False)}")
    option = found.option
    if door not in option.doors:
        raise ValueError(f"{option.name}: cannot be set on the {door.value}, only by {_places(option)}")
    if value is None or (isinstance(value, str) and not value.strip() and not option.empty):
        raise ValueError(f"{option.name}: expected {option.type}, not nothing")
    try:
        check_json(value, lines=option.lines)
        read = option.together([found.read(value)])
    except ValueError as error:
        raise ValueError(f"{option.name}: {error}") from error
    return option.name, plain(read)


def _places(option: Option) -> str:
    return " or ".join(each.value for each in Door if each in option.doors)
