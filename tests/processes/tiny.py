"""A relay in small: the real keeper, broker and lifelines, with children that do nothing but what a test asks.

    python -m tests.processes.tiny HANG DRAIN WORKER...     WORKER: good, stubborn, broken, deaf

Prints `<name> <pid>` when a child works, and what it hears.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import sys
import time

from relay.config import Config, parse
from relay.limits.broker import Broker
from relay.report import log
from relay.supervisor.child import Role
from relay.supervisor.keeper import Keeper
from relay.supervisor.service import Notifier
from relay.worker.context import Context
from relay.worker.lifeline import Lifeline
from relay.worker.process import serve

CONFIG = """
hostname: relay.example
listeners: [{name: a, port: 0, kind: plain, auth: none, networks: [127.0.0.0/8], credential: x}]
processes: {hang: %s, drain: %s, workers: 1, loop: %s}
"""


def say(text: str) -> None:
    log.write(text)


async def good(context: Context, lifeline: Lifeline) -> None:
    lifeline.hear("reload", lambda text: say(f"{context.name} reloads {Config.model_validate_json(text).hostname}"))
    lifeline.tell({"pid": os.getpid()})
    lifeline.ready()
    say(f"{context.name} {os.getpid()}")
    await lifeline.stopping.wait()
    say(f"{context.name} drained")


async def stubborn(context: Context, lifeline: Lifeline) -> None:
    await good(context, lifeline)
    await asyncio.sleep(600)


async def broken(context: Context, lifeline: Lifeline) -> None:
    raise ValueError("nothing works")


async def deaf(context: Context, lifeline: Lifeline) -> None:
    lifeline.ready()
    say(f"{context.name} {os.getpid()}")
    time.sleep(600)  # noqa: ASYNC251 - the loop does not turn any more


def main() -> int:
    hang, drain, *kinds = sys.argv[1:]
    config = parse(CONFIG % (hang, drain, os.environ.get("LOOP", "asyncio")))
    log.setup(config.log, "supervisor")
    works = {"good": good, "stubborn": stubborn, "broken": broken, "deaf": deaf}

    def role(name: str, kind: str) -> Role:
        return Role(name=name, run=lambda context: serve(context, works[kind]), last=name == "reporter")

    def context(role: Role, config: Config, control: socket.socket, limits: socket.socket) -> Context:
        return Context(name=role.name, config=config, control=control, limits=limits, sharers=1)

    def reload(now: Config) -> Config | None:
        return now.model_copy(update={"hostname": "other.example"})

    with selectors.DefaultSelector() as selector:
        keeper = Keeper(
            config,
            [*(role(f"worker-{number}", kind) for number, kind in enumerate(kinds)), role("reporter", "good")],
            selector,
            Broker(selector, time.time),
            make_context=context,
            leave=lambda role: None,
            reload=reload,
            ready=lambda: say("all ready"),
            notifier=Notifier(os.environ),
        )
        return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
