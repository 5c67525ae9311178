"""What a mail service writes when its user calls a message spam, or wants no more of it.

In:  the header of mail that came back, and its parts. Out: `Feedback`, or None where it is no such report.

Standards: RFC 5965 (abuse reporting format), RFC 6591 (authentication failures).

Why so: Hotmail's reports have no part for programs; they are known by the field their copy of our message bears. A
kind nobody knows is `other`, as RFC 5965 section 7.3 would have it. Addresses in a report may be masked, so whom it
is about is told by the return path it came to or quotes, never by them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

from relay.bounce.parts import all_fields, fields, parted, shown

KINDS = frozenset({"abuse", "fraud", "virus", "other", "not-spam", "opt-out", "auth-failure"})
COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other"})
QUOTED = 10  # return paths of a report that are looked at
_ALIASES = {"opt-out-list": "opt-out", "miscategorized": "not-spam", "dmarc": "auth-failure"}
_ADDRESS = re.compile(r"<?([^<>\s\"]{1,256})>?")
_RETURNED = (
    b"message/rfc822",
    b"message/global",
    b"text/rfc822-headers",
    b"text/rfc822-header",
    b"message/rfc822-headers",
)
_LOOKED_AT = 64 << 10  # octets of the message it returns


@dataclass(frozen=True, slots=True)
class Feedback:
    kind: str  # one of KINDS
    arrival: float | None = None  # when the message reached who complains
    agent: str = ""  # the program that wrote the report
    paths: tuple[str, ...] = ()  # reverse-paths it quotes; one of them may be ours


def feedback(head: bytes, found: Sequence[tuple[bytes, bytes, bytes]]) -> Feedback | None:
    """`found`: the parts of the message, as `parts` gives them."""
    told = next((body for kind, _, body in found if kind == b"message/feedback-report"), None)
    if told is not None:
        return _told(told, found)
    if b"x-apple-unsubscribe" in fields(head):
        return Feedback("opt-out")
    if _hotmail(head, found):
        return Feedback("abuse", agent="hotmail", paths=_paths([], found))
    return None


def _told(body: bytes, found: Sequence[tuple[bytes, bytes, bytes]]) -> Feedback:
    given = list(all_fields(body))
    first = dict(reversed(given))
    kind = first.get(b"feedback-type", "").strip().lower()
    kind = _ALIASES.get(kind, kind)
    when = parsedate_tz(first.get(b"arrival-date", first.get(b"received-date", "")))
    return Feedback(
        kind if kind in KINDS else "other",
        arrival=_seconds(when),
        agent=shown(first.get(b"user-agent", ""), 100),
        paths=_paths([value for name, value in given if name == b"original-mail-from"], found),
    )


def _seconds(when: tuple[int, int, int, int, int, int, int, int, int, int | None] | None) -> float | None:
    try:
        return None if when is None else float(mktime_tz(when))
    except (ValueError, OverflowError):
        return None


def _hotmail(head: bytes, found: Sequence[tuple[bytes, bytes, bytes]]) -> bool:
    author = fields(head).get(b"from", "").lower()
    if not re.search(r"@([a-z0-9-]{1,63}\.)?(hotmail|outlook|live|msn)\.com\b", author):
        return False
    copies = (parted(body)[0] for kind, _, body in found if kind in _RETURNED)
    return any(b"x-hmxmroriginalrecipient" in fields(each) for each in copies)


def _paths(first: list[str], found: Sequence[tuple[bytes, bytes, bytes]]) -> tuple[str, ...]:
    """What the message went from, by the report itself and by the header it returns."""
    said = list(first)
    for kind, _, body in found:
        if kind in _RETURNED:
            header = parted(body[:_LOOKED_AT])[0]
            said += [value for name, value in all_fields(header) if name in (b"return-path", b"x-return-path")]
    plain = (_ADDRESS.match(each.strip()) for each in said[:QUOTED])
    return tuple(dict.fromkeys(each[1] for each in plain if each and "@" in each[1]))
