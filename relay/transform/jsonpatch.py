"""JSON Patch (RFC 6902) with JSON Pointer (RFC 6901): a document of JSON's types, changed by a list of operations.

In:  a document, and operations as they came: both decoded JSON, nothing of them trusted.
Out: another document; or `PatchError`, which names the operation and its member. What came in is never changed.

    changed = patched(document, [{"op": "replace", "path": "/from/name", "value": "Shop"}])
    value = found(document, "/content/blocks/0")

All operations hold or none does (RFC 6902 section 5). A member that an operation does not need is passed over
(section 4), one that it needs and lacks is an error. To remove the whole document is an error, too: nothing is left
that an operation after it could mean.

Why so: written here, since the libraries for it leave open what a patch may cost. `copy` doubles a document with each
operation, so values that come to be are counted, and a document is no deeper than what reads it can bear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

OPERATIONS: Final = 1000  # of one patch
VALUES: Final = 200_000  # that operations make, or move further down, of one patch
DEPTH: Final = 100  # of objects and arrays in one another

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")  # no leading zero (RFC 6901 section 4)
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


class PointerError(ValueError):
    """No pointer, or it leads nowhere."""


class PatchError(ValueError):
    """An operation that cannot be done. `number` is from 0, as JSON counts; `member` is the one at fault, or ""."""

    def __init__(self, text: str, number: int = -1, member: str = "") -> None:
        super().__init__(text)
        self.number = number
        self.member = member

    @property
    def pointer(self) -> str:
        """Into the patch."""
        where = "" if self.number < 0 else f"/{self.number}"
        return f"{where}/{self.member}" if self.member else where


class _Member(ValueError):
    def __init__(self, member: str, text: str) -> None:
        super().__init__(text)
        self.member = member


def tokens(pointer: str) -> tuple[str, ...]:
    """The reference tokens of a pointer (RFC 6901 section 3). Raises PointerError."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise PointerError(f"{_shown(pointer)} is no JSON pointer: it begins with / or is empty")
    if _BAD_ESCAPE.search(pointer):
        raise PointerError(f"{_shown(pointer)} is no JSON pointer: ~ stands before 0 or 1 only")
    return tuple(each.replace("~1", "/").replace("~0", "~") for each in pointer[1:].split("/"))


def pointer(parts: Sequence[str | int]) -> str:
    """The pointer of reference tokens."""
    return "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in parts)


def found(document: Any, path: str) -> Any:
    """The value at a pointer. Raises PointerError."""
    return _at(document, tokens(path))


def patched(document: Any, operations: Any) -> Any:
    """Raises PatchError."""
    if not isinstance(operations, list):
        raise PatchError("a patch is an array of operations")
    if len(operations) > OPERATIONS:
        raise PatchError(f"a patch has at most {OPERATIONS} operations, this one has {len(operations)}")
    try:
        work = _Work(document)
    except _Member as error:
        raise PatchError(str(error)) from None
    for number, each in enumerate(operations):
        try:
            work.apply(each)
        except _Member as error:
            raise PatchError(f"operation {number}: {error}", number, error.member) from None
    return work.document


