"""What becomes of mail in the sandbox: nothing leaves, and it ends as it was asked to. Pure.

In:  a recipient whose route is the sandbox. Out: its `Verdict`, with `test: true` and perhaps an event to follow.

    accept               delivered   250 2.0.0 kept in sandbox
    bounce:hard          failed      550 5.1.1
    bounce:soft          failed      552 5.2.2
    bounce:defer         deferred    451 4.7.1, at every attempt until its deadline
    bounce:complaint     delivered, then the event `complained`
    bounce:open, :click  delivered, then `opened`, `clicked`

Nobody is told of such an end: there is no report for mail in the sandbox. Under a relay-wide sandbox mail that asked
for nothing, or to be held and was released, is kept like the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.delivery.settle import KEPT_IN_SANDBOX, Facts, Verdict
from relay.model.event import EventName
from relay.model.message import Due
from relay.model.options import Sandbox
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.model.route import Route

_OUTCOMES: Mapping[Sandbox, Outcome] = {
    Sandbox.HARD: Outcome(
        Fate.FAILED, Reply(550, "5.1.1", "no such mailbox (sandbox)"), Fault.RECIPIENT, "no-mailbox"
    ),
    Sandbox.SOFT: Outcome(
        Fate.FAILED, Reply(552, "5.2.2", "mailbox full (sandbox)"), Fault.RECIPIENT, "mailbox-full"
    ),
    Sandbox.DEFER: Outcome(
        Fate.DEFERRED, Reply(451, "4.7.1", "try again later (sandbox)"), Fault.RECIPIENT, "temporary"
    ),
}
_AFTER: Mapping[Sandbox, tuple[EventName, ...]] = {
    Sandbox.COMPLAINT: (EventName.COMPLAINED,),
    Sandbox.OPEN: (EventName.OPENED,),
    Sandbox.CLICK: (EventName.CLICKED,),
}


def captured(due: Due, route: Route) -> Verdict:
    asked = due.message.resolved.options.sandbox
    return Verdict(
        due=due,
        outcome=_OUTCOMES.get(asked, KEPT_IN_SANDBOX),
        facts=Facts(egress=route.egress, site=route.site, test=True),
        after=_AFTER.get(asked, ()),
    )
