"""Options that several commands share, as one value.

In:  a command with a parameter whose type is a dataclass; its fields are options, `Annotated` as typer has them.
Out: the same command for typer, with the fields in the place of the parameter.

Why so: typer knows a parameter an option. Written out, the twenty options of a credential would stand in each command
that takes them, and be passed on one by one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints


def gather(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is a dataclass by its fields."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    values: dict[str, type] = {}
    for each in inspect.signature(command).parameters.values():
        kind = hints[each.name]
        if isinstance(kind, type) and is_dataclass(kind):
            values[each.name] = kind
            parameters += _options(kind)
        else:
            parameters.append(each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {
            name: kind(**{each.name: given.pop(each.name) for each in fields(kind)}) for name, kind in values.items()
        }
        command(**given, **made)

    del run.__dict__["__wrapped__"]  # typer would look at what it wraps
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _options(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(kind)
    ]
