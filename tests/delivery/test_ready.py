"""The ready queue of a site."""

from __future__ import annotations

from typing import Any

from relay.delivery.ready import Ready
from relay.model.envelope import Envelope, Recipient
from relay.model.message import Due, Message
from relay.model.options import Options, Resolved


def due(message: str, number: int = 1, account: str = "a", return_host: str = "", **options: Any) -> Due:
    recipient = Recipient(address=f"r{number}@example.net")
    envelope = Envelope(reverse_path="me@relay.example", recipients=(recipient,))
    return Due(
        shard=0,
        message=Message(
            id=message,
            account=account,
            credential="c",
            envelope=envelope,
            received=0,
            deadline=9,
            size=1,
            return_host=return_host,
            resolved=Resolved(options=Options(**options)),
        ),
        number=number,
        recipient=recipient,
        content=0,
        attempts=0,
        due=0,
    )


def taken(ready: Ready) -> list[tuple[str, list[int]]]:
    jobs = []
    while (job := ready.take()) is not None:
        jobs.append((job.dues[0].message.id, [each.number for each in job.dues]))
    return jobs


def test_recipients_of_one_content_go_together_up_to_the_limit() -> None:
    ready = Ready(2)
    for number in range(1, 6):
        ready.add(due("m", number))
    assert (len(ready), ready.jobs) == (5, 1)
    assert taken(ready) == [("m", [1, 2]), ("m", [3, 4]), ("m", [5])]
    assert (len(ready), ready.jobs) == (0, 0)


def test_accounts_take_turns_and_within_one_the_first_goes_first() -> None:
    ready = Ready(100)
    for message, account in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b")):
        ready.add(due(message, account=account))
    assert [message for message, _ in taken(ready)] == ["a1", "b1", "a2", "b2", "a3"]


def test_surplus_recipients_come_first_when_their_account_has_its_turn() -> None:
    ready = Ready(2)
    ready.add(due("m1", 1))
    ready.add(due("m2", 1))
    ready.put_back([due("m0", 7), due("m0", 8)])
    assert [message for message, _ in taken(ready)] == ["m0", "m1", "m2"]


def test_the_highest_priority_goes_first_within_an_account_and_takes_no_turn_from_another() -> None:
    ready = Ready(100)
    for message, account, priority in (
        ("a1", "a", 5),
        ("a2", "a", 2),
        ("a3", "a", 9),
        ("a4", "a", 9),
        ("b1", "b", 1),
        ("b2", "b", 1),
    ):
        ready.add(due(message, account=account, priority=priority))
    assert [message for message, _ in taken(ready)] == ["a3", "b1", "a4", "b2", "a1", "a2"]
    assert (len(ready), ready.jobs) == (0, 0)


def test_a_tenant_has_turns_of_its_own() -> None:
    ready = Ready(100)
    for message, tenant in (("x1", "x"), ("x2", "x"), ("y1", "y")):
        ready.add(due(message, tenant=tenant))
    assert [message for message, _ in taken(ready)] == ["x1", "y1", "x2"]


def test_recipients_under_a_return_path_of_ours_go_alone() -> None:
    ready = Ready(100)
    for number in (1, 2):
        ready.add(due("m", number, return_host="bounces.example.com"))
    assert taken(ready) == [("m", [1]), ("m", [2])]


def test_what_is_urgent_takes_the_place_of_the_newest_that_is_not() -> None:
    ready = Ready(100)
    for message, account, priority in (("low1", "a", 1), ("low2", "a", 1), ("mid", "a", 5), ("other", "b", 0)):
        ready.add(due(message, account=account, priority=priority))
    assert [each.message.id for each in ready.make_room(due("high", priority=9))] == ["low2"]
    assert ready.make_room(due("as low", priority=1)) == []
    assert ready.make_room(due("a third one's", account="c", priority=9)) == []
    assert (len(ready), ready.jobs) == (3, 3)
    assert [message for message, _ in taken(ready)] == ["mid", "other", "low1"]


def test_emptying_gives_all_of_them() -> None:
    ready = Ready(2)
    for number in range(1, 6):
        ready.add(due("m", number))
    assert [each.number for each in ready.empty()] == [1, 2, 3, 4, 5]
    assert ready.take() is None
    assert (len(ready), ready.jobs) == (0, 0)
