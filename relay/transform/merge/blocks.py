"""`{if}` and `{foreach}`: what they may hold, and what they do.

A block is filled while its source is read; then `node` gives the closure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from relay.transform.merge.emit import Node, placed
from relay.transform.merge.error import Exhausted, Fault
from relay.transform.merge.expression import Expression, Parser
from relay.transform.merge.state import State, Value
from relay.transform.merge.values import truth


class Block:
    """The whole template, or what stands between two constructs."""

    name = ""
    closes: tuple[str, ...] = ()

    def __init__(self, at: int) -> None:
        self.at = at
        self.nodes: list[Node] = []  # of the branch that is being read

    def continues(self, word: str, parser: Parser, at: int) -> bool:
        """Whether the construct begins another branch of this block. Raises Fault."""
        return False

    def node(self) -> Node:
        raise NotImplementedError


class If(Block):
    name = "if"
    closes = ("/if", "endif")

    def __init__(self, at: int, parser: Parser) -> None:
        super().__init__(at)
        self._branches: list[tuple[Expression, list[Node], int]] = [(parser.expression(), self.nodes, at)]
        self._else: list[Node] | None = None

    def continues(self, word: str, parser: Parser, at: int) -> bool:
        if word not in ("elseif", "else"):
            return False
        if self._else is not None:
            raise Fault(f"{{{word}}} stands after {{else}}", at)
        self.nodes = []
        if word == "else":
            self._else = self.nodes
        else:
            self._branches.append((parser.expression(), self.nodes, at))
        return True

    def node(self) -> Node:
        branches = [(condition, tuple(nodes), at) for condition, nodes, at in self._branches]
        otherwise = tuple(self._else or ())

        def run(state: State) -> None:
            taken = otherwise
            for condition, nodes, at in branches:
                try:
                    state.step()
                    holds = truth(condition(state))
                except Fault as fault:
                    state.failed(placed(fault, at))
                    holds = False
                if holds:
                    taken = nodes
                    break
            for node in taken:
                node(state)

        return run


class Foreach(Block):
    name = "foreach"
    closes = ("/foreach",)

    def __init__(self, at: int, parser: Parser) -> None:
        super().__init__(at)
        self._key = ""
        name = parser.variable_before("in")
        if name:
            self._value, self._list = name, parser.expression()
        else:
            self._list = parser.expression()
            parser.needs("word", "as", "`as $name`")
            self._value = parser.needs("variable", "", "the name of a variable").text
            if parser.takes("sign", "=>"):
                self._key = self._value
                self._value = parser.needs("variable", "", "the name of a variable").text
        self._each = self.nodes
        self._else: list[Node] | None = None

    def continues(self, word: str, parser: Parser, at: int) -> bool:
        if word != "foreachelse":
            return False
        if self._else is not None:
            raise Fault("a second {foreachelse}", at)
        self._else = self.nodes = []
        return True

    def node(self) -> Node:
        found, key, value, at = self._list, self._key, self._value, self.at
        nodes, otherwise = tuple(self._each), tuple(self._else or ())

        def run(state: State) -> None:
            try:
                state.step()
                items = _items(found(state))
            except Fault as fault:
                state.failed(placed(fault, at))
                items = ()
            count = 0
            for name, each in items:
                count += 1
                state.steps -= 1
                if state.steps < 0:
                    raise Exhausted(f"over the limit of {state.limits.steps} steps", at)
                if key:
                    state.own[key] = name
                state.own[value] = each
                for node in nodes:
                    node(state)
            if not count:
                for node in otherwise:
                    node(state)

        return run


def _items(value: Value) -> Iterable[tuple[Value, Value]]:
    """Positions and elements of a list, names and values of an object; nothing of anything else."""
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return enumerate(value)
    return ()
