"""Sending."""

from __future__ import annotations

from relay.model.account import Scope
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Kind, Param, Shown
from relay.web.api.sending.documents import ANSWER, EXAMPLE, HELP, REHEARSED, SHAPE
from relay.web.api.sending.rehearsal import rehearse
from relay.web.api.sending.submit import compose, people, submit
from relay.web.api.services import Services
from relay.web.api.shapes import Rehearsal


async def send(services: Services, asked: Asked) -> Answer:
    body = asked.body
    submission = await compose(services, asked, body)
    if asked.query["dry_run"]:
        return await rehearse(services, submission)
    taken = await submit(services, asked, submission)
    return answer(await people(services, taken, submission))


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
        query=(
            Param(
                name="dry_run",
                help="Answer what would become of the message; nothing is kept, and nothing is sent.",
                example="1",
                kind=Kind.BOOLEAN,
                default=False,
            ),
        ),
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
            ),
            Shown(help="With `dry_run`: what would become of it.", example=REHEARSED, shape=Rehearsal),
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
