"""SMTP replies: the one value that says how a command, a recipient or a message fared.

In:  a reply from a peer, or a decision of ours.
Out: the same value to an SMTP client, a log line, an event, a DSN or a REST error.

Standards: RFC 5321 section 4.2 (codes), RFC 3463 (enhanced status codes),
RFC 2034 (where the enhanced status stands in the text).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap

from relay.model.light import light

ROOM = 494  # octets of text in a line of a reply: 512 less code, status and line end
_LINE = re.compile(
    r"(?P<code>[2-5]\d\d)(?:[ -]|$)(?:(?P<status>[245]\.\d{1,3}\.\d{1,3})(?: |$))?(?P<text>.*)",
    re.DOTALL | re.ASCII,  # digits of other scripts are none of SMTP
)


@light(frozen=True, slots=True)
class Reply:
    code: int  # three digits, 200 to 599
    status: str  # enhanced status such as "5.1.1"; "" when the peer sent none
    text: str  # human-readable; several lines are joined with "\n"

    @property
    def positive(self) -> bool:
        return self.code < 400

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    def __str__(self) -> str:
        head = f"{self.code} {self.status}" if self.status else str(self.code)
        return f"{head} {self.text}" if self.text else head

    def octets(self) -> bytes:
        """The reply as it goes over the wire, every line with code and status, CRLF at the end.

        Text outside ASCII, which few clients asked for (RFC 6531 section 3.7.4.1), is escaped; a line that is longer
        than RFC 5321 section 4.5.3.1.5 has it becomes several.
        """
        head = f"{self.status} " if self.status else ""
        lines = self.text.split("\n")
        if len(self.text) > ROOM or not self.text.isascii():
            text = self.text.encode("ascii", "backslashreplace").decode()
            lines = [piece for line in text.split("\n") for piece in wrap(line, ROOM) or [""]]
        last = len(lines) - 1
        wire = "".join(
            f"{self.code}{' ' if number == last else '-'}{head}{line}\r\n" for number, line in enumerate(lines)
        )
        return wire.encode("ascii")

    @classmethod
    def parse(cls, line: str) -> Reply:
        """Read one reply of one line as a peer sent it, without its line end.

        Raises:
            ValueError: the line does not begin with a code of 200 to 599.
        """
        return cls.parse_lines([line])

    @classmethod
    def parse_lines(cls, lines: Sequence[str]) -> Reply:
        """Read a reply of one or several lines, each without its line end.

        Code and status are the last line's; the status is taken off the text of every line.

        Raises:
            ValueError: no line, or one that does not begin with a code of 200 to 599.
        """
        code, status, texts = 0, "", []
        for line in lines:
            found = _LINE.fullmatch(line)
            if found is None:
                raise ValueError(f"not an SMTP reply: {line!r}")
            digits, status, text = found.groups(default="")
            code = int(digits)
            texts.append(text)
        if not texts:
            raise ValueError("not an SMTP reply: no line at all")
        # A status that contradicts the code (RFC 2034 section 4 forbids it) says
        # nothing; the code decides whether we try again, so the code wins.
        if status and status[0] != str(code)[0]:
            status = ""
        return cls(code, status, "\n".join(texts))


class Refused(Exception):
    """A decision not to take a command or a message, with the reply that says so.

    Raise it where the decision is made; only the edge (SMTP session, REST handler)
    turns it into bytes.
    """

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(code, status, text)
        self.reply = Reply(code, status, text)
