"""Suppressions as lines of a CSV file, and as words of a command. No IO.

In:  rows of `address,account,stream,group,cause,note,until`, or their words.
Out: `Suppression` values, or ValueError with what is wrong; and back, so that an export is imported as it was.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from relay.model.address import ascii_domain, parse_path, printable
from relay.model.clock import iso
from relay.model.suppression import Cause, Suppression
from relay.submission.control.grammar import lower_name

COLUMNS = ("address", "account", "stream", "cause", "note", "until", "created", "group")  # in order of their coming
LONGEST_NOTE = 1000  # characters
LONGEST_LINE = 1 << 20  # characters; a quote that is never closed would swallow the rest of the file


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that says nothing of use."""

    line: int  # from 1
    why: str


def entry(
    address: str,
    *,
    created: float,
    account: str = "",
    stream: str = "",
    group: str = "",
    cause: str = "hand",
    note: str = "",
    until: float | None = None,
) -> Suppression:
    """Raises ValueError."""
    if len(note) > LONGEST_NOTE:
        raise ValueError(f"a note has at most {LONGEST_NOTE} characters, not {len(note)}")
    try:
        known = Cause(cause.strip().lower() or Cause.HAND)
    except ValueError:
        near = difflib.get_close_matches(cause.lower(), [each.value for each in Cause], n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(Cause)}"
        raise ValueError(f"no cause {printable(cause, 40)}{hint}") from None
    return Suppression(
        account=account.strip(),
        address=normal(address),
        stream=lower_name(stream) if stream.strip() else "",  # as messages name it
        group=lower_name(group) if group.strip() else "",
        cause=known,
        note=note,
        created=created,
        until=until,
    )


def normal(address: str) -> str:
    """An address, or `@domain` for everybody there, as look-ups ask for it. Raises ValueError."""
    given = address.strip()
    if not given:
        raise ValueError("there is no address")
    if given.startswith("@"):
        return f"@{ascii_domain(given[1:])}"
    return parse_path(given, smtputf8=True).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What holds where a line does not say it."""

    account: str = ""
    cause: str = "hand"
    created: float


def read(lines: Iterable[str], known: frozenset[str], usual: Usual) -> Iterator[Suppression | Bad]:
    """Each line of a CSV file. Its first line may name the columns; else there is one, or they stand as in COLUMNS.

    `known`: accounts there are.
    """
    reader = csv.reader(_bounded(lines), strict=True)
    columns: Sequence[str] | None = None
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
        if not any(each.strip() for each in row) or row[0].startswith("#"):
            continue
        if columns is None:
            named = [each.strip().lower().lstrip("\ufeff") for each in row]
            columns = named if "address" in named else COLUMNS
            if "address" in named:
                if strange := [each for each in named if each not in COLUMNS]:
                    yield Bad(
                        reader.line_num, f"no column {printable(strange[0], 40)}; there are {', '.join(COLUMNS)}"
                    )
                    return
                continue
        yield _entry(reader.line_num, columns, row, known, usual)


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line.replace("\0", "") if len(line) <= LONGEST_LINE else ""


def _entry(
    line: int, columns: Sequence[str], row: Sequence[str], known: frozenset[str], usual: Usual
) -> Suppression | Bad:
    if len(row) > len(columns):
        return Bad(line, f"{len(row)} values for {len(columns)} columns")
    given = dict(zip(columns, row, strict=False))
    whose = given.get("account", "").strip() or usual.account
    if whose and whose not in known:
        return Bad(line, f"no account {printable(whose, 60)}")
    try:
        times = {
            name: _time(name, given[name].strip()) for name in ("until", "created") if given.get(name, "").strip()
        }
        return entry(
            given.get("address", ""),
            created=times.get("created", usual.created),
            account=whose,
            stream=given.get("stream", ""),
            group=given.get("group", ""),
            cause=given.get("cause", "").strip() or usual.cause,
            note=given.get("note", ""),
            until=times.get("until"),
        )
    except ValueError as error:
        return Bad(line, str(error))


def _time(column: str, said: str) -> float:
    """Raises ValueError. Only an end may be counted from now: the age of an entry is a matter of record."""
    from relay.cli.times import ahead_or_at, instant

    try:
        return ahead_or_at(said) if column == "until" else instant(said)
    except ValueError:
        example = "2026-05-01T08:00:00Z" + (", or 30d from now" if column == "until" else "")
        raise ValueError(f"{column}: expected a time as {example}, not {printable(said, 40)}") from None


def row(given: Suppression) -> list[str]:
    """As `read` takes it, under COLUMNS."""
    until = "" if given.until is None else iso(given.until)
    last = [given.cause.value, given.note, until, iso(given.created), given.group]
    return [given.address, given.account, given.stream, *last]


def describe(given: Suppression) -> dict[str, Any]:
    return {
        "address": given.address,
        "account": given.account,
        "stream": given.stream,
        "group": given.group,
        "cause": given.cause.value,
        "note": given.note,
        "until": None if given.until is None else iso(given.until),
        "created": iso(given.created),
    }
