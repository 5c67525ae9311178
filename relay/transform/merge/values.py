"""Values of the template language: how they are printed, counted with, compared and looked into.

Values are what JSON has; a missing one is None. No function here reaches an attribute or calls anything of a value.

    text      a missing value is empty, true and false are `true` and `false`, lists and objects are empty
    number    what is missing or no number counts as 0; a text that is a number counts as that number
    truth     the empty text, 0, "0", false, nothing, and lists and objects without elements are false; all else true
    equal     numbers (and texts beside a number) by value, texts letter by letter
    order     as numbers where either is one or both read as one; else as texts
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import islice

from relay.transform.merge.error import Fault
from relay.transform.merge.state import State, Value

_NUMBER = re.compile(
    r"[ \t\r\n]{0,20}[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?[ \t\r\n]{0,20}", re.A
)
WIDE = 1 << 63  # whole numbers from here on are counted with as fractions


def text_of(value: Value) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -WIDE < value < WIDE else _text_of_float(_float(value))
    if isinstance(value, float):
        return _text_of_float(value)
    return ""


def _text_of_float(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")


def number_of(value: Value) -> int | float:
    return _number(value) or 0


def _number(value: Value) -> int | float | None:
    """None where it is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -WIDE < value < WIDE else _float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        try:
            number: int | float = int(value)
        except ValueError:
            number = float(value)
        return number if -WIDE < number < WIDE else _finite(float(number))
    return None


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Fault("a number is too large to count with") from None


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise Fault("a number is too large to count with")
    return value


def truth(value: Value) -> bool:
    if isinstance(value, str):
        return value not in ("", "0")
    return bool(value)


def calculate(sign: str, left: Value, right: Value) -> int | float:
    """`left sign right`. Raises Fault: division by zero, or too large a result."""
    one, two = number_of(left), number_of(right)
    if sign in "/%" and two == 0:
        raise Fault("division by zero")
    result: int | float
    if sign == "+":
        result = one + two
    elif sign == "-":
        result = one - two
    elif sign == "*":
        result = one * two
    elif sign == "%":  # the sign is that of the left one, as in most languages that people know it from
        both = isinstance(one, int) and isinstance(two, int)
        result = (abs(one) % abs(two)) * (1 if one >= 0 else -1) if both else math.fmod(one, two)
    else:
        whole = isinstance(one, int) and isinstance(two, int) and one % two == 0
        result = one // two if whole else one / two
    if isinstance(result, int):
        return result if -WIDE < result < WIDE else _float(result)
    return _finite(result)


def equal(left: Value, right: Value, state: State) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        if len(left) > 64:
            state.spend(len(left))
        return left == right
    if left is None or right is None:
        other = right if left is None else left
        return not truth(other) and other != "0"
    if isinstance(left, bool) or isinstance(right, bool):
        return truth(left) is truth(right)
    if many(left) or many(right):
        return many(left) and many(right) and _same(left, right, state)
    one, two = _number(left), _number(right)
    if one is not None and two is not None:
        return one == two
    return text_of(left) == text_of(right)


def less(left: Value, right: Value, state: State) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        one, two = _number(left), _number(right)
        if one is None or two is None:
            state.spend(min(len(left), len(right)))
            return left < right
        return one < two
    return number_of(left) < number_of(right)


def many(value: Value) -> bool:
    return isinstance(value, list | tuple | Mapping)


def _same(left: Value, right: Value, state: State) -> bool:
    """Whether lists or objects have the same in them; each element is a step, and none is a call within a call."""
    waiting = [(left, right)]
    while waiting:
        one, two = waiting.pop()
        state.step()
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            if len(one) != len(two) or any(name not in two for name in one):
                return False
            waiting += [(value, two[name]) for name, value in one.items()]
        elif isinstance(one, list | tuple) and isinstance(two, list | tuple):
            if len(one) != len(two):
                return False
            waiting += zip(one, two, strict=True)
        elif many(one) or many(two) or not equal(one, two, state):
            return False
    return True


def size(value: Value) -> int:
    """Elements of a list or an object; 0 for all else."""
    return len(value) if many(value) else 0


def spellings(name: str) -> tuple[str, ...]:
    """How a name may be written in the data: as it is, with dashes, with underscores."""
    return tuple(dict.fromkeys((name, name.replace("_", "-"), name.replace("-", "_"))))


def variable(state: State, names: tuple[str, ...]) -> Value:
    for name in names:
        if name in state.own:
            return state.own[name]
        if name in state.data:
            return state.data[name]
    return None


def member(value: Value, names: tuple[str, ...]) -> Value:
    if isinstance(value, Mapping):
        for name in names:
            if name in value:
                return value[name]
    return None


def element(value: Value, index: Value, state: State) -> Value:
    """By position from 0; of an object by name, and where there is no such name by position."""
    if isinstance(value, Mapping):
        name = text_of(index)
        if name in value:
            return value[name]
    elif not isinstance(value, list | tuple):
        return None
    place = _number(index)
    if place is None or place != int(place) or not 0 <= place < len(value):
        return None
    if isinstance(value, Mapping):
        state.spend(int(place))
        return next(islice(value.values(), int(place), None))
    return value[int(place)]


def flattened(value: Value, state: State) -> list[str]:
    """All that is in a list or object, without the keys, as texts."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        state.step()
        if many(each):
            waiting += reversed(list(each.values() if isinstance(each, Mapping) else each))
        else:
            found.append(text_of(each))
    return found
