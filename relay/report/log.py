"""What is written about it all: one line an event, one line a message of the program itself.

In:  events of the journals; records of the standard library's logging.
Out: lines on standard error, `key=value` or JSON by configuration, in the words of the events.

    2026-01-31T12:00:00.123Z event=delivered id=0000...-1 account=demo to=ann@example.net reply="250 2.0.0 ok"
    2026-01-31T12:00:00.123Z level=warning process=worker-0 logger=relay.limits msg="..."

Never written: contents, conversations (`relay explain` shows them), passwords, tokens. A value never makes a
second line or a terminal command: control characters are escaped, and long ones are cut.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from relay.config import Log, LogFormat
from relay.model.clock import iso
from relay.model.event import Event
from relay.model.ids import Id

LONGEST = 1000  # characters of one value
SHORT = 200  # characters of a value worth remembering how it is written
MOST = 20  # values of one list, such as the recipients of a message
LONGEST_TRACE = 20_000  # a traceback is our own text, and useless in part
_UNTOLD = frozenset({"conversation"})
_TIMES = frozenset({"next", "until", "deadline", "due", "arrival"})  # words whose numbers are times
_SENTENCES = frozenset({"warnings"})  # words whose values have commas of their own
_BARE = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\"\\]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def event_line(event: Event, form: LogFormat) -> str:
    """One event as a line, without its end."""
    words: dict[str, Any] = {"event": event.name.value}
    if event.message:
        words["id"] = str(Id(event.message, event.recipient))
    if event.account:
        words["account"] = event.account
    if event.credential:
        words["credential"] = event.credential
    words |= event.data
    for key in _UNTOLD:
        words.pop(key, None)
    if form is LogFormat.KEYVALUE:
        said = [iso(event.at)]
        for key, value in words.items():
            short = type(value) is str and len(value) <= SHORT
            said.append(
                _remembered(key, value) if short else f"{key}={_quoted(_told(key, value), LONGEST, _between(key))}"
            )
        return " ".join(said)
    return line(event.at, {key: _told(key, value) for key, value in words.items()}, form)


@lru_cache(maxsize=4096)  # hosts, accounts, replies: the same ones again and again
def _remembered(key: str, text: str) -> str:
    return f"{key}={_quoted(text, LONGEST, ',')}"


def together(lines: Iterable[str]) -> Iterator[str]:
    """Lines, as many at a time as go into one write that does not mix with others' (PIPE_BUF octets)."""
    those: list[str] = []
    octets = 0
    for each in lines:
        size = 1 + (len(each) if each.isascii() else len(each.encode("utf-8", "backslashreplace")))
        if those and octets + size > select.PIPE_BUF:
            yield "\n".join(those)
            those, octets = [], 0
        those.append(each)
        octets += size
    if those:
        yield "\n".join(those)


def line(at: float, words: Mapping[str, Any], form: LogFormat, longest: int = LONGEST) -> str:
    """Words and their values as one line, in their order, the time first."""
    if form is LogFormat.JSON:
        cut = {key: _cut(value, longest) if isinstance(value, str) else value for key, value in words.items()}
        # Escaped to ASCII, so that no character of a value ends a line or speaks to a terminal.
        return json.dumps({"time": iso(at), **cut}, default=str, separators=(",", ":"))
    return " ".join([iso(at), *(f"{key}={_quoted(value, longest, _between(key))}" for key, value in words.items())])


def _told(key: str, value: Any) -> Any:
    if key in _TIMES and isinstance(value, int | float):
        return iso(value)
    if isinstance(value, list) and len(value) > MOST:
        return [*value[:MOST], f"... ({len(value)})"]
    return round(value, 3) if isinstance(value, float) else value


def _between(key: str) -> str:
    return "; " if key in _SENTENCES else ","


def _quoted(value: Any, longest: int, between: str) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, list | tuple):
        text = between.join(map(str, value))
    elif isinstance(value, dict):
        text = json.dumps(value, separators=(",", ":"), default=str)
    else:
        text = str(value)
    text = _cut(text, longest)
    return text if _BARE.fullmatch(text) else f'"{_UNSAFE.sub(_escape, text)}"'


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


class _Formatter(logging.Formatter):
    def __init__(self, form: LogFormat, process: str) -> None:
        super().__init__()
        self._form = form
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        words = {
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            words["trace"] = self.formatException(record.exc_info)
        return line(record.created, words, self._form, LONGEST_TRACE)


class _Stderr(logging.Handler):
    """One write a line: lines of several processes on one pipe do not mix (up to PIPE_BUF octets)."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write(self.format(record))
        except Exception:  # a log that cannot be written stops nothing
            self.handleError(record)


_dropped = 0
_torn = False  # the last line got through in part


def write(text: str, *, patience: float | None = 0.0) -> None:
    """A line, or several with line ends between them, to standard error.

    When nobody reads there, wait up to `patience` seconds (None: for ever), then leave the line out: a full
    pipe or a stopped terminal must not stop the mail, nor must one that is closed. The next line that gets
    through tells how many went.
    """
    global _dropped, _torn
    told = f"({_dropped} lines were left out: nobody read them)\n" if _dropped else ""
    octets = ("\n" * _torn + f"{told}{text}\n").encode("utf-8", "backslashreplace")
    # A pipe that is writable has room for PIPE_BUF octets; a longer write would wait in the kernel.
    for start in range(0, len(octets), select.PIPE_BUF):
        if not _put(octets[start : start + select.PIPE_BUF], patience):
            _dropped += text.count("\n") + 1
            _torn = _torn or start > 0
            return
    _dropped, _torn = 0, False


def _put(octets: bytes, patience: float | None) -> bool:
    try:
        rest = memoryview(octets)
        while rest:
            if not _writable(patience):
                return False
            rest = rest[os.write(2, rest) :]
    except OSError:  # the reader is gone, and will not come back
        return False
    return True


def _writable(patience: float | None) -> bool:
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    return bool(poll.poll(None if patience is None else patience * 1000))


def setup(log: Log, process: str) -> None:
    """Send what the program says about itself to standard error; call again to change it."""
    handler = _Stderr()
    handler.setFormatter(_Formatter(log.format, process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("relay").setLevel(log.level.upper())
    # aiosmtpd warns of every command it does not like, with the client's text in it; ours say what matters.
    logging.getLogger("mail").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
