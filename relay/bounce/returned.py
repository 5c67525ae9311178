"""What a message that came back says of itself: is it a report, and what does it report?

In:  octets as they came. Out: `Returned`.

Standards: RFC 3464 (delivery-status), RFC 6522 (multipart/report), RFC 6533 (message/global-delivery-status).

Why so: whoever holds one of our return paths can write anything into it, so nothing here is believed beyond what
an event shows, and everything is bounded: the first part of the message is looked at, with patterns that take
linear time, and the first recipients of a report. A report that cannot be read is still a report. What it means in
the end (which bounce, whose fault) is not judged here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LOOKED_AT = 256 << 10  # octets; reports stand before what they return
VALUE = 1000  # octets of a field's value
TOLD = 400  # characters of it that are told
GROUPS = 20  # recipients of a report that are looked at
PARTS = 10  # of a report that are looked at; it has three
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9*-]+)\s*=\s*("[^"]*"|[^\s;"]+)')
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_STATUS_PARTS = (b"message/delivery-status", b"message/global-delivery-status")
_OF_RECIPIENTS = {b"final-recipient", b"action"}  # the first group is about the message
_ACTIONS = frozenset({"failed", "delayed", "relayed", "delivered", "expanded"})


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

    def of(self, address: str) -> Told:
        """What it says of this recipient; of the only one if there is just one, whatever its name."""
        for each in self.told:
            if each.recipient.lower() == address.lower():
                return each
        return self.told[0] if len(self.told) == 1 else Told()


def examine(content: bytes) -> Returned:
    """Look at what came back. Never raises."""
    head, body = _parted(content[:LOOKED_AT])
    kind, parameters = _content_type(head)
    if kind != b"multipart/report" or parameters.get("report-type", "").lower() != "delivery-status":
        return Returned(report=False)
    boundary = parameters.get("boundary", "")
    status = _status_part(body, boundary.encode("utf-8", "replace")) if boundary else b""
    groups = [_fields(each) for each in status.split(b"\r\n\r\n", GROUPS + 1)[: GROUPS + 1]]
    return Returned(report=True, told=tuple(_told(each) for each in groups if each.keys() & _OF_RECIPIENTS))


def _parted(entity: bytes) -> tuple[bytes, bytes]:
    """Header and body."""
    if entity.startswith(b"\r\n"):
        return b"", entity[2:]
    head, _, body = entity.partition(b"\r\n\r\n")
    return head, body


def _fields(head: bytes) -> dict[bytes, str]:
    """The first field of each name, unfolded. Lines that are no fields are passed over."""
    found: dict[bytes, str] = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            found.setdefault(name.strip().lower(), value[:VALUE].decode("utf-8", "replace").strip())
    return found


def _content_type(head: bytes) -> tuple[bytes, dict[str, str]]:
    value = _fields(head).get(b"content-type", "")
    kind = value.partition(";")[0].strip().lower().encode("utf-8", "replace")
    return kind, {each[1].lower(): each[2].strip('"') for each in _PARAMETER.finditer(value)}


def _status_part(body: bytes, boundary: bytes) -> bytes:
    """The fields for programs; empty where there is no such part, or it is encoded."""
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary, PARTS)[1:]:
        if part.startswith(b"--"):
            break
        head, inside = _parted(part.partition(b"\r\n")[2])
        if _content_type(head)[0] in _STATUS_PARTS:
            encoding = _fields(head).get(b"content-transfer-encoding", "7bit").lower()
            return inside if encoding in ("7bit", "8bit", "binary") else b""
    return b""


def _told(fields: dict[bytes, str]) -> Told:
    action = fields.get(b"action", "").lower()
    status = _STATUS.match(fields.get(b"status", ""))
    who = fields.get(b"original-recipient") or fields.get(b"final-recipient", "")
    return Told(
        recipient=_shown(_untyped(who).strip("<>")),
        action=action if action in _ACTIONS else "",
        status=status[0] if status else "",
        diagnostic=_shown(_untyped(fields.get(b"diagnostic-code", ""))),
    )


def _untyped(value: str) -> str:
    kind, found, rest = value.partition(";")
    return rest.strip() if found else kind


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text[:TOLD])
