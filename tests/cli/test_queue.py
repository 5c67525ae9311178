"""Listing the queue, and acting on it while no relay runs."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from relay.cli.frame import operator
from relay.model.clock import system_clock
from relay.model.ids import Id
from relay.model.message import State
from relay.store.sqlite import open_registry
from tests.cli.conftest import Cli
from tests.cli.stage import Post, events, opened, put, states


@pytest.fixture
def data(ready: Cli) -> Path:
    return ready.home / "var"


def test_the_queue_alone_is_listed_and_its_old_options_still_work(ready: Cli, data: Path) -> None:
    post = Post()
    one = post.mail("ann@example.net", "bob@example.org")
    put(data, one)
    assert ready.json("queue") == ready.json("queue", "list")
    assert {each["to"] for each in ready.json("queue")} == {"ann@example.net", "bob@example.org"}
    assert [each["to"] for each in ready.json("queue", "--state", "queued", "--domain", "Example.ORG")] == [
        "bob@example.org"
    ]
    assert ready.json("queue", "--counts")["queued"] == 2
    assert ready.json("queue", "--counts", "--domain", "example.net") == {
        **dict.fromkeys((each.value for each in State), 0),
        "queued": 1,
    }
    assert "hold" in ready("queue", "--help")


def test_counts_of_a_selection_have_ended_recipients_too(ready: Cli, data: Path) -> None:
    post = Post()
    gone, waits = post.mail("ann@example.net"), post.mail("bob@example.net")
    put(data, gone, waits)
    ready("queue", "delete", gone.message.id)
    counted = ready.json("queue", "--counts", "--domain", "example.net")
    assert (counted["cancelled"], counted["queued"]) == (1, 1)
    assert ready.json("queue", "--counts", "--domain", "example.net", "--state", "queued") == {"queued": 1}
    assert [each["to"] for each in ready.json("queue", "--domain", "example.net")] == ["bob@example.net"]


def test_listings_choose_by_what_a_message_is(ready: Cli, data: Path) -> None:
    post, other = Post(), Post(3)
    old = post.mail("old@example.net", received=system_clock() - 7200, options={"tags": ("a", "b")})
    new = other.mail("new@example.net", options={"campaign": "spring", "send_cancel_id": "c1"})
    put(data, old)
    put(data, new, shard=3)

    def found(*words: str) -> list[str]:
        return [each["to"].partition("@")[0] for each in ready.json("queue", *words)]

    assert found("--older", "1h") == ["old"]
    assert found("--newer", "1h") == ["new"]
    assert found("--tag", "b") == ["old"]
    assert found("--campaign", "spring") == ["new"]
    assert found("--send-cancel-id", "c1") == ["new"]
    assert found("--account", "demo", "--credential", "APP@example.com", "--tag", "a") == ["old"]
    assert found("--tag", "c") == []
    assert found(new.message.id) == found(f"{new.message.id}-1") == ["new"]
    assert found("list", old.message.id, new.message.id, "--campaign", "spring") == ["new"]


def test_a_message_is_shown_as_it_lies_there(ready: Cli, data: Path) -> None:
    one = Post().mail("ann@example.net", "bob@example.org", options={"tags": ("a",)})
    put(data, one)
    shown = ready.json("queue", "show", one.message.id)
    assert (shown["id"], shown["options"], len(shown["recipients"])) == (one.message.id, {"tags": ["a"]}, 2)
    assert [each["to"] for each in ready.json("queue", "show", f"{one.message.id}-2")["recipients"]] == [
        "bob@example.org"
    ]
    assert "option tags" in ready("queue", "show", one.message.id)
    ready("queue", "show", f"{one.message.id}-3", code=3)
    ready("queue", "show", Post().mail().message.id, code=3)


def test_what_is_held_waits_until_it_is_released(ready: Cli, data: Path) -> None:
    post, other = Post(), Post(3)
    mine, theirs = post.mail("ann@example.net", "bob@example.org"), other.mail("cy@example.net")
    put(data, mine)
    put(data, theirs, shard=3)
    assert ready.json("queue", "hold", "--domain", "example.net", "--dry-run")["concerned"] == 2
    assert states(data, mine) == [State.QUEUED, State.QUEUED]
    done = ready.json("queue", "hold", "--domain", "example.net", "--reason", "moving")
    assert (done["changed"], done["in_flight"], done["outstanding"], done["shards"]) == (2, 0, {}, [0, 3])
    assert states(data, mine) == [State.HELD, State.QUEUED]
    assert states(data, theirs, 3) == [State.HELD]
    (held,) = [each for each in events(data) if each.name == "held"]
    assert (held.data["reason"], held.data["order"]) == ("moving", done["order"])
    assert f"act=hold by={operator()} reason=moving" in ready("events", "--event", "held")
    assert ready.json("queue", "release", theirs.message.id)["changed"] == 1
    assert states(data, theirs, 3) == [State.QUEUED]
    assert states(data, mine) == [State.HELD, State.QUEUED]


def test_an_order_that_changes_nothing_says_what_fits(ready: Cli, data: Path) -> None:
    one = Post().mail("ann@example.net", "bob@example.net", "cy@example.net")
    put(data, one)
    assert (
        ready("queue", "release", "--domain", "example.net")
        == "release: 0 recipients; 3 that fit are queued already\n"
    )
    ready("queue", "delete", f"{one.message.id}-3")
    ready("queue", "hold", one.message.id)
    again = ready("queue", "hold", "--domain", "example.net")
    assert again == "hold: 0 recipients; 2 that fit are held already, 1 has ended\n"
    assert ready("queue", "retry", f"{one.message.id}-1") == "retry: 0 recipients; 1 that fits is held\n"
    assert ready("queue", "delete", f"{one.message.id}-3") == "delete: 0 recipients; 1 that fits has ended\n"
    assert ready("queue", "hold", "--domain", "example.org") == "hold: 0 recipients; none fits\n"


def test_mail_is_retried_failed_and_deleted_by_id(ready: Cli, data: Path) -> None:
    one = Post().mail("ann@example.net", "bob@example.org", "cy@example.net")
    put(data, one)
    ids = [str(Id(one.message.id, number)) for number in (1, 2, 3)]
    before = {each["id"]: each["next"] for each in ready.json("queue")}
    assert ready.json("queue", "retry", ids[0])["changed"] == 1
    after = {each["id"]: each["next"] for each in ready.json("queue")}
    assert after[ids[0]] < before[ids[0]]
    assert after[ids[1]] == before[ids[1]]
    assert ready.json("queue", "delete", ids[1])["changed"] == 1
    assert ready.json("queue", "fail", ids[2], "--reason", "gone")["changed"] == 1
    assert states(data, one) == [State.QUEUED, State.CANCELLED, State.QUEUED]  # the third is returned at its attempt
    assert ready.json("queue", "delete", ids[1])["changed"] == 0


def test_everything_is_not_acted_upon_without_a_word(ready: Cli, data: Path) -> None:
    one = Post().mail("ann@example.net")
    put(data, one)
    ready("queue", "delete", code=2)
    assert "this would delete everything that waits: 1 recipient" in ready.errors
    ready("queue", "delete", "--state", "queued", code=2)
    assert states(data, one) == [State.QUEUED]
    assert "delete: 1 recipient" in ready("queue", "delete", "--yes")
    assert states(data, one) == [State.CANCELLED]


def test_a_name_that_nobody_has_is_an_error(ready: Cli, data: Path) -> None:
    ready("queue", "hold", "--account", "nobody", code=3)
    ready("queue", "hold", "--credential", "nobody", code=3)
    ready("queue", "hold", Post().mail().message.id, code=3)
    ready("queue", "hold", "nonsense", code=3)
    ready("queue", "hold", "--older", "soon", code=2)
    ready("queue", "hold", "--tag", "x", "--wait", "soon", code=2)


def test_an_order_is_recorded_and_forgotten_after_a_week(ready: Cli, data: Path) -> None:
    put(data, Post().mail("ann@example.net"))
    number = ready.json("queue", "hold", "--domain", "example.net", "--reason", "moving")["order"]
    registry = open_registry(data / "registry.db")
    try:
        (audit,) = [each for each in registry.audits() if each["act"] == "queue hold"]
        assert audit["detail"] == {"domain": "example.net", "reason": "moving", "order": number}
        assert [each.changed for each in registry.done(number)] == [1]
        assert registry.forget_orders(system_clock() + 1) == 1
    finally:
        registry.close()


def test_a_shard_that_somebody_holds_is_waited_for_and_named(ready: Cli, data: Path) -> None:
    mine, theirs = Post().mail("ann@example.net"), Post(3).mail("bob@example.net")
    put(data, mine)
    put(data, theirs, shard=3)
    held, over = threading.Event(), threading.Event()

    async def hold() -> None:
        queue = await opened(data, 3)
        held.set()
        await asyncio.to_thread(over.wait, 30)
        await queue.close()

    holder = threading.Thread(target=lambda: asyncio.run(hold()))
    holder.start()
    try:
        assert held.wait(30)
        done = ready.json("queue", "hold", "--domain", "example.net", "--wait", "300ms", code=1)
        assert (done["changed"], done["shards"], list(done["outstanding"])) == (1, [0], ["3"])
        assert "shard 3" in ready.errors
        assert "is owned by process" in ready.errors
        assert states(data, mine) == [State.HELD]
        assert states(data, theirs, 3) == [State.QUEUED]
    finally:
        over.set()
        holder.join(30)
    # The next order finds the shard free, and does the former one there first.
    assert ready.json("queue", "release", mine.message.id)["outstanding"] == {}
    assert states(data, theirs, 3) == [State.HELD]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_in_a_restored_shard_belongs_to_the_user_of_the_relay(ready: Cli) -> None:
    put(ready.home / "var", Post().mail("ann@example.net"))
    ready("backup", "copy")
    data = ready.home / "var"
    shutil.rmtree(data)
    data.mkdir()
    os.chown(data, 65534, 65534)
    ready("restore", "copy", "--data", "var")
    assert ready.json("queue", "hold", "--yes")["changed"] == 1
    assert {each.stat().st_uid for each in (data, *data.rglob("*"))} == {65534}
