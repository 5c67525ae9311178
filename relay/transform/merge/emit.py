"""The nodes of a template that are no blocks: texts, values that are printed, assignments."""

from __future__ import annotations

from collections.abc import Callable

from relay.transform.merge.coding import escaped
from relay.transform.merge.error import Exhausted, Fault
from relay.transform.merge.expression import Expression
from relay.transform.merge.state import State
from relay.transform.merge.values import text_of

Node = Callable[[State], None]


def text_node(text: str) -> Node:
    length = len(text)

    def run(state: State) -> None:
        state.size -= length
        if state.size < 0:
            raise Exhausted(f"the output is over the limit of {state.limits.output} characters")
        state.out.append(text)

    return run


def emitted(value: Expression, at: int, mode: str) -> Node:
    """Print a value; `mode`: the escaper it goes through."""
    raw = mode == "null"

    def run(state: State) -> None:
        try:
            state.step()
            found = value(state)
            text = found if type(found) is str else text_of(found)
            state.emit(text if raw else escaped(text, mode, state))
        except Fault as fault:
            state.failed(placed(fault, at))

    return run


def assigned(name: str, value: Expression, at: int) -> Node:
    def run(state: State) -> None:
        try:
            state.step()
            state.own[name] = value(state)
        except Fault as fault:
            state.failed(placed(fault, at))

    return run


def placed(fault: Fault, at: int) -> Fault:
    """The fault, as one of the construct at that offset unless it has a place already."""
    if fault.at is None:
        fault.at = at
    return fault
