"""What tells that a server lost step when an envelope went ahead."""

from __future__ import annotations

import pytest

from relay.model.reply import Reply
from relay.smtp.ahead import lost_step, shaken
from relay.smtp.dialogue import Answer, Step, Trouble


def answer(step: Step, reply: str, trouble: Trouble = Trouble.NONE) -> Answer:
    return Answer(step, Reply.parse(reply), trouble)


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        (answer(Step.MESSAGE, "250 taken"), True),
        (answer(Step.MESSAGE, "554 5.7.1 spam"), True),
        (answer(Step.MESSAGE, "421 4.4.2 lost", Trouble.LOST), False),
        (answer(Step.RCPT, "550 5.1.1 unknown"), True),
        (answer(Step.MAIL, "451 4.7.1 later"), True),
        (answer(Step.MAIL, "501 5.1.8 no such sender domain"), True),
        (answer(Step.MAIL, "421 4.7.0 that was enough"), False),
    ],
)
def test_answers_in_good_order_count(given: Answer, clean: bool) -> None:
    assert lost_step([given], clean) == ""


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        (answer(Step.MAIL, "503 5.5.1 nested MAIL"), True),
        (answer(Step.MAIL, "554 SMTP synchronization error"), True),
        (answer(Step.MAIL, "500 5.5.2 Syntax error, command unrecognized"), True),
        (answer(Step.RCPT, "502 5.5.1 not implemented"), True),
        (answer(Step.DATA, "503 5.5.1 RCPT first"), True),
        (answer(Step.MAIL, "421 4.4.2 no reply", Trouble.SILENT), False),
        (answer(Step.RCPT, "421 4.4.2 lost", Trouble.LOST), False),
        (answer(Step.DATA, "250 ok", Trouble.GARBLED), False),
        (answer(Step.RCPT, "550 5.1.1 perhaps of another command"), False),
    ],
)
def test_answers_that_do_not_fit_count_for_nothing(given: Answer, clean: bool) -> None:
    assert lost_step([given], clean) != ""


@pytest.mark.parametrize(
    "given",
    [
        answer(Step.MESSAGE, "554 SMTP synchronization error"),
        answer(Step.MESSAGE, "503 5.5.0 improper command pipelining after DATA"),
        answer(Step.MESSAGE, "503 5.5.1 what"),
        answer(Step.MESSAGE, "421 4.4.2 lost", Trouble.LOST),
    ],
)
def test_a_message_may_meet_what_is_meant_for_the_envelope_behind_it(given: Answer) -> None:
    assert shaken([given]) != ""


@pytest.mark.parametrize(
    "given",
    [
        answer(Step.MESSAGE, "250 taken"),
        answer(Step.MESSAGE, "554 5.7.1 spam"),
        answer(Step.MESSAGE, "451 4.3.0 later"),
        answer(Step.MESSAGE, "421 4.3.2 going down"),
        answer(Step.RCPT, "550 5.1.1 out of order"),
    ],
)
def test_what_is_said_of_the_message_is_no_loss_of_step(given: Answer) -> None:
    assert shaken([given]) == ""
