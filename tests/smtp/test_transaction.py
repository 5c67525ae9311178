"""The client's side of a mail transaction, as transcripts."""

from __future__ import annotations

import pytest

from relay.model.envelope import Envelope, Notify, Recipient, Ret
from relay.model.reply import Reply
from relay.smtp.dialogue import Step, Trouble
from relay.smtp.letter import BLOCK, Letter, Offers, blocks
from relay.smtp.transaction import NO_EIGHT_BIT, Result, transaction
from tests.transcript import play

CONTENT = b"Subject: hello\r\n\r\nhi\r\n"
PLAIN = Offers()
PIPELINING = Offers(pipelining=True)


def letter(*addresses: str, content: bytes = CONTENT, sender: str = "me@relay.example", utf8: bool = False) -> Letter:
    recipients = tuple(Recipient(address=each) for each in addresses or ("ann@example.net", "gone@example.net"))
    envelope = Envelope(reverse_path=sender, recipients=recipients, smtputf8=utf8)
    return Letter(envelope=envelope, recipients=recipients, content=content)


def replies(result: Result) -> list[str]:
    return [str(each.reply) for each in result.answers]


def test_a_refused_recipient_does_not_stop_the_others() -> None:
    result = play(
        transaction(letter(), PLAIN),
        """
        C: MAIL FROM:<me@relay.example>
        S: 250 2.1.0 sender ok
        C: RCPT TO:<ann@example.net>
        S: 250 2.1.5 recipient ok
        C: RCPT TO:<gone@example.net>
        S: 550 5.1.1 no such mailbox
        C: DATA
        S: 354 go ahead
        C: <message of 22 octets>
        S: 250 2.0.0 queued as 7F3A
        """,
    )
    assert replies(result) == ["250 2.0.0 queued as 7F3A", "550 5.1.1 no such mailbox"]
    assert result.clean


