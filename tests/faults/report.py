"""What a soak found: one line for each thing that was done, with what came of it.

In:  lines from scenarios, as they end.
Out: a table in Markdown, the same as JSON, and whether all is well: nothing lost, and no fault named.

Units: seconds, megabytes (10^6 octets), milliseconds for p99. What a line did not measure is left empty, so that
a nought is always a measured one.
"""

from __future__ import annotations

import json
import platform
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FAULTS = 20  # shown of one line; the JSON has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    room: str  # the scenario: "kill", "power", "peers"
    what: str  # what was done, in a few words
    times: int  # how often
    seconds: float = 0.0
    accepted: int | None = None  # messages answered 250
    delivered: int | None = None
    returned: int | None = None
    queued: int | None = None  # at the end
    refused: int | None = None  # answered 4xx
    lost: int | None = None
    twice: int | None = None  # more than once at the far end
    memory: float | None = None  # the most that all processes had, megabytes
    p99: float | None = None  # of a submission, milliseconds
    faults: tuple[str, ...] = ()  # what should not be; any fails the run
    more: dict[str, Any] = field(default_factory=dict)  # figures of this scenario alone

    @property
    def well(self) -> bool:
        return not self.lost and not self.faults


COLUMNS: tuple[tuple[str, str], ...] = (
    ("room", "what"),
    ("what", ""),
    ("times", "times"),
    ("accepted", "accepted"),
    ("delivered", "delivered"),
    ("returned", "returned"),
    ("queued", "queued"),
    ("refused", "4xx"),
    ("lost", "lost"),
    ("twice", "twice"),
    ("memory", "MB"),
    ("p99", "p99 ms"),
    ("seconds", "s"),
)


class Report:
    """Grows line by line; scenarios may hand in lines from threads of theirs."""

    def __init__(self, seed: int, say: Callable[[str], None] = lambda _: None) -> None:
        """`say` hears each line as it comes in."""
        self.seed = seed
        self.lines: list[Line] = []
        self._say = say
        self._lock = threading.Lock()

    def add(self, room: str, what: str, times: int, **figures: Any) -> Line:
        """One more line; `figures` are the fields of `Line`."""
        line = Line(room=room, what=what, times=times, **figures)
        with self._lock:
            self.lines.append(line)
        self._say(_told(line))
        return line

    @property
    def well(self) -> bool:
        return bool(self.lines) and all(each.well for each in self.lines)

    def markdown(self) -> str:
        rows = [f"| {' | '.join(title for _, title in COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
        rows += [f"| {' | '.join(_shown(getattr(line, name)) for name, _ in COLUMNS)} |" for line in self.lines]
        notes = [
            f"- {line.room}, {line.what}: {', '.join(f'{name} {_shown(value)}' for name, value in line.more.items())}"
            for line in self.lines
            if line.more
        ]
        faults = [f"- {line.room}, {line.what}: {each}" for line in self.lines for each in line.faults[:FAULTS]]
        parts = [f"Seed {self.seed}, Python {platform.python_version()}, {platform.system()} {platform.release()}."]
        parts.append("\n".join(rows))
        if notes:
            parts.append("\n".join(notes))
        parts.append("\n".join(["Faults:", *faults]) if faults else "Faults: none.")
        return "\n\n".join(parts) + "\n"

    def write(self, directory: Path) -> None:
        """`soak.json` and `soak.md`, after every scenario, so that a run cut short has its figures, too."""
        directory.mkdir(parents=True, exist_ok=True)
        data = {"seed": self.seed, "well": self.well, "lines": [asdict(each) for each in self.lines]}
        (directory / "soak.json").write_text(json.dumps(data, indent=1, default=str) + "\n")
        (directory / "soak.md").write_text(self.markdown())


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "/")


def _told(line: Line) -> str:
    figures = [
        f"{title or name} {_shown(getattr(line, name))}"
        for name, title in COLUMNS[2:]
        if getattr(line, name) is not None
    ]
    faults = [f"\n    FAULT: {each}" for each in line.faults[:FAULTS]]
    return f"{line.room}: {line.what}: {', '.join(figures)}{''.join(faults)}"
