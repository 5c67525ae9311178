"""Which call a method and a path mean. Pure.

In:  the rows of the table. Out: for a path its call and the parameters in it, decoded.

A literal goes before a parameter, so `/dkimkey/NAME/selector` is never a selector of that name. The paths are a tree
by segment; looking one up costs a few dictionary look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from relay.web.api.call import Call
from relay.web.api.problem import Problem

LONGEST = 8192  # octets of a path


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    calls: dict[str, Call] = field(default_factory=dict)  # by method
    rest: dict[str, Call] = field(default_factory=dict)  # that take all that follows


@dataclass(frozen=True, slots=True)
class Found:
    calls: Mapping[str, Call]  # by method
    values: tuple[str, ...]  # of the parameters, in order


class Routes:
    def __init__(self, calls: Iterable[Call]) -> None:
        self._root = _Node()
        for call in calls:
            self._add(call)

    def find(self, path: str) -> Found | None:
        """`path`: behind the version, as it came: percent-encoded. Raises Problem: it cannot be read."""
        if len(path) > LONGEST:
            raise Problem("bad_request", f"the path is over {LONGEST} characters")
        segments = path.strip("/").split("/") if path.strip("/") else []
        return _find(self._root, [_decoded(each) for each in segments], ())

    def _add(self, call: Call) -> None:
        node = self._root
        for segment in call.path.strip("/").split("/"):
            if segment.endswith("*}"):
                _put(node.rest, call)
                return
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        _put(node.calls, call)


def names(call: Call) -> list[str]:
    """The names of the parameters in its path, in order."""
    return [each.strip("{*}") for each in call.path.split("/") if each.startswith("{")]


def _put(calls: dict[str, Call], call: Call) -> None:
    if call.method in calls:
        raise ValueError(f"two calls are {call.method} {call.path}")
    calls[call.method] = call


def _find(node: _Node, segments: list[str], values: tuple[str, ...]) -> Found | None:
    if not segments:
        return Found(node.calls, values) if node.calls else None
    first, rest = segments[0], segments[1:]
    if (below := node.literals.get(first)) is not None and (found := _find(below, rest, values)) is not None:
        return found
    if node.parameter is not None and first and (found := _find(node.parameter, rest, (*values, first))) is not None:
        return found
    return Found(node.rest, (*values, "/".join(segments))) if node.rest else None


def _decoded(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("bad_request", "the path is not UTF-8") from error
