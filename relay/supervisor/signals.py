"""Signals as events of a selector: a handler that could run between any two lines is hard to reason about.

In:  signal numbers from the kernel, by way of Python's wake-up descriptor.
Out: one call for each signal, in the turn of the loop that finds it. Of the same signal many times over in one turn
     the first counts: a storm of them must not keep the loop from its other work.
"""

from __future__ import annotations

import selectors
import signal
import socket
from collections.abc import Callable, Iterable
from itertools import groupby
from types import TracebackType
from typing import Any


class Signals:
    """In force while used as a context."""

    def __init__(
        self, numbers: Iterable[signal.Signals], selector: selectors.BaseSelector, act: Callable[[int], None]
    ) -> None:
        self._numbers = tuple(numbers)
        self._selector = selector
        self._act = act
        self._before: dict[signal.Signals, Any] = {}
        self._ours, self._kernels = socket.socketpair()

    def __enter__(self) -> Signals:
        self._ours.setblocking(False)
        self._kernels.setblocking(False)
        self._selector.register(self._ours, selectors.EVENT_READ, self._read)
        signal.set_wakeup_fd(self._kernels.fileno())
        self._before = {each: signal.signal(each, lambda *_: None) for each in self._numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._selector.unregister(self._ours)
        self.forget()

    def forget(self) -> None:
        """Close our sockets; all that a forked child has to do here."""
        self._ours.close()
        self._kernels.close()

    def _read(self, _events: int) -> None:
        for number, _ in groupby(self._ours.recv(4096)):
            self._act(number)
