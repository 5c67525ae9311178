"""Durations and values of options as a person writes them.

In:  seconds; an option's name and its value in JSON's types, as `Options.as_dict` and the registry have it.
Out: `4h`; the value as a control field, a command and a file take it, so that what is shown can be typed again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from relay.model.clock import iso

_TIMES = frozenset({"send_at", "deliver_by"})
_DURATIONS = frozenset({"deliver_within", "retention"})
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def duration_text(seconds: float) -> str:
    """`4h`, `90min`, `2.5s`: in the largest unit of which it is a whole number."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:.15g}s"


def written(name: str, value: Any) -> Any:
    """An option's value in JSON's types, with its times, durations and windows in words: for a file."""
    if name in _TIMES and isinstance(value, int | float):
        return iso(value)
    if name in _DURATIONS and isinstance(value, int | float):
        return duration_text(value)
    if name == "send_at_each" and isinstance(value, Mapping):
        return {address: iso(at) for address, at in value.items()}
    if name == "retry_schedule":
        return [duration_text(each) for each in value]
    if name == "send_window":
        return [_window(each) for each in value]
    return value


def option_text(name: str, value: Any) -> str:
    """The same on one line: lists with commas, maps and windows in JSON."""
    found = written(name, value)
    if isinstance(found, bool):
        return "yes" if found else "no"
    if name == "send_window":
        plain = len(found) == 1 and isinstance(found[0], str)
        return found[0] if plain else _json(found[0] if len(found) == 1 else found)
    if isinstance(found, Mapping):
        return _json(found)
    if isinstance(found, list | tuple):
        return ("; " if name == "dkim_extra" else ", ").join(map(str, found))
    return "<>" if name == "envelope_from" and found == "" else str(found)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _window(given: Mapping[str, Any]) -> Any:
    if not given["zone"]:
        return f"{iso(given['start'])}/{iso(given['end'])}"
    days = [_DAYS[each] for each in given["days"]]
    whole = len(days) > 2 and list(given["days"]) == list(range(given["days"][0], given["days"][-1] + 1))
    return {
        "dow": f"{days[0]}-{days[-1]}" if whole else ",".join(days),
        "tz": given["zone"],
        "start": _clock(given["start"]),
        "end": _clock(given["end"]),
    }


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{second:02}" if second else "")
