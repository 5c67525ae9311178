"""Memory that is free goes back to the system.

Why so: the pieces of messages that arrive side by side lie mixed in the heap. When one message is put together, its
pieces leave holes between those of the others, which glibc keeps: ten messages of 50 MB took twice as much as they
are. Asking for it takes milliseconds, and is done after a large message alone. Other C libraries are left to
themselves.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import cast


def _trimmer() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    trim.argtypes, trim.restype = (ctypes.c_size_t,), ctypes.c_int
    return cast(Callable[[int], int], trim)


_trim = _trimmer()


def give_back() -> None:
    """Give free pages back to the system. Lets other threads go on."""
    if _trim is not None:
        _trim(0)
