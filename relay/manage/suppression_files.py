"""Files of suppressions, read line by line. No IO.

In:  lines of CSV, or a JSON object each (NDJSON), or an address each: ours, or those of an export of SendGrid,
     Mailgun or Postmark (`suppression_exports`).
Out: `Suppression` values, and `Bad` for each line that says nothing of use. Memory does not grow with the file.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from relay.manage.suppression_exports import Translate, dialect, squeezed
from relay.manage.suppressions import COLUMNS, entry
from relay.manage.times import ahead_or_at, instant
from relay.model.address import printable
from relay.model.suppression import Cause, Suppression

COMPLAINT = "a complaint has no end: only the operator of the relay takes one off the list"
LONGEST_LINE = 1 << 20  # characters; a quote that is never closed would swallow the rest of the file
LONG = "\udfff\n"  # what stands for a longer line; no text has it


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that says nothing of use."""

    line: int  # from 1
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What holds where a line does not say it."""

    account: str = ""
    cause: str = ""  # "": by hand
    created: float  # which is now
    own: bool = False  # an account reads them for itself, so a complaint has no end


def read(lines: Iterable[str], known: frozenset[str], usual: Usual) -> Iterator[Suppression | Bad]:
    """`known`: accounts there are. The first line that is not empty tells which kind of file it is."""
    rest = iter(_bounded(lines))
    skipped: list[str] = []
    for line in rest:
        skipped.append(line)
        if line.strip(" \t\r\n\ufeff"):
            break
    first = skipped[-1].lstrip(" \t\ufeff") if skipped else ""
    every = chain(skipped, rest)
    if first.startswith("{"):
        yield from _objects(every, known, usual)
    elif first.startswith("["):
        yield Bad(len(skipped), "expected one JSON object a line, not a list of them")
    else:
        yield from _rows(every, known, usual)


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line.replace("\0", "") if len(line) <= LONGEST_LINE else LONG


def _rows(lines: Iterable[str], known: frozenset[str], usual: Usual) -> Iterator[Suppression | Bad]:
    """Its first line may name the columns; else there is one, or they stand as in COLUMNS."""
    reader = csv.reader(lines, strict=True)
    columns: list[str] | None = None
    translate: Translate | None = None
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(reader.line_num, f"not CSV: {error}")
            if "field larger" in str(error):
                return
            continue
        if not any(each.strip() for each in row) or _comment(row, columns):
            continue
        if columns is None:
            columns, spoken = list(COLUMNS), dialect([squeezed(each) for each in row])
            if spoken is not None:
                columns, translate = [squeezed(each) for each in row], spoken[1]
                if strange := [each for each in columns if each not in spoken[0]]:
                    said = printable(strange[0], 40)
                    yield Bad(reader.line_num, f"no column {said}; there are {', '.join(sorted(spoken[0]))}")
                    return
                continue
        if len(row) > len(columns):
            yield Bad(reader.line_num, f"{len(row)} values for {len(columns)} columns")
            continue
        yield from _entries(reader.line_num, dict(zip(columns, row, strict=False)), translate, known, usual)


def _comment(row: list[str], columns: list[str] | None) -> bool:
    """Addresses may begin with #, too: a row with a value for every one of several columns is no comment."""
    return row[0].startswith("#") and (columns is None or not 1 < len(columns) == len(row))


def _objects(lines: Iterable[str], known: frozenset[str], usual: Usual) -> Iterator[Suppression | Bad]:
    for number, line in enumerate(lines, 1):
        if not line.strip(" \t\r\n\ufeff"):
            continue
        try:
            value = json.loads(line.strip(" \t\r\n\ufeff"))
        except (ValueError, RecursionError):
            yield Bad(number, "not a JSON object on one line")
            continue
        if not isinstance(value, dict):
            yield Bad(number, "expected a JSON object")
            continue
        given = {squeezed(name): _text(each) for name, each in value.items() if each is not None}
        spoken = dialect(given)
        if spoken is None:
            yield Bad(number, "there is no address")
        elif strange := [each for each in given if each not in spoken[0]]:
            yield Bad(number, f"no property {printable(strange[0], 40)}; there are {', '.join(sorted(spoken[0]))}")
        else:
            yield from _entries(number, given, spoken[1], known, usual)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return value if isinstance(value, str) else str(value)


def _entries(
    line: int, row: Mapping[str, str], translate: Translate | None, known: frozenset[str], usual: Usual
) -> Iterator[Suppression | Bad]:
    try:
        found = [dict(row)] if translate is None else list(translate(row))
    except ValueError as error:
        yield Bad(line, str(error))
        return
    for given in found:
        yield _entry(line, given, known, usual)


def _entry(line: int, given: Mapping[str, str], known: frozenset[str], usual: Usual) -> Suppression | Bad:
    if why := _unreadable("".join(given.values())):
        return Bad(line, why)
    whose = given.get("account", "").strip() or usual.account
    if whose and whose not in known:
        return Bad(line, f"no account {printable(whose, 60)}")
    try:
        cause = given.get("cause", "").strip() or usual.cause or "hand"
        times = {
            name: _time(name, given[name].strip(), usual.created)
            for name in ("until", "created")
            if given.get(name, "").strip()
        }
        found = entry(
            given.get("address", ""),
            created=times.get("created", usual.created),
            account=whose,
            stream=given.get("stream", ""),
            group=given.get("group", ""),
            cause=cause,
            note=given.get("note", ""),
            until=times.get("until"),
        )
    except ValueError as error:
        return Bad(line, str(error))
    endless = usual.own and found.cause is Cause.COMPLAINT
    return Bad(line, COMPLAINT) if endless and found.until is not None else found


def _unreadable(text: str) -> str:
    if LONG[0] in text:
        return f"a line has at most {LONGEST_LINE:,} characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return ""


def _time(column: str, said: str, now: float) -> float:
    """Raises ValueError. Only an end may be counted from now: the age of an entry is a matter of record."""
    try:
        return ahead_or_at(said, now) if column == "until" else instant(said)
    except ValueError:
        example = "2026-05-01T08:00:00Z" + (", or 30d from now" if column == "until" else "")
        raise ValueError(f"{column}: expected a time as {example}, not {printable(said, 40)}") from None
