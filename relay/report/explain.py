"""Why a message is where it is: the one answer behind `relay explain`, the REST call and the message page.

In:  the id of a submission or of a recipient.
Out: an `Explanation`: what the message is, who set which option, and for each recipient its state, its way,
     what holds it back, every attempt with its conversation, and when the next one is.

It reads the shard, the report database, the journals and the marks the broker wrote; nothing of it asks the
running relay, so it works as well while none runs. What was pruned is told from the events alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from relay.limits.broker import SAVED, read_marks
from relay.model.clock import Clock, system_clock
from relay.model.event import Event, EventName
from relay.model.ids import Id, parse_id, shard_of
from relay.model.message import Message, State
from relay.report import concerns, holds
from relay.report.history import history
from relay.store.interface import Entry, NotFound, RecipientState
from relay.store.running import running
from relay.store.sqlite import open_reader, shard_directory

_ATTEMPT = (EventName.ATTEMPTED, EventName.DEFERRED, EventName.DELIVERED, EventName.FAILED, EventName.EXPIRED)
_ENDS = {
    EventName.DELIVERED: State.DELIVERED,
    EventName.FAILED: State.FAILED,
    EventName.EXPIRED: State.EXPIRED,
    EventName.SUPPRESSED: State.SUPPRESSED,
    EventName.CANCELLED: State.CANCELLED,
    EventName.HELD: State.HELD,
    EventName.DEFERRED: State.QUEUED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of a recipient's way."""

    event: str
    at: float
    facts: Mapping[str, Any]  # reply, class, fault, attempt, site, host, address, tls, seconds, next, ...
    conversation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One recipient."""

    id: str
    address: str
    state: str
    attempts: int
    reply: str = ""  # the last one
    next_attempt: float | None = None
    ended: float | None = None
    route: Mapping[str, str] = field(default_factory=dict)  # egress, site, host, address, port as last tried
    holds: tuple[str, ...] = ()  # what keeps it from being sent now
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    id: str
    account: str
    credential: str
    sender: str  # reverse-path; "" is the null one
    received: float
    deadline: float | None
    size: int | None  # octets
    origin: str
    sandbox: bool
    peer: str
    kept: bool  # contents and queue row are there; else all is told from events
    options: Mapping[str, Mapping[str, Any]]  # name -> value, set_by
    warnings: tuple[str, ...]
    recipients: tuple[Story, ...]
    steps: tuple[Step, ...] = ()  # what concerns the whole submission

    def as_dict(self) -> dict[str, Any]:
        """In JSON's types; times are seconds since 1970."""
        return {**asdict(self), "from": self.sender}


def explain(data: Path, id: str, clock: Clock = system_clock) -> Explanation:
    """Explain a submission, or one recipient of it.

    Raises:
        ValueError: not an id.
        NotFound: nothing is known of it.
        StoreDown: what should be read cannot be.
    """
    asked = parse_id(id)
    message, states = _kept(data, asked.submission)
    entries = history(data, asked.submission)
    if message is None and not entries:
        raise NotFound(f"nothing is known of {id}: never taken here, or forgotten since")
    situation = holds.Situation(
        now=clock(),
        marks=tuple(read_marks(data / SAVED, clock())),
        running=running(data) is not None,
    )
    if message is None:
        states = _states_from(entries)
    wanted = [each for each in states if asked.recipient in (None, each.number)]
    with concerns.looking(data, message, situation.now) as concern:
        stories = tuple(_story(asked.submission, each, entries, situation, concern) for each in wanted)
    if not stories and asked.recipient is not None:
        raise NotFound(f"{asked.submission} has no recipient {asked.recipient}")
    return _explanation(asked.submission, message, entries, stories)


def _kept(data: Path, submission: str) -> tuple[Message | None, list[RecipientState]]:
    shard = shard_of(submission)
    directory = shard_directory(data, shard)
    if not directory.exists():
        return None, []
    with closing(open_reader(directory, shard)) as reader:
        try:
            return reader.message(submission), reader.recipients(submission)
        except NotFound:
            return None, []


def _explanation(
    submission: str, message: Message | None, entries: Sequence[Entry], stories: tuple[Story, ...]
) -> Explanation:
    whole = [each.event for each in entries if each.event.recipient is None]
    first = next((each for each in whole if each.name is EventName.RECEIVED), None)
    steps = tuple(_step(each) for each in whole)
    if message is None:
        told = first or entries[0].event
        return Explanation(
            id=submission,
            account=told.account,
            credential=told.credential,
            sender=str(told.data.get("from", "")),
            received=told.at,
            deadline=None,
            size=told.data.get("size"),
            origin=str(told.data.get("origin", "")),
            sandbox=bool(told.data.get("test", False)),
            peer=str(told.data.get("peer", "")),
            kept=False,
            options={},
            warnings=tuple(told.data.get("warnings", ())),
            recipients=stories,
            steps=steps,
        )
    resolved = message.resolved
    return Explanation(
        id=submission,
        account=message.account,
        credential=message.credential,
        sender=message.envelope.reverse_path,
        received=message.received,
        deadline=message.deadline,
        size=message.size,
        origin=message.origin.value,
        sandbox=message.sandbox,
        peer=message.peer,
        kept=True,
        options={
            name: {"value": value, "set_by": resolved.sources.get(name, "default")}
            for name, value in resolved.options.as_dict().items()
        },
        warnings=resolved.warnings,
        recipients=stories,
        steps=steps,
    )


def _story(
    submission: str,
    state: RecipientState,
    entries: Sequence[Entry],
    situation: holds.Situation,
    concern: concerns.Concern,
) -> Story:
    mine = [each.event for each in entries if each.event.recipient == state.number]
    route: dict[str, str] = {}
    for event in mine:
        if event.name in _ATTEMPT:
            route |= {
                word: str(event.data[word])
                for word in ("egress", "site", "host", "address", "port")
                if word in event.data
            }
    return Story(
        id=str(Id(submission, state.number)),
        address=state.address,
        state=state.state.value,
        attempts=state.attempts,
        reply=state.reply,
        next_attempt=state.next_attempt,
        ended=state.ended,
        route=route,
        holds=tuple(holds.holds(state, route, situation, concern(state, mine))),
        steps=tuple(_step(each) for each in mine),
    )


def _step(event: Event) -> Step:
    facts = {key: value for key, value in event.data.items() if key != "conversation"}
    return Step(
        event=event.name.value,
        at=event.at,
        facts=facts,
        conversation=tuple(event.data.get("conversation", ())),
    )


def _states_from(entries: Sequence[Entry]) -> list[RecipientState]:
    """What the events say of each recipient of a message that is no longer kept."""
    last: dict[int, RecipientState] = {}
    for event in (each.event for each in entries):
        if event.recipient is None:
            continue
        before = last.get(event.recipient)
        state = _ENDS.get(event.name, before.state if before else State.QUEUED)
        last[event.recipient] = RecipientState(
            number=event.recipient,
            address=str(event.data.get("to", before.address if before else "")),
            state=state,
            attempts=int(event.data.get("attempt", before.attempts if before else 0)),
            next_attempt=None,
            reply=str(event.data.get("reply", before.reply if before else "")),
            ended=event.at if state.final else None,
            content=0,
        )
    return [last[number] for number in sorted(last)]
