"""A few numbers that a test and all processes of a relay share: a small file, mapped into each of them."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any


class Shared:
    """Noughts at first."""

    def __init__(self, path: Path, layout: str) -> None:
        """`layout`: of `struct`."""
        self._layout = struct.Struct(layout)
        if not path.exists():
            path.write_bytes(bytes(self._layout.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), self._layout.size)

    def read(self) -> tuple[Any, ...]:
        return self._layout.unpack_from(self._memory)

    def write(self, *numbers: float) -> None:
        self._layout.pack_into(self._memory, 0, *numbers)
