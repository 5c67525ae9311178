"""Sending."""

from __future__ import annotations

from relay.model.account import Scope
from relay.web.api.answers import WARNINGS, answer, warned
from relay.web.api.call import Answer, Asked, Body, Call, Shown
from relay.web.api.sending.documents import ANSWER, EXAMPLE, HELP, SHAPE
from relay.web.api.sending.rehearsal import DRY_RUN, SHOWN, rehearse
from relay.web.api.sending.submit import compose, people, submit
from relay.web.api.services import Services


async def send(services: Services, asked: Asked) -> Answer:
    body = asked.body
    submission = await compose(services, asked, body)
    if asked.query["dry_run"]:
        return await rehearse(services, submission)
    taken = await submit(services, asked, submission)
    return answer(await people(services, taken, submission), headers=warned(taken.warnings))


CALLS: tuple[Call, ...] = (
    Call(
        method="POST",
        path="/send",
        name="send",
        family="Sending",
        summary="Send a message",
        help=HELP,
        scope=Scope.SEND,
        handler=send,
        query=(DRY_RUN,),
        body=Body(
            help="Who it is for, and a ready-made message (`mime`) or properties that one is made of.",
            shape=SHAPE,
            example=EXAMPLE,
        ),
        answers=(
            Shown(
                help="It is on disk, and sent from there. The id of each recipient, and the address.",
                example=ANSWER,
                shape={"type": "object", "additionalProperties": {"type": "string"}},
                headers={WARNINGS: "what was left out or changed, in a line; absent where nothing was"},
            ),
            SHOWN,
        ),
        codes=(
            "refused",
            "too_large",
            "bad_value",
            "missing",
            "unknown_property",
            "unacceptable",
            "fetch",
            "too_many_recipients",
            "too_many_requests",
            "unavailable",
        ),
        once=True,
        smtpeter=True,
    ),
)
