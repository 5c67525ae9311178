"""Events: facts that happened to a message, told to journal, log, search and webhooks.

Every event is written in the transaction that makes it true, into the journal of the shard where it
happened; the reporter folds the journals. The names are fixed from the first day; `failed` is refused
while we were sending, `bounced` came back later; `attempted` is a step of an attempt that did not yet
decide anybody's fate (a dead host, a TLS handshake that fell back).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from relay.model.light import light


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


# The words an event's data may have, where they apply.
WORDS: Mapping[str, str] = {
    "from": "reverse-path of the message; empty is the null one",
    "to": "forward-path; a list where it concerns several",
    "author": "address in the From field",
    "pathless": "true: the client named no reverse-path; `from` is empty, or the author's address",
    "message_id": "the Message-ID field, as it came",
    "size": "octets",
    "peer": "address and port of the client",
    "listener": "name of the listener it came in by",
    "tls": "protocol and cipher",
    "warnings": "what was worth a warning, as a list",
    "test": "true: nothing left the relay, this is a test",
    "origin": "of the relay's own mail: `report` (a DSN) or `return` (what came back); never counted",
    "template": "number of the stored template it was made from",
    "options": "the options that hold, by name; without those that have a word of their own here",
    "tags": "option `tags`",
    "metadata": "option `metadata`",
    "campaign": "option `campaign`",
    "tenant": "option `tenant`",
    "stream": "option `stream`",
    "message_ref": "option `message_ref`",
    "send_cancel_id": "option `send_cancel_id`",
    "due": "time of the first attempt",
    "attempt": "number of the attempt, from 1",
    "reply": "the reply of the next hop, or ours in its place",
    "class": "what kind of reply it is: `accepted`, `no-mailbox`, `greylist`, `rate`, `policy`, `uncertain`, ...",
    "fault": "whom the reply speaks of: `none`, `recipient`, `message`, `site`, `session`",
    "egress": "where it left from",
    "site": "the set of MX hosts it went to, or `smarthost:` and the rule",
    "host": "name of the next hop",
    "address": "IP address of the next hop",
    "port": "TCP port of the next hop",
    "local": "IP address of ours it left from",
    "demand": "how much TLS the message demanded: `must`, `verified`",
    "dsn": "true: the next hop reports further on to those who asked to hear of success",
    "seconds": "how long the attempt took",
    "next": "time of the next attempt",
    "conversation": "the SMTP lines of the attempt, `C: ` and `S: `",
    "report": "id of the DSN that was sent for it",
    "about": "of a DSN, or of mail that came back: id of the submission or recipient it tells of",
    "kept": "of mail that came back and that nobody gets: id under which it is kept for a look at it",
    "forwarded": "of mail that came back: id of the submission that passes it on to the sender",
    "action": "what a report that came back says became of the recipient (RFC 3464)",
    "status": "the enhanced status it gives",
    "diagnostic": "the reply it quotes",
    "automatic": "true: a program answered, not a person: out of office, a note that it was received",
    "feedback": "kind of a complaint (RFC 5965): `abuse`, `fraud`, `opt-out`, ...",
    "arrival": "time at which the message reached who complains, where the complaint tells",
    "via": "how somebody unsubscribed: `one-click`, `page`, `mailto`, `complaint`",
    "group": "suppression group somebody unsubscribed from, or came back to",
    "resubscribed": "true: the reverse; what unsubscribing had suppressed is lifted",
    "url": "where a link leads, or the picture that was shown",
    "link": "number of the link or picture in its content, from 0",
    "client": "IP address of who opened or clicked, as exactly and as long as `tracking` says",
    "user_agent": "name of its program",
    "referer": "page the request came from",
    "secure": "true: the request came over https",
    "machine": "true: a scanner or a proxy of a mail service did it, most likely not a person",
    "machine_reason": "why it is taken for a machine's",
    "proxy": "mail service that asked in the reader's place, once they opened the mail: `google`, `yahoo`, ...",
    "cause": "why the recipient is suppressed: `hand`, `bounce`, `complaint`, `unsubscribe`",
    "note": "what was noted with the suppression",
    "bypassed": "causes for which the recipient is suppressed, and which the message went past by option `bypass`",
    "order": "number of the operator's order that did it",
    "act": "what that was: `retry`, `hold`, `release`, `fail`, `delete`, `erase`",
    "by": "who gave it",
    "reason": "why",
}


@light(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact. `data` holds JSON types only, by the words of `WORDS`."""

    name: EventName
    at: float
    message: str  # submission id; "" for what was rejected before it had one
    recipient: int | None = None  # number from 1; None concerns the whole submission
    account: str = ""
    credential: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        given: dict[str, Any] = {"event": self.name._value_, "at": self.at}  # `value` is a call
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
        data = json.loads(text)
        take = data.pop
        return cls(
            name=EventName(take("event")),
            at=take("at"),
            message=take("message", ""),
            recipient=take("recipient", None),
            account=take("account", ""),
            credential=take("credential", ""),
            data=data,
        )


_OWN = frozenset({"event", "at", "message", "recipient", "account", "credential"})
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
