"""The words of an SMTP dialogue as the client leads it, with no socket in sight.

A dialogue is a generator. It yields a `Group` of commands that go out in one write, and is sent one `Answer`
for each of them, in order. Whoever owns the connection writes the group, waits for every reply within the
step's own time limit, and hands the answers back; a connection that is lost, falls silent or talks nonsense
becomes an answer like any other, with its `Trouble` named. So a dialogue has one kind of news to think about,
and a test plays it as a transcript.

Standards: RFC 5321 section 4.5.3.2 (time-outs), RFC 2920 (command groups).

Why so: commands, groups and answers are named tuples, since a message takes a dozen of them, and a frozen dataclass
takes twice as long to make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from relay.model.reply import Reply


class Step(StrEnum):
    """Where in a session a reply was given."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    MESSAGE = "message"  # the content and its final dot
    RSET = "rset"


class Trouble(StrEnum):
    """Why a reply is not the peer's own words."""

    NONE = ""  # it is the peer's own
    OURS = "ours"  # we did not ask: the next hop lacks what the message needs
    CONNECT = "connect"  # no TCP connection
    LOST = "lost"  # the connection broke before the reply
    SILENT = "silent"  # no reply within the step's time limit
    GARBLED = "garbled"  # what came is no SMTP reply, or has no end
    TLS = "tls"  # the handshake or the certificate failed
    HALF = "half"  # the connection broke before the whole content was handed over


class Answer(NamedTuple):
    """What came back for one command."""

    step: Step
    reply: Reply
    trouble: Trouble = Trouble.NONE


class Command(NamedTuple):
    step: Step
    line: str  # without its line end; for the message what a transcript shows in its place
    recipient: int | None = None  # of RCPT: its index in the letter


class Group(NamedTuple):
    """Commands that go out in one write. `content`, if not None, goes out instead of the lines, dots doubled."""

    commands: tuple[Command, ...]
    content: bytes | None = None

    def octets(self) -> bytes:
        """The command lines as they go over the wire."""
        return ("\r\n".join([each.line for each in self.commands]) + "\r\n").encode("utf-8")


Exchange = list[tuple[Command, Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Longest waits, in seconds (RFC 5321 section 4.5.3.2; where it is silent, what its steps resemble)."""

    greeting: float = 300.0
    ehlo: float = 300.0
    starttls: float = 60.0  # the reply, and once more the handshake
    auth: float = 120.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0  # until the peer has taken a block of content
    message: float = 600.0  # receivers may scan before they answer the dot; too short a wait sends twice
    ahead: float = 30.0  # each answer to an envelope that went ahead: who has thrown it away will never answer
    rset: float = 60.0
    quit: float = 5.0

    def of(self, step: Step) -> float:
        seconds: float = getattr(self, step, self.ehlo)
        return seconds


RFC5321 = Timeouts()
LINE_SHOWN, LINES_SHOWN = 600, 200  # characters of a line and lines of a conversation that events keep


def conversation(exchange: Sequence[tuple[Command, Answer]], recipient: int | None = None) -> list[str]:
    """The exchange as `C: ` and `S: ` lines; of the RCPT commands only the one of `recipient` if it is given.

    Each command stands before its own reply, also where they went out as a group.
    """
    lines: list[str] = []
    for command, answer in exchange:
        if command.recipient is not None and recipient is not None and command.recipient != recipient:
            continue
        lines.append(f"C: {command.line}"[:LINE_SHOWN])
        lines += shown(answer)
        if len(lines) > LINES_SHOWN:
            break
    return lines[:LINES_SHOWN]


def shown(answer: Answer) -> Sequence[str]:
    """The lines of an answer as conversations show them; what the peer did not say itself begins with `-- `."""
    if answer.trouble:
        return [f"-- {answer.reply.text}"[:LINE_SHOWN]]
    return _heard(answer.reply)


@lru_cache(maxsize=256)  # most peers answer every message with the same few lines
def _heard(reply: Reply) -> tuple[str, ...]:
    if "\n" not in reply.text:
        return (f"S: {reply}"[:LINE_SHOWN],)
    head = f"{reply.status} " if reply.status else ""
    *first, last = reply.text.split("\n")
    return (
        *(f"S: {reply.code}-{head}{line}"[:LINE_SHOWN] for line in first),
        f"S: {reply.code} {head}{last}"[:LINE_SHOWN],
    )
