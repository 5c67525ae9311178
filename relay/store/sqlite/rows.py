"""Values of the model to rows of a shard, and back. Pure; no connection in sight.

In:  a `NewMessage` and the key it gets.
Out: a `Parcel`, whose rows the writer inserts as they are; and from rows the values again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from relay.model.envelope import Body, Envelope, Notify, Recipient, Ret
from relay.model.event import Event
from relay.model.message import Message, NewMessage, Origin, State
from relay.model.options import NOTHING_ASKED, Archive, Options, Resolved
from relay.store.interface import RecipientState, Tracked
from relay.store.sqlite.connect import Row
from relay.store.sqlite.statements import NUMBERS, SHIFT
from relay.store.sqlite.targets import Targets, digest_of, unpacked

# Octets; a larger content goes into a file. In a row 10 KB cost 0.03 ms against 0.15 in a file, 1 MB 1.6 against 0.6.
IN_ROW = 128 << 10


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as rows, ready to be inserted."""

    key: int
    id: str
    message: Row
    contents: list[Row]
    recipients: list[Row]
    events: list[Row]
    files: list[tuple[int, bytes]]  # contents too large for a row, by key
    targets: Sequence[Targets] = ()  # of the links in contents


def pack(key: int, new: NewMessage) -> Parcel:
    """Raises ValueError: the recipients are not those of the envelope, or a content is missing."""
    message, given = new.message, new.recipients
    if len(given) != len(message.envelope.recipients):
        raise ValueError(
            f"{message.id}: {len(given)} recipients, but {len(message.envelope.recipients)} in its envelope"
        )
    base = key << SHIFT
    contents: list[Row] = []
    files: list[tuple[int, bytes]] = []
    total = 0
    for number, octets in enumerate(new.contents):
        total += len(octets)
        if len(octets) > IN_ROW:
            files.append((base | number, octets))
            contents.append((base | number, None))
        else:
            contents.append((base | number, octets))
    recipients: list[Row] = []
    share, priority = message.share, message.priority
    still_open = 0
    for number, each in enumerate(given, 1):
        if each.number != number or each.content >= len(contents):
            raise ValueError(f"{message.id}: recipient {each.number} in place {number} with content {each.content}")
        ended = None
        if each.state.final:
            ended = message.received
        else:
            still_open += 1
        to = each.recipient
        recipients.append(
            (
                base | number,
                share,
                to.domain,
                to.address,
                int(to.notify),
                to.original,
                each.content,
                each.state.value,
                each.due if ended is None else None,
                ended,
                priority,
            )
        )
    return Parcel(
        key,
        message.id,
        _message_row(key, message, total, still_open),
        contents,
        recipients,
        [event_row(each) for each in new.events],
        files,
        _targets(base, new) if new.targets else (),
    )


def _targets(base: int, new: NewMessage) -> list[Targets]:
    """Contents of one message mostly share their targets, as the same tuple."""
    if not new.message.links:
        raise ValueError(f"{new.message.id}: targets of a message without links")
    digests: dict[int, bytes] = {}
    found = []
    for number, targets in new.targets.items():
        if not 0 <= number < len(new.contents):
            raise ValueError(f"{new.message.id}: targets of content {number}, which is not there")
        digest = digests.get(id(targets))
        if digest is None:
            digest = digests[id(targets)] = digest_of(new.message.account, targets)
        if targets:
            found.append((base | number, digest, targets))
    return found


def _message_row(key: int, message: Message, octets: int, still_open: int) -> Row:
    envelope = message.envelope
    cut_after, drop_after = _kept_for(message.resolved.options)
    return (
        key,
        message.id,
        message.account,
        message.credential,
        envelope.reverse_path,
        envelope.envid,
        envelope.ret.value,
        envelope.body.value,
        int(envelope.smtputf8),
        message.received,
        message.deadline,
        message.delay_at,
        message.size,
        None if message.resolved is NOTHING_ASKED else _resolved_json(message.resolved),
        message.origin.value,
        int(message.sandbox),
        message.return_host,
        int(message.trace),
        int(message.links),
        message.author,
        message.peer,
        octets,
        still_open,
        None if still_open else message.received,
        cut_after,
        drop_after,
    )


def _kept_for(options: Options) -> tuple[float | None, float | None]:
    """Seconds after its end at which a message's contents are cut to their header, and are forgotten."""
    if options.archive is Archive.NONE:
        return None, 0.0
    return (0.0 if options.archive is Archive.HEADERS else None), options.retention


def message_of(row: Sequence[Any], recipients: Iterable[Sequence[Any]]) -> Message:
    """From a row of MESSAGE and the rows of ENVELOPE."""
    ident, account, credential, reverse_path, envid, ret, body, utf8, received, deadline, *rest = row
    delay_at, size, resolved, origin, sandbox, return_host, trace, links, author, peer = rest
    return Message(
        id=ident,
        account=account,
        credential=credential,
        envelope=Envelope(
            reverse_path=reverse_path,
            recipients=tuple(recipient_of(*each) for each in recipients),
            envid=envid,
            ret=Ret(ret),
            body=Body(body),
            smtputf8=bool(utf8),
        ),
        received=received,
        deadline=deadline,
        delay_at=delay_at,
        size=size,
        resolved=resolved_of(resolved),
        origin=Origin(origin),
        sandbox=sandbox == 1,
        return_host=return_host,
        trace=bool(trace),
        links=bool(links),
        author=author,
        peer=peer,
    )


def recipient_of(address: str, notify: int, original: str | None) -> Recipient:
    return Recipient(address=address, notify=Notify(notify), original=original)


def recipient_state_of(row: Sequence[Any]) -> RecipientState:
    """From a row of RECIPIENTS."""
    key, address, state, attempts, next_attempt, reply, ended, content, site = row
    return RecipientState(
        number=key & NUMBERS,
        address=address,
        state=State(state),
        attempts=attempts,
        next_attempt=next_attempt if state == State.QUEUED else None,
        reply=reply,
        ended=ended,
        content=content,
        site=site,
    )


def tracked_of(shard: int, message: str, number: int, row: Sequence[Any]) -> Tracked:
    """From a row of TRACKED."""
    account, credential, sender, author, received, resolved, sandbox, return_host, links, *rest = row
    address, content, state, ended, targets = rest
    return Tracked(
        shard=shard,
        message=message,
        number=number,
        account=account,
        credential=credential,
        address=address,
        sender=sender,
        author=author,
        options=resolved_of(resolved).options,
        content=content,
        targets=() if targets is None else unpacked(targets),
        received=received,
        state=State(state),
        ended=ended,
        return_host=return_host,
        links=bool(links),
        test=sandbox == 1,
    )


def event_row(event: Event) -> Row:
    text = event.to_json()
    if not text.isascii():
        text = storable(text)
    return event.at, event.message or None, text


def storable(text: str) -> str:
    """Text SQLite can keep.

    What a peer said may hold octets that are no UTF-8, which Python carries as lone surrogates; a row that
    could never be written would keep its recipient in flight for ever.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def _resolved_json(resolved: Resolved) -> str | None:
    given = {
        "options": resolved.options.as_dict(),
        "sources": dict(resolved.sources),
        "warnings": list(resolved.warnings),
    }
    return json.dumps(given, ensure_ascii=False) if any(given.values()) else None


def resolved_of(text: str | None) -> Resolved:
    if text is None:
        return NOTHING_ASKED
    given = json.loads(text)
    return Resolved(
        options=Options.from_dict(given["options"]),
        sources=given["sources"],
        warnings=tuple(given["warnings"]),
    )
