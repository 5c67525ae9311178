"""What can be wrong with a template, and where.

`Fault` is raised inside, by whoever sees it; callers get a `TemplateError`: with line, column and the construct.
"""

from __future__ import annotations

from relay.model.address import printable

SHOWN = 60  # characters of a construct that are told
TOLD = 400  # of the whole


class Fault(Exception):
    """Something is wrong at `at` (an offset into the source; None: whoever knows it fills it in)."""

    def __init__(self, what: str, at: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.at = at


class Exhausted(Fault):
    """A limit is reached: the rendering ends, whatever is thought of its other faults."""


class TemplateError(Exception):
    """A template that cannot be compiled or rendered. Its text is one printable line, fit for a reply."""

    def __init__(self, what: str, line: int = 0, column: int = 0, construct: str = "", place: str = "") -> None:
        self.what = what
        self.line = line  # from 1; 0: nowhere in particular
        self.column = column  # in characters, from 1
        self.construct = construct
        self.place = place  # "Subject", "the html part"; empty where there is one text only
        super().__init__(printable(self._text(), TOLD))

    def _text(self) -> str:
        where = f"line {self.line}, column {self.column}" if self.line else ""
        where = ", ".join(each for each in (self.place, where) if each)
        named = f": {_cut(self.construct)}" if self.construct else ""
        return f"{where}: {self.what}{named}" if where else f"{self.what}{named}"

    def within(self, place: str) -> TemplateError:
        """The same, told as one of this place."""
        return TemplateError(self.what, self.line, self.column, self.construct, place)


def _cut(construct: str) -> str:
    construct = construct.rstrip()  # one without an end goes on to the next line
    return construct if len(construct) <= SHOWN else construct[:SHOWN] + "..."


def located(source: str, fault: Fault) -> TemplateError:
    """The fault with line and column, and the construct that begins there."""
    if fault.at is None:
        return TemplateError(fault.what)
    at = min(fault.at, len(source))
    line = source.count("\n", 0, at) + 1
    column = at - (source.rfind("\n", 0, at) + 1) + 1
    end = source.find("}", at, at + 4 * SHOWN)
    shown = source[at : end + 1] if end >= 0 else source[at : at + SHOWN]
    return TemplateError(fault.what, line, column, shown)
