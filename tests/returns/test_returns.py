"""The returns listener: only our own return paths are taken, and what comes is told and passed on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.bounce.returnpath import VALID, ReturnPath, make
from relay.config import Limits
from relay.model.account import ReturnKey
from relay.model.envelope import Body, Notify, Recipient
from relay.model.event import EventName
from relay.model.ids import IdSource
from relay.model.message import Due, Lane, Settlement, State
from relay.store.interface import NotFound, StoreDown, StoreFull
from relay.worker.keyring import ROTATE
from relay.worker.returnkeys import ReturnKeys
from tests.bounce.test_returned import POSTFIX
from tests.returns.stage import HERE, HOST, LISTENER, NOW, THERE, Stage, stage
from tests.smtp.conversation import Client

REPLY = b"From: ann@example.net\r\nSubject: Re: hi\r\n\r\nThanks!\r\n.dot\r\n"
DELAYED = POSTFIX.replace(b"Action: failed", b"Action: delayed").replace(b"Status: 5", b"Status: 4")
NEVER = Recipient(address="ann@example.net", notify=Notify.NEVER)


async def test_a_bounce_is_told_of_its_recipient_and_passed_on_to_the_client(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent(Recipient(address="bob@example.org"), Recipient(address="ann@example.net"))
        reply = await it.hand_in(POSTFIX, it.path(message, 2))
        (copy,) = it.copies()
        assert reply == f"250 2.0.0 Ok: queued as {copy.id}"
        received, bounced = it.journal()
        assert (bounced.name, bounced.message, bounced.recipient) == (EventName.BOUNCED, message.id, 2)
        assert (bounced.account, bounced.credential) == ("shop", "app")
        peer = bounced.data["peer"]
        assert peer.startswith("127.0.0.1:")
        assert bounced.data == {
            "from": "",
            "to": "ann@example.net",
            "size": len(POSTFIX),
            "peer": peer,
            "listener": "returns",
            "action": "failed",
            "status": "5.2.2",
            "diagnostic": "552 5.2.2 <ann@inside.example.net> Quota exceeded",
            "class": "mailbox-full",
            "forwarded": copy.id,
        }
        assert (received.message, received.data["about"]) == (copy.id, f"{message.id}-2")
        assert (copy.account, copy.credential, copy.deadline) == ("shop", "app", NOW + 1000)
        assert copy.envelope.reverse_path == ""
        assert copy.envelope.recipients == (Recipient(address="me@example.com", notify=Notify.NEVER),)
        assert it.told.lanes == [(HERE, Lane("example.com", "shop"), NOW)]
        (due,) = (await it.here.claim(Lane("example.com", "shop"), NOW, 10)).dues
        assert due.message == copy


async def test_so_much_a_day_comes_through_one_return_path_and_no_more(tmp_path: Path) -> None:
    async with stage(tmp_path, limits=Limits(returned=2)) as it:
        message = await it.sent(Recipient(address="bob@example.org"), Recipient(address="ann@example.net"))
        for _ in range(2):
            assert (await it.hand_in(POSTFIX, it.path(message, 2))).startswith("250")
        script = """
            S: 220 ...
            C: EHLO mx.example.net
            S+ 250
            C: MAIL FROM:<>
            S: 250 ...
            C: RCPT TO:<{path}>
            S: {reply}
            """
        over = "452 4.7.1 At most 2 messages a day to one return path"
        await it.play(script.format(path=it.path(message, 2).upper(), reply=over))
        await it.play(script.format(path=it.path(message, 1), reply="250 ..."))
        assert len(it.copies()) == 2
        it.clock[0] += 86_400
        assert (await it.hand_in(POSTFIX, it.path(message, 2))).startswith("250")


async def test_what_is_passed_on_has_one_field_more_and_is_the_same_otherwise(tmp_path: Path) -> None:
    content = b"From: \xe4\r\nnot a field at all\r\n\r\n" + bytes(range(128, 256)) + b"\r\n..\r\nlast"
    wire = content.replace(b"..", b"...") + b"\r\n.\r\n"
    async with stage(tmp_path) as it:
        message = await it.sent()
        path = it.path(message)
        await it.play(f"""\
            S: 220 relay.example ESMTP relay
            C: EHLO mx.example.net
            S: 250-relay.example
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-LIMITS RCPTMAX=10 MAILMAX=10000
            S: 250 HELP
            C: MAIL FROM:<ann@example.net> BODY=8BITMIME SMTPUTF8
            S: 250 2.1.0 Ok
            C: RCPT TO:<{path.upper()}>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 ...
            -- send {wire!r}
            S: 250 2.0.0 Ok: queued as ...
            C: QUIT
            S: 221 2.0.0 Bye""")
        (copy,) = it.copies()
        octets = await it.here.content(copy.id, 0)
        assert octets.endswith(content + b"\r\n")
        field = octets.removesuffix(content + b"\r\n").decode()
        assert field == (
            "Received: from mx.example.net ([127.0.0.1])\r\n"
            f"\tby relay.example with UTF8SMTP id {copy.id}\r\n"
            f"\tfor <{path.partition('@')[0].upper()}@{HOST}>;\r\n\tWed, 18 Nov 2026 11:06:40 +0000\r\n"
        )
        assert copy.envelope.smtputf8
        assert copy.envelope.body is Body.EIGHT_BIT


@pytest.mark.parametrize(
    ("content", "sender", "name", "copied"),
    [
        (POSTFIX, "", EventName.BOUNCED, False),
        (POSTFIX, "postmaster@example.net", EventName.BOUNCED, False),
        (DELAYED, "", EventName.REPLIED, False),
        (REPLY, "", EventName.BOUNCED, True),
        (REPLY, "ann@example.net", EventName.REPLIED, True),
    ],
    ids=["report", "report with a sender", "delay", "null sender", "reply"],
)
async def test_who_wants_no_reports_gets_all_that_is_none_for_certain(
    tmp_path: Path, content: bytes, sender: str, name: EventName, copied: bool
) -> None:
    async with stage(tmp_path) as it:
        never, usual = await it.sent(NEVER), await it.sent()
        reply = await it.hand_in(content, it.path(never), sender=sender)
        assert (reply == "250 2.0.0 Ok: noted") is not copied
        (event,) = [each for each in it.journal() if each.message == never.id]
        assert (event.name, "forwarded" in event.data) == (name, copied)
        await it.hand_in(content, it.path(usual), sender=sender)
        (event,) = [each for each in it.journal() if each.message == usual.id]
        assert (event.name, "forwarded" in event.data) == (name, True)
        assert len(it.copies()) == 1 + copied


async def test_nobody_gets_a_copy_where_the_client_gave_no_reverse_path(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent(sender="")
        assert await it.hand_in(REPLY, it.path(message), sender="ann@example.net") == "250 2.0.0 Ok: noted"
        (event,) = it.journal()
        assert (event.name, event.message, event.recipient) == (EventName.REPLIED, message.id, 1)


async def test_several_return_paths_of_one_message_make_one_copy_and_each_its_event(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        one = await it.sent(Recipient(address="ann@example.net"), Recipient(address="bob@example.net"), NEVER)
        other = await it.sent(sender="you@example.com")
        paths = [it.path(one, 1), it.path(one, 2), it.path(one, 3), it.path(other), it.path(one, 1).upper()]
        await it.hand_in(POSTFIX, *paths)
        assert [each.envelope.recipients[0].address for each in it.copies()] == ["me@example.com", "you@example.com"]
        told = [(each.message, each.recipient) for each in it.journal() if each.name is EventName.BOUNCED]
        assert told == [(one.id, 1), (one.id, 2), (other.id, 1), (one.id, 3)]
        first = it.journal()[0]
        assert first.data["about"] == one.id
        never = next(each for each in it.journal() if (each.message, each.recipient) == (one.id, 3))
        assert it.reader.recipients(never.data["kept"])[0].address == NEVER.address


async def test_everything_that_is_not_a_return_path_of_ours_is_refused_before_its_content(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent()
        path, local = it.path(message), it.path(message).partition("@")[0]
        unsent = await it.sent(return_host="")
        forged = make(ReturnKey(number=1, secret=bytes(32), created=0.0), f"{message.id}-1")
        beyond = make(it.keys.known()[0], f"{message.id}-2")
        await it.play(f"""\
            S: 220 ...
            C: HELO mx.example.net
            S: 250 relay.example
            C: MAIL FROM:<>
            S: 250 2.1.0 Ok
            C: RCPT TO:<postmaster>
            S: 550 5.1.1 postmaster@relay.example: not a return path of this relay
            C: RCPT TO:<me@example.com>
            S: 550 5.1.1 me@example.com: not a return path of this relay
            C: RCPT TO:<{forged}@{HOST}>
            S: 550 5.1.1 {forged}@{HOST}: not a return path of this relay
            C: RCPT TO:<{local}@example.com>
            S: 550 5.1.1 {local}@example.com: not a return path of this relay
            C: RCPT TO:<{local}@relay.example>
            S: 550 5.1.1 {local}@relay.example: not a return path of this relay
            C: RCPT TO:<{beyond}@{HOST}>
            S: 550 5.1.1 {beyond}@{HOST}: its message is no longer known here
            C: RCPT TO:<{it.path(unsent)}{HOST}>
            S: 550 5.1.1 {it.path(unsent)}{HOST}: not a return path of this relay
            C: DATA
            S: 554 5.5.1 No valid recipients
            C: RCPT TO:<{path}>
            S: 250 2.1.5 Ok
            C: AUTH PLAIN AGEAYg==
            S: 503 5.5.1 ...
            C: VRFY {path}
            S: 252 2.5.0 ...
            C: QUIT
            S: 221 2.0.0 Bye""")
        assert it.journal() == []


async def test_a_message_that_is_known_no_longer_is_refused_at_rcpt(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent()
        path = it.path(message)
        (reply,) = await refusals(it, path.replace(path[3:6], "vvv"))
        assert "not a return path" in reply
        gone = make(it.keys.known()[0], f"{IdSource(THERE, lambda: NOW + 1).new()}-1")
        (reply,) = await refusals(it, f"{gone}@{HOST}")
        assert reply.endswith("its message is no longer known here")
        far = make(it.keys.known()[0], f"{'v' * 16}-1")  # of a shard that is not there
        (reply,) = await refusals(it, f"{far}@{HOST}")
        assert reply.endswith("its message is no longer known here")
        assert await it.there.prune(NOW) == 0


async def refusals(it: Stage, *addresses: str) -> list[str]:

    def talk() -> list[str]:
        with Client(it.server.port) as client:
            client.reply()
            client.ask("EHLO mx.example.net")
            client.ask("MAIL FROM:<>")
            return [client.ask(f"RCPT TO:<{each}>") for each in addresses]

    replies = await asyncio.to_thread(talk)
    assert all(each.startswith("550 5.1.1 ") for each in replies)
    return replies


async def test_return_paths_outlive_their_key_by_sixty_days_and_no_more(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent()
        old = it.path(message)
        it.clock[0] = NOW + ROTATE - 1
        it.keys.rotate()
        assert it.path(message) == old
        it.clock[0] = NOW + ROTATE
        it.keys.rotate()
        assert it.path(message) != old
        it.clock[0] = NOW + ROTATE + VALID
        assert (await it.hand_in(REPLY, old)).startswith("250")
        it.clock[0] += 1
        (reply,) = await refusals(it, old)
        assert reply.endswith("this return path is no longer valid")
        it.keys.rotate()
        (reply,) = await refusals(it, old)
        assert reply.endswith("not a return path of this relay")  # its key is forgotten
        assert (await it.hand_in(REPLY, it.path(message))).startswith("250")


async def test_line_ends_loops_and_sizes_are_refused_with_the_reason(tmp_path: Path) -> None:
    limits = Limits(size=2000, received=3)
    async with stage(tmp_path, limits=limits) as it:
        path = it.path(await it.sent())
        assert (await it.hand_in(b"Subject: x\r\n\r\nbare\nLF\r\n", path)).startswith(
            "550 5.6.0 The message has a bare LF"
        )
        loop = b"Received: by a\r\n" * 2 + b"RECEIVED : by b\r\nreceived:\r\n by c\r\n\r\nReceived: in the body\r\n"
        assert (await it.hand_in(loop, path)).startswith("554 5.4.6 the message seems to loop: it has 4 Received")
        assert (await it.hand_in(b"x" * 99 + b"\r\n" * 1000, path)).startswith("552 5.3.4")
        assert it.journal() == []
        assert (await it.hand_in(loop.replace(b"by a", b"by a", 1)[16:], path)).startswith("250")


async def test_a_few_recipients_are_enough_and_one_address_has_its_number_of_sessions(tmp_path: Path) -> None:
    async with stage(tmp_path, limits=Limits(sessions_per_address=1)) as it:
        message = await it.sent(*(Recipient(address=f"a{number}@example.net") for number in range(11)))
        with Client(it.server.port) as client:

            def talk() -> list[str]:
                client.reply()
                client.ask("EHLO mx.example.net")
                client.ask("MAIL FROM:<>")
                return [client.ask(f"RCPT TO:<{it.path(message, number)}>") for number in range(1, 12)]

            replies = await asyncio.to_thread(talk)
            assert [each[:3] for each in replies] == ["250"] * 10 + ["452"]
            await it.play("""\
                S: 421 4.7.0 At most 1 sessions at once from 127.0.0.1
                -- closed""")


@pytest.mark.parametrize(("fault", "code"), [(StoreFull("full"), "452 4.3.1"), (StoreDown("down"), "451 4.3.0")])
async def test_what_cannot_be_kept_is_left_with_the_host_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    async with stage(tmp_path) as it:
        path = it.path(await it.sent())

        async def failing(new: object) -> None:
            raise fault

        monkeypatch.setattr(it.here, "add", failing)
        assert (await it.hand_in(REPLY, path)).startswith(code)
        assert it.told.lanes == []


async def test_a_shard_that_cannot_be_read_now_is_no_reason_to_refuse_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as it:
        path = it.path(await it.sent())

        def failing(recipient_id: str) -> None:
            raise StoreDown("no disk")

        monkeypatch.setattr(it.originals, "find", failing)
        await it.play(f"""\
            S: 220 ...
            C: HELO mx.example.net
            S: 250 relay.example
            C: MAIL FROM:<>
            S: 250 2.1.0 Ok
            C: RCPT TO:<{path}>
            S: 451 4.3.0 Cannot look that address up at the moment; please try again""")


async def test_the_first_key_is_made_when_it_is_needed_and_shared_by_all(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        registry = it.keys._registry
        it.keys.rotate()
        assert registry.return_keys() == []
        message = await it.sent()
        path = it.path(message)
        assert len(registry.return_keys()) == 1
        other = ReturnKeys(registry, lambda: NOW)
        assert other.read(path.partition("@")[0]) == ReturnPath(f"{message.id}-1")
        other.rotate()
        assert len(registry.return_keys()) == 1


async def test_messages_are_found_after_they_ended_until_they_are_forgotten(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent()
        (recipient,) = message.envelope.recipients
        path = it.path(message)

        due = Due(shard=5, message=message, number=1, recipient=recipient, content=0, attempts=0, due=NOW)
        await it.there.settle([Settlement(due=due, state=State.DELIVERED, attempts=1)])
        assert (await it.hand_in(REPLY, path)).startswith("250")
        assert it.originals.find(ReturnPath(f"{message.id}-1")).recipient == recipient
        with pytest.raises(NotFound):
            it.originals.find(ReturnPath(message.id))
        with pytest.raises(NotFound):
            it.originals.find(ReturnPath(f"{message.id}-2"))


def test_a_returns_listener_takes_few_recipients_unless_it_says_so() -> None:
    assert LISTENER.held_to(Limits()).recipients == 10
    assert LISTENER.held_to(Limits()).size == Limits().size
