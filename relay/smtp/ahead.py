"""Whether a server keeps step when an envelope is sent ahead of its turn: behind the message before it. Pure.

In:  what a server answered to a message with an envelope behind it, or to that envelope.
Out: what shows that it lost step, and that its answers say nothing of the mail.

A server that offers PIPELINING takes MAIL behind the final dot of another message (RFC 2920 section 3.1: DATA ends a
group, its content does not). Some programs in front of servers throw away what comes then, answer it with an error,
or count one answer too many. So answers to such an envelope count only where they are what they would be otherwise,
and the connection is fit for more; else it is as if the envelope had never been sent, and the mail goes over another
connection. Nothing is at stake: without its content no server has the message.

Why so: 421 is a farewell of a server in good order, and no sign of lost step. A refusal that speaks of
synchronization, of a message or of the envelope behind it, is about our manners, not about the mail: it would fail
mail for good that nobody objects to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from relay.smtp.dialogue import Answer, Step, Trouble

_MANNERS = re.compile(
    r"synchroni[sz]|pipelin|out of (step|order|sequence)|bad sequence|unexpected (data|input)", re.IGNORECASE
)
_NO_ANSWER = (Trouble.LOST, Trouble.SILENT, Trouble.GARBLED)
_UNKNOWN = (500, 502)  # no such command: of a server that offers PIPELINING, about what is left of one


def lost_step(answers: Sequence[Answer], clean: bool) -> str:
    """Why the answers to a transaction whose envelope went ahead do not count; "" if they do.

    `clean`: the connection is fit for another transaction.
    """
    for answer in answers:
        if answer.step is Step.MESSAGE:
            return ""  # it was asked for the message, and has answered to that
        if answer.reply.code == 421 and not answer.trouble:
            return ""
        if answer.trouble in _NO_ANSWER or answer.reply.code in _UNKNOWN or unmannered(answer):
            return f"{answer.step.value.upper()} was answered {answer.reply}"
    return "" if clean else "answers do not fit what was said"


def shaken(answers: Sequence[Answer]) -> str:
    """What a message with an envelope behind it met that tells of lost step; "" if nothing."""
    for answer in answers:
        if answer.step is Step.MESSAGE and (answer.trouble in _NO_ANSWER or unmannered(answer)):
            return f"the message was answered {answer.reply}"
    return ""


def unmannered(answer: Answer) -> bool:
    """Whether a refusal is about how we speak, and not about the mail."""
    reply = answer.reply
    return not answer.trouble and reply.permanent and (reply.code == 503 or _MANNERS.search(reply.text) is not None)
