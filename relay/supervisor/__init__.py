"""The supervisor: opens the sockets, starts the processes, watches that they beat, leases the limits.

    supervisor -- worker-0 .. worker-n   mail in and out, one shard each
               -- web                    the HTTP application
               -- reporter               folds the journals, writes the log

It is synchronous, has one thread, opens no database and touches no mail.

    service.py   what a service manager and we tell each other     child.py   a child through its lives (pure)
    sockets.py   every listening socket                            fork.py    between fork and a child's work
    signals.py   signals as events of the selector
    roles.py     which children there are, and their shards        keeper.py  the loop
    renew.py     what SIGHUP may change (pure)                      start.py   all of it put together
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

Ready = Callable[[Mapping[str, int]], None]  # ports by listener name, `http` among them

__all__ = ["Ready", "run"]


def run(config_path: Path, *, ready: Ready | None = None) -> int:
    """Run the relay in the foreground until a signal ends it; returns the exit code.

    0 after an orderly end; 1 when it cannot be started, with the reasons on standard error. `ready` is
    called once, when all listeners and the HTTP port answer.
    """
    # Only here: it loads every room of the relay, and the parts of this package do not need that.
    from relay.supervisor.start import start

    return start(config_path, ready)
