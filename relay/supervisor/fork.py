"""Making a child: what happens between fork and its own work.

Why fork and not a new program: children share one SSLContext, and so its ticket keys, so that a TLS session
begun with one worker is resumed with another; and they share the memory of the modules loaded before.
That asks for one thing: the supervisor has a single thread, for life.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable

logger = logging.getLogger("relay.supervisor")

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
FAILED = 70  # exit code of a child whose work ended in an exception nobody expected
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def fork(run: Callable[[], int], leave: Callable[[], None]) -> int:
    """Start a child that calls `leave` (close what is not its own) and then `run`; returns its pid.

    The child ends with the exit code `run` returns, without unwinding the supervisor's stack.

    Raises:
        OSError: the system gives us no process.
    """
    parent = os.getpid()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads there any more
            stream.flush()
    # No handler of the supervisor may run in the child before it has taken them out.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid
    code = FAILED
    try:
        _detach(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        leave()
        gc.freeze()  # what we share with the others is never collected, so its pages stay shared
        code = run()
    except BaseException:  # whatever it is, the child ends here and not in the supervisor's loop
        logger.exception("a child failed")
    finally:
        logging.shutdown()
        os._exit(code)


def _detach(parent: int) -> None:
    # The kernel kills us when the supervisor dies, also while our loop hangs.
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask
        os._exit(FAILED)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A terminal sends these to all of its process group; what they mean is for the supervisor to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
