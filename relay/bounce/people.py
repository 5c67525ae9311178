"""The part of a report that people read, and its subject.

In:  a report. Out: the first part with its MIME header; the text of the Subject field.

Why so: most senders read the subject and five lines, many of them on a phone. So the subject says what happened
and to whom, and the text says what happens next before it says why. Words of the receiving side are
quoted and marked as theirs, since they are often taken for ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header

from relay.bounce.notice import Action, Case, Report
from relay.bounce.wording import clean, plain, quoted_printable, span
from relay.model.clock import rfc5322

NAMED = 50  # recipients in the text for people; the second part has them all


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said about one action."""

    subject: str  # {until} is a date
    opening: tuple[str, ...]  # lines
    closing: tuple[str, ...]  # {until} is a date and time


_QUOTED = (
    "The answers above come from the receiving side, where a server is named;",
    "what they mean, only those who run it can tell.",
)
_WORDS = {
    Action.FAILED: _Words(
        "Undelivered mail",
        ("could not be delivered to everybody. Sorry about that. Not reached:",),
        (
            "These addresses will not be tried again. Recipients who are not named here",
            "are not concerned.",
            "",
            *_QUOTED,
        ),
    ),
    Action.DELAYED: _Words(
        "Delayed mail, still trying until {until}",
        ("is on its way, but has not reached everybody yet. Still waiting:",),
        (
            "You need not do anything, and need not send it again. We go on trying until",
            "{until}. If it cannot be delivered by then, you",
            "will hear of it; this is the only warning before that.",
            "",
            *_QUOTED,
        ),
    ),
    Action.RELAYED: _Words(
        "Relayed mail",
        ("was handed on, as you wished to know. Taken by the next server for:",),
        (
            "What becomes of it there is for that server to say: it may report a failure,",
            "or nothing more.",
        ),
    ),
    Action.DELIVERED: _Words(
        "Delivered mail",
        ("was delivered, as you wished to know. Delivered to:",),
        ("That it arrived does not say that anybody has read it.",),
    ),
}


def subject(report: Report) -> str:
    """The value of the Subject field, encoded and folded where needed."""
    what = _WORDS[report.action].subject.format(until=_date(report))
    one, count = report.cases[0].recipient.address, len(report.cases)
    text = f"{what}: {one}" if count == 1 else f"{what}: {count} recipients"
    if text.isascii() or report.utf8:
        return text
    return Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def people(report: Report) -> bytes:
    """The part for people."""
    words = _WORDS[report.action]
    lines = [
        f"This is the mail system at {report.hostname}.",
        "",
        f"Your message of {rfc5322(report.message.received)}",
        *words.opening,
    ]
    for each in report.cases[:NAMED]:
        lines += ["", f"  {each.recipient.address}", *(f"      {line}" for line in _story(report, each))]
    if len(report.cases) > NAMED:
        lines += ["", f"  and {len(report.cases) - NAMED} more, named in the second part of this report"]
    lines += ["", *(line.format(until=rfc5322(report.message.deadline)) for line in words.closing)]
    lines += ["", f"Our number for the message: {report.message.id}"]
    octets = "\r\n".join(lines).encode("utf-8", "replace")
    head = b"Content-Description: Notification\r\n"
    if plain(octets):
        return head + b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + octets + b"\r\n"
    head += b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + quoted_printable(octets) + b"\r\n"


def _story(report: Report, case: Case) -> Iterator[str]:
    if case.attempts:
        times = "once" if case.attempts == 1 else f"{case.attempts} times"
        yield f"It was tried {times}, as often as the message asked for. The last answer was:"
    elif case.expired:
        yield f"Its time was over ({span(report.at - report.message.received)}). The last answer was:"
    elif case.host:
        yield f"The server {clean(case.host)} answered:"
    elif report.action is Action.FAILED:
        yield "It could not be sent:"
    elif report.action is Action.DELAYED:
        yield "It could not be sent so far:"
    for line in str(case.reply).split("\n"):
        yield clean(line)
    if case.expired and case.host:
        yield f"by the server {clean(case.host)}"


def _date(report: Report) -> str:
    """The day of the deadline: `5 Feb 2026`."""
    return " ".join(rfc5322(report.message.deadline).split()[1:4]).removeprefix("0")
