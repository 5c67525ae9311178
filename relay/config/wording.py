"""What is wrong with a value, in an operator's words. No IO.

In:  an error of pydantic. Out: what was expected, and what stands there instead.

A value that may be a secret is never repeated.
"""

from __future__ import annotations

from typing import Any

SHOWN = 60  # characters of a value

_EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "path_type": "a path",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def worded(error: Any) -> str:
    kind, context, value = error["type"], error.get("ctx") or {}, error["input"]
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {_shown(value)}"
    if kind in ("enum", "literal_error"):
        return f"expected {context['expected']}, not {_shown(value)}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"must be {words} {context[key]:g}, not {_shown(value)}"
    if kind == "string_type":  # it may have been a password of digits alone
        return "expected text; put quotes around it"
    if kind in ("model_type", "model_attributes_type"):
        return "expected keys and values"
    if kind == "too_short":
        return "must not be empty"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
