"""The agent with a real store and real receivers, for tests.

Routes come from a table, since what DNS says is tested elsewhere; what messages ask of them is done as the router
does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from relay.config import Config, Delivery
from relay.delivery.agent import Agent
from relay.delivery.report import Sign
from relay.delivery.route import as_wished
from relay.delivery.screen import Suppressed
from relay.delivery.wishes import NO_WISH, Wishes
from relay.limits.interface import Limits
from relay.model.clock import Clock, system_clock
from relay.model.envelope import Envelope, Notify, Recipient
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.model.message import Due, Message, NewMessage, NewRecipient, Origin, State, lane_of
from relay.model.options import NOTHING_ASKED, Options, Resolved
from relay.model.outcome import Fault
from relay.model.reply import Reply
from relay.model.route import Host, NoRoute, Route, TlsDemand, Way
from relay.smtp.dialogue import Timeouts
from relay.store.interface import Queue, Reader, RecipientState
from relay.store.sqlite import open_queue, open_reader, shard_directory
from tests.limits.local import LocalLimits
from tests.peers.receiver import Receiver

SHORT = Timeouts(greeting=1, ehlo=1, starttls=1, auth=1, mail=1, rcpt=1, data=1, block=1, message=1, rset=1, quit=1)
CONTENT = b"From: me@relay.example\r\nSubject: test\r\n\r\nhello\r\n"
HOME = 3


def config(tmp_path: Path, **delivery: Any) -> Config:
    usual = {"retry": [0.3], "jitter": 0.0, "dead_host": 1.0, "idle": 0.5, "connect_timeout": 1.0}
    return Config.model_validate(
        {
            "hostname": "relay.example",
            "data": str(tmp_path),
            "listeners": [{"name": "submission", "port": 0}],
            "delivery": usual | delivery,
        }
    )


def route_to(*receivers: Receiver | Host, site: str = "", tls: TlsDemand = TlsDemand.NONE, **more: Any) -> Route:
    """The receivers in this order; a `Host` stands for one that is not there."""
    hosts = tuple(
        each if isinstance(each, Host) else Host(f"mx{number}.example.net", each.address, each.port)
        for number, each in enumerate(receivers, 1)
    )
    name = site or ",".join(sorted(host.name for host in hosts))
    return Route(way=Way.MX, egress="default", site=name, hosts=hosts, tls=tls, **more)


class Table:
    """A router that looks into a table. A domain it does not hold has no route, for good."""

    def __init__(self, routes: Mapping[str, Route | NoRoute], delivery: Delivery | None = None) -> None:
        self.routes = dict(routes)
        self._wishes = Wishes(delivery or Delivery())
        self.asked: list[str] = []

    async def route(self, message: Message, domain: str) -> Route:
        self.asked.append(domain)
        await asyncio.sleep(0)
        found = self.routes.get(domain)
        if found is None:
            raise NoRoute(Reply(556, "5.1.10", f"{domain} takes no mail"), Fault.RECIPIENT, "null-mx")
        if isinstance(found, NoRoute):
            raise found
        wish = self._wishes.of(message)
        return found if wish is NO_WISH else as_wished(found, found.hosts, wish, domain)


class Rig:
    """A running agent. `async with Rig.running(...)`."""

    def __init__(
        self, agent: Agent, queue: Queue, reader: Reader, table: Table, limits: Limits, ids: IdSource, clock: Clock
    ) -> None:
        self.agent = agent
        self.queue = queue
        self.reader = reader
        self.table = table
        self.limits = limits
        self._ids = ids
        self._clock = clock

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        tmp_path: Path,
        routes: Mapping[str, Route | NoRoute],
        *,
        sandbox: bool = False,
        clock: Clock = system_clock,
        timeouts: Timeouts = SHORT,
        sign: Sign | None = None,
        suppressed: Suppressed | None = None,
        return_path: Callable[[Due], str] | None = None,
        **delivery: Any,
    ) -> AsyncIterator[Rig]:
        given = config(tmp_path, **delivery)
        if sandbox:
            given = given.model_copy(update={"sandbox": given.sandbox.model_copy(update={"enabled": True})})
        directory = shard_directory(tmp_path, HOME)
        queue = await open_queue(directory, HOME, given.retention, given.sandbox, clock)
        reader = open_reader(directory, HOME)
        table, limits = Table(routes, given.delivery), LocalLimits(1, clock)
        ids = IdSource(HOME, clock, queue.last_id)
        agent = Agent(
            config=given,
            queues={HOME: queue},
            router=table,
            limits=limits,
            clock=clock,
            random=random.Random(7),
            ids=ids,
            home=HOME,
            sign=sign,
            suppressed=suppressed,
            return_path=return_path,
            timeouts=timeouts,
        )
        await agent.start()
        running = asyncio.create_task(agent.run())
        try:
            yield cls(agent, queue, reader, table, limits, ids, clock)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            reader.close()
            await queue.close()

    async def submit(
        self,
        *addresses: str,
        content: bytes = CONTENT,
        sender: str = "me@relay.example",
        account: str = "demo",
        lifetime: float = 3600.0,
        notify: Notify = Notify.FAILURE | Notify.DELAY,
        origin: Origin = Origin.SUBMISSION,
        test: bool = False,
        doomed: str = "",
        return_host: str = "",
        delay_at: float | None = None,
        fresh: bool = True,
        **options: Any,
    ) -> str:
        """Take a message as submission does; fresh recipients go to the agent in memory if it has room.

        `test` is what the message's sandbox comes to, `doomed` what an order would have said of a queued one.
        """
        now = self._clock()
        recipients = tuple(Recipient(address=each, notify=notify) for each in addresses)
        message = Message(
            id=self._ids.new(),
            account=account,
            credential="joe",
            envelope=Envelope(reverse_path=sender, recipients=recipients),
            received=now,
            deadline=now + lifetime,
            size=len(content),
            origin=origin,
            sandbox=test,
            return_host=return_host,
            delay_at=delay_at,
            resolved=Resolved(options=Options(**options)) if options else NOTHING_ASKED,
        )
        fresh = fresh and self.agent.reserve(len(recipients))
        state = State.FLIGHT if fresh else State.QUEUED
        new = tuple(
            NewRecipient(number=number, recipient=each, state=state, due=now)
            for number, each in enumerate(recipients, 1)
        )
        received = Event(name=EventName.RECEIVED, at=now, message=message.id, account=account, credential="joe")
        await self.queue.add(NewMessage(message=message, contents=(content,), recipients=new, events=(received,)))
        if fresh:
            self.agent.offer(
                [
                    Due(
                        shard=HOME,
                        message=message,
                        number=each.number,
                        recipient=each.recipient,
                        content=0,
                        attempts=0,
                        due=now,
                        doomed=doomed,
                    )
                    for each in new
                ]
            )
        else:
            lanes = {lane_of(message, each) for each in recipients}
            self.agent.waiting(HOME, lanes, now)
        return message.id

    def events(self, message: str, *names: EventName) -> list[Event]:
        """What the journal holds of a message, in order; all names if none is given."""
        return [entry.event for entry in self.reader.history(message) if not names or entry.event.name in names]

    def states(self, message: str) -> list[RecipientState]:
        return self.reader.recipients(message)

    async def until(self, true: Callable[[], bool], seconds: float = 10.0) -> None:
        """Raises TimeoutError when it does not become true in time."""
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - the journal is read as other processes would, and calls nobody
                await asyncio.sleep(0.005)

    async def event(self, message: str, name: EventName, count: int = 1, seconds: float = 10.0) -> Event:
        """The `count`-th event of that name, once it is in the journal."""
        await self.until(lambda: len(self.events(message, name)) >= count, seconds)
        return self.events(message, name)[count - 1]

    async def ended(self, message: str, seconds: float = 10.0) -> list[RecipientState]:
        """All recipients, once each is in a final state."""
        await self.until(lambda: all(each.state.final for each in self.states(message)), seconds)
        return self.states(message)
