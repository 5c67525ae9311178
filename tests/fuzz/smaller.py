"""Make a crash small: leave out whatever it does not need to break in the same place.

In:  a check and octets it raises for. Out: fewer octets for which it raises alike. Two breaks are alike if the same
kind of exception comes out of the same line of the same file.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 60.0

Place = tuple[str, str, int]


def broken(check: Callable[[bytes], None], octets: bytes) -> Place | None:
    """Where and how the check breaks; None where all is well."""
    try:
        check(octets)
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is None:
            return type(error).__name__, "", 0
        return type(error).__name__, trace.tb_frame.f_code.co_filename, trace.tb_lineno
    return None


def smaller(check: Callable[[bytes], None], octets: bytes, seconds: float = SECONDS) -> bytes:
    """Octets that break the check as these do, with nothing left that can be left out (or no time to find more)."""
    place = broken(check, octets)
    assert place is not None, "it does not break"
    until = time.monotonic() + seconds
    step = len(octets) // 2 or 1
    while step and time.monotonic() < until:
        at, before = 0, len(octets)
        while at < len(octets) and time.monotonic() < until:
            shorter = octets[:at] + octets[at + step :]
            if broken(check, shorter) == place:
                octets = shorter
            else:
                at += step
        step = step if len(octets) < before and step == 1 else step // 2
    return octets
