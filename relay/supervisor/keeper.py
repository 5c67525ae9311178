"""The keeper's loop: starts children, watches that they beat, replaces them, passes on what it is told.

In:  roles to fill, a broker of limits, signals: SIGTERM and SIGINT (drain; a second one: stop at once),
     SIGHUP (reload), SIGCHLD.
Out: the exit code, when no child is left: 0 after an orderly end, 1 when the relay could not be started.

One thread, one selector, no wait without a time-out. What to do with a child is decided in `child.py`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from relay.config import Config
from relay.limits.broker import Broker
from relay.limits.link import Link
from relay.supervisor.child import GIVE_UP, Child, Role
from relay.supervisor.fork import HANDLED, fork
from relay.supervisor.service import Notifier
from relay.supervisor.signals import Signals
from relay.worker.context import Context

logger = logging.getLogger("relay.supervisor")

TURN = 1.0  # seconds; the loop turns at least this often
TRACE = 0.5  # seconds between asking a hung child where it hangs, and killing it
FOLD = 1.0  # seconds the reporter gets for the last events once the others have ended


class Keeper:
    def __init__(
        self,
        config: Config,
        roles: Sequence[Role],
        selector: selectors.BaseSelector,
        broker: Broker,
        *,
        make_context: Callable[[Role, Config, socket.socket, socket.socket], Context],
        leave: Callable[[Role], None],
        reload: Callable[[Config], Config | None],
        ready: Callable[[], None],
        notifier: Notifier,
    ) -> None:
        """`leave` closes, in a child, the listening sockets that are not its own; `reload` gives the new
        configuration, or None when it cannot be used; `ready` is called once, when all children are."""
        self._config = config
        self._children = [Child(role) for role in roles]
        self._links: dict[str, Link] = {}
        self._selector = selector
        self._broker = broker
        self._make_context = make_context
        self._leave_sockets = leave
        self._reload = reload
        self._announce = ready
        self._notifier = notifier
        self._was_ready = False
        self._stop_at: float | None = None  # when the drain began
        self._last_at = 0.0  # when the last ones were told to stop
        self._exit_code = 0
        self._dying: dict[int, float] = {}  # pid of a hung child -> when to kill it
        self._last_turn = time.monotonic()
        self._watchdog_at = 0.0
        self._status_at = 0.0
        self._signals = Signals(HANDLED, selector, self._signalled)

    def run(self) -> int:
        with self._signals:
            try:
                for child in self._children:
                    self._start(child)
                while any(each.pid for each in self._children) or self._stop_at is None:
                    for key, events in self._selector.select(self._patience()):
                        key.data(events)
                    self._turn()
            finally:
                self._kill_all()
                self._broker.end()
        return self._exit_code

    def _turn(self) -> None:
        now = time.monotonic()
        if now - self._last_turn > self._config.processes.hang / 2:
            # We slept, not they: the machine was suspended or we were stopped. Judge nobody by it.
            for each in self._children:
                each.beat = now
        self._last_turn = now
        self._reap(now)
        if self._stop_at is None:
            self._check_beats(now)
            self._start_successors(now)
            self._say_status(now)
        else:
            self._drain(now, self._stop_at)
        self._kill_hung(now)
        self._broker.tick()
        if self._notifier.watchdog_seconds and now >= self._watchdog_at:
            self._watchdog_at = now + self._notifier.watchdog_seconds
            self._notifier.watchdog()

    def _patience(self) -> float:
        """Seconds until something is due, at most TURN."""
        now = time.monotonic()
        times = [each.start_at for each in self._children if not each.pid and self._stop_at is None]
        times += self._dying.values()
        if self._notifier.watchdog_seconds:
            times.append(self._watchdog_at)
        if self._stop_at is not None:
            times.append(now + 0.05)
        hang = self._config.processes.hang
        return max(0.0, min([now + min(TURN, hang / 4), *times]) - now)

    # Children

    def _start(self, child: Child) -> None:
        """Raises OSError: there is no descriptor, process or memory left for it; nothing of it stays."""
        role = child.role
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as undo, theirs:
            undo.callback(ours.close)
            limits = self._broker.connect(role.name)
            undo.callback(self._broker.disconnect, role.name)
            context = self._make_context(role, self._config, theirs, limits)

            def leave() -> None:
                ours.close()
                self._leave(role)

            with limits:
                pid = fork(lambda: role.run(context), leave)
            undo.pop_all()
        self._links[role.name] = Link(ours, self._selector, lambda line: self._heard(child, line), lambda: None)
        child.born(pid, time.monotonic())
        logger.info("%s started with pid %d", role.name, pid)

    def _leave(self, role: Role) -> None:
        """In the child: close what is the supervisor's or another child's."""
        for link in self._links.values():
            link.forget()
        self._broker.forget()
        self._selector.close()
        self._signals.forget()
        self._notifier.forget()
        self._leave_sockets(role)

    def _heard(self, child: Child, line: bytes) -> None:
        word, _, text = line.partition(b" ")
        if word == b"beat":
            child.beat = time.monotonic()
            child.facts = json.loads(text or b"{}")
        elif word == b"ready" and not child.ready:
            child.ready = True
            child.beat = time.monotonic()
            logger.info("%s is ready", child.role.name)
            if not self._was_ready and all(each.ready for each in self._children):
                self._was_ready = True
                self._tell_status(time.monotonic())  # so that the health page knows before anybody asks it
                self._notifier.ready()
                self._announce()

    def _reap(self, now: float) -> None:
        for child in self._children:
            if not child.pid:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            self._dying.pop(pid, None)
            self._links.pop(child.role.name).close()
            self._broker.disconnect(child.role.name)
            child.ended(now)
            code = os.waitstatus_to_exitcode(status)
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            if self._stop_at is not None:
                logger.info("%s ended with %s", child.role.name, how)
                continue
            logger.error("%s ended with %s; a successor starts in %.1f s", child.role.name, how, child.start_at - now)
            if not self._was_ready and child.failures >= GIVE_UP:
                logger.critical("%s cannot be started; giving up", child.role.name)
                self._exit_code = 1
                self._begin_drain(now)

    def _start_successors(self, now: float) -> None:
        for child in self._children:
            # Only once the old one is reaped: until then it may hold the lock of its shard.
            if child.pid or now < child.start_at:
                continue
            try:
                self._start(child)
            except OSError as error:  # the others go on without it, until there is room again
                child.born(0, now)
                child.ended(now)
                wait = child.start_at - now
                logger.error("%s cannot be started: %s; tried again in %.1f s", child.role.name, error, wait)

    def _check_beats(self, now: float) -> None:
        for child in self._children:
            if child.hangs(now, self._config.processes.hang):
                child.killed = True
                logger.error(
                    "%s (pid %d) has been silent for %.1f s; it is replaced",
                    child.role.name,
                    child.pid,
                    now - child.beat,
                )
                _send(child.pid, signal.SIGUSR2)  # it writes where it hangs, if it still can
                self._dying[child.pid] = now + TRACE

    def _kill_hung(self, now: float) -> None:
        for pid, at in list(self._dying.items()):
            if now >= at:
                del self._dying[pid]
                _send(pid, signal.SIGKILL)

    def _say_status(self, now: float) -> None:
        """Children that want to know hear once a second how the others fare; the health page shows it."""
        if now < self._status_at:
            return
        self._status_at = now + TURN
        self._tell_status(now)

    def _tell_status(self, now: float) -> None:
        line = b"status " + json.dumps(self._status(now)).encode()
        for child in self._children:
            if child.pid and child.role.http is not None:
                self._links[child.role.name].send(line)

    def _status(self, now: float) -> Mapping[str, Any]:
        late = self._config.processes.hang / 2  # said before it is replaced for it
        return {
            each.role.name: {
                "running": bool(each.pid),
                "ready": each.ready,
                "beating": bool(each.pid) and now - each.beat <= late,
                **each.facts,
            }
            for each in self._children
        }

    # The end

    def _begin_drain(self, now: float) -> None:
        if self._stop_at is None:
            self._stop_at = now
            self._notifier.stopping()
            logger.info("draining: work under way may take %g s", self._config.processes.drain)

    def _drain(self, now: float, since: float) -> None:
        first = [each for each in self._children if each.pid and not each.role.last]
        self._tell_to_stop(first)
        if now >= since + self._config.processes.drain:
            self._kill(first)
        if not first:
            last = [each for each in self._children if each.pid]
            if not any(each.told for each in last):
                self._last_at = now
            self._tell_to_stop(last)
            if last and now >= self._last_at + FOLD:
                self._kill(last)

    def _tell_to_stop(self, children: Sequence[Child]) -> None:
        for child in children:
            if not child.told:
                child.told = True
                _send(child.pid, signal.SIGTERM)

    def _kill(self, children: Sequence[Child]) -> None:
        for child in children:
            if not child.killed:
                child.killed = True
                logger.warning("%s (pid %d) has not ended in time and is killed", child.role.name, child.pid)
                _send(child.pid, signal.SIGKILL)

    def _kill_all(self) -> None:
        """Whatever ended our loop, nobody stays behind."""
        for child in self._children:
            if child.pid:
                _send(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = 0
        for link in self._links.values():
            link.close()

    # Signals

    def _signalled(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            if self._stop_at is not None:
                logger.warning("told to stop once more: killing all that still runs")
                self._kill([each for each in self._children if each.pid])
            self._begin_drain(time.monotonic())
        elif number == signal.SIGHUP and self._stop_at is None:
            self._do_reload()

    def _do_reload(self) -> None:
        self._notifier.reloading()
        config = self._reload(self._config)
        if config is not None:
            self._config = config
            line = b"reload " + config.model_dump_json().encode()
            for link in self._links.values():
                link.send(line)
        if self._was_ready:
            self._notifier.ready()


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended just now, and will be reaped
        os.kill(pid, number)
