"""What a message that came back says of itself: a report, a complaint, an automatic answer, or something else?

In:  octets as they came. Out: `Returned`.

Standards: RFC 3464 (delivery-status), RFC 6522 (multipart/report), RFC 6533 (message/global-delivery-status),
RFC 5965 (feedback reports), RFC 3834 (automatic answers).

Why so: whoever holds one of our return paths can write anything into it, so nothing here is believed beyond what
an event shows, and everything is bounded: the first part of the message is looked at, with patterns that take
linear time, and the first recipients of a report. A report that cannot be read is still a report. Whose fault a
bounce is follows from what it quotes (`classes.py`), never from who wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from relay.bounce.automatic import automatic
from relay.bounce.feedback import Feedback, feedback
from relay.bounce.parts import all_fields, content_type, parted, parts, shown

LOOKED_AT = 256 << 10  # octets; reports stand before what they return
TOLD = 400  # characters of a value that are told
GROUPS = 20  # recipients of a report that are looked at
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_STATUS_PARTS = (b"message/delivery-status", b"message/global-delivery-status")
_FIRST = frozenset({b"original-recipient", b"final-recipient"})
_KEYS = _FIRST | {b"action"}  # of a recipient's fields; the first group is about the message
_BEGINNING = re.compile(rb"^(reporting-mta|original-recipient|final-recipient)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_ACTIONS = frozenset({"failed", "delayed", "relayed", "delivered", "expanded"})
_MARK = b"\xef\xbb\xbf"  # a byte order mark, which some programs put before the first field


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says of one recipient. Empty where it says nothing that can be read."""

    recipient: str = ""  # Original-Recipient, else Final-Recipient, without its type
    action: str = ""  # one of RFC 3464's, lower case
    status: str = ""
    diagnostic: str = ""  # without its type


@dataclass(frozen=True, slots=True)
class Returned:
    report: bool  # it is a delivery status notification by its type
    told: tuple[Told, ...] = ()
    feedback: Feedback | None = None  # it is a complaint, or the like
    automatic: bool = False  # a program answered for its user

    def of(self, address: str) -> Told:
        """What it says of this recipient; of the only one if there is just one, whatever its name.

        Where it names several others they are whom the address led to: it failed if it failed for all of them, and
        if only for some, nothing more can be said of the address.
        """
        for each in self.told:
            if each.recipient.lower() == address.lower():
                return each
        if len(self.told) == 1:
            return self.told[0]
        failed = [each for each in self.told if each.action == "failed"]
        if failed:
            return failed[0] if len(failed) == len(self.told) else Told(action="failed")
        return self.told[0] if self.told else Told()


def examine(content: bytes) -> Returned:
    """Look at what came back. Never raises."""
    head, body = parted(content[:LOOKED_AT].removeprefix(_MARK))
    kind, parameters = content_type(head)
    if not kind.startswith(b"multipart/"):
        found: list[tuple[bytes, bytes, bytes]] = []
    else:
        found = list(parts(body, parameters.get("boundary", "")))
    told = tuple(map(_told, _groups(_status(found))))
    if kind == b"multipart/report":
        what = parameters.get("report-type", "").lower()
        if what == "delivery-status" or told:
            return Returned(report=True, told=told or tuple(map(_told, _groups(_loose(body)))))
    elif told:  # OpenSMTPD calls its reports multipart/mixed
        return Returned(report=True, told=told)
    complaint = feedback(head, found)
    return Returned(report=False, feedback=complaint, automatic=complaint is None and automatic(head))


def _status(found: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """The fields for programs."""
    return b"\r\n\r\n".join(inside for kind, _, inside in found if kind in _STATUS_PARTS)


def _loose(body: bytes) -> bytes:
    """The same of a report whose boundaries were lost on the way."""
    found = _BEGINNING.search(body)
    return body[found.start() :].partition(b"\r\n--")[0] if found else b""


def _groups(status: bytes) -> Iterator[dict[bytes, str]]:
    """The fields of each recipient. Some programs leave out the empty line between two, some put more of them."""
    group: dict[bytes, str] = {}
    ended, count = False, 0
    for name, value in all_fields(status):
        if not name:
            ended = not group.keys().isdisjoint(_FIRST)
        elif (name in _KEYS and name in group) or (ended and name in _FIRST):
            if _KEYS & group.keys():
                yield group
                if (count := count + 1) >= GROUPS:
                    return
            group, ended = {name: value}, False
        else:
            group.setdefault(name, value)
    if _KEYS & group.keys():
        yield group


def _told(fields: dict[bytes, str]) -> Told:
    action = fields.get(b"action", "").lower().split(" ")[0]
    status = _STATUS.match(fields.get(b"status", ""))
    who = fields.get(b"original-recipient") or fields.get(b"final-recipient", "")
    return Told(
        recipient=shown(_untyped(who).strip("<>"), TOLD),
        action=action if action in _ACTIONS else "",
        status=status[0] if status else "",
        diagnostic=shown(_untyped(fields.get(b"diagnostic-code", "")), TOLD),
    )


def _untyped(value: str) -> str:
    kind, found, rest = value.partition(";")
    return rest.strip() if found else kind
