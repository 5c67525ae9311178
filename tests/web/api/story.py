"""A story for the calls that read: two messages of `shop`, one of `other`, and what became of them, just now."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from tests.web.api.stage import OTHER, SHOP, Stage

ANN, BOB = "ann@example.net", "Bob@example.org"
CONVERSATION = ["S: 220 hi", "C: MAIL FROM:<me@example.com>", "S: 250 ok", "C: RCPT TO:<b>", "S: 550 5.1.1 no"]
FROM_ME: dict[str, Any] = {"from": "me@example.com"}
MAY: dict[str, Any] = {"tags": ["news", "may"], "campaign": "spring"}


@dataclass
class Story:
    now: float = field(default_factory=time.time)
    ids: IdSource = field(default_factory=lambda: IdSource(5, time.time))

    def __post_init__(self) -> None:
        self.one, self.two, self.three = (self.ids.new() for _ in range(3))

    @property
    def today(self) -> str:
        return self.day(0)

    def day(self, by: int) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self.now + by * 86_400))

    def event(
        self, name: str, message: str, recipient: int | None = None, account: str = SHOP, by: float = 0.0, **data: Any
    ) -> Event:
        return Event(
            name=EventName(name),
            at=self.now + by,
            message=message,
            recipient=recipient,
            account=account,
            credential=f"{account}-app",
            data=data,
        )

    async def tell(self, api: Stage) -> Story:
        event, one, two = self.event, self.one, self.two
        options = {"track_opens": True, "prevent_scam": True}
        await api.record(
            event("received", one, to=[ANN, BOB], template=7, options=options, **FROM_ME, **MAY),
            event(
                "delivered",
                one,
                1,
                to=ANN,
                attempt=1,
                reply="250 2.0.0 ok",
                local="10.0.0.1",
                address="10.0.0.2",
                **MAY,
            ),
            event("failed", one, 2, to=BOB, attempt=1, reply="550 5.1.1 no", conversation=CONVERSATION, **MAY),
            event("opened", one, 1, to=ANN, client="192.0.2.1", user_agent="Moz", secure=True, **MAY),
            event("opened", one, 1, to=ANN, machine=True, **MAY),
            event("clicked", one, 1, to=ANN, url="https://a.example/", link=0, **MAY),
            event("received", two, to=ANN, tags=["news"], **FROM_ME),
            event("received", self.three, account=OTHER, to=ANN, tags=["news", "secret"], template=8),
        )
        return self


async def story(api: Stage) -> Story:
    return await Story().tell(api)
