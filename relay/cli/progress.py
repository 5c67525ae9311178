"""How far long work has come, on standard error: a moving line on a terminal, else a line now and then.

Standard output stays clean for the result.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

EVERY = 10.0  # seconds between lines where there is no terminal


class Progress(Protocol):
    def at(self, done: float, total: float | None = None, doing: str = "") -> None:
        """So much is done; `total` and `doing` stay as they were where they are not given."""


class _Plain:
    """Nothing for what is done quickly."""

    def __init__(self, title: str, unit: str) -> None:
        self._title = title
        self._unit = unit
        self._total: float | None = None
        self._doing = ""
        self._told = time.monotonic()

    def at(self, done: float, total: float | None = None, doing: str = "") -> None:
        self._total = self._total if total is None else total
        self._doing = doing or self._doing
        now = time.monotonic()
        if now - self._told >= EVERY:
            self._told = now
            whole = f" of {_amount(self._total, self._unit)}" if self._total else ""
            about = f" ({self._doing})" if self._doing else ""
            print(f"relay: {self._title}: {_amount(done, self._unit)}{whole}{about}", file=sys.stderr, flush=True)


def _amount(value: float, unit: str) -> str:
    return f"{value / 1e6:.0f} MB" if unit == "bytes" else f"{value:.0f} {unit}".rstrip()


@contextmanager
def progress(title: str, unit: str = "") -> Iterator[Progress]:
    """`unit`: of what is counted; "bytes" is shown in MB."""
    if not sys.stderr.isatty():
        yield _Plain(title, unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, amount="")

        class _Moving:
            def at(self, done: float, total: float | None = None, doing: str = "") -> None:
                described = f"{title}: {doing}" if doing else None
                bar.update(
                    task, completed=done, total=total, amount=_amount(done, unit), description=described, refresh=True
                )

        yield _Moving()
