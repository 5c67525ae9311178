"""Routes for recipients in flight: from memory where possible, else one look-up a domain, all waiting together.

In:  recipients. Out: each with its route, or with the reason why there is none, by callback.

Why so: the router is asked by await, and a task for each recipient would cost more than sending it. Most
mail goes where mail went a moment ago, so an answer is kept here for KEPT seconds; the router's own memory, which
follows the DNS, lies behind it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from relay.delivery.wishes import NO_WISH, Wish, Wishes
from relay.model.clock import Clock
from relay.model.message import Due, Message
from relay.model.outcome import Fault
from relay.model.reply import Reply
from relay.model.route import NoRoute, Route

log = logging.getLogger(__name__)
KEPT = 5.0  # seconds
KEYS = 10_000
LOOK_UP = 120.0  # seconds for all questions of one route

_Key = tuple[str, str, bool, Wish | None]  # domain, domain of the sender (rules look at it), sandbox, what is asked


class Router(Protocol):
    async def route(self, message: Message, domain: str) -> Route:
        """Raises NoRoute."""


class Routes:
    def __init__(
        self,
        router: Router,
        clock: Clock,
        start: Callable[[Coroutine[Any, Any, None]], object],
        wishes: Wishes,
        *,
        found: Callable[[Due, Route], None],
        none: Callable[[list[Due], NoRoute], None],
        placed: Callable[[], None],
    ) -> None:
        """`found` is called for each recipient, `placed` once a look-up is through; `start` runs a look-up."""
        self._router = router
        self._clock = clock
        self._start = start
        self._wishes = wishes
        self._found = found
        self._none = none
        self._placed = placed
        self._kept: OrderedDict[_Key, tuple[float, Route]] = OrderedDict()
        self._asked: dict[_Key, list[Due]] = {}

    def find(self, due: Due) -> None:
        """Find the route; at once if it is known."""
        message = due.message
        domain = due.recipient.domain
        wish = self._wishes.of(message)
        asked = None if wish is NO_WISH else wish
        key = (domain, message.envelope.reverse_path.rpartition("@")[2], message.sandbox, asked)
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept[0]:
            self._found(due, kept[1])
            return
        waiting = self._asked.get(key)
        if waiting is not None:
            waiting.append(due)
            return
        self._asked[key] = [due]
        self._start(self._ask(key, message))

    def leave(self) -> list[Due]:
        """Those whose look-up is not through; they are the caller's from now on."""
        dues = [due for waiting in self._asked.values() for due in waiting]
        for waiting in self._asked.values():
            waiting.clear()
        return dues

    async def _ask(self, key: _Key, message: Message) -> None:
        domain = key[0]
        route: Route | None = None
        why = NoRoute(Reply(451, "4.4.3", f"no answer about {domain} in time"), Fault.SITE, "dns")
        try:
            async with asyncio.timeout(LOOK_UP):
                route = await self._router.route(message, domain)
        except NoRoute as error:
            why = error
        except TimeoutError:
            pass
        except Exception:  # a fault of ours must not cost the mail
            log.exception("looking up the route to %s failed", domain)
            why = NoRoute(Reply(451, "4.3.0", f"looking up the route to {domain} failed"), Fault.SITE, "system")
        dues = self._asked.pop(key)
        if route is None:
            if dues:
                self._none(dues, why)
        else:
            self._kept[key] = (self._clock() + KEPT, route)
            self._kept.move_to_end(key)
            if len(self._kept) > KEYS:
                self._kept.popitem(last=False)
            for due in dues:
                self._found(due, route)
        self._placed()
