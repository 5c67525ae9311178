"""Messages that are cancelled before they leave, and contents that are deleted after.

In:  the id of a submission or of a recipient.
Out: what was changed, as the owner of the message's shard says; or that it has not said yet.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.model.account import Scope
from relay.model.address import printable
from relay.model.ids import parse_id, shard_of
from relay.model.order import Act, Selection
from relay.web.api import kept, orders
from relay.web.api.answers import answer, nothing
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.calls.messages_send import FAMILY
from relay.web.api.problem import Problem
from relay.web.api.services import Services

ID: Final = Param(name="id", help="of a submission, or of a recipient of it", example="0r2k9v1m00000001")


class Cancel(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""


class Cancelled(msgspec.Struct):
    id: str
    order: int
    cancelled: int
    in_flight: int
    done: bool


async def cancel(services: Services, asked: Asked) -> Answer:
    account, ident = asked.caller.account, asked.path["id"].strip()
    await services.threaded(kept.look, services.data, account, ident)
    reason = printable(asked.body.reason, 200) if asked.body is not None else ""
    selection = Selection(ids=(ident,), account=account)
    shards = [shard_of(parse_id(ident).submission)]
    came = await orders.give(services, asked, Act.DELETE, selection, shards, reason)
    told = Cancelled(id=ident, order=came.order, cancelled=came.changed, in_flight=came.in_flight, done=came.done)
    if came.done:
        return answer(told)
    return answer(told, 202, {"Location": f"{asked.base}/queue/orders/{came.order}"})


async def forget(services: Services, asked: Asked) -> Answer:
    account, ident = asked.caller.account, asked.path["id"].strip()
    found = await services.threaded(kept.look, services.data, account, ident)
    submission = found.message.id
    if not found.whole and len(found.message.envelope.recipients) > 1:
        text = f"the contents of {submission} are deleted as a whole: it went to others, too; give that id"
        raise Problem("conflict", text, field="id")
    if any(not each.state.final for each in found.recipients):
        raise Problem("conflict", f"{submission} is still being sent; its contents are needed", field="id")
    selection = Selection(ids=(submission,), account=account)
    came = await orders.give(services, asked, Act.DROP, selection, [shard_of(submission)])
    if not came.done:
        raise Problem("unavailable", f"the contents of {submission} are deleted later: their shard is busy")
    return nothing()


CALLS: tuple[Call, ...] = (
    Call(
        method="POST",
        path="/messages/{id}/cancel",
        name="message_cancel",
        family=FAMILY,
        summary="Cancel what has not left",
        help="Recipients that wait or are held are cancelled, and get the event `cancelled`; of a recipient's id "
        "that one. Those that are being attempted right now are left alone and counted in `in_flight`; ask again. "
        "Those that have ended stay as they are.",
        scope=Scope.MANAGE,
        handler=cancel,
        params=(ID,),
        body=Body(
            help="a reason, for the events", shape=Cancel, example={"reason": "order withdrawn"}, required=False
        ),
        answers=(
            Shown(
                help="how many were cancelled",
                example={"id": "0r2k9v1m00000001", "order": 7, "cancelled": 1, "in_flight": 0, "done": True},
                shape=Cancelled,
            ),
            Shown(
                help="the order is given, and not carried out yet",
                status=202,
                example={"id": "0r2k9v1m00000001", "order": 7, "cancelled": 0, "in_flight": 0, "done": False},
                shape=Cancelled,
                headers={"Location": "where what it comes to is told"},
            ),
        ),
        codes=("not_found", "gone", "too_many_requests", "unavailable"),
    ),
    Call(
        method="DELETE",
        path="/messages/{id}/content",
        name="message_content_delete",
        family=FAMILY,
        summary="Delete the contents of a message",
        help="What was sent is forgotten now, and not only when its time is over; what became of it stays. For a "
        "message that has ended. SMTPeter lets users delete archived data by hand alone.",
        scope=Scope.MANAGE,
        handler=forget,
        params=(ID,),
        answers=(Shown(help="they are gone", status=204, media=""),),
        codes=("not_found", "gone", "conflict", "too_many_requests", "unavailable"),
    ),
)
