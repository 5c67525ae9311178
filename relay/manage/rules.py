"""What a credential, an account, a domain or a preset may say: options, grants, lists, quotas, checked word by word.

In:  names and values as an operator writes them, on the command line or in a file.
Out: what the registry keeps, or ValueError that names what is wrong and what is like it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from relay.model.account import OverQuota, Quota
from relay.model.spelling import option_text

if TYPE_CHECKING:
    from relay.submission.control.option import Door

QUOTAS = tuple(each.name for each in fields(Quota) if each.name != "over")
_UNLIMITED = frozenset({"none", "off", "unlimited", ""})


def setting(text: str, door: Door) -> tuple[str, Any]:
    """`tags=a,b`: an option's name, and its value in JSON's types."""
    from relay.submission.control.registry import parse_setting

    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not OPTION=VALUE, as tags=invoice,paid")
    return parse_setting(name.strip(), value, door)


def settings_of(given: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """The same for several, with values of text, JSON or YAML."""
    from relay.submission.control.registry import parse_setting

    found: dict[str, Any] = {}
    for name, value in given.items():
        known, read = parse_setting(name, value, door)
        if known in found:
            raise ValueError(f"{known} is given twice")
        found[known] = read
    return found


def option_name(text: str) -> str:
    """The option of that name."""
    from relay.submission.control.registry import find, unknown

    option = find(text.strip())
    if option is None:
        raise ValueError(f"{text!r}: {unknown(text.strip(), header=False)}")
    return option.name


def grant(name: str) -> str:
    from relay.submission.control.registry import GRANTS

    plain = name.strip().lower().replace("_", "-")
    if plain not in GRANTS:
        near = difflib.get_close_matches(plain, GRANTS, n=1)
        raise ValueError(
            f"no grant {name!r}; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(GRANTS)}")
        )
    return plain


def allowed(text: str) -> tuple[str, str]:
    """`source_ip=192.0.2.7`: a value (or a pattern) for an option's list of allowed ones."""
    name, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise ValueError(f"{text!r} is not OPTION=VALUE, as source_ip=192.0.2.0/28")
    known = listed_option(name)
    return known, listed_value(known, value.strip())


def listed_value(name: str, value: str) -> str:
    """A value such a list can have: an address or a network for `source_ip`, any text for the others."""
    if name == "source_ip" and not any(mark in value for mark in "*?["):
        try:
            ip_network(value, strict=False)
        except ValueError:
            raise ValueError(f"{name}: expected an IP address or a network, not {value!r}") from None
    return value


def listed_option(text: str) -> str:
    """An option whose values a credential can have a list of."""
    from relay.submission.control.option import Listed
    from relay.submission.control.registry import BY_NAME

    name = option_name(text)
    if BY_NAME[name].permission.listed is Listed.NO:
        others = ", ".join(each.name for each in BY_NAME.values() if each.permission.listed is not Listed.NO)
        raise ValueError(f"{name} has no list of allowed values; these have: {others}")
    return name


def forbidden(text: str) -> str:
    """`sandbox` or `priority=9`: what a message may not ask for."""
    from relay.model.reply import Refused
    from relay.submission.control.permission import read_forbidden

    name, equals, value = text.partition("=")
    known = option_name(name)
    entry = f"{known}={value.strip()}" if equals else known
    try:
        read_forbidden(entry)
    except Refused as error:
        raise ValueError(f"{known}: {error.reply.text.rpartition(': ')[2]}") from error
    return entry


def quota(text: str) -> tuple[str, int | None]:
    """`messages-hour=1000`, `bytes-day=2GiB`, `recipients-day=none`: a field of `Quota` and its value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=NUMBER, as messages-hour=1000")
    return quota_name(name), quota_value(name, value)


def quota_name(text: str) -> str:
    name = text.strip().lower().replace("-", "_")
    if name not in QUOTAS:
        near = difflib.get_close_matches(name, QUOTAS, n=1)
        known = ", ".join(each.replace("_", "-") for each in QUOTAS)
        raise ValueError(
            f"no quota {text.strip()!r}; "
            + (f"did you mean {near[0].replace('_', '-')}?" if near else f"there are {known}")
        )
    return name


def quota_value(name: str, value: Any) -> int | None:
    """None is without limit."""
    from relay.config import parse_size

    if value is None or (isinstance(value, str) and value.strip().lower() in _UNLIMITED):
        return None
    try:
        number = parse_size(value) if "bytes" in name else int(str(value))
    except ValueError:
        kind = "a size as 500MiB" if "bytes" in name else "a whole number"
        raise ValueError(f"{name.strip()}: expected {kind} or none, not {value!r}") from None
    if number < 0 or isinstance(value, bool):
        raise ValueError(f"{name.strip()}: expected at least 0, not {value!r}")
    return number


def with_quota(before: Quota, changes: Iterable[tuple[str, int | None]], over: OverQuota | None) -> Quota:
    changed: dict[str, Any] = dict(changes)
    if over is not None:
        changed["over"] = over
    return replace(before, **changed)


def describe_quota(given: Quota) -> dict[str, Any]:
    """What has a limit, and what happens beyond it; empty without limits."""
    limits = {name: getattr(given, name) for name in QUOTAS if getattr(given, name) is not None}
    return {**limits, "over": given.over.value} if limits or given.over is not OverQuota.REFUSE else {}


def shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """For a person: `option tags` -> value."""
    return {f"option {name}": option_text(name, value) for name, value in sorted(options.items())}


def shown_limits(described: Mapping[str, Any]) -> dict[str, Any]:
    """For a person, of what `describe_quota` says: `quota messages-hour` -> value."""
    return {f"quota {name.replace('_', '-')}": value for name, value in described.items()}


def quota_of(described: Mapping[str, Any]) -> Quota:
    """What `describe_quota` told of."""
    limits = {name: value for name, value in described.items() if name in QUOTAS}
    return Quota(**limits, over=OverQuota(described.get("over", OverQuota.REFUSE)))
