"""All that a peer may do wrong, step by step, and what must be made of it.

In:  nothing. Out: `Misdeed`s, each with the behaviour of a host and the class its mail must be deferred (or failed)
with while the host goes on like that.

The class follows from the step and from the kind of trouble alone:

    before MAIL        cut or nonsense: connection; silence: timeout; 421, 451: unavailable (at AUTH: auth)
    MAIL, RCPT, DATA   cut or nonsense: session; silence: timeout; 421, 451: system
    the content, dot   uncertain, whatever it is: the peer may have the message (RFC 1047)
    STARTTLS           the mail goes out in clear text over another connection
    RSET, QUIT         nothing: what was decided stands
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.peers.receiver import Behaviour

LOGIN = ["relay", "a secret"]  # what smarthosts know us by
CUT = ("drop", "reset", "half", "alert")
SILENCE = ("silent", "drip", "raw 250")
NONSENSE = (
    "junk",
    "garbage",
    "endless",
    "long",
    "raw 999 nine\r\n",
    "raw \r\n",
    "raw 25\r\n",
    "raw 25x what\r\n",
    "raw -1 less\r\n",
    "199 a code of old",
    "601 a code to come",
)
LATER = ("421 4.3.2 going down", "451 4.3.0 not now")
_OPENING = ("connect", "greeting", "ehlo")
_ENVELOPE = ("mail", "rcpt", "data")


@dataclass(frozen=True, slots=True)
class Misdeed:
    step: str
    doing: str
    behaviour: Behaviour
    meaning: str  # class of the events; "" : the mail is delivered all the same
    final: bool = False  # failed, not deferred

    @property
    def what(self) -> str:
        return f"{self.step} {self.doing[:30]!r}"

    @property
    def elsewhere(self) -> bool:
        """Whether another host of the domain gets the mail within the same attempt."""
        if self.step in (*_OPENING, "mail"):
            return not (self.final and self.step == "mail")
        return self.step in ("rcpt", "data") and not self.doing.startswith(("451", "55"))


def misdeeds() -> Iterator[Misdeed]:
    """All of them."""
    yield from _in_the_opening()
    yield from _in_tls()
    yield from _at_a_smarthost()
    yield from _in_the_envelope()
    yield from _in_the_message()
    for doing in (*CUT, *SILENCE, *NONSENSE, *LATER):
        # A refused recipient is what RSET, or a lone dot, comes after; the refusal stands.
        yield _misdeed("rset", doing, "no-mailbox", final=True, rcpt="550 5.1.1 no such user")
        yield _misdeed("quit", doing, "")
    yield Misdeed("all", "an octet at a time", Behaviour(trickle=0.002), "")
    yield Misdeed("all", "an octet a second", Behaviour(trickle=1.0), "timeout")


def _misdeed(step: str, doing: str, meaning: str, *, final: bool = False, tls: bool = False, **on: str) -> Misdeed:
    return Misdeed(step, doing, Behaviour(on={step: doing, **on}, starttls=tls), meaning, final)


def _in_the_opening() -> Iterator[Misdeed]:
    for step in _OPENING:
        for doing in (*CUT, *NONSENSE[: 8 if step == "connect" else None]):
            yield _misdeed(step, doing, "connection")
        for doing in SILENCE[:2]:
            yield _misdeed(step, doing, "timeout")
    for step in _OPENING[1:]:
        for doing in LATER:
            yield _misdeed(step, doing, "unavailable")
        yield _misdeed(step, "354 already", "session")
    yield _misdeed("greeting", "250 2.0.0 well", "session")
    yield _misdeed("greeting", "554 5.3.2 closed today", "unavailable")
    yield _misdeed("greeting", "521 5.3.2 no mail here, ever", "no-mail", final=True)


def _in_tls() -> Iterator[Misdeed]:
    for doing in (*CUT, *SILENCE, *NONSENSE):
        yield _misdeed("starttls", doing, "", tls=True)
    yield _misdeed("starttls", "454 4.7.0 not now", "", tls=True)
    yield _misdeed("starttls", "421 4.3.2 going down", "tls", tls=True)
    for doing in (*CUT, "silent", "drip", "garbage", "endless", "long", "notify", "raw 421 4.3.2 bye\r\n"):
        yield _misdeed("handshake", doing, "", tls=True)


def _at_a_smarthost() -> Iterator[Misdeed]:
    ways = [
        *(("connection", doing) for doing in (*CUT, *NONSENSE)),
        *(("timeout", doing) for doing in SILENCE[:2]),
        *(("auth", doing) for doing in (*LATER, "535 5.7.8 wrong")),
        ("session", "334 and now?"),
    ]
    for meaning, doing in ways:
        yield Misdeed("auth", doing, Behaviour(on={"auth": doing}, login=LOGIN, starttls=False), meaning)


def _in_the_envelope() -> Iterator[Misdeed]:
    for step in _ENVELOPE:
        for number, doing in enumerate((*CUT, *NONSENSE)):
            yield _misdeed(step, doing, "session", tls=bool(number % 2))
            alone = _misdeed(step, doing, "session", tls=not number % 2)
            yield replace(alone, behaviour=replace(alone.behaviour, pipelining=False))
        for doing in SILENCE[:2]:
            yield _misdeed(step, doing, "timeout")
        for doing in LATER:
            yield _misdeed(step, doing, "system")
        yield _misdeed(step, "notify", "session", tls=True)
    yield _misdeed("mail", "raw 250 2.0.0 ok\r\n" * 400, "session")
    yield _misdeed("mail", "raw 250 2.0.0 ok\r\n421 4.3.2 and bye\r\n", "system")
    yield _misdeed("rcpt", "550 5.1.1 no such user", "no-mailbox", final=True)
    yield _misdeed("data", "250 2.0.0 go ahead", "session")
    yield _misdeed("data", "raw 354 go ahead\r\n250 2.0.0 taken, before it came\r\n", "session")
    yield _misdeed("data", "554 5.6.0 never", "refused", final=True)


def _in_the_message() -> Iterator[Misdeed]:
    for step in ("content", "dot"):
        for number, doing in enumerate((*CUT, *NONSENSE[: None if step == "dot" else 8], "silent", "drip")):
            yield _misdeed(step, doing, "uncertain", tls=bool(number % 2))
    yield _misdeed("dot", "take", "uncertain")
    yield _misdeed("dot", "raw 250", "uncertain")
    yield _misdeed("dot", "notify", "uncertain", tls=True)
    yield _misdeed("dot", "354 still more", "session")
    yield _misdeed("dot", "421 4.3.2 going down", "system")
    yield _misdeed("dot", "452 4.3.1 no room", "system")
    yield _misdeed("dot", "552 5.3.4 too much", "size", final=True)
    yield _misdeed("dot", "raw 250 2.0.0 taken\r\n421 4.3.2 and bye\r\n", "")
    yield _misdeed("dot", "raw 250-2.0.0 taken\r\n250 2.0.0 indeed\n", "")
