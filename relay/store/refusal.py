"""What a door answers when the store does not take a message: every fault of ours is a 4yz, so that it comes again.

In:  the fault. Out: the refusal, told in the log.
"""

from __future__ import annotations

import logging

from relay.model.reply import Refused
from relay.store.interface import StoreDown, StoreFull


def refusal(fault: StoreFull | StoreDown, log: logging.Logger, what: str = "mail") -> Refused:
    """452 4.3.1 where there is no room, 451 4.3.0 where the store failed; `what` names the message in the log."""
    if isinstance(fault, StoreFull):
        log.error("no room for %s: %s", what, fault)
        return Refused(452, "4.3.1", "No room for mail at the moment; please try again later")
    log.error("the store failed: %s", fault)
    return Refused(451, "4.3.0", "Cannot store mail at the moment; please try again later")
