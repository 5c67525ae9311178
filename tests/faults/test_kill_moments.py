"""`kill -9` in the middle of something: a checkpoint, a commit, a file that gets its name, pruning, a migration."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

import apsw
import pytest

from relay.store.sqlite import shard_directory
from tests.faults.fatal import Control, Moment
from tests.faults.kills import at_moment, killed_while_starting
from tests.faults.trial import seeded, trial
from tests.store.test_migration import former_shard


@pytest.mark.timeout(240)
def test_nothing_is_lost_by_kills_in_the_middle_of_something(tmp_path: Path) -> None:
    seed, random = seeded()
    home = tmp_path / "home"
    home.mkdir()
    control = Control(home / "control")
    moments = [*Moment, *Moment]
    random.shuffle(moments)
    with trial(home, program=control.program, retention={"contents": "1s"}, pause=0.005) as it:
        it.load.start()
        for moment in moments:
            at_moment(it, random, control, moment)
        it.accept_more()
        account = it.settle()
    assert account.refused.total() == 0, f"seed {seed}"
    assert account.lost == (), f"{len(account.lost)} of {account.accepted} lost (seed {seed})"
    assert account.unexplained == (), f"sent twice with no kill to blame (seed {seed})"


@pytest.mark.timeout(240)
def test_a_shard_of_a_former_version_survives_kills_while_the_relay_takes_it_over(tmp_path: Path) -> None:
    seed, random = seeded()
    home = tmp_path / "home"
    with trial(home) as it:
        it.relay.stop()
        shutil.rmtree(shard_directory(home / "var", 0))
        waiting = former(shard_directory(home / "var", 0), 30_000)
        for _ in range(6):
            killed_while_starting(it, random.uniform(0.2, 1.2))
        it.relay.start()
        it.load.start()
        it.accept_more()
        it.load.stop()
        assert it.waiting() >= waiting, f"seed {seed}"
        account = it.account()
        assert account.accepted - account.delivered - account.returned <= account.queued - waiting, f"seed {seed}"


def former(directory: Path, recipients: int) -> int:
    """A shard as the first version left it, its mail held by nobody but due in an hour; how many recipients."""
    former_shard(directory, more=recipients)
    now = time.time()
    with contextlib.closing(apsw.Connection(str(directory / "queue.db"))) as connection:
        connection.execute("update message set received = ?1, deadline = ?1 + 86400", (now,))
        connection.execute("update recipient set next_attempt = ? + 3600 where state = 'queued'", (now,))
        # What was in flight is due at once, and its message has no form a receiver would take; so it waits, too.
        connection.execute("update recipient set state = 'held' where state = 'flight'")
    return recipients + 2
