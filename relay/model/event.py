"""Events: facts that happened to a message, told to journal, log, search and webhooks.

Every event is written in the transaction that makes it true, into the journal of the shard where it
happened; the reporter folds the journals. The names are fixed from the first day; `failed` is refused
while we were sending, `bounced` came back later; `attempted` is a step of an attempt that did not yet
decide anybody's fate (a dead host, a TLS handshake that fell back).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventName(StrEnum):
    RECEIVED = "received"
    REJECTED = "rejected"
    SCHEDULED = "scheduled"
    ATTEMPTED = "attempted"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    BOUNCED = "bounced"
    REPLIED = "replied"
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    HELD = "held"
    CANCELLED = "cancelled"


# The others are reserved: no code writes them yet, and nothing else may take their names.
WRITTEN = frozenset(
    {
        EventName.RECEIVED,
        EventName.REJECTED,
        EventName.SCHEDULED,
        EventName.ATTEMPTED,
        EventName.DEFERRED,
        EventName.DELIVERED,
        EventName.FAILED,
        EventName.EXPIRED,
        EventName.BOUNCED,
        EventName.REPLIED,
        EventName.COMPLAINED,
        EventName.OPENED,
        EventName.CLICKED,
        EventName.SUPPRESSED,
        EventName.HELD,
        EventName.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact.

    `data` holds JSON types only. Its words, where they apply: `from` (reverse-path), `to` (forward-path; a list
    where it concerns several), `author` (address in From), `message_id` (header field), `listener`, `size`
    (octets), `peer`, `tags`, `reply`, `class`, `fault`, `attempt` (number from 1), `egress`, `site`,
    `host`, `address`, `port`, `tls`, `demand` (how much TLS the message demanded: `must`, `verified`), `dsn` (whether
    the next hop reports further on, for those who asked to hear of success), `cause` and `note` (of a suppression),
    `seconds`, `next` (time of the next attempt), `conversation` (list of lines,
    `C: ` and `S: `), `warnings`, `test` (true in the sandbox), `report` (id of a DSN we sent for it), `about` (of a
    DSN or of returned mail: id of the submission, or of the recipient, it tells of), `options` (those that were
    asked for, by name), `metadata`, `campaign`, `tenant`, `stream`, `ref` (message_ref), `cancel_id`, `due` (time of
    the first attempt), `order` (number of the operator's order that did it), `act` (what that was), `by` (who gave
    it), `reason`; and of what came back: `forwarded` (id of the submission that passes it on to the sender),
    `action`, `status` and `diagnostic` (what a report said of the recipient; RFC 3464).
    """

    name: EventName
    at: float
    message: str  # submission id; "" for what was rejected before it had one
    recipient: int | None = None  # number from 1; None concerns the whole submission
    account: str = ""
    credential: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        given: dict[str, Any] = {"event": self.name.value, "at": self.at}
        if self.message:
            given["message"] = self.message
        if self.recipient is not None:
            given["recipient"] = self.recipient
        if self.account:
            given["account"] = self.account
        if self.credential:
            given["credential"] = self.credential
        given.update(self.data)
        return given

    def to_json(self) -> str:
        return _dumps(self.as_dict())

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Event:
        return cls(
            name=EventName(given["event"]),
            at=given["at"],
            message=given.get("message", ""),
            recipient=given.get("recipient"),
            account=given.get("account", ""),
            credential=given.get("credential", ""),
            data={key: value for key, value in given.items() if key not in _OWN},
        )

    @classmethod
    def from_json(cls, text: str) -> Event:
        return cls.from_dict(json.loads(text))


_OWN = frozenset({"event", "at", "message", "recipient", "account", "credential"})
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
