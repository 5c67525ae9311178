"""How results are printed: tables for people, aligned text for pipes, JSON for programs.

Without a terminal there is no colour, no wrapping and no cutting. JSON is one value a command: an object, or
an array for what lists. Times are RFC 3339 in UTC, in both forms.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from relay.model.clock import iso

# What json.dumps leaves as it is, and a terminal obeys or shows in another order; and what is no UTF-8.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


_GAP = 2  # spaces between columns of a table
_LEAST = 30  # cells to which free text is folded at least; a time has 24


def print_json(value: Any) -> None:
    indent = 2 if sys.stdout.isatty() else None
    written = json.dumps(value, ensure_ascii=False, indent=indent)
    print(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", written))


def print_line(value: Any) -> None:
    """JSON on one line, as a stream of values has it."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    print(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", written))


def print_fields(fields: Mapping[str, Any]) -> None:
    """A line a field, names aligned."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        print(f"{name:<{width}}  {text(value)}")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows under their headings. Nothing is printed but the headings where there are no rows."""
    cells = [[text(each) for each in row] for row in rows]
    if sys.stdout.isatty():
        _rich_table(columns, cells)
        return
    widths = [max(len(line[number]) for line in [list(columns), *cells]) for number in range(len(columns))]
    for line in [list(columns), *cells]:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Only the last column is folded, and never to less than `_LEAST`: ids, times and addresses stay in one piece,
    so that they can be copied. What is wider than the terminal then, the terminal breaks: one line to copy."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    before = sum(widths[:-1]) + _GAP * (len(widths) - 1)
    console = Console()
    last = min(widths[-1], max(_LEAST, console.width - before))
    for name, width in zip(columns, [*widths[:-1], last], strict=True):
        table.add_column(name, overflow="fold", width=width)
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))  # Text: what a peer said is no markup
    Console(width=max(console.width, before + last + _GAP)).print(table)


def text(value: Any) -> str:
    """A value as a person reads it, on one line and without control characters."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(map(str, value)) if isinstance(value, set | frozenset) else map(str, value)) or "-"
    return "".join(each if each.isprintable() else " " for each in str(value))


def when(at: float | None) -> str | None:
    return None if at is None else iso(at)