class _Work:
    """A document under way. Containers that came in are copied before they are changed."""

    def __init__(self, document: Any) -> None:
        self._left = VALUES
        self.document = self._copied(document, 0, "path", count=False)

    def apply(self, operation: Any) -> None:
        """Raises _Member."""
        if not isinstance(operation, Mapping):
            raise _Member("", "an operation is an object")
        op = operation.get("op")
        act = _ACTS.get(op) if isinstance(op, str) else None
        if act is None:
            raise _Member("op", f"op is one of {', '.join(_ACTS)}")
        act(self, operation)

    def add(self, operation: Mapping[str, Any]) -> None:
        path = _path(operation, "path")
        self._put(path, self._copied(_value(operation), len(path), "value"))

    def remove(self, operation: Mapping[str, Any]) -> None:
        self._take(_path(operation, "path"), "path")

    def replace(self, operation: Mapping[str, Any]) -> None:
        path = _path(operation, "path")
        value = self._copied(_value(operation), len(path), "value")
        if not path:
            self.document = value
            return
        self._get(path, "path")
        parent = self._get(path[:-1], "path")
        parent[int(path[-1]) if isinstance(parent, list) else path[-1]] = value

    def move(self, operation: Mapping[str, Any]) -> None:
        source, path = _path(operation, "from"), _path(operation, "path")
        if path[: len(source)] == source:
            self._get(source, "from")
            if len(path) > len(source):
                raise _Member("path", "a value cannot be moved into itself")
            return  # to where it is (section 4.4: removed and added again)
        if len(path) > len(source):
            self._deep(self._get(source, "from"), len(path))
        self._put(path, self._take(source, "from"))

    def copy(self, operation: Mapping[str, Any]) -> None:
        source, path = _path(operation, "from"), _path(operation, "path")
        self._put(path, self._copied(self._get(source, "from"), len(path), "from"))

    def test(self, operation: Mapping[str, Any]) -> None:
        path, wanted = _path(operation, "path"), _value(operation)
        if not equal(self._get(path, "path"), wanted):
            raise _Member("value", f"test failed: the value at {_shown(pointer(path))} is another")

    def _get(self, path: tuple[str, ...], member: str) -> Any:
        try:
            return _at(self.document, path)
        except PointerError as error:
            raise _Member(member, str(error)) from None

    def _put(self, path: tuple[str, ...], value: Any) -> None:
        if not path:
            self.document = value
            return
        parent, last = self._get(path[:-1], "path"), path[-1]
        if isinstance(parent, dict):
            parent[last] = value
        elif isinstance(parent, list):
            if last != "-" and (not _INDEX.fullmatch(last) or int(last) > len(parent)):
                raise _Member("path", _nothing(path, f"an array of {len(parent)} takes 0 to {len(parent)}, or -"))
            parent.insert(len(parent) if last == "-" else int(last), value)
        else:
            raise _Member("path", _nothing(path, "what holds it is no object and no array"))

    def _take(self, path: tuple[str, ...], member: str) -> Any:
        if not path:
            raise _Member(member, "the whole document cannot be removed")
        value = self._get(path, member)
        parent = self._get(path[:-1], member)
        del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
        return value

    def _copied(self, value: Any, depth: int, member: str, *, count: bool = True) -> Any:
        """A copy that shares nothing that could be changed. Raises _Member."""
        if count:
            self._left -= 1
            if self._left < 0:
                raise _Member(member, f"the operations make over {VALUES} values")
        if depth > DEPTH:
            raise _Member(member, f"the document is deeper than {DEPTH}")
        if isinstance(value, Mapping):
            return {name: self._copied(each, depth + 1, member, count=count) for name, each in value.items()}
        if isinstance(value, list):
            return [self._copied(each, depth + 1, member, count=count) for each in value]
        return value

    def _deep(self, value: Any, depth: int) -> None:
        """Looking counts as making does. Raises _Member."""
        self._left -= 1
        if self._left < 0:
            raise _Member("from", f"the operations make or move over {VALUES} values")
        if depth > DEPTH:
            raise _Member("path", f"the document is deeper than {DEPTH}")
        if isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                self._deep(each, depth + 1)


_ACTS: Final[Mapping[str, Callable[[_Work, Mapping[str, Any]], None]]] = {
    "add": _Work.add,
    "remove": _Work.remove,
    "replace": _Work.replace,
    "move": _Work.move,
    "copy": _Work.copy,
    "test": _Work.test,
}


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON (section 4.6): numbers by value, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(each, other[name]) for name, each in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def _at(document: Any, path: Sequence[str]) -> Any:
    value = document
    for each in path:
        if isinstance(value, dict) and each in value:
            value = value[each]
        elif isinstance(value, list) and _INDEX.fullmatch(each) and int(each) < len(value):
            value = value[int(each)]
        else:
            raise PointerError(_nothing(path, ""))
    return value


def _path(operation: Mapping[str, Any], member: str) -> tuple[str, ...]:
    given = operation.get(member)
    if not isinstance(given, str):
        raise _Member(member, f"{member} is a JSON pointer, a text")
    try:
        return tokens(given)
    except PointerError as error:
        raise _Member(member, str(error)) from None


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise _Member("value", "value is missing")
    return operation["value"]


def _nothing(path: Sequence[str], why: str) -> str:
    text = f"there is nothing at {_shown(pointer(path))}"
    return f"{text}: {why}" if why else text


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:97] + "...")
