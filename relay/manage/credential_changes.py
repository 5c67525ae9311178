"""What a request changes in a credential or a preset. No IO.

In:  a credential as it is, and properties in JSON's types.
Out: the credential as it shall be, or `Wrong` naming the property.

A change is a JSON Merge Patch (RFC 7396): a property that is not given stays; of `options`, `quota` and `allowed`
each member is changed alone, and null takes it away; lists are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from relay.config import parse_duration
from relay.manage import rules
from relay.manage.credentials import check_note
from relay.manage.wrong import Wrong
from relay.model.account import ControlHeaders, Credential, OnInvalid, OverQuota, Preset, Quota
from relay.submission.control.option import Door

T = TypeVar("T")


def changed(before: Credential, given: Mapping[str, Any], presets: Iterable[Preset]) -> Credential:
    """`presets`: those of the account. Raises Wrong."""
    known = {each.name.lower(): each.name for each in presets}
    plain = {name: given[name] for name in ("note", "sandbox", "refuse_suppressed", "disabled") if name in given}
    check_note(plain.get("note", ""))
    if "control_headers" in given:
        plain["control_headers"] = _read("control_headers", ControlHeaders, given["control_headers"])
    if "on_invalid" in given:
        plain["on_invalid"] = _read("on_invalid", OnInvalid, given["on_invalid"])
    if "lifetime" in given:
        plain["lifetime"] = _lifetime(given["lifetime"])
    for name, read in (("grants", rules.grant), ("forbidden", rules.forbidden)):
        if name in given:
            plain[name] = frozenset(_each(name, read, given[name]))
    if "presets" in given:
        plain["presets"] = frozenset(_each("presets", lambda text: _preset(text, known), given["presets"]))
    return replace(
        before,
        **plain,
        options=options(before.options, given.get("options", {}), Door.CREDENTIAL),
        allowed=_allowed(before.allowed, given.get("allowed", {})),
        quota=_quota(before.quota, given.get("quota", {})),
    )


def options(before: Mapping[str, Any], given: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """Defaults with these changes; null takes one away. Raises Wrong."""
    found = dict(before)
    for name, value in given.items():
        field = f"options.{name}"
        if value is None:
            found.pop(_read(field, rules.option_name, name), None)
            continue
        found.update(_read(field, partial(rules.settings_of, door=door), {name: value}))
    return found


def _read(field: str, read: Callable[[Any], T], value: Any) -> T:
    try:
        return read(value)
    except Wrong:
        raise
    except (ValueError, TypeError) as error:
        raise Wrong(field, str(error)) from error


def _each(field: str, read: Callable[[str], str], values: Sequence[str]) -> list[str]:
    return [_read(f"{field}[{number}]", read, value) for number, value in enumerate(values)]


def _preset(text: str, known: Mapping[str, str]) -> str:
    if text.lower() not in known:
        raise ValueError(
            f"there is no preset {text[:64]!r}" + (f"; there are {', '.join(known.values())}" if known else "")
        )
    return known[text.lower()]


def _lifetime(value: Any) -> float | None:
    if value is None:
        return None
    seconds = float(_read("lifetime", parse_duration, value))
    if not 0 < seconds < 1e9:
        raise Wrong("lifetime", "a lifetime is more than 0 seconds, as 1d, or null")
    return seconds


def _allowed(before: Mapping[str, tuple[str, ...]], given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found = dict(before)
    for name, values in given.items():
        field = f"allowed.{name}"
        known = _read(field, rules.listed_option, name)
        found.pop(known, None)
        if values:
            read = _each(field, partial(_listed, known), values)
            found[known] = tuple(dict.fromkeys(read))
    return found


def _listed(name: str, value: str) -> str:
    if not value.strip() or len(value) > 1000:
        raise ValueError("expected a value of 1 to 1000 characters")
    return rules.listed_value(name, value.strip())


def _quota(before: Quota, given: Mapping[str, Any]) -> Quota:
    changes: list[tuple[str, int | None]] = []
    over = None
    for name, value in given.items():
        field = f"quota.{name}"
        if name == "over":
            over = OverQuota.REFUSE if value is None else _read(field, OverQuota, value)
            continue
        known = _read(field, rules.quota_name, name)
        number: int | None = _read(field, partial(rules.quota_value, known), value)
        if number is not None and number >= 1 << 62:
            raise Wrong(field, "that is more than can be counted")
        changes.append((known, number))
    return rules.with_quota(before, changes, over)
