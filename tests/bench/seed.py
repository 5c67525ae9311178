"""`python -m tests.bench.seed DATA SHARD COUNT KIND`: put messages into the queue of a relay that does not run.

They go through the store's own `add`, in group commits, as if they had been accepted. Each is 1 KB for one recipient.
One in ten belongs to a hundred accounts and a thousand domains and is due in hours, whatever the KIND; the rest is

    later    the same
    paused   due now, of a hundred accounts, for five hundred domains of one site that does not answer
    account  due now, of one account, for a thousand domains of one site that takes a second for each message
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from relay.config.schema import Retention, Sandbox
from relay.model.clock import system_clock
from relay.model.envelope import Envelope, Recipient
from relay.model.event import Event, EventName
from relay.model.ids import IdSource
from relay.model.message import Message, NewMessage, NewRecipient, State
from relay.store.sqlite import open_queue, shard_directory

KINDS = ("later", "paused", "account")
PAUSED, SLOW = "paused.test", "slow.test"  # domains of the two sites end so
_SENDER = "me@example.com"
_CONTENT = b"From: me@example.com\r\nTo: you@example.org\r\nSubject: waits\r\n\r\n" + b"It can wait.\r\n" * 70
_TASKS = 400  # messages that share a commit
_HOURS = 7200.0  # seconds until what waits for later is due
_LIFETIME = 432_000.0  # seconds


def place(kind: str, number: int, now: float) -> tuple[str, str, float]:
    """Account, domain and due time of the message of this number."""
    if kind == "paused" and number % 10:
        return f"account{number % 100}", f"d{number % 500}.{PAUSED}", now
    if kind == "account" and number % 10:
        return "greedy", f"d{number % 1000}.{SLOW}", now
    return f"account{number % 100}", f"d{number % 1000}.example.org", now + _HOURS + number % 3600


def message(ident: str, kind: str, number: int, now: float) -> NewMessage:
    account, domain, due = place(kind, number, now)
    recipient = Recipient(address=f"r{number}@{domain}")
    return NewMessage(
        message=Message(
            id=ident,
            account=account,
            credential="seed",
            envelope=Envelope(reverse_path=_SENDER, recipients=(recipient,)),
            received=now,
            deadline=now + _LIFETIME,
            size=len(_CONTENT),
        ),
        contents=(_CONTENT,),
        recipients=(NewRecipient(number=1, recipient=recipient, state=State.QUEUED, due=due),),
        events=(
            Event(name=EventName.RECEIVED, at=now, message=ident, account=account, data={"size": len(_CONTENT)}),
        ),
    )


async def seed(data: Path, shard: int, count: int, kind: str) -> None:
    queue = await open_queue(shard_directory(data, shard), shard, Retention(), Sandbox(), system_clock)
    ids = IdSource(shard, system_clock, after=queue.last_id)
    numbers, now = iter(range(count)), time.time()

    async def add() -> None:
        for number in numbers:
            await queue.add(message(ids.new(), kind, number, now))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_TASKS):
                group.create_task(add())
    finally:
        await queue.close()


def main() -> None:
    data, shard, count, kind = sys.argv[1:]
    if kind not in KINDS:
        raise SystemExit(f"{kind} is none of {', '.join(KINDS)}")
    asyncio.run(seed(Path(data), int(shard), int(count), kind))


if __name__ == "__main__":
    main()
