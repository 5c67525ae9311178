"""Suppressions as people write them: in words of a command, a request or a file. No IO.

In:  their words.
Out: `Suppression` values, or ValueError with what is wrong; and back, so that an export is imported as it was.
"""

from __future__ import annotations

import difflib
from typing import Any

from relay.model.address import ascii_domain, parse_path, printable
from relay.model.clock import iso
from relay.model.suppression import Cause, Suppression
from relay.submission.control.grammar import lower_name

COLUMNS = ("address", "account", "stream", "cause", "note", "until", "created", "group")  # in order of their coming
LONGEST_NOTE = 1000  # characters
LATEST = 253_402_300_800.0  # 10000-01-01


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
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise ValueError(f"a note has at most {LONGEST_NOTE} characters, and no NUL")
    if not all(0 <= at < LATEST for at in (created, until or 0.0)):
        raise ValueError("its times are not between the years 1970 and 9999")
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


def row(given: Suppression) -> list[str]:
    """As `suppression_files.read` takes it, under COLUMNS."""
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
