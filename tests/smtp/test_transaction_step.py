"""A server that answers twice, and then one place late: nobody's refusal is believed, and no content goes out."""

from __future__ import annotations

import pytest

from relay.delivery.judge import judge
from relay.model.outcome import Fate
from relay.smtp.dialogue import Trouble
from relay.smtp.transaction import transaction
from tests.smtp.test_transaction import PIPELINING, PLAIN, letter
from tests.transcript import play

LATE = {
    "a plain yes to DATA": ("250 once more", "250 sender ok", "550 5.1.1 no ann", "250 gone is here"),
    "a go-ahead for a recipient": ("250 sender ok", "550 5.1.1 no such mailbox", "354 go ahead", "554 what"),
    "a go-ahead for the sender": ("354 go ahead", "250 sender ok", "550 5.1.1 no ann", "550 5.1.1 no gone"),
}


@pytest.mark.parametrize("given", LATE.values(), ids=LATE)
def test_answers_that_only_another_command_can_have_make_all_of_them_worthless(given: tuple[str, ...]) -> None:
    heard = "\n".join(f"        S: {each}" for each in given)
    result = play(
        transaction(letter(), PIPELINING),
        f"""
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: RCPT TO:<gone@example.net>
        C: DATA
{heard}
        """,
    )
    assert [each.trouble for each in result.answers] == [Trouble.GARBLED] * 2
    assert {judge(each).fate for each in result.answers} == {Fate.DEFERRED}
    assert not result.clean


def test_a_go_ahead_in_answer_to_rset_was_meant_for_data() -> None:
    result = play(
        transaction(letter(), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: RCPT TO:<gone@example.net>
        C: DATA
        S: 250 once more
        S: 250 sender ok
        S: 250 ann is here
        S: 550 5.1.1 no gone
        C: RSET
        S: 354 go ahead
        """,
    )
    assert {judge(each).fate for each in result.answers} == {Fate.DEFERRED}
    assert not result.clean


def test_a_goodbye_is_believed_whatever_follows_it() -> None:
    result = play(
        transaction(letter("ann@example.net"), PIPELINING),
        """
        C: MAIL FROM:<me@relay.example>
        C: RCPT TO:<ann@example.net>
        C: DATA
        S: 250 sender ok
        S: 421 4.3.2 going down
        S: 250 recipient ok
        """,
    )
    assert [str(each.reply) for each in result.answers] == ["421 4.3.2 going down"]
    assert not result.clean


def test_who_cannot_even_be_named_to_a_server_out_of_step_still_hears_why() -> None:
    result = play(
        transaction(letter("ann@example.net", "jörg@example.net"), PLAIN),
        """
        C: MAIL FROM:<me@relay.example>
        S: 250 ok
        C: RCPT TO:<ann@example.net>
        S: 250 ok
        C: DATA
        S: 250 ok
        """,
    )
    assert [each.trouble for each in result.answers] == [Trouble.GARBLED, Trouble.OURS]
