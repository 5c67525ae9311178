"""Peers that do wrong in every step: no message is lost, none is told to be delivered that is not, nobody waits.

One relay, some two hundred hosts at addresses of their own. Each goes on with its misdeed until the mail for it was
judged as `misdeeds.py` says; then all behave, and what was deferred arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from relay.model.event import Event, EventName
from tests.faults.misdeeds import LOGIN, Misdeed, misdeeds
from tests.faults.town import HOME, Town, town
from tests.faults.watch import Watch
from tests.peers.receiver import Behaviour, Received

PATIENCE = 3.0  # seconds the relay waits for a peer
ROOM = 150.0  # megabytes the relay may grow by while two hundred hosts flood it with ten megabytes each
SMALL = b"From: me@example.com\r\nSubject: hello\r\n\r\n" + b"a line of no importance\r\n" * 80
LARGE = b"From: me@example.com\r\nSubject: hello\r\n\r\n" + b"a line of no importance\r\n" * 320_000
GOOD, SPARE = "good.test", "spare.test"

Judged = Mapping[str, list[Event]]


def classes(events: list[Event]) -> set[str]:
    return {each.data["class"] for each in events if each.name is not EventName.ATTEMPTED}


def ended(events: list[Event]) -> list[EventName]:
    return [each.name for each in events if each.name in (EventName.DELIVERED, EventName.FAILED, EventName.EXPIRED)]


@pytest.fixture(scope="module")
def wrongs() -> dict[str, Misdeed]:
    return {f"peer{number}.test": each for number, each in enumerate(misdeeds())}


def second(name: str) -> str:
    """A domain whose first host is this one, and whose other host behaves."""
    return f"second.{name}"


@pytest.fixture(scope="module")
def bad_town(tmp_path_factory: pytest.TempPathFactory, wrongs: dict[str, Misdeed]) -> Iterator[Town]:
    behaviours = {name: each.behaviour for name, each in wrongs.items()}
    good = dict.fromkeys((GOOD, SPARE, HOME), Behaviour())
    hosts = {second(name): [name, SPARE] for name, each in wrongs.items() if each.elsewhere}
    hosts |= {f"large.{name}": [name] for name in list(wrongs)[:4]}
    login = {"tls": "none", "username": LOGIN[0], "password": LOGIN[1]}
    smarthosts = {name: login for name, each in wrongs.items() if each.behaviour.login}
    home = tmp_path_factory.mktemp("peers")
    with town(home, {**behaviours, **good}, hosts, patience=PATIENCE, smarthosts=smarthosts) as made:
        yield made


def until(town: Town, what: str, holds: Callable[[Judged], list[str]], seconds: float = 60.0) -> Judged:
    """Until `holds` finds nothing that is wrong any more; what was told by then."""
    told: Judged = {}

    def through() -> bool:
        nonlocal told
        told = town.relay.told()
        return not holds(told)

    try:
        town.relay.wait(through, what, seconds)
    except AssertionError:
        raise AssertionError("\n".join([f"{what}:", *holds(told)])) from None
    return told


def test_whatever_a_peer_does_mail_is_judged_as_it_should_be_and_arrives_once_it_behaves(
    bad_town: Town, wrongs: dict[str, Misdeed]
) -> None:
    elsewhere = [name for name, each in wrongs.items() if each.elsewhere]
    load = bad_town.relay.load(GOOD, pause=0.05, threads=1)
    load.start()
    with Watch(bad_town.relay) as watch:
        bad_town.post(dict.fromkeys([*wrongs, *map(second, elsewhere)], SMALL))

        def unjudged(told: Judged) -> list[str]:
            first = [
                f"{each.what}: {each.meaning or 'delivered'} is not among {told.get(f'ann@{name}')}"
                for name, each in wrongs.items()
                if (each.meaning or "accepted") not in classes(told.get(f"ann@{name}", []))
            ]
            return first + [
                f"{wrongs[name].what}: another host would take it: {told.get(f'ann@{second(name)}')}"
                for name in elsewhere
                if not ended(told.get(f"ann@{second(name)}", []))
            ]

        judged = until(bad_town, "a judgement of every misdeed", unjudged)
        spared = len(bad_town.received(SPARE))
        bad_town.mend()

        def unended(told: Judged) -> list[str]:
            return [each.what for name, each in wrongs.items() if not ended(told[f"ann@{name}"])]

        told = until(bad_town, "an end for every message", unended)
    load.stop()

    assert spared == len(elsewhere)
    for name in elsewhere:
        (end,) = [each for each in judged[f"ann@{second(name)}"] if each.name is not EventName.ATTEMPTED]
        assert (end.name, end.data["attempt"]) == (EventName.DELIVERED, 1), wrongs[name].what
    for name, each in wrongs.items():
        check(each, bad_town.received(name), judged[f"ann@{name}"], told[f"ann@{name}"])
    assert watch.grown < ROOM, f"{watch.grown:.0f} MB for {len(wrongs)} peers"
    assert not load.refused
    assert "Traceback" not in bad_town.relay.printed
    bad_town.receivers[GOOD].wait_for(lambda _: load.accepted.keys() <= bad_town.arrivals.times.keys())
    assert all(len(bad_town.arrivals.times[number]) == 1 for number in load.accepted)


def check(wrong: Misdeed, arrived: list[Received], judged: list[Event], told: list[Event]) -> None:
    """`judged`: while it went on."""
    # On a busy machine any of them may seem silent for once; after the dot that is uncertain, too.
    assert classes(judged) <= {wrong.meaning or "accepted", "timeout", "uncertain"}, wrong.what
    assert ended(told) == [EventName.FAILED if wrong.final else EventName.DELIVERED], wrong.what
    assert (len(arrived) == 0) is wrong.final, wrong.what
    assert len(arrived) <= 1 or "uncertain" in classes(told), wrong.what
    for message in arrived:
        assert message.content.endswith(SMALL.partition(b"\r\n\r\n")[2]), wrong.what


def test_a_message_that_is_cut_short_on_its_way_is_not_uncertain_and_arrives_whole(bad_town: Town) -> None:
    names = {"drop": True, "reset": False, "alert": True, "slurp": False}
    hosts = dict(zip(bad_town.receivers, names.items(), strict=False))
    for host, (doing, tls) in hosts.items():
        bad_town.receivers[host].behaviour = Behaviour(on={"content": doing}, starttls=tls)
    with Watch(bad_town.relay) as watch:
        bad_town.post({f"large.{host}": LARGE for host in hosts})

        def uncut(told: Judged) -> list[str]:
            return [host for host in hosts if "session" not in classes(told.get(f"ann@large.{host}", []))]

        judged = until(bad_town, "a transfer that broke, of each", uncut)
        for host, (doing, _) in hosts.items():
            assert classes(judged[f"ann@large.{host}"]) == {"session"}, doing
        bad_town.mend()

        def unended(told: Judged) -> list[str]:
            return [host for host in hosts if not ended(told[f"ann@large.{host}"])]

        until(bad_town, "the end of each transfer", unended)
    for host in hosts:
        (arrived,) = [each for each in bad_town.received(host) if len(each.content) >= len(LARGE)]
        assert arrived.content.endswith(LARGE.partition(b"\r\n\r\n")[2])
    assert watch.grown < ROOM, f"{watch.grown:.0f} MB"