def test_a_pipelining_server_gets_the_envelope_in_one_write() -> None:
    result = play(
        transaction(letter(), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: RCPT TO:<gone@example.net>
        C: DATA
        S: 250 ok
        S: 450-4.7.1 greylisted
        S: 450 4.7.1 come back later
        S: 250 ok
        S: 354 go ahead
        C: <message of 22 octets>
        S: 250 done
        """,
    )
    assert replies(result) == ["450 4.7.1 greylisted\ncome back later", "250 done"]
    assert result.clean


def test_data_taken_without_a_recipient_is_ended_by_a_lone_dot_whose_answer_concerns_nobody() -> None:
    result = play(
        transaction(letter(), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: RCPT TO:<gone@example.net>
        C: DATA
        S: 250 ok
        S: 550 5.1.1 no ann
        S: 550 5.1.1 no gone
        S: 354 go ahead
        C: .
        S: 554 5.5.1 no valid recipients
        """,
    )
    assert replies(result) == ["550 5.1.1 no ann", "550 5.1.1 no gone"]
    assert result.clean


def test_a_transaction_without_accepted_recipient_ends_with_rset() -> None:
    result = play(
        transaction(letter("gone@example.net"), PLAIN),
        """
        C: MAIL FROM:<me@relay.example>
        S: 250 ok
        C: RCPT TO:<gone@example.net>
        S: 550 5.1.1 no such mailbox
        C: RSET
        S: 250 ok
        """,
    )
    assert result.clean


def test_a_server_that_refuses_rset_gets_no_further_mail() -> None:
    result = play(
        transaction(letter("gone@example.net"), PLAIN),
        """
        C: MAIL FROM:<me@relay.example>
        S: 250 ok
        C: RCPT TO:<gone@example.net>
        S: 550 5.1.1 no such mailbox
        C: RSET
        S: 503 what?
        """,
    )
    assert not result.clean


def test_a_refused_sender_is_the_answer_of_every_recipient() -> None:
    script = """
        C: MAIL FROM:<me@relay.example>
        S: 550 5.7.1 not you
        """
    result = play(transaction(letter(), PLAIN), script)
    assert replies(result) == ["550 5.7.1 not you"] * 2
    assert {each.step for each in result.answers} == {Step.MAIL}
    assert result.clean


def test_a_refused_sender_in_a_group_is_told_rather_than_the_bad_sequence_that_follows() -> None:
    result = play(
        transaction(letter(), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: RCPT TO:<gone@example.net>
        C: DATA
        S: 451 4.3.0 not now
        S: 503 5.5.1 MAIL first
        S: 503 5.5.1 MAIL first
        S: 503 5.5.1 MAIL first
        """,
    )
    assert replies(result) == ["451 4.3.0 not now"] * 2
    assert result.clean


def test_a_refused_data_command_leaves_the_connection_clean() -> None:
    result = play(
        transaction(letter("ann@example.net"), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 451 4.3.1 no room
        C: RSET
        S: 250 ok
        """,
    )
    assert replies(result) == ["451 4.3.1 no room"]
    assert result.answers[0].step is Step.DATA
    assert result.clean


def test_a_refused_message_is_the_answer_of_those_who_were_accepted() -> None:
    result = play(
        transaction(letter(), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: RCPT TO:<gone@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 550 5.1.1 gone
        S: 354 go ahead
        C: <message of 22 octets>
        S: 554 5.7.1 spam
        """,
    )
    assert [(each.step, each.reply.code) for each in result.answers] == [(Step.MESSAGE, 554), (Step.RCPT, 550)]
    assert result.clean


def test_a_connection_lost_after_the_dot_is_told_as_such() -> None:
    result = play(
        transaction(letter("ann@example.net"), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go ahead
        C: <message of 22 octets>
        -- lost
        """,
    )
    assert (result.answers[0].step, result.answers[0].trouble) == (Step.MESSAGE, Trouble.LOST)
    assert not result.clean


def test_a_connection_lost_within_a_group_keeps_the_refusals_that_came_before() -> None:
    result = play(
        transaction(letter("gone@example.net", "ann@example.net"), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<gone@example.net>
        C: RCPT TO:<ann@example.net>
        C: DATA
        S: 250 ok
        S: 550 5.1.1 gone
        -- lost
        """,
    )
    assert [each.trouble for each in result.answers] == [Trouble.NONE, Trouble.LOST]
    assert not result.clean


def test_a_server_that_closes_at_a_recipient_ends_the_dialogue() -> None:
    result = play(
        transaction(letter(), PLAIN),
        """
        C: MAIL FROM:<me@relay.example>
        S: 250 ok
        C: RCPT TO:<ann@example.net>
        S: 421 4.3.2 going down
        """,
    )
    assert replies(result) == ["421 4.3.2 going down"] * 2
    assert not result.clean


def test_a_recipient_accepted_before_the_server_closes_shares_the_closing_reply() -> None:
    result = play(
        transaction(letter(), PLAIN),
        """
        C: MAIL FROM:<me@relay.example>
        S: 250 ok
        C: RCPT TO:<ann@example.net>
        S: 250 ok
        C: RCPT TO:<gone@example.net>
        -- silent
        """,
    )
    assert [each.trouble for each in result.answers] == [Trouble.SILENT] * 2


def test_data_answered_with_250_is_no_delivery() -> None:
    result = play(
        transaction(letter("ann@example.net"), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 250 ok
        """,
    )
    assert result.answers[0].trouble is Trouble.GARBLED
    assert not result.clean


def test_parameters_are_said_where_they_are_offered_and_needed() -> None:
    offers = Offers(eight_bit=True, utf8=True, size=0)
    result = play(
        transaction(letter("ann@example.net", content="Subject: x\r\n\r\nh\u00e9\r\n".encode()), offers),
        """
        C: MAIL FROM:<me@relay.example> SIZE=19 BODY=8BITMIME
        S: 250 ok
        C: RCPT TO:<ann@example.net>
        S: 250 ok
        C: DATA
        S: 354 go
        C: <message of 19 octets>
        S: 250 ok
        """,
    )
    assert result.notes == ()


def test_8bit_content_goes_as_it_is_where_8bitmime_is_not_offered_and_that_is_noted() -> None:
    result = play(
        transaction(letter("ann@example.net", content=b"Subject: x\r\n\r\nh\xe9\r\n"), PLAIN),
        """
        C: MAIL FROM:<me@relay.example>
        S: 250 ok
        C: RCPT TO:<ann@example.net>
        S: 250 ok
        C: DATA
        S: 354 go
        C: <message of 18 octets>
        S: 250 ok
        """,
    )
    assert result.notes == (NO_EIGHT_BIT,)


def test_a_message_too_large_for_the_next_hop_is_refused_before_the_transfer() -> None:
    result = play(transaction(letter(), Offers(size=21)), "")
    assert {(str(each.reply)[:9], each.trouble) for each in result.answers} == {("552 5.3.4", Trouble.OURS)}
    assert result.clean


def test_an_address_that_needs_smtputf8_fails_alone_where_it_is_not_offered() -> None:
    result = play(
        transaction(letter("\u00e4nn@example.net", "bob@b\u00fccher.example"), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<bob@xn--bcher-kva.example>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message of 22 octets>
        S: 250 ok
        """,
    )
    assert [str(each.reply)[:9] for each in result.answers] == ["553 5.6.7", "250 ok"]


def test_smtputf8_is_said_when_an_address_needs_it() -> None:
    play(
        transaction(letter("\u00e4nn@example.net"), Offers(utf8=True, pipelining=True)),
        """
        C: MAIL FROM:<me@relay.example> SMTPUTF8
        C: RCPT TO:<\u00e4nn@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message of 22 octets>
        S: 250 ok
        """,
    )


@pytest.mark.parametrize(
    ("sender", "content", "utf8"),
    [("\u00e4@relay.example", CONTENT, False), ("me@relay.example", "Subject: \u00e4\r\n\r\n".encode(), True)],
)
def test_a_sender_or_header_that_needs_smtputf8_stops_everybody(sender: str, content: bytes, utf8: bool) -> None:
    result = play(transaction(letter(sender=sender, content=content, utf8=utf8), Offers(eight_bit=True)), "")
    assert {each.reply.status for each in result.answers} == {"5.6.7"}


def test_a_raw_8bit_header_that_was_never_declared_smtputf8_goes_as_it_came() -> None:
    play(
        transaction(letter("a@example.net", content="Subject: \u00e4\r\n\r\n".encode()), Offers(eight_bit=True)),
        """
        C: MAIL FROM:<me@relay.example> BODY=8BITMIME
        S: 250 ok
        C: RCPT TO:<a@example.net>
        S: 250 ok
        C: DATA
        S: 354 go
        C: <message of 15 octets>
        S: 250 ok
        """,
    )


def test_the_wishes_for_reports_go_along_where_dsn_is_offered() -> None:
    recipients = (
        Recipient(address="a@example.net", notify=Notify.NEVER, original="rfc822;a+b=c@example.net"),
        Recipient(address="b@example.net", notify=Notify.SUCCESS | Notify.FAILURE),
    )
    envelope = Envelope(reverse_path="", recipients=recipients, envid="job 7+", ret=Ret.FULL)
    play(
        transaction(
            Letter(envelope=envelope, recipients=recipients, content=CONTENT), Offers(dsn=True, pipelining=True)
        ),
        """
        C: MAIL FROM:<> RET=FULL ENVID=job+207+2B
        C: RCPT TO:<a@example.net> NOTIFY=NEVER ORCPT=rfc822;a+2Bb+3Dc@example.net
        C: RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: <message of 22 octets>
        S: 250 ok
        """,
    )


@pytest.mark.parametrize("content", [b"a: b\r\n\r\nx\n.\r\n", b"a: b\r\n\r\nx\r.\r\n", b"a: b\n\nx\n"])
def test_content_with_a_bare_line_end_never_reaches_the_wire(content: bytes) -> None:
    result = play(transaction(letter(content=content), PIPELINING), "")
    assert {each.reply.status for each in result.answers} == {"5.6.0"}


def test_an_address_with_a_line_end_never_reaches_the_wire() -> None:
    result = play(transaction(letter("a@example.net>\r\nDATA\r\n"), PIPELINING), "")
    assert replies(result) == ["553 5.1.3 the address has control characters"]


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n..\r\n.x\r\n", b"..\r\n...\r\n..x\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_once_at_line_starts(content: bytes, wire: bytes) -> None:
    assert b"".join(blocks(content)) == wire


@pytest.mark.parametrize(
    "line",
    [
        b".\r\n",
        b".x\r\n",
        b"." * 70_000 + b"\r\n",
        b"x" * 200_000 + b"\r\n",
        b"." + b"x" * (BLOCK - 2) + b"\r\n",  # a block ends between CR and LF
        b"." + b"x" * (BLOCK - 3) + b"\r\n",
        b"." + b"x" * (BLOCK - 1) + b"\r\n",
    ],
)
def test_large_content_comes_in_blocks_and_is_the_same_as_in_one(line: bytes) -> None:
    content = line * (400_000 // len(line))
    whole = content.replace(b"\r\n.", b"\r\n..")
    whole = (b"." + whole if whole.startswith(b".") else whole) + b".\r\n"
    pieces = list(blocks(content))
    assert b"".join(pieces) == whole
    assert len(pieces) > 1


def test_what_a_server_offers_is_read_from_its_ehlo_reply() -> None:
    reply = Reply(
        250, "", "mx.example.net at your service\nPIPELINING\nsize 1000\n8bitmime\nSTARTTLS\nAUTH=PLAIN\nDSN"
    )
    assert Offers.of(reply) == Offers(pipelining=True, eight_bit=True, starttls=True, auth=True, dsn=True, size=1000)
    assert Offers.of(Reply(250, "", "PIPELINING")) == Offers()
    assert Offers.of(Reply(250, "", "x\nSIZE banana")).size == 0
