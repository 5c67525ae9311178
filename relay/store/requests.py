"""Requests for all that is known of an address: which there are, and what was found.

In:  requests, as they are made and carried out. Out: the same again, also after a restart; files of results.

    <data>/requests/.lock       held while a request is changed or forgotten
                    .erased     an octet longer with each person that is erased
                    <id>.json   a request
                    <id>.data   what was found for it: JSON

Why so: files, since there are few of them and they are gone after days; a result may be large, is written once and
read from its beginning. Whoever erases a person forgets the requests for him, whichever process works on one just
then: a request that is not there any more cannot be changed, and what is found for any while somebody is erased is
thrown away and looked for anew. What was found of others and quotes the erased address goes, too; those have to be
asked for again.

Everything here blocks, for the disk: call it in a thread. Mode 0600, as all that names people.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from relay.store.erasure import Eraser
from relay.store.interface import NotFound, StoreDown, StoreFull
from relay.store.sqlite.layout import make_directory, sync, write

DIRECTORY: Final = "requests"
LOCK: Final = ".lock"
ERASED: Final = ".erased"
CHUNK: Final = 1 << 20
_ID: Final = re.compile(r"[0-9a-f]{20}")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class TooMany(Exception):
    """An account has as many as it may have."""


class Stage(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    id: str
    account: str
    credential: str  # in whose name mail about it goes; "" for none
    email: str  # whose data it is about
    monitor: str  # a URL or an address that is told of its end; "" for none
    asked: float
    stage: Stage = Stage.PENDING
    ended: float | None = None
    octets: int = 0  # of the result
    complete: bool = True  # nothing was left out for its size
    error: str = ""
    told: str = ""  # what became of telling the monitor; "": not yet


def new_id() -> str:
    return secrets.token_hex(10)


class Requests:
    def __init__(self, data: Path) -> None:
        self.directory = data / DIRECTORY

    def add(self, request: Request, most: int) -> None:
        """Raises TooMany: the account has `most` already; StoreFull, StoreDown."""
        with self._changing():
            if sum(each.account == request.account for each in self.listing()) >= most:
                raise TooMany(f"the account has {most} data requests already; each goes when its time is over")
            self._write(request)

    def get(self, id: str) -> Request:
        """Raises NotFound, StoreDown."""
        if not _ID.fullmatch(id):
            raise NotFound("there is no such data request")
        try:
            return _read(self.directory / f"{id}.json")
        except FileNotFoundError:
            raise NotFound("there is no such data request") from None
        except (OSError, ValueError, TypeError) as error:
            raise StoreDown(f"a data request cannot be read: {error}") from error

    def listing(self) -> list[Request]:
        """The oldest first; what cannot be read is left out. Raises StoreDown."""
        found = []
        for path in self._files(".json"):
            with suppress(OSError, ValueError, TypeError):
                found.append(_read(path))
        return sorted(found, key=lambda each: (each.asked, each.id))

    def change(self, request: Request) -> bool:
        """Replace it; False: it is not there any more. Raises StoreFull, StoreDown."""
        with self._changing():
            if not (self.directory / f"{request.id}.json").exists():
                return False
            self._write(request)
            return True

    def erasures(self) -> int:
        """A number that is another one once somebody was erased. Raises StoreDown."""
        with self._changing():
            return self._erasures()

    def finish(self, request: Request, part: Path, erasures: int) -> bool:
        """The file `part` is what was found for it, begun when `erasures` was that.

        False: the request is not there any more, or somebody was erased meanwhile; the file is thrown away.
        """
        with self._changing():
            if self._erasures() != erasures or not (self.directory / f"{request.id}.json").exists():
                part.unlink(missing_ok=True)
                return False
            sync(part)
            part.rename(self.result(request.id))
            sync(self.directory)
            self._write(request)
            return True

    def result(self, id: str) -> Path:
        return self.directory / f"{id}.data"

    def part(self, id: str) -> Path:
        """Where a result may be written until it is whole."""
        return self.directory / f"{id}.data.part"

    def octets(self) -> int:
        """Of all results. Raises StoreDown."""
        total = 0
        for path in self._files(".data"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def prune(self, before: float) -> int:
        """Forget requests made before that time, and files of none; how many requests. Raises StoreDown."""
        if not self.directory.is_dir():
            return 0
        with self._changing():
            listed = self.listing()
            old = [each for each in listed if each.asked < before]
            for each in old:
                self._forget(each.id)
            known = {each.id for each in listed} - {each.id for each in old}
            for path in self._files(".data"):
                if path.name.partition(".")[0] not in known:
                    path.unlink(missing_ok=True)
        return len(old)

    def sweep(self) -> None:
        """At start: what was being written when a process died. Raises StoreDown."""
        if self.directory.is_dir():
            with self._changing():
                for path in self._files(".part"):
                    path.unlink(missing_ok=True)

    def erase(self, address: str) -> int:
        """Forget a person: requests for and by the address, and results that quote it; how many.

        Raises ValueError: that is no address; StoreDown.
        """
        eraser = Eraser(address)
        if not self.directory.is_dir():
            return 0
        gone = 0
        with self._changing():
            with (self.directory / ERASED).open("ab") as file:
                file.write(b"x")
            for each in self.listing():
                if eraser.is_theirs(each.email) or eraser.is_theirs(each.monitor):
                    self._forget(each.id)
                elif self.result(each.id).exists() and _quotes(self.result(each.id), eraser.needle):
                    self.result(each.id).unlink()
                    error = "somebody was erased who was in what was found; ask again"
                    self._write(replace(each, stage=Stage.FAILED, octets=0, error=error))
                else:
                    continue
                gone += 1
        return gone

    # --- inside ---------------------------------------------------------------------------------------

    def _erasures(self) -> int:
        path = self.directory / ERASED
        return path.stat().st_size if path.exists() else 0

    def _forget(self, id: str) -> None:
        for path in (self.directory / f"{id}.json", self.result(id), self.part(id)):
            path.unlink(missing_ok=True)

    def _write(self, request: Request) -> None:
        path = self.directory / f"{request.id}.json"
        part = path.with_name(f"{path.name}.part")
        write(part, json.dumps(asdict(request), ensure_ascii=False).encode())
        part.rename(path)
        sync(self.directory)

    def _files(self, ending: str) -> list[Path]:
        try:
            return [each for each in self.directory.iterdir() if each.name.endswith(ending)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreDown(f"data requests cannot be read: {error}") from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time, for a few milliseconds."""
        try:
            make_directory(self.directory)
            handle = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFull(f"no room for data requests: {error.strerror}") from error
            raise StoreDown(f"data requests cannot be kept in {self.directory}: {error}") from error


def _read(path: Path) -> Request:
    given = json.loads(path.read_text("utf-8"))
    return Request(**{**given, "stage": Stage(given["stage"])})


def _quotes(path: Path, needle: str) -> bool:
    """Whether the text stands in a file, in any case."""
    before = ""
    with path.open(encoding="utf-8", errors="replace") as file:
        while piece := file.read(CHUNK):
            before = (before + piece)[-CHUNK - 3 * len(needle) :]
            if needle in before.casefold():
                return True
    return False
