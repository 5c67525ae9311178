"""A disk that fails under a running relay: clients hear 451 or 452, nothing is lost, and it recovers by itself."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.baddisk import Control
from tests.faults.trial import Trial, trial


@contextmanager
def on_bad_disk(home: Path) -> Iterator[tuple[Trial, Control]]:
    home.mkdir(exist_ok=True)
    control = Control(home / "control")
    with trial(home, program=control.program(home / "var"), pause=0.005) as it:
        yield it, control


@pytest.mark.parametrize(
    ("operation", "code", "answer"),
    [
        ("writes", errno.EIO, "451"),
        ("writes", errno.ENOSPC, "452"),
        ("writes", errno.EROFS, "451"),
        ("syncs", errno.EIO, "451"),
        ("syncs", errno.ENOSPC, "451"),
    ],
)
def test_while_the_disk_fails_clients_may_try_again_and_it_recovers_without_a_restart(
    tmp_path: Path, operation: str, code: int, answer: str
) -> None:
    with on_bad_disk(tmp_path / "home") as (it, control):
        it.hold()
        it.load.start()
        it.accept_more(40)
        control.set(**{operation: code})
        it.refuse_more()
        it.let_go()  # deliveries are tried on the bad disk, too
        it.refuse_more()
        control.set()
        it.accept_more(40)
        account = it.settle()
        assert set(account.refused) == {answer}
        assert (account.lost, account.unexplained) == ((), ())
        assert "a successor starts" not in it.relay.printed
        assert control.faults > 0


def test_outcomes_of_what_was_sent_while_the_disk_failed_are_kept_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    with on_bad_disk(tmp_path / "home") as (it, control):
        it.load.start()
        for _ in range(5):
            it.deliver_more()
            control.set(syncs=errno.EIO)
            it.refuse_more(10)
            control.set()
        account = it.settle()
        assert (account.lost, account.twice) == ((), 0)


def test_a_relay_killed_on_a_bad_disk_starts_on_a_good_one_with_all_it_promised(tmp_path: Path) -> None:
    with on_bad_disk(tmp_path / "home") as (it, control):
        it.load.start()
        for fault in ({"writes": errno.EIO}, {"syncs": errno.EIO}, {"writes": errno.ENOSPC}):
            it.accept_more(30)
            control.set(**fault)
            it.refuse_more(5)
            it.blame()
            it.relay.kill()
            control.set()
            it.relay.start()
        account = it.settle()
        # What was sent while outcomes could not be written down is sent again; so the window is as long as the fault.
        assert account.lost == ()
        assert it.account(window=30.0).unexplained == ()


def test_a_disk_that_takes_a_tenth_of_a_second_a_sync_makes_all_slow_and_nothing_wrong(tmp_path: Path) -> None:
    with on_bad_disk(tmp_path / "home") as (it, control):
        it.load.start()
        it.accept_more()
        control.set(slow=0.1)
        it.accept_more(60)
        it.deliver_more(30)
        control.set()
        account = it.settle()
        assert (account.lost, account.twice, account.refused.total()) == ((), 0, 0)
        assert "a successor starts" not in it.relay.printed
