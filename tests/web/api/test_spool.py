"""Bodies on their way: in memory while they are few and small, in files after that, whole in any case."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest

from relay.web.api import spool
from relay.web.api.spool import Spool


class Reluctant(io.FileIO):
    """A file that takes some of what it is given, as one on a disk that is nearly full."""

    def write(self, piece: Any, /) -> int:
        return super().write(memoryview(piece)[:1000])


def test_a_file_that_takes_a_part_gets_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Reluctant(tmp_path / "file", "w+"))
    octets = bytes(range(256)) * 2000
    body = Spool(tmp_path)
    for start in range(0, len(octets), 70_000):
        body.add(octets[start : start + 70_000])
    assert body.octets() == octets
    body.close()


def test_many_bodies_together_go_into_files_sooner_and_memory_is_free_when_they_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "TOGETHER", 100_000)
    before = (spool._held.octets, spool._held.files)
    bodies = [Spool(tmp_path) for _ in range(8)]
    for each in bodies:
        for _ in range(3):
            each.add(bytes(10_000))
    assert spool._held.octets <= 100_000
    assert 4 <= spool._held.files - before[1] <= 6
    assert [each.octets() for each in bodies] == [bytes(30_000)] * 8
    for each in bodies:
        each.close()
        each.close()
    assert (spool._held.octets, spool._held.files) == before
    assert list(tmp_path.iterdir()) == []


def test_one_file_too_many_is_refused_as_a_full_disk_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "FILES", 2)
    bodies = [Spool(tmp_path) for _ in range(3)]
    for each in bodies[:2]:
        each.add(bytes(spool.IN_MEMORY + 1))
    with pytest.raises(OSError, match="2 bodies"):
        bodies[2].add(bytes(spool.IN_MEMORY + 1))
    for each in bodies:
        each.close()
    again = Spool(tmp_path)
    again.add(bytes(spool.IN_MEMORY + 1))
    again.close()
