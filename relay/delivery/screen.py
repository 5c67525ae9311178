"""What is decided of a recipient before it is attempted: that it ends here, or waits, or may go. No IO of its own.

In:  a recipient in flight, the time, and who asks the list of suppressions.
Out: a `Verdict` for one that ends without an attempt; a time for one that waits; None for one that may go; itself,
     marked so that its events tell, for one that may go although it is on the list.

    doomed by an operator -> past its deadline -> suppressed -> outside its send windows

Mail that waited is looked at like fresh mail: hours may lie between submission and attempt, in which its recipient
complained or its window closed. A list that cannot be read keeps mail waiting; what was suppressed must not go out
because a disk was full.

Only what clients submitted can be suppressed. Our reports and what comes back to our return paths go to the
sender, and the list speaks of those he writes to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from relay.delivery.settle import TOO_LATE, Facts, Verdict
from relay.model.message import Due, Message, Origin
from relay.model.options import NOTHING
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.model.suppression import Suppression, weigh
from relay.queue.windows import next_open
from relay.store.interface import StoreDown

log = logging.getLogger(__name__)
AGAIN = 60.0  # seconds until mail is looked at again after the list could not be read
Suppressed = Callable[[Due], Sequence[Suppression]]  # entries that fit its mail, the most particular first
_SHOWN = 200  # characters of a reason


class Screen:
    def __init__(self, suppressed: Suppressed | None, sandbox: bool) -> None:
        """`sandbox` is the relay-wide one."""
        self._suppressed = suppressed
        self._sandbox = sandbox

    def look(self, due: Due, now: float) -> Verdict | Due | float | None:
        message = due.message
        if due.doomed:
            return self._ended(due, Outcome(Fate.FAILED, _returned(due.doomed), Fault.NONE, "returned"))
        if now >= message.deadline:
            return self._ended(due, TOO_LATE)
        passed = tuple[str, ...]()
        if self._suppressed is not None and message.origin is Origin.SUBMISSION:
            try:
                entries = self._suppressed(due)
            except StoreDown as error:
                log.error("the suppressions cannot be read, mail waits %g s: %s", AGAIN, error)
                return now + AGAIN
            if entries:
                weighed = weigh(entries, message.resolved.options.bypass)
                if weighed.holds is not None:
                    return self._ended(due, _refused(weighed.holds), weighed.holds)
                passed = weighed.passed
        return self._by_window(due, now) or (replace(due, bypassed=passed) if passed else None)

    def _by_window(self, due: Due, now: float) -> Verdict | float | None:
        options = due.message.resolved.options
        if options is NOTHING or not options.send_window:
            return None
        opens = opening(due.message, now)
        if opens is None:
            return self._ended(due, TOO_LATE)
        return opens if opens > now else None

    def _ended(self, due: Due, outcome: Outcome, entry: Suppression | None = None) -> Verdict:
        facts = Facts(test=self._sandbox or due.message.sandbox)
        return Verdict(due=due, outcome=outcome, facts=facts, attempted=False, suppression=entry)


def opening(message: Message, now: float) -> float | None:
    """When the message may be attempted by its send windows: `now`, later, or None: not before its deadline."""
    opens = next_open(message.resolved.options.send_window, now)
    return None if opens is None or opens >= message.deadline else opens


def _refused(entry: Suppression) -> Outcome:
    reply = Reply(550, "5.7.1", f"the recipient is suppressed ({entry.cause.value})")
    return Outcome(Fate.FAILED, reply, Fault.RECIPIENT, "suppressed")


def _returned(reason: str) -> Reply:
    text = " ".join(reason.split())[:_SHOWN]
    return Reply(554, "5.0.0", text)
