"""Who may come in and log in: passwords, bans, leases, and what a session hears for its message."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from relay import config
from relay.config import Auth, Listener, ListenerKind
from relay.limits.interface import Kind, Mark, Place
from relay.model.account import Account, Credential, Domain, Login
from relay.model.envelope import NO_PARAMETERS, Envelope, Recipient
from relay.model.event import Event, EventName
from relay.model.reply import Refused
from relay.smtp.budget import Budget
from relay.smtp.door import Arrived, SessionInfo
from relay.smtp.listen import listen
from relay.smtp.networks import client_key
from relay.store.interface import Registry, StoreDown, StoreFull
from relay.store.sqlite import open_registry
from relay.submission import login as module
from relay.submission.directory import Directory
from relay.submission.listener import SubmissionDoor
from relay.submission.login import Logins, hash_password
from relay.submission.submission import Submission, Taken
from tests.limits.local import LocalLimits
from tests.smtp.conversation import Client

HASH = hash_password("right")
ANN = Credential(username="ann", account="demo", password_hash=HASH, created=0.0, grants=frozenset({"deadline-long"}))
HERE = "192.0.2.7"


@dataclass
class Time:
    now: float = 1_000_000.0
    pauses: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@dataclass
class Hall:
    registry: Registry
    time: Time
    limits: LocalLimits
    logins: Logins
    directory: Directory

    async def check(self, username: str, password: str, address: str = HERE, *, trusted: bool = False) -> str:
        """ "ok", or the refusal."""
        try:
            found = await self.logins.check(username, password, address, trusted=trusted)
        except Refused as refused:
            return str(refused.reply)
        assert found == Login(account="demo", credential=username.lower(), grants=ANN.grants)
        return "ok"

    def change(self, **changes: Any) -> None:
        self.registry.update_credential(replace(self.registry.credential("ann"), **changes))


WRONG = "535 5.7.8 Wrong user name or password"


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    time = Time()
    registry = open_registry(tmp_path / "registry.db")
    registry.add_account(Account(name="demo", created=0.0))
    for name in ("ann", "bob"):
        registry.add_credential(replace(ANN, username=name))
    registry.add_domain(Domain(name="example.com", account="demo", challenge="x", created=0.0))
    registry.verify_domain("example.com", 1.0, "hand")
    limits, directory = LocalLimits(1, time), Directory(registry)
    logins = Logins(directory, limits, config.Limits(), time, time.pause)
    yield Hall(registry, time, limits, logins, directory)
    logins.close()
    registry.close()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that reached argon2."""
    asked: list[str] = []
    matches = module._matches

    def count(stored: str, password: str) -> bool:
        asked.append(password)
        return matches(stored, password)

    monkeypatch.setattr(module, "_matches", count)
    return asked


async def test_the_right_password_opens_and_is_remembered_for_five_minutes(hall: Hall, verified: list[str]) -> None:
    assert await hall.check("ann", "right") == "ok"
    assert await hall.check("ANN", "right") == "ok"
    hall.time.now += 299
    assert await hall.check("ann", "right") == "ok"
    assert verified == ["right"]
    hall.time.now += 2
    assert await hall.check("ann", "right") == "ok"
    assert verified == ["right", "right"]


async def test_a_remembered_password_is_told_without_a_wait_unless_something_came_between(hall: Hall) -> None:
    recall = hall.logins.recall
    assert recall("ann", "right", HERE) is None
    assert await hall.check("ann", "right") == "ok"
    assert recall("Ann", "right", HERE) == Login(account="demo", credential="ann", grants=ANN.grants)
    assert recall("ann", "wrong", HERE) is None
    assert recall("bob", "right", HERE) is None
    hall.limits.mark(Mark(Kind.BANNED_ADDRESS, HERE, hall.time.now + 60, "guessing"))
    assert recall("ann", "right", HERE) is None
    assert recall("ann", "right", HERE, trusted=True) is not None
    hall.limits.unmark(Kind.BANNED_ADDRESS, HERE)
    assert recall("ann", "right", HERE) is not None
    hall.change(disabled=True)
    assert recall("ann", "right", HERE) is None


async def test_wrong_unknown_and_disabled_are_refused_alike_and_all_ask_argon2(
    hall: Hall, verified: list[str]
) -> None:
    hall.registry.add_credential(replace(ANN, username="eve", disabled=True))
    assert await hall.check("ann", "wrong") == WRONG
    assert await hall.check("nobody", "right") == WRONG
    assert await hall.check("eve", "right") == WRONG
    hall.registry.set_account_disabled("demo", True)
    assert await hall.check("ann", "right") == WRONG
    assert verified == ["wrong", "right", "right", "right"]


