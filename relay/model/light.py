"""`light`: the frozen dataclass of what is made anew for every message.

In:  a class, with the arguments of `dataclasses.dataclass`.
Out: for the type checker a frozen dataclass; at run time the same without the guard.

Why so: the guard makes `__init__` set every field through `object.__setattr__`, which costs three times as much, and
a message is a hundred and fifty fields from its arrival to its end. A change of a value is refused by the type
checker all the same, before the program runs. Values that live longer than a message keep the guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as light
else:
    from dataclasses import dataclass

    def light(*, frozen=True, **given):
        return dataclass(unsafe_hash=frozen, **given)


__all__ = ["light"]
