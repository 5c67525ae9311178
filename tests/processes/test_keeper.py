"""The keeper with real processes that do nothing but live and die."""

from __future__ import annotations

import os
import re
import resource
import selectors
import signal
import socket
import time
from pathlib import Path

import pytest

from relay.supervisor.signals import Signals
from tests.processes.program import Program, alive, eventually

SOON = "0.8"  # seconds of silence before a child is replaced


def tiny(*kinds: str, hang: str = "30", drain: str = "8", **environ: str) -> Program:
    return Program(["-m", "tests.processes.tiny", hang, drain, *kinds], environ)


def pid_of(program: Program, name: str, after: int = 0) -> int:
    return int(program.line(rf"^{name} (\d+)$", after=after)[1])


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_killed_child_is_replaced(loop: str) -> None:
    with tiny("good", "good", LOOP=loop) as program:
        program.line("^all ready$")
        first = pid_of(program, "worker-1")
        os.kill(first, signal.SIGKILL)
        program.line("worker-1 ended with signal 9")
        assert pid_of(program, "worker-1", after=1) != first
        assert alive(pid_of(program, "worker-0"))


def test_a_child_for_which_there_is_no_room_is_started_once_there_is() -> None:
    with tiny("good", "good") as program:
        program.line("^all ready$")
        first = pid_of(program, "worker-1")
        before = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        os.kill(first, signal.SIGKILL)
        program.line("worker-1 cannot be started: .*Too many open files; tried again in", after=2)
        assert alive(pid_of(program, "worker-0"))
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, before)
        assert pid_of(program, "worker-1", after=1) != first
        program.send(signal.SIGTERM)
        assert program.end() == 0


def test_a_stopped_child_is_noticed_killed_and_replaced() -> None:
    with tiny("good", hang=SOON) as program:
        program.line("^all ready$")
        first = pid_of(program, "worker-0")
        os.kill(first, signal.SIGSTOP)
        program.line(rf"worker-0 \(pid {first}\) has been silent for")
        pid_of(program, "worker-0", after=1)
        assert not alive(first)


def test_a_child_whose_loop_hangs_says_where_before_it_is_killed() -> None:
    with tiny("deaf", hang=SOON) as program:
        first = pid_of(program, "worker-0")
        program.line(r'tiny\.py", line \d+ in deaf')
        program.line("worker-0 ended with signal 9")
        assert pid_of(program, "worker-0", after=1) != first


def test_children_of_a_killed_supervisor_are_gone_at_once() -> None:
    with tiny("good", "deaf", "stubborn") as program:
        pids = [pid_of(program, name) for name in ("worker-0", "worker-1", "worker-2", "reporter")]
        os.kill(program.pid, signal.SIGKILL)
        eventually(lambda: not any(alive(each) for each in pids), "all children are gone", 2)


def test_sigterm_drains_the_workers_first_and_the_reporter_last() -> None:
    with tiny("good", "good") as program:
        program.line("^all ready$")
        program.send(signal.SIGTERM)
        assert program.end() == 0
        program.line("^reporter drained$")
        drained = re.findall(r"^(\S+) drained$", program.output, re.MULTILINE)
        assert sorted(drained[:2]) == ["worker-0", "worker-1"]
        assert drained[2:] == ["reporter"]


def test_a_signal_to_the_whole_group_is_an_orderly_end_too() -> None:
    with tiny("good", "good") as program:
        program.line("^all ready$")
        os.killpg(program.pid, signal.SIGINT)
        assert program.end() == 0
        assert "signal 2" not in program.output


def test_who_does_not_end_in_time_is_killed_and_the_exit_code_is_0() -> None:
    with tiny("stubborn", drain="0.3") as program:
        program.line("^all ready$")
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.end() == 0
        assert time.monotonic() - began < 5
        program.line("worker-0 .* has not ended in time and is killed")


def test_a_second_sigterm_kills_at_once() -> None:
    with tiny("stubborn", drain="60") as program:
        program.line("^all ready$")
        program.send(signal.SIGTERM)
        program.line("^worker-0 drained$")
        program.send(signal.SIGTERM)
        assert program.end(3) == 0


def test_a_relay_whose_worker_cannot_start_gives_up_with_exit_code_1() -> None:
    with tiny("good", "broken") as program:
        assert program.end() == 1
        program.line("ValueError: nothing works")
        program.line("worker-1 cannot be started; giving up")


def test_sighup_sends_the_new_configuration_to_all_children() -> None:
    with tiny("good", "good") as program:
        program.line("^all ready$")
        program.send(signal.SIGHUP)
        for name in ("worker-0", "worker-1", "reporter"):
            program.line(rf"^{name} reloads other\.example$")
        os.kill(pid_of(program, "worker-0"), signal.SIGKILL)
        pid_of(program, "worker-0", after=1)  # and the terminal's SIGHUP ends nobody


def test_a_storm_of_signals_is_one_to_act_on() -> None:
    heard: list[int] = []
    with (
        selectors.DefaultSelector() as selector,
        Signals((signal.SIGUSR1, signal.SIGUSR2), selector, heard.append),
    ):
        for number in [signal.SIGUSR1] * 200 + [signal.SIGUSR2]:
            os.kill(os.getpid(), number)
        for key, events in selector.select(5):
            key.data(events)
    assert heard == [signal.SIGUSR1, signal.SIGUSR2]


def test_a_supervisor_that_slept_blames_nobody() -> None:
    with tiny("good", hang=SOON) as program:
        program.line("^all ready$")
        worker = pid_of(program, "worker-0")
        for pid in (program.pid, worker):
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 2, "two seconds have passed")
        program.send(signal.SIGCONT)
        eventually(lambda: time.monotonic() - began > 2.3, "the supervisor has turned")
        os.kill(worker, signal.SIGCONT)
        program.send(signal.SIGTERM)
        assert program.end() == 0
        assert "silent" not in program.output


def test_a_child_inherits_nothing_of_its_keeper_or_siblings_but_what_is_its_own() -> None:
    with tiny("good", "good", "good") as program:
        program.line("^all ready$")
        for name in ("worker-0", "worker-2"):
            fds = [str(Path(each).readlink()) for each in Path(f"/proc/{pid_of(program, name)}/fd").iterdir()]
            # control, limits, and the loop's own pair for waking itself
            assert sum(each.startswith("socket:") for each in fds) == 4, fds
            assert sum("eventpoll" in each for each in fds) == 1, fds


def test_a_service_manager_hears_of_readiness_life_and_the_end(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(10)
        heard: list[str] = []

        def wait_for(word: str) -> None:
            while not any(word in each for each in heard):
                heard.append(manager.recv(4096).decode())

        with tiny("good", NOTIFY_SOCKET=str(path), WATCHDOG_USEC="400000") as program:
            wait_for("READY=1")
            wait_for("WATCHDOG=1")
            program.send(signal.SIGHUP)
            wait_for("RELOADING=1")
            program.send(signal.SIGTERM)
            wait_for("STOPPING=1")
            assert program.end() == 0
