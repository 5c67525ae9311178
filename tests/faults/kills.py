"""`kill -9` of a relay under load: of one process or all, at a random moment or in the middle of something.

In:  a trial whose clients submit, and random numbers.
Out: the relay runs again; the trial knows when to blame whom for what comes twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Callable, Mapping
from random import Random

from tests.faults.fatal import Control, Moment
from tests.faults.trial import Trial

_STARTED = re.compile(r'msg="(\S+) started with pid (\d+)"')
LONGEST = 1.0  # seconds of load before a kill
LARGE = 150_000  # octets: more than lie in a row


def everybody(it: Trial, random: Random) -> None:
    _load(it, random)
    it.blame()
    it.relay.kill()
    it.relay.start()


def supervisor(it: Trial, random: Random) -> None:
    """Its children have to end by themselves, at once: the next start finds locks and ports free."""
    _load(it, random)
    process = it.relay.process
    assert process is not None
    it.blame()
    process.kill()
    process.wait(10)
    it.relay.process = None
    it.relay.start()


def worker(it: Trial, random: Random) -> None:
    _load(it, random)
    _child(it, random.choice([name for name in _children(it) if name.startswith("worker")]))


def reporter(it: Trial, random: Random) -> None:
    _load(it, random)
    _child(it, "reporter")


def web(it: Trial, random: Random) -> None:
    _load(it, random)
    _child(it, "web")


def start_up(it: Trial, random: Random) -> None:
    """All, at a random moment of a start, and perhaps of the next one."""
    _load(it, random)
    it.blame()
    it.relay.kill()
    for _ in range(random.randint(1, 3)):
        killed_while_starting(it, random.uniform(0.05, 1.5))
    it.blame()
    it.relay.start()


def reload(it: Trial, random: Random) -> None:
    """All, or a worker, while the configuration is read again."""
    _load(it, random)
    assert it.relay.process is not None
    it.relay.process.send_signal(signal.SIGHUP)
    threading.Event().wait(random.uniform(0.0, 0.2))
    if random.random() < 0.5:
        _child(it, random.choice([name for name in _children(it) if name.startswith("worker")]))
    else:
        it.blame()
        it.relay.kill()
        it.relay.start()


KINDS: Mapping[str, Callable[[Trial, Random], None]] = {
    each.__name__: each for each in (everybody, supervisor, worker, reporter, web, start_up, reload)
}


def at_moment(it: Trial, random: Random, control: Control, moment: Moment) -> None:
    """At one operation of that kind from now, of the process that does it, or of all."""
    large = moment in (Moment.FILE, Moment.FORGET)
    small, it.load.size = it.load.size, LARGE if large else it.load.size
    it.accept_more(10)
    all_of_them = random.random() < 0.5
    process = it.relay.process
    assert process is not None
    born = len(_STARTED.findall(it.relay.printed))
    control.arm(moment, random.randint(1, 5 if large else 40), everybody=all_of_them)
    it.relay.wait(lambda: not control.armed, f"an operation of the kind {moment.name}")
    it.blame()
    it.load.size = small
    if all_of_them:
        process.wait(10)
        it.relay.process = None
        it.relay.start()
    else:
        it.relay.wait(lambda: len(_STARTED.findall(it.relay.printed)) > born, "a successor")


def _load(it: Trial, random: Random) -> None:
    it.accept_more(10)
    threading.Event().wait(random.uniform(0.0, LONGEST))


def _children(it: Trial) -> dict[str, int]:
    """Who runs, by name, as the log has it."""
    return {name: int(pid) for name, pid in _STARTED.findall(it.relay.printed)}


def _child(it: Trial, name: str) -> None:
    """Kill one, and wait for its successor."""
    pid = _children(it)[name]
    it.blame()
    os.kill(pid, signal.SIGKILL)
    it.relay.wait(lambda: _children(it)[name] != pid, f"a successor of {name}")


def killed_while_starting(it: Trial, delay: float) -> None:
    ended = threading.Event()

    def kill() -> None:
        ended.wait(delay)
        process = it.relay.process
        if process is not None:
            it.blame()  # a start that came far enough has delivered
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with contextlib.suppress(AssertionError):  # says that the relay ended
        it.relay.start()
    killer.join()
    it.relay.kill()