async def test_nobody_logs_in_as_a_credential_without_a_password(
    hall: Hall, verified: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    hall.change(password_hash="")
    assert [await hall.check("ann", password) for password in ("right", "", "x")] == [WRONG] * 3
    assert hall.logins.recall("ann", "", HERE) is None
    assert len(verified) == 3
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_a_changed_password_is_not_remembered_and_a_disabled_one_neither(hall: Hall) -> None:
    assert await hall.check("ann", "right") == "ok"
    hall.change(password_hash=hash_password("new"))
    assert await hall.check("ann", "right") == WRONG
    assert await hall.check("ann", "new") == "ok"
    hall.change(disabled=True)
    assert await hall.check("ann", "new") == WRONG


async def test_failures_of_an_address_cost_more_and_more_time_and_success_forgives(hall: Hall) -> None:
    for name in ("a", "b", "c", "d", "e"):
        assert await hall.check(name, "x") == WRONG
    assert hall.time.pauses == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert await hall.check("bob", "x", "192.0.2.8") == WRONG
    assert hall.time.pauses[-1] == 1.0
    assert await hall.check("ann", "right") == "ok"
    assert await hall.check("ann", "x") == WRONG
    assert hall.time.pauses[-1] == 1.0


async def test_a_failure_does_not_hold_up_others(hall: Hall) -> None:
    gate = asyncio.Event()

    async def wait(seconds: float) -> None:
        await gate.wait()

    hall.logins._pause = wait
    slow = asyncio.create_task(hall.check("ann", "wrong"))
    assert await hall.check("bob", "right") == "ok"
    assert not slow.done()
    gate.set()
    assert await slow == WRONG


async def test_ten_failures_ban_that_user_name_from_that_address_and_nobody_else(hall: Hall) -> None:
    for _ in range(10):
        assert await hall.check("ann", "wrong") == WRONG
    assert await hall.check("Ann", "right") == "454 4.7.0 Too many failed logins; try again in 15 minutes"
    assert hall.time.pauses[-1] == 1.0
    assert await hall.check("bob", "right") == "ok"
    assert await hall.check("ann", "right", "192.0.2.8") == "ok"
    hall.time.now += 14 * 60 + 30
    assert await hall.check("ann", "right") == "454 4.7.0 Too many failed logins; try again in 1 minute"
    hall.time.now += 31
    assert await hall.check("ann", "right") == "ok"


async def test_many_failures_under_many_names_ban_the_address(hall: Hall) -> None:
    for number in range(50):
        assert hall.logins.ban(HERE) is None
        assert await hall.check(f"user{number}", "guess") == WRONG
    assert hall.logins.ban(HERE) == "Too many failed logins; try again in 15 minutes"
    assert hall.logins.ban("192.0.2.8") is None
    assert (await hall.check("ann", "right")).startswith("454 4.7.0")


async def test_guesses_at_once_get_no_further_than_guesses_in_a_row(hall: Hall, verified: list[str]) -> None:
    said = await asyncio.gather(*(hall.check("ann", f"guess{number}") for number in range(40)))
    assert len(verified) == 10
    assert said.count(WRONG) == 10
    assert {each[:9] for each in said} == {WRONG[:9], "454 4.7.0"}
    assert hall.limits.marked(Kind.BANNED_USER, f"ann {HERE}")


async def test_guesses_at_once_under_many_names_stop_at_the_ban_of_the_address(
    hall: Hall, verified: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_matches", lambda stored, password: verified.append(password))
    await asyncio.gather(*(hall.check(f"user{number}", "guess") for number in range(120)))
    assert len(verified) == 50


async def test_who_is_right_waits_for_its_turn_among_those_who_guess(hall: Hall) -> None:
    async def nap(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))

    hall.logins._pause = nap
    guesses = [hall.check("ann", f"guess{number}") for number in range(9)]
    said = await asyncio.gather(*guesses, hall.check("ann", "right"), hall.check("ann", "right"))
    assert said == [WRONG] * 9 + ["ok"] * 2


async def test_trusted_networks_are_never_banned(hall: Hall) -> None:
    for _ in range(60):
        assert await hall.check("ann", "wrong", trusted=True) == WRONG
    assert await hall.check("ann", "right", trusted=True) == "ok"
    assert hall.limits.marked(Kind.BANNED_ADDRESS, HERE) is None
    assert set(hall.time.pauses) == {1.0}


async def test_sessions_that_ask_the_same_at_once_are_answered_once(hall: Hall, verified: list[str]) -> None:
    assert await asyncio.gather(*(hall.check("ann", "right") for _ in range(20))) == ["ok"] * 20
    assert verified == ["right"]


async def test_one_that_stops_waiting_takes_the_answer_from_nobody(hall: Hall) -> None:
    first = asyncio.create_task(hall.check("ann", "right"))
    second = asyncio.create_task(hall.check("ann", "right"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "ok"


async def test_the_line_of_those_who_wait_has_an_end(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def slow(stored: str, password: str) -> bool:
        return gate.wait(10)

    monkeypatch.setattr(module, "_matches", slow)
    waiting = [asyncio.create_task(hall.check("ann", f"p{number}", f"192.0.2.{number}")) for number in range(66)]
    await asyncio.sleep(0)
    assert await hall.check("bob", "right") == "454 4.7.0 Too many logins at once; please try again"
    gate.set()
    assert await asyncio.gather(*waiting) == ["ok"] * 66


async def test_memories_are_bounded(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY", 3)
    monkeypatch.setattr(module, "_matches", lambda stored, password: password.startswith("right"))
    for number in range(10):
        assert await hall.check("ann", f"right{number}") == "ok"
        assert await hall.check("ann", "wrong", f"192.0.2.{number}") == WRONG
    assert len(hall.logins._known) == len(hall.logins._failures) == 3


async def test_a_hash_that_is_broken_is_an_error_of_ours_in_the_log_and_no_way_in(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    hall.change(password_hash="plain")
    assert await hall.check("ann", "plain") == WRONG
    assert "a stored password hash cannot be used" in caplog.text


def test_clients_are_counted_by_address_or_by_the_network_of_one_customer() -> None:
    assert client_key("192.0.2.7") == "192.0.2.7"
    assert client_key("2001:db8:1:2:3::7") == client_key("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert client_key("fe80::1%eth0") == "fe80::/64"


# The door.


@dataclass
class Desk:
    """In place of Intake: takes everything, or fails as told."""

    warnings: tuple[str, ...] = ()
    fault: Exception | None = None
    taken: list[Submission] = field(default_factory=list)
    refused: list[Event] = field(default_factory=list)

    def rejected(self, event: Event) -> None:
        self.refused.append(event)

    async def take(self, submission: Submission) -> Taken:
        if self.fault is not None:
            raise self.fault
        self.taken.append(submission)
        return Taken("0123456789abcdef", len(submission.envelope.recipients), self.warnings)


LISTENER = Listener(name="in", port=0)
OPEN = Listener(name="in", port=0, auth=Auth.NONE, networks=("192.0.2.0/24",), credential="ann")


def door_of(
    hall: Hall, listener: Listener = LISTENER, *, desk: Desk | None = None, sandbox: bool = False
) -> SubmissionDoor:
    return SubmissionDoor(
        listener=listener,
        settings=config.Limits(sessions_per_address=2),
        sandbox=sandbox,
        directory=hall.directory,
        logins=hall.logins,
        limits=hall.limits,
        intake=desk or Desk(),
        clock=hall.time,
    )


def caller(address: str = HERE, login: Login | None = None) -> SessionInfo:
    return SessionInfo(listener="in", address=address, port=4711, helo="client", login=login)


async def test_a_listener_may_have_a_number_of_sessions_of_its_own(hall: Hall) -> None:
    own = config.ListenerLimits(sessions_per_address=1)
    door = door_of(hall, LISTENER.model_copy(update={"limits": own}))
    door.reconfigure(config.Limits(sessions_per_address=9), sandbox=False)
    await door.opened(caller())
    with pytest.raises(Refused, match=r"At most 1 sessions at once"):
        await door.opened(caller())


@pytest.mark.parametrize(
    ("changes", "asked", "given"),
    [
        ({}, 9, 4),
        ({}, 5, 4),
        ({}, 4, 4),
        ({}, -9, -9),
        ({"grants": frozenset({"priority-high"})}, 9, 9),
        ({"options": {"priority": 9}}, 9, 9),
    ],
)
def test_a_priority_beyond_the_grants_is_lowered(hall: Hall, changes: dict[str, Any], asked: int, given: int) -> None:
    hall.change(**changes)
    assert door_of(hall).priority(caller(login=Login(account="demo", credential="ann")), asked) == given


async def test_an_address_has_so_many_sessions_and_gets_each_place_back(hall: Hall) -> None:
    door = door_of(hall)
    first, second, third = (caller() for _ in range(3))
    await door.opened(first)
    await door.opened(second)
    with pytest.raises(Refused, match=r"At most 2 sessions at once from 192\.0\.2\.7"):
        await door.opened(third)
    door.closed(third)  # refused ones are closed, too, and had no place
    door.closed(first)
    await door.opened(third)
    assert not await hall.limits.lease(Place.SESSION, HERE, 2)


async def test_a_banned_address_is_told_for_how_long_unless_it_is_trusted(hall: Hall) -> None:
    for number in range(50):
        await hall.check(f"user{number}", "guess")
    with pytest.raises(Refused) as refused:
        door_of(hall).admits(caller())
    assert str(refused.value.reply) == "421 4.7.0 Too many failed logins; try again in 15 minutes"
    door_of(hall, LISTENER.model_copy(update={"trusted": ("192.0.2.0/24",)})).admits(caller())


async def test_the_door_of_a_trusted_network_bans_nobody(hall: Hall) -> None:
    door = door_of(hall, LISTENER.model_copy(update={"trusted": ("192.0.2.0/24",)}))
    for _ in range(12):
        with pytest.raises(Refused, match="Wrong user name"):
            await door.login(caller(), "ann", "wrong")
    assert (await door.login(caller(), "ann", "right")).credential == "ann"


async def test_a_client_that_tries_each_wrong_password_twice_in_a_session_makes_one_guess_of_it(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    door = door_of(hall)
    for number in range(9):
        session = caller()
        await door.opened(session)
        for _mechanism in ("PLAIN", "LOGIN"):
            with pytest.raises(Refused, match="Wrong user name"):
                await door.login(session, "ann", f"wrong{number // 5}")
        door.closed(session)
    assert hall.limits.marked(Kind.BANNED_USER, f"ann {HERE}") is None
    with pytest.raises(Refused, match="Wrong user name"):
        await door.login(caller(), "ann", "wrong9")
    assert hall.limits.marked(Kind.BANNED_USER, f"ann {HERE}")
    (line,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert line == f"banned-user user=ann address={HERE} until=1970-01-12T14:01:40.000Z: failed logins"


async def test_two_wrong_passwords_in_a_session_are_two_guesses(hall: Hall) -> None:
    door, session = door_of(hall), caller()
    await door.opened(session)
    for number in range(10):
        with pytest.raises(Refused, match="Wrong user name"):
            await door.login(session, "ann", f"wrong{number}")
    assert hall.limits.marked(Kind.BANNED_USER, f"ann {HERE}")


async def test_a_listener_without_auth_gives_its_credential_to_each_session(hall: Hall) -> None:
    session = caller()
    await door_of(hall, OPEN).opened(session)
    assert session.login == Login(account="demo", credential="ann", grants=ANN.grants)
    hall.change(disabled=True)
    late = caller()
    with pytest.raises(Refused, match="not in service"):
        await door_of(hall, OPEN).opened(late)


async def test_a_sender_is_of_a_verified_domain_of_the_account(hall: Hall) -> None:
    door, session = door_of(hall), caller(login=Login(account="demo", credential="ann"))
    door.mail(session, "me@example.com")
    door.mail(session, "")
    with pytest.raises(Refused) as refused:
        door.mail(session, "me@example.org")
    assert (refused.value.reply.code, refused.value.reply.status) == (550, "5.7.1")
    assert "relay domain add example.org" in refused.value.reply.text
    door_of(hall, sandbox=True).mail(session, "me@example.org")


async def test_a_refusal_at_mail_is_handed_to_the_journal_and_an_acceptance_is_not(hall: Hall) -> None:
    desk, session = Desk(), caller(login=Login(account="demo", credential="ann"))
    door = door_of(hall, desk=desk)
    door.mail(session, "me@example.com")
    assert desk.refused == []
    with pytest.raises(Refused) as refused:
        door.mail(session, "me@example.org")
    assert desk.refused == [
        Event(
            name=EventName.REJECTED,
            at=hall.time.now,
            message="",
            account="demo",
            credential="ann",
            data={
                "from": "me@example.org",
                "peer": "192.0.2.7:4711",
                "listener": "in",
                "reply": str(refused.value.reply),
            },
        )
    ]


async def test_what_a_credential_may_since_its_login_holds_at_mail(hall: Hall) -> None:
    door, session = door_of(hall), caller(login=Login(account="demo", credential="ann"))
    with pytest.raises(Refused):
        door.mail(session, "me@example.org")
    hall.registry.update_credential(replace(ANN, username="ann", sandbox=True))
    door.mail(session, "me@example.org")
    hall.registry.update_credential(replace(ANN, username="ann", grants=frozenset({"any-sender"})))
    door.mail(session, "me@example.org")


async def test_a_credential_disabled_under_way_sends_no_more(hall: Hall) -> None:
    door, session = door_of(hall), caller(login=Login(account="demo", credential="ann"))
    door.mail(session, "me@example.com")
    hall.change(disabled=True)
    with pytest.raises(Refused, match="disabled") as refused:
        door.mail(session, "me@example.com")
    assert refused.value.reply.code == 421


@pytest.mark.parametrize(
    ("recipients", "warnings", "text"),
    [
        (1, (), "250 2.0.0 Ok: queued as 0123456789abcdef"),
        (3, (), "250 2.0.0 Ok: queued as 0123456789abcdef (3 recipients)"),
        (3, ("a", "b"), "250 2.0.0 Ok: queued as 0123456789abcdef (3 recipients) (2 warnings)"),
        (1, ("a",), "250 2.0.0 Ok: queued as 0123456789abcdef (1 warning)"),
    ],
)
async def test_the_reply_to_a_message_names_it_and_counts(
    hall: Hall, recipients: int, warnings: tuple[str, ...], text: str
) -> None:
    desk = Desk(warnings)
    session = caller(login=Login(account="demo", credential="ann"))
    envelope = Envelope(
        reverse_path="me@example.com",
        recipients=tuple(Recipient(address=f"{n}@example.net") for n in range(recipients)),
    )
    reply = await door_of(hall, desk=desk).message(session, envelope, NO_PARAMETERS, Arrived(b"x\r\n", bare_lf=True))
    assert str(reply) == text
    (submission,) = desk.taken
    assert (submission.octets, submission.bare_lf, submission.authenticated) == (b"x\r\n", True, True)
    assert (submission.at, submission.peer, submission.listener) == (hall.time.now, "192.0.2.7:4711", "in")


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (StoreFull("disk"), 452, "4.3.1"),
        (StoreDown("gone"), 451, "4.3.0"),
        (Refused(554, "5.6.0", "no"), 554, "5.6.0"),
    ],
)
async def test_a_store_that_fails_keeps_the_mail_with_the_client(
    hall: Hall, fault: Exception, code: int, status: str
) -> None:
    session = caller(login=Login(account="demo", credential="ann"))
    envelope = Envelope(reverse_path="", recipients=(Recipient(address="a@example.net"),))
    with pytest.raises(Refused) as refused:
        await door_of(hall, desk=Desk(fault=fault)).message(session, envelope, NO_PARAMETERS, Arrived(b""))
    assert (refused.value.reply.code, refused.value.reply.status) == (code, status)
    assert str(fault) not in refused.value.reply.text or isinstance(fault, Refused)


async def test_a_client_logs_in_and_hands_in_a_message_through_the_real_door(hall: Hall) -> None:
    desk = Desk()
    listener = Listener(name="in", port=0, kind=ListenerKind.PLAIN, auth_without_tls=True, networks=("127.0.0.0/8",))
    door = door_of(hall, listener, desk=desk)
    sock = socket.create_server(("127.0.0.1", 0))
    server = await listen(sock, listener, config.Limits(), "mx.example", door, None, Budget(1 << 20, 10))

    def talk() -> None:
        with Client(server.port) as client:
            client.reply()
            client.ask("EHLO client")
            client.play("""
                C: AUTH PLAIN AGFubgB3cm9uZw==
                S: 535 5.7.8 Wrong user name or password
                C: AUTH PLAIN AGFubgByaWdodA==
                S: 235 2.7.0 Authentication successful
                C: MAIL FROM:<me@example.org>
                S: 550 5.7.1 the envelope sender: example.org is not a verified domain of account demo; ...
                C: MAIL FROM:<me@example.com>
                C: RCPT TO:<a@example.net>
                C: RCPT TO:<b@example.net>
                C: DATA
                S: 250 2.1.0 Ok
                S: 250 2.1.5 Ok
                S: 250 2.1.5 Ok
                S: 354 ...
                C: Subject: hi
                C: .
                S: 250 2.0.0 Ok: queued as 0123456789abcdef (2 recipients)
                C: QUIT
                S: 221 2.0.0 Bye
                -- closed
            """)

    await asyncio.to_thread(talk)
    assert desk.taken[0].login.credential == "ann"
    await server.drain(1.0)
    assert hall.limits._places.lease(0, Place.SESSION, "127.0.0.1", 1, 1) == 1
