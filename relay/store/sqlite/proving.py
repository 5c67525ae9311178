"""Are the small databases of a data directory whole? Asked before the relay starts, and by `relay check`.

In:  the data directory.
Out: a fault for each one that is damaged or may not be used, with what can be done; what is not there is no fault.

Why so: what does not last, such as a full disk, stops no start: a worker tries again until it is over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from relay.store.sqlite.connect import connect_reader, value

_RESTORE = "put the one of a backup in its place (`relay restore BACKUP --data ELSEWHERE` makes it)"
_ASIDE = "move it away with its -wal and -shm, and a new one is made:"
ADVICE: Mapping[str, str] = {
    "registry.db": _RESTORE,
    "suppressions.db": f"{_RESTORE}; or {_ASIDE} then mail goes again to every address that was suppressed",
    "idempotency.db": f"{_ASIDE} then what clients hand in again with an idempotency_key is sent twice",
    "webhooks.db": f"{_ASIDE} then webhooks are not told what waited for them",
    "dmarc.db": f"{_ASIDE} then reports of DMARC that came before are not found any more",
}
_APART = frozenset({"dmarc.db"})  # mail goes on without them
_DAMAGED = (apsw.CorruptError, apsw.NotADBError)


@dataclass(frozen=True, slots=True)
class Fault:
    path: Path
    text: str  # continues the path: "is damaged: ..."
    advice: str
    lasting: bool  # until somebody does something about it


def faults(data: Path, *, whole: bool) -> Iterator[Fault]:
    """`whole`: read all of each; else of the registry alone, which is small and which nothing works without, and open
    those that mail needs."""
    for name, advice in ADVICE.items():
        path = data / name
        if not os.path.lexists(path) or (name in _APART and not whole):
            continue
        if not path.is_file() or not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            yield Fault(path, "is no file that this user may read and write", "look at its owner and mode", True)
            continue
        try:
            said = _said(path, whole or name == "registry.db")
        except _DAMAGED as error:
            said = str(error)
        except apsw.Error as error:
            yield Fault(path, f"cannot be opened: {error}", "", False)
            continue
        if said:
            yield Fault(path, f"is damaged: {said}", advice, True)


def _said(path: Path, whole: bool) -> str:
    """What SQLite finds wrong with it. Raises apsw.Error."""
    with closing(connect_reader(path)) as connection:
        if not whole:
            return ""
        found = str(value(connection, "pragma quick_check(1)"))
    return "" if found == "ok" else " ".join(found.split())
