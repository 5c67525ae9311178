"""Gather what one door says of options: names and values in, one value an option out.

In:  names as they were written, with their values, in order.
Out: values by option with where each came from, and warnings; or Refused.

Two values of one option at one door: of a plain value the first counts, with a warning; lists are joined, maps
merged (`Repeat`). An empty value sets nothing.

Why so: `on_invalid` is about names nobody knows and about values that concern looks or statistics. A bad value of
an option that decides who gets a mail, when, how safely, or what is kept of it is refused in any case: sent
otherwise than asked is worse than not sent, and the sender hears of it at once. A message can make `on_invalid`
stricter, never laxer, since headers may be written by whoever can make the application send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.model.account import OnInvalid
from relay.model.address import printable
from relay.model.reply import Refused
from relay.submission.control.carrier import KEYS, MANY_KEYS, check_json, parse_json
from relay.submission.control.grammar import is_json, squeezed
from relay.submission.control.labels import metadata_key, metadata_value
from relay.submission.control.option import Door, Option
from relay.submission.control.registry import BY_NAME, CARRIER, GROUPS, METADATA, find, named, unknown

HINTED = 5  # unknown names of a message that are told the nearest one, which takes a while to find

_STRICTEST = (OnInvalid.REJECT, OnInvalid.WARN, OnInvalid.IGNORE)
_BROKEN = re.compile(r"[\x00\r\n]")
_CARRIER = squeezed(CARRIER)
_FAMILY = METADATA.lower()


@dataclass(frozen=True, slots=True)
class Given:
    """What a door said. Times may be counted from now (`times.After`)."""

    values: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    strict: bool = False  # the message itself asked for `on_invalid: reject`


NOTHING_GIVEN = Given()


@dataclass(frozen=True, slots=True)
class _Fault:
    text: str
    safety: bool


class Collector:
    """One door's options, while they are read."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._values: dict[str, list[tuple[str, Any]]] = {}
        self._faults: list[_Fault] = []
        self._warnings: list[str] = []

    def warn(self, text: str) -> None:
        self._warnings.append(text)

    def fault(self, text: str, *, safety: bool = False) -> None:
        self._faults.append(_Fault(text, safety))

    def add(self, written: str, name: str, value: Any, *, inside: bool = False) -> None:
        """A name and its value. `written`: how faults call it; `inside`: it stands in a JSON object of options."""
        json = inside or self._door is not Door.HEADER
        if isinstance(value, str) and _BROKEN.search(value) and not (json and _many_lines(name)):
            self.fault(f"{written}: a value has no NUL, CR or LF in it", safety=True)
            return
        key = squeezed(name)
        if key == _CARRIER and not inside:
            self._expand(written, value, BY_NAME)
        elif key in GROUPS and (find(name) is None or _is_object(value)):
            self._expand(written, value, GROUPS[key])
        elif name.lower().replace("_", "-").startswith(_FAMILY) and self._door is Door.HEADER and not inside:
            self._pair(written, name[len(_FAMILY) :].lower(), value)
        else:
            self._one(written, name, value, json=json)

    def finish(self, rule: OnInvalid) -> Given:
        """All of it together.

        Raises:
            Refused: 554 5.6.0 an unknown name or a bad value, as `on_invalid` has it.
        """
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for name, given in self._values.items():
            option = BY_NAME[name]
            try:
                values[name] = option.together([value for _, value in given])
            except ValueError as error:
                self.fault(f"{given[0][0]}: {error}", safety=option.safety)
                continue
            sources[name] = f"{self._door.value} {given[0][0]}"
            self._compare(option, given)
        asked = values.pop("on_invalid", None)
        sources.pop("on_invalid", None)
        self._judge(rule if asked is None else min(rule, asked, key=_STRICTEST.index))
        return Given(values, sources, tuple(self._warnings), asked is OnInvalid.REJECT)

    def _one(self, written: str, name: str, value: Any, *, json: bool = True) -> None:
        found = named(name)
        if found is None:
            hint = len(self._faults) < HINTED
            self.fault(f"{written}: {unknown(name, header=self._door is Door.HEADER, hint=hint)}")
            return
        option = found.option
        if _empty(value) and not (json and option.empty and value == ""):
            return
        if self._door not in option.doors:
            self.fault(f"{written}: {option.name} is set on the credential, not by a message", safety=True)
            return
        try:
            check_json(value, lines=option.lines, keys=MANY_KEYS if self._door is Door.PROPERTY else KEYS)
            read = found.read(value)
        except ValueError as error:
            self.fault(f"{written}: {error}", safety=option.safety)
            return
        if read is not None:
            self._values.setdefault(option.name, []).append((written, read))

    def _expand(self, written: str, value: Any, members: Mapping[str, Any]) -> None:
        """A JSON object of several options: all there are, or those of a group."""
        if _empty(value):
            return
        try:
            inside = parse_json(value, lines=True) if isinstance(value, str) else value
            check_json(inside, lines=True)  # `_one` asks of each whether it may
        except ValueError as error:
            self.fault(f"{written}: {error}", safety=True)  # which options it would have set, nobody knows
            return
        if not isinstance(inside, Mapping):
            self.fault(f"{written}: expected a JSON object", safety=True)
            return
        for name, each in inside.items():
            where = f"{written}, {printable(str(name), 40)}"
            if members is BY_NAME:
                self.add(where, str(name), each, inside=True)
            elif (member := members.get(squeezed(str(name)))) is not None:
                self._one(where, member, each)
            else:
                self.fault(f"{where}: not known there; {', '.join(members)} are")

    def _pair(self, written: str, key: str, value: Any) -> None:
        if _empty(value):
            return
        try:
            found = {metadata_key(key): metadata_value(value)}
        except ValueError as error:
            self.fault(f"{written}: {error}")
            return
        self._values.setdefault("metadata", []).append((written, found))

    def _compare(self, option: Option, given: list[tuple[str, Any]]) -> None:
        """Warn of values that do not count."""
        if option.repeats:
            return
        first, value = given[0]
        for written, other in given[1:]:
            if other != value:
                self.warn(f"{written}: {option.name} was set by {first} already; the first one counts")

    def _judge(self, rule: OnInvalid) -> None:
        refused = [each for each in self._faults if each.safety or rule is OnInvalid.REJECT]
        if refused:
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            raise Refused(554, "5.6.0", refused[0].text + more)
        if rule is OnInvalid.WARN:
            self._warnings += [f"{each.text}; left out" for each in self._faults]


def _many_lines(name: str) -> bool:
    option = find(name)
    return option is not None and option.lines


def _is_object(value: Any) -> bool:
    return is_json(value, "{") if isinstance(value, str) else isinstance(value, Mapping)


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {}, ()) or (isinstance(value, str) and not value.strip())


def read_properties(properties: Mapping[str, Any], rule: OnInvalid) -> Given:
    """The options among the properties of a request, or of a JSON object of any kind.

    Raises:
        Refused: 554 5.6.0 an unknown name or a bad value, as `on_invalid` has it.
    """
    collector = Collector(Door.PROPERTY)
    for name, value in properties.items():
        collector.add(printable(name, 60), name, value)
    return collector.finish(rule)
