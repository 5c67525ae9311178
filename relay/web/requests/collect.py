"""All that the relay keeps of an address for an account, put together in one JSON file.

In:  the data directory, the account and the address; what the list of suppressions has.
Out: the file: {"info": {"type": "email", "id": ADDRESS}, "data": [[KIND, TIME, {...}], ...], "complete": true}

    suppression   why and since when the address gets no mail
    message       mail to it: addresses, state (also of what still waits), reply, header, text, html, names of files
    received, delivered, opened, ...     what happened to that mail, by the names of events, the newest first

Why so: it is written row by row, so memory holds one message at a time, whatever there is. Contents are read until
they come to `data_requests.size`, the rest is named without them; then, and where there is more than a person can
have got, `complete` is false. Mail *from* the address is not looked for: that is its sender's own, and may be all
there is. Blocks, for long perhaps: call it in a thread, and let `stopped` say when to give up.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from relay.model.message import Message, State
from relay.model.order import Selection
from relay.model.reply import Refused
from relay.model.suppression import Suppression
from relay.report.search import Filter, events
from relay.store.interface import Entry, NotFound, Reader, RecipientState, StoreFull
from relay.store.sqlite import existing_shards, open_reader, shard_directory
from relay.web.api import parts

MESSAGES: Final = 20_000  # of a shard
EVENTS: Final = 200_000
PAGE: Final = 1000
_ALL = tuple(State)


class Stopped(Exception):
    """There is no time left for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    data: Path
    account: str
    address: str
    suppressions: tuple[Suppression, ...]
    contents: int  # octets of them that are read
    room: int  # octets of the file


@dataclass(frozen=True, slots=True)
class Collected:
    octets: int
    complete: bool


def collect(wanted: Wanted, target: Path, stopped: Callable[[], bool]) -> Collected:
    """Write the file, mode 0600.

    Raises:
        Stopped: it was told to give up.
        StoreFull: there is no room for the file.
        StoreDown: a shard or the report database cannot be read.
        OSError: the file cannot be written.
    """
    gathering = _Gathering(wanted)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        written = file.write(b'{"info":' + _json({"type": "email", "id": wanted.address}) + b',"data":[')
        between = b"\n"
        for row in gathering.rows():
            if stopped():
                raise Stopped
            written += file.write(between + _json(row))
            between = b",\n"
            if written > wanted.room:
                raise StoreFull(f"what is found does not fit into {wanted.room} octets")
        written += file.write(b'\n],"complete":' + _json(gathering.complete) + b"}\n")
    return Collected(written, gathering.complete)


class _Gathering:
    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._left = wanted.contents
        self.complete = True

    def rows(self) -> Iterator[list[Any]]:
        for each in self._wanted.suppressions:
            yield ["suppression", stamp(each.created), _suppression(each)]
        for shard in existing_shards(self._wanted.data):
            with closing(open_reader(shard_directory(self._wanted.data, shard), shard)) as reader:
                yield from self._messages(reader)
        yield from self._events()

    def _messages(self, reader: Reader) -> Iterator[list[Any]]:
        wanted = Selection(account=self._wanted.account, address=self._wanted.address, states=_ALL)
        found = reader.listing(wanted, MESSAGES)
        self.complete &= len(found) < MESSAGES
        for message, recipient in sorted(found, key=lambda each: (each[0].received, each[0].id)):
            told = _message(message, recipient)
            yield ["message", stamp(message.received), told | self._content(reader, message, recipient)]

    def _content(self, reader: Reader, message: Message, recipient: RecipientState) -> dict[str, Any]:
        if self._left < message.size:
            self.complete = False
            return {"contents": "left out for their size"}
        try:
            content = reader.content(message.id, recipient.content)
        except NotFound:
            return {"contents": "forgotten"}
        self._left -= len(content)
        try:
            found = parts.read(content)
        except Refused:  # none that was taken in has such a header; what came back may
            return {"contents": "unreadable", "headers": content[:4096].decode("utf-8", "replace")}
        return {
            "contents": "kept",
            "headers": found.header,
            "text": found.text,
            "html": found.html,
            "attachments": _files(content, found.attachments),
            "embeds": _files(content, found.embeds),
        }

    def _events(self) -> Iterator[list[Any]]:
        """Page by page, each from the time on at which the former one ended."""
        until: float | None = None
        seen: set[str] = set()  # of that time
        count = 0
        while count < EVENTS:
            page = events(self._wanted.data, self._filter(until), PAGE)
            new = [each for each in page if each.id not in seen]
            for entry in new:
                yield [entry.event.name.value, stamp(entry.event.at), _event(entry)]
            count += len(new)
            if len(page) < PAGE:
                return
            last = page[-1].event.at
            # A page of one moment, and all of it seen: on to what is before it, whatever more that moment had.
            self.complete &= bool(new)
            until = last if new else math.nextafter(last, -math.inf)
            seen = (seen if new else set()) | {each.id for each in page if each.event.at == last}
        self.complete = False

    def _filter(self, until: float | None) -> Filter:
        return Filter(account=self._wanted.account, address=self._wanted.address, until=until)


def stamp(at: float) -> str:
    """A time as SMTPeter writes it, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def _suppression(entry: Suppression) -> dict[str, Any]:
    told = {
        "address": entry.address,
        "cause": entry.cause.value,
        "stream": entry.stream,
        "group": entry.group,
        "note": entry.note,
        "until": None if entry.until is None else stamp(entry.until),
    }
    return {name: value for name, value in told.items() if value}


def _message(message: Message, recipient: RecipientState) -> dict[str, Any]:
    options = message.resolved.options.as_dict()
    told = {
        "id": f"{message.id}-{recipient.number}",
        "origin": message.origin.value,
        "envelope": message.envelope.reverse_path,
        "recipient": recipient.address,
        "state": recipient.state.value,
        "attempts": recipient.attempts,
        "reply": recipient.reply,
        "next_attempt": None if recipient.next_attempt is None else stamp(recipient.next_attempt),
        "ended": None if recipient.ended is None else stamp(recipient.ended),
        "size": message.size,
        "options": {name: options[name] for name in sorted(options)},
    }
    return {name: value for name, value in told.items() if value is not None}


def _event(entry: Entry) -> dict[str, Any]:
    event = entry.event
    who = event.message if event.recipient is None else f"{event.message}-{event.recipient}"
    return {"id": who, **event.data}


def _files(content: bytes, files: Iterable[parts.File]) -> list[dict[str, Any]]:
    return [{"name": each.name, "type": each.type, "size": len(each.octets(content))} for each in files]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
