"""SIGHUP: what a new configuration may change while the relay runs, and what it may not.

In:  the configuration in force, the new one as its file says.
Out: the configuration in force from now on, and the names of what waits for a restart.

Listeners, ports, the data directory and the number of workers are what processes and sockets are made of;
they stay as they are until the next start. What the API allows (`http.api`) follows.
"""

from __future__ import annotations

from relay.config import Config

FIXED = ("hostname", "data", "listeners", "http", "processes")


def renewed(now: Config, new: Config, asked: Config) -> tuple[Config, list[str]]:
    """`now` is in force, `asked` is what its file said, before port 0 became a real one."""
    waits = [name for name in FIXED if getattr(new, name) != getattr(asked, name)]
    kept = {name: getattr(now, name) for name in FIXED}
    if new.processes != asked.processes:
        # How long to wait is no matter of sockets or shards.
        kept["processes"] = now.processes.model_copy(
            update={"hang": new.processes.hang, "drain": new.processes.drain}
        )
        if kept["processes"] == new.processes:
            waits.remove("processes")
    if new.http != asked.http:
        # What the API allows is no matter of sockets, either; ports may have been given by the system.
        kept["http"] = now.http.model_copy(update={"api": new.http.api})
        if asked.http.model_copy(update={"api": new.http.api}) == new.http:
            waits.remove("http")
    return new.model_copy(update=kept), waits


def moved(new: Config, asked: Config) -> list[str]:
    """What is different about the listeners, in words; nothing where they are the same."""
    if new.listeners == asked.listeners:
        return []
    before, after = ({each.name: each for each in config.listeners} for config in (asked, new))
    found = [f"{name} is new" for name in after if name not in before]
    found += [f"{name} is gone" for name in before if name not in after]
    found += [f"{name} is changed" for name in after if name in before and after[name] != before[name]]
    return found or ["their order is changed"]
