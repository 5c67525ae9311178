"""What every child process does around its own work: logging, the loop, the lifeline, the end.

In:  a `Context` and a coroutine that does the work until `lifeline.stopping` is set.
Out: the exit code: 0 after a clean end, 1 when the work failed (the supervisor replaces the child).
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from relay.config import Config
from relay.report import log
from relay.worker.context import Context
from relay.worker.lifeline import Lifeline

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

logger = logging.getLogger("relay.process")

Work = Callable[[Context, Lifeline], Coroutine[Any, Any, None]]


def serve(context: Context, work: Work) -> int:
    """Run one child to its end."""
    log.setup(context.config.log, context.name)
    sys.unraisablehook = unraisable
    # The supervisor asks a silent child for this before it kills it: the log shows where it hung.
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    try:
        with asyncio.Runner(loop_factory=loop_factory(context.config)) as runner:
            runner.run(_live(context, work))
    except Exception:
        logger.exception("%s failed", context.name)
        return 1
    return 0


def loop_factory(config: Config) -> Callable[[], asyncio.AbstractEventLoop]:
    if config.processes.loop == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


def beat_seconds(config: Config) -> float:
    """Well inside the silence that makes the supervisor replace us, and never oftener than needed."""
    return min(1.0, config.processes.hang / 4)


def on_reload(context: Context, lifeline: Lifeline, act: Callable[[Config], None]) -> None:
    """Call `act` with each new configuration, once what every process has of it is in force."""

    def heard(text: str) -> None:
        config = Config.model_validate_json(text)
        log.setup(config.log, context.name)
        lifeline.seconds = beat_seconds(config)
        act(config)

    lifeline.hear("reload", heard)


def unraisable(fault: UnraisableHookArgs) -> None:
    """An exception that Python can give to nobody, as a record of the log and not as a trace beside it."""
    if isinstance(fault.exc_value, UnicodeDecodeError) and isinstance(fault.object, bytes):
        return  # a client asked in TLS for a name outside ASCII; its handshake failed, and that is told
    trace = (fault.exc_type, fault.exc_value, fault.exc_traceback) if fault.exc_value is not None else None
    logger.error("%s %.200r", fault.err_msg or "exception ignored in", fault.object, exc_info=trace)


async def _live(context: Context, work: Work) -> None:
    lifeline = Lifeline(context.control, beat_seconds(context.config))
    lifeline.start()
    await work(context, lifeline)


async def until_stopped(stopping: asyncio.Event, running: Mapping[str, Awaitable[Any]]) -> None:
    """Wait for the order to stop, and watch that what should run until then does.

    The tasks are left running at the end, since a drain still needs them.

    Raises:
        RuntimeError: one of them ended; its own failure is the cause.
    """
    tasks = {asyncio.ensure_future(each): name for name, each in running.items()}
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
    if stopping.is_set():
        return
    for task, name in tasks.items():
        if task.done():
            cause = None if task.cancelled() else task.exception()
            raise RuntimeError(f"{name} ended although nobody asked it to") from cause
