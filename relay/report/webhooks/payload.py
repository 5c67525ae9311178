"""An event as a receiver reads it: in our shape, or in that of SMTPeter's webhooks. Pure.

In:  a row of the outbox: the event, what is known of its message, and as what the webhook is told of it.
Out: a mapping of JSON's types.

Our shape: `event_id` (the same in every attempt), `type`, `timestamp` (of the event, RFC 3339), `message`,
`recipient` (or `recipients`), and what applies of `attempt`, `smtp`, `bounce`, `click`, `client`, `test`, `machine`
and `details`.

Why so: SMTPeter's documentation has no `timestamp`, `time`, `recipient` and `tags` for `abuse`, which would leave a
receiver to guess whose complaint it is; they are told there, too. Where its two words for an action stand side by
side, it is `failed`. Times are in UTC. `state` is the step of the conversation at which mail was refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.model.clock import iso
from relay.model.event import Event, EventName
from relay.model.webhook import RESUBSCRIBED, TYPES
from relay.report.facts import id_of, reply_of, returned_as, state_of

# Words of an event that stand nowhere else in our shape.
_DETAILS = frozenset(
    {
        "action",
        "arrival",
        "author",
        "automatic",
        "cause",
        "diagnostic",
        "due",
        "fault",
        "feedback",
        "from",
        "group",
        "next",
        "note",
        "reason",
        "size",
        "status",
        "via",
        "warnings",
    }
)
# What is told of the message, and what the event that brought it says of that.
_MESSAGE = {"message_id": "message_id", "ref": "message_ref"} | {
    word: word for word in ("campaign", "stream", "tenant", "metadata")
}
ABOUT = ("from", "message_id", "message_ref", "tags", "campaign", "stream", "tenant", "metadata")


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the outbox, read."""

    id: str  # <shard>-<seq>
    kind: str
    event: Event
    about: Mapping[str, Any]  # what the event that brought the message said, of `ABOUT`


def pack(event: Event, about: Mapping[str, Any]) -> str:
    """What the outbox keeps. The conversation stays here: it is long, and not for strangers."""
    given = event.as_dict()
    conversation = given.pop("conversation", None)
    if conversation and event.name in (EventName.FAILED, EventName.EXPIRED):
        given["state"] = state_of(conversation)
    return json.dumps({"event": given, "about": dict(about)}, ensure_ascii=False, separators=(",", ":"))


def unpack(event: str, kind: str, data: str) -> Told:
    given = json.loads(data)
    return Told(event, kind, Event.from_dict(given["event"]), given["about"])


def event_id(told: Told) -> str:
    """Constant over all attempts; an event that is told as two of SMTPeter's types has two."""
    return f"evt_{told.id}" + (f"-{told.kind}" if told.kind else "")


def body_of(told: Told, mime: str | None = None) -> dict[str, Any]:
    return _smtpeter(told, mime) if told.kind else _relay(told)


def wants_mime(told: Told) -> str:
    """Id of the submission whose content belongs into the body; "" for none."""
    return returned_as(told.event) if told.kind in ("bounce", "abuse") else ""


def test_event(name: EventName, at: float, account: str) -> Event:
    """Made up, for a receiver to try itself on: `test` says so."""
    words: dict[str, Any] = {"to": "ann@example.net", "attempt": 1, "test": True, "tags": ["test"]}
    if name is EventName.DELIVERED:
        words |= {"reply": "250 2.0.0 Ok: queued", "class": "accepted", "host": "mx.example.net"}
    elif name in (EventName.FAILED, EventName.BOUNCED, EventName.EXPIRED, EventName.DEFERRED):
        words |= {"reply": "550 5.1.1 No such user", "class": "no-mailbox", "status": "5.1.1"}
    elif name in (EventName.OPENED, EventName.CLICKED):
        words |= {"client": "192.0.2.1", "user_agent": "Mozilla/5.0", "url": "https://www.example.com/", "link": 0}
    elif name is EventName.COMPLAINED:
        words |= {"feedback": "abuse", "from": "feedback@example.net"}
    return Event(name=name, at=at, message="0" * 16, recipient=1, account=account, data=words)


