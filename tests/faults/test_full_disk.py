"""A disk without room, or one that became read-only: mail that is there goes out, new mail may try again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.harness import queue_id
from tests.faults import fatal
from tests.faults.mounts import ext4, fill, go_read_only, mend, small_disk
from tests.faults.trial import trial

# More than the write-ahead log grows to before it is put into the database; the default is ten times as much.
ROOM: Mapping[str, Any] = {"min_free": "24MiB"}


def taken_at(reply: str) -> float:
    """When the submission of this reply got its id: unix seconds."""
    return (int(queue_id(reply), 32) >> 32) / 1000


def test_a_disk_that_fills_up_refuses_new_mail_and_delivers_the_old(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with small_disk(home / "var", 64) as disk, trial(home, retention=ROOM) as it:
        it.hold()
        it.load.size = 100_000
        it.load.start()
        it.refuse_more()
        it.let_go()
        it.deliver_more(50)
        ballast = fill(disk)
        it.refuse_more()
        ballast.unlink()
        account = it.settle()
        assert set(account.refused) == {"452"}
        assert (account.lost, account.twice) == ((), 0)
        assert "a successor starts" not in it.relay.printed


def test_a_disk_that_became_read_only_and_was_mended_has_all_that_was_promised(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ext4(home / "var", 64) as disk, trial(home, pause=0.005, retention=ROOM) as it:
        it.load.start()
        it.deliver_more(40)
        begin = time.time()
        go_read_only(disk)
        end = time.time()
        it.refuse_more()
        it.blame()
        it.relay.stop()  # in order, although nothing can be written any more
        mend(disk)
        it.relay.start()
        it.accept_more()
        account = it.settle()
        assert set(account.refused) == {"451"}
        # A sync that is under way while the kernel gives a journal up may be told that it is done (jbd2 counts a
        # commit that it aborted as ended), so one answer of each client in that moment is the kernel's.
        doubtful = [each for each in account.lost if begin - 0.1 <= taken_at(it.load.accepted[each]) <= end + 0.1]
        assert set(account.lost) == set(doubtful)
        assert len(doubtful) <= it.load.threads
        assert it.account(window=30.0).unexplained == ()


def test_a_relay_starts_on_a_full_disk_and_delivers_what_waits_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    plenty = {"min_free": "64MiB"}
    with small_disk(home / "var", 192) as disk, trial(home, program=fatal.PRUNES, retention=plenty) as it:
        it.hold()
        it.load.start()
        it.accept_more(200)
        it.relay.wait(lambda: list(disk.glob("shards/*/reserve")), "room set aside")
        it.load.stop()
        it.relay.kill()
        fill(disk)
        it.let_go()
        it.relay.start()
        account = it.settle()
        assert (account.lost, account.refused.total()) == ((), 0)
        assert account.accepted >= 200
        it.load.start()
        it.refuse_more()  # new mail gets nothing of the room that was set aside
        assert {each[:3] for each in it.load.refused.values()} == {"452"}
