"""A JSON object of a document: its properties, each read with what it may be, and told where it stands if it is not.

In:  an object, its path, and where remarks go.
Out: values; DocumentError with the path; a remark for each property that nobody asked for.

Why so: a document is written by hand or by another's editor, and is larger than what anybody checks by eye. A wrong
value stops it, since the mail would not be the one that was meant; a property we do not know is told and left out,
as documents carry notes of their editors.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence

from relay.transform.responsive.error import DocumentError
from relay.transform.responsive.placeholders import check

WARNINGS = 100  # told of one document
_NUMBER = re.compile(r"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*(?:px)?\s*", re.IGNORECASE)


class Remarks:
    """What is odd about a document, and does not stop it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def add(self, path: str, what: str) -> None:
        text = f"{path or '/'}: {what}"
        if len(self.told) < WARNINGS and text not in self.told:
            self.told.append(text)


def pointer(path: str, name: str | int) -> str:
    return f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"


class Node:
    """A property that is null is as one that is missing."""

    def __init__(self, value: Mapping[str, object], path: str, remarks: Remarks) -> None:
        self.path = path
        self.remarks = remarks
        self._value = value
        self._asked: set[str] = set()

    def raw(self, name: str) -> object:
        self._asked.add(name)
        return self._value.get(name)

    def has(self, name: str) -> bool:
        return self.raw(name) is not None

    def at(self, name: str | int) -> str:
        return pointer(self.path, name)

    def error(self, name: str, what: str) -> DocumentError:
        return DocumentError(self.at(name), what)

    def warn(self, name: str, what: str) -> None:
        self.remarks.add(self.at(name), what)

    def names(self) -> list[str]:
        """Of all properties that are there."""
        self._asked.update(self._value)
        return [name for name, value in self._value.items() if value is not None]

    def text(self, *names: str) -> str:
        """A template; the first of these names that is there; "" if none is."""
        for name in names:
            value = self.raw(name)
            if value is not None:
                return check(text_of(value, self.at(name)), self.at(name))
        return ""

    def line(self, *names: str) -> str:
        """A text on one line, without control characters."""
        text = self.text(*names)
        if any(each < " " and each != "\t" for each in text):
            raise self.error(names[0], "expected one line, without control characters")
        return text

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value = self.raw(name)
        return default if value is None else number_of(value, self.at(name), least, most)

    def flag(self, name: str) -> bool:
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        if value in (0, 1, "0", "1", "true", "false"):
            return value in (1, "1", "true")
        raise self.error(name, "expected true or false")

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        value = self.raw(name)
        if value is None:
            return default
        text = text_of(value, self.at(name)).strip().lower()
        if text not in allowed:
            raise self.error(name, f"expected one of {', '.join(allowed)}{near(text, allowed)}")
        return text

    def child(self, name: str) -> Node | None:
        value = self.raw(name)
        return None if value is None else self.node_of(value, self.at(name))

    def entries(self, name: str) -> list[tuple[object, str]]:
        """The values of an array, with their paths."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            raise self.error(name, "expected an array")
        path = self.at(name)
        return [(each, pointer(path, number)) for number, each in enumerate(value)]

    def node_of(self, value: object, path: str) -> Node:
        if not isinstance(value, Mapping):
            raise DocumentError(path, "expected an object")
        return Node(value, path, self.remarks)

    def finish(self, *others: str) -> None:
        """Tell of what nobody asked for; `others` are known, and mean nothing here."""
        known = sorted({*self._asked, *others})
        for name in self._value:
            if name not in known:
                self.warn(name, f"there is no property {name[:40]!r} here{near(name, known)}")


def near(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name[:60], known, n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def text_of(value: object, path: str) -> str:
    """A text, or a number as one."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DocumentError(path, "half a character (a lone surrogate), which no text can have") from None
        return value.replace("\x00", "")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise DocumentError(path, "expected a text")


def number_of(value: object, path: str, least: float, most: float) -> float:
    """A number, also one that is written as a text, with or without `px`."""
    number: float = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = value  # as it is: a whole number may be too large for a float
    elif isinstance(value, str) and (found := _NUMBER.fullmatch(value)):
        number = float(found[1])
    if not least <= number <= most:
        raise DocumentError(path, f"expected a number from {least:g} to {most:g}")
    return float(number)
