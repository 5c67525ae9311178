"""The long part of the faults, one module a scenario.

A scenario is a function `run(stage, report) -> None`: it plays rounds while `stage.rounds()` gives them and hands
in lines with `report.add`. Its module's name is the scenario's, the first line of its docstring is its title. What
several scenarios share lies beside this package, not in it. Whatever one raises is a fault in the report, and the
others go on.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.faults.report import Report
from tests.faults.stage import Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    run: Callable[[Stage, Report], None]


def scenarios() -> Mapping[str, Scenario]:
    """All there are, by name."""
    found = {}
    for each in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{each.name}")
        title = (module.__doc__ or "").partition("\n")[0]
        found[each.name] = Scenario(each.name, title, module.run)
    return dict(sorted(found.items()))
