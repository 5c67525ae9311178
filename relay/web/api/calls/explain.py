"""Why a message is where it is, and what was said in every attempt to deliver it."""

from __future__ import annotations

from typing import Any

from relay.model.account import Scope
from relay.model.times import times_as_text
from relay.report.explain import explain
from relay.report.trace import Traced, trace
from relay.store.interface import NotFound
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Call, Param, Shown
from relay.web.api.kept import unknown
from relay.web.api.services import Services
from relay.web.api.shapes import Explained

FAMILY = "Messages"
_ID = Param(name="id", help="of a submission, or of a recipient of it", example="0r2k9v1m00000001-1")
_CONVERSATION = ["S: 220 mx.example.net ESMTP", "C: EHLO relay.example.com", "S: 250 mx.example.net", "C: DATA"]
_EXPLAINED = {
    "id": "0r2k9v1m00000001",
    "account": "shop",
    "credential": "shop-app",
    "sender": "bounces@example.com",
    "from": "bounces@example.com",
    "received": "2026-01-31T12:00:00.000Z",
    "deadline": "2026-02-01T12:00:00.000Z",
    "size": 1834,
    "origin": "submission",
    "sandbox": False,
    "peer": "192.0.2.7:51234",
    "kept": True,
    "options": {"track_opens": {"value": True, "set_by": "default"}},
    "warnings": [],
    "recipients": [
        {
            "id": "0r2k9v1m00000001-1",
            "address": "ann@example.net",
            "state": "queued",
            "attempts": 1,
            "reply": "450 4.2.1 mailbox busy",
            "next_attempt": "2026-01-31T12:05:10.000Z",
            "ended": None,
            "route": {"egress": "default", "site": "mx.example.net", "host": "mx.example.net"},
            "holds": ["waits for its next attempt"],
            "steps": [
                {
                    "event": "deferred",
                    "at": "2026-01-31T12:00:04.123Z",
                    "facts": {"attempt": 1, "reply": "450 4.2.1 mailbox busy", "class": "temporary"},
                    "conversation": _CONVERSATION,
                }
            ],
        }
    ],
    "steps": [],
}
_TRACED = {
    "recipients": [
        {
            "id": "0r2k9v1m00000001-1",
            "recipient": "ann@example.net",
            "attempts": [
                {
                    "event": "delivered",
                    "at": "2026-01-31T12:00:04.123Z",
                    "attempt": 1,
                    "facts": {"egress": "default", "host": "mx.example.net", "reply": "250 2.0.0 Ok"},
                    "conversation": _CONVERSATION,
                }
            ],
        }
    ]
}


async def message_explain(services: Services, asked: Asked) -> Answer:
    def work() -> dict[str, Any]:
        try:
            found = explain(services.data, asked.path["id"], services.clock)
        except (ValueError, NotFound) as error:
            raise unknown(asked.path["id"]) from error
        if found.account != asked.caller.account:
            raise unknown(asked.path["id"])
        told: dict[str, Any] = times_as_text(found.as_dict())
        return told

    return answer(await services.threaded(work))


async def message_trace(services: Services, asked: Asked) -> Answer:
    def work() -> list[Traced]:
        try:
            return trace(services.data, asked.caller.account, asked.path["id"])
        except NotFound as error:
            raise unknown(asked.path["id"]) from error

    return answer({"recipients": await services.threaded(work)})


CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/messages/{id}/explain",
        name="message_explain",
        family=FAMILY,
        summary="Why a message is where it is",
        help="Its options and who set each; for each recipient its state, its route, what holds it back, when the "
        "next attempt is, and every step so far with its conversation: the value of `relay explain --json`. It is "
        "read from where messages lie, so it is of this very moment. Of a message whose contents are forgotten "
        "events tell what they can, and `kept` is false.",
        scope=Scope.READ,
        handler=message_explain,
        params=(_ID,),
        answers=(Shown(help="the explanation", example=_EXPLAINED, shape=Explained),),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="GET",
        path="/messages/{id}/trace",
        name="message_trace",
        family=FAMILY,
        summary="The SMTP conversation of every attempt",
        help="For each recipient that was attempted its attempts in order, with all that was said: `C:` is the "
        "relay, `S:` the other side, `--` what happened between. `attempted` is a step of an attempt that decided "
        "nothing, as a host that could not be reached.",
        scope=Scope.READ,
        handler=message_trace,
        params=(_ID,),
        answers=(Shown(help="recipients and their attempts", example=_TRACED, shape=dict[str, list[Traced]]),),
        codes=("not_found", "unavailable"),
    ),
)