def _relay(told: Told) -> dict[str, Any]:
    event, data = told.event, told.event.data
    resubscribed = event.name is EventName.UNSUBSCRIBED and data.get("resubscribed")
    found: dict[str, Any] = {
        "event_id": event_id(told),
        "type": RESUBSCRIBED if resubscribed else TYPES[event.name],
        "timestamp": iso(event.at),
        "account": event.account,
    }
    if event.credential:
        found["credential"] = event.credential
    if event.message:
        found["message"] = _message(told)
    to = data.get("to")
    if isinstance(to, list):
        found["recipients"] = to
    elif to:
        found["recipient"] = to
    if "attempt" in data:
        found["attempt"] = data["attempt"]
    parts = {"smtp": _smtp(data), "bounce": _bounce(event), "click": _click(event), "client": _client(data)}
    found |= {name: part for name, part in parts.items() if part}
    found |= {name: True for name in ("test", "machine") if data.get(name)}
    if details := {word: data[word] for word in sorted(_DETAILS & data.keys())}:
        found["details"] = details
    return found


def _message(told: Told) -> dict[str, Any]:
    said = {**told.about, **told.event.data}
    whole = {"id": id_of(told.event), "base_id": told.event.message, "tags": list(said.get("tags") or ())}
    return whole | {name: said[word] for name, word in _MESSAGE.items() if said.get(word)}


def _smtp(data: Mapping[str, Any]) -> dict[str, Any]:
    if "reply" not in data:
        return {}
    reply = reply_of(data)
    found: dict[str, Any] = {"code": reply.code, "enhanced": reply.status, "text": reply.text}
    names = {"remote_mx": "host", "remote_ip": "address", "egress": "egress", "tls": "tls"}
    return found | {name: data[word] for name, word in names.items() if data.get(word)}


def _bounce(event: Event) -> dict[str, Any]:
    names = (EventName.FAILED, EventName.BOUNCED, EventName.EXPIRED, EventName.DEFERRED, EventName.SUPPRESSED)
    if event.name not in names:
        return {}
    found = {"class": event.data.get("class"), "sub": event.data.get("status") or reply_of(event.data).status}
    return {name: value for name, value in found.items() if value}


def _click(event: Event) -> dict[str, Any]:
    if event.name is not EventName.CLICKED:
        return {}
    return {"url": event.data.get("url", ""), "index": event.data.get("link", 0)}


def _client(data: Mapping[str, Any]) -> dict[str, Any]:
    names = {"ip": "client", "ua": "user_agent", "referer": "referer"}
    found = {name: data[word] for name, word in names.items() if data.get(word)}
    return found | ({"bot": bool(data.get("machine"))} if found else {})


def _smtpeter(told: Told, mime: str | None) -> dict[str, Any]:
    event, data = told.event, told.event.data
    said = {**told.about, **data}
    found: dict[str, Any] = {
        "id": id_of(event),
        "type": told.kind,
        "timestamp": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "time": int(event.at),
        "recipient": data.get("to", ""),
        "tags": list(said.get("tags") or ()),
    }
    match told.kind:
        case "bounce":
            found["envelope"] = told.about.get("from", "")
            found["mime"] = mime or ""
        case "abuse":
            found["emailfrom"] = data.get("from", "")
            found["mime"] = mime or ""
        case "failure":
            found["action"] = "failed"
            found["state"] = "bounce" if event.name is EventName.BOUNCED else data.get("state", "unknown")
            found |= _result(data)
        case "delivery":
            found |= _result(data)
        case "open" | "click":
            names = {"ip": "client", "original": "url", "useragent": "user_agent", "referer": "referer"}
            found |= {
                name: data[word]
                for name, word in names.items()
                if data.get(word) and (name != "original" or told.kind == "click")
            }
    found |= {name: True for name in ("test", "machine") if data.get(name)}
    return found


def _result(data: Mapping[str, Any]) -> dict[str, Any]:
    reply = reply_of(data)
    found = {"code": reply.code, "extended": reply.status, "description": reply.text}
    return {name: value for name, value in found.items() if value}
