"""Runs the program of a pattern over a text, all ways at once (Thompson 1968; Pike's variant, which keeps groups).

In:  a program, a text and where to begin.
Out: where the first match lies, with its groups; or None.

Its time is at most the text's length times the program's, whatever both are; what it does is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from relay.transform.merge.error import Exhausted
from relay.transform.merge.state import State

_PER_STEP = 4  # ways walked on by one character


class Kind(Enum):
    CHARACTER = 1  # a test
    SPLIT = 2  # two places to go on, the preferred one first
    JUMP = 3  # a place
    SAVE = 4  # the number of a slot for where we are
    ASSERT = 5  # a condition on where we are
    MATCH = 6


Instruction = tuple[Any, ...]  # a Kind and what it needs; places are relative
Slots = tuple[int, ...]


class Assertion:
    """Begin, end, boundary of a word."""

    def __init__(self, written: str) -> None:
        self._match = re.compile(written).match

    def holds(self, text: str, at: int) -> bool:
        return self._match(text, at) is not None


def search(program: list[Instruction], text: str, start: int, state: State) -> list[tuple[int, int]] | None:
    """The leftmost match at or after `start`: spans of all of it and of its groups, (-1, -1) for those not used."""
    slots = 2 + max((each[1] for each in program if each[0] is Kind.SAVE), default=0) // 2 * 2
    empty: Slots = (-1,) * slots
    ways: list[tuple[int, Slots]] = []
    matched: Slots | None = None
    for at in range(start, len(text) + 1):
        if matched is None:  # a match that begins further left is preferred, so this way is the last one
            _enter(program, ways, {pc for pc, _ in ways}, 0, empty, text, at, state)
        if not ways:
            if matched is not None:
                break
            state.step()
            continue
        state.steps -= 1 + len(ways) // _PER_STEP
        if state.steps < 0:
            raise Exhausted(f"over the limit of {state.limits.steps} steps")
        character = text[at : at + 1]
        following: list[tuple[int, Slots]] = []
        seen: set[int] = set()
        for pc, saved in ways:
            instruction = program[pc]
            if instruction[0] is Kind.MATCH:
                matched = saved
                break  # ways after this one are less preferred
            test: Callable[[str], bool] = instruction[1]
            if character and test(character):
                _enter(program, following, seen, pc + 1, saved, text, at + 1, state)
        ways = following
    if matched is None:
        return None
    return [(matched[each], matched[each + 1]) for each in range(0, slots, 2)]


def _enter(
    program: list[Instruction],
    ways: list[tuple[int, Slots]],
    seen: set[int],
    pc: int,
    saved: Slots,
    text: str,
    at: int,
    state: State,
) -> None:
    """Add what can be reached from `pc` without a character, the preferred ways first."""
    waiting = [(pc, saved)]
    walked = 0
    while waiting:
        pc, saved = waiting.pop()
        if pc in seen:
            continue
        seen.add(pc)
        walked += 1
        instruction = program[pc]
        kind = instruction[0]
        if kind is Kind.JUMP:
            waiting.append((pc + instruction[1], saved))
        elif kind is Kind.SPLIT:
            waiting.append((pc + instruction[2], saved))
            waiting.append((pc + instruction[1], saved))
        elif kind is Kind.SAVE:
            slot = instruction[1]
            waiting.append((pc + 1, (*saved[:slot], at, *saved[slot + 1 :])))
        elif kind is Kind.ASSERT:
            if instruction[1].holds(text, at):
                waiting.append((pc + 1, saved))
        else:
            ways.append((pc, saved))
    state.steps -= walked // _PER_STEP
