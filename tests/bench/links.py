"""What makes a rewritten message honest: its links are ours, of this message and recipient, and can be undone.

In:  a message as the sink got it, the job it belongs to, the keys that sign links.
Out: what is wrong with it, or nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from email import message_from_bytes
from email.message import Message as Mail

from relay.model.account import LinkKey
from relay.model.token import TOKEN_LENGTH, Token
from relay.transform.token import read
from tests.bench import letter
from tests.bench.content import DIGITS, MARK, RUN
from tests.bench.job import APART, Job

BASE = "https://clicks.example.com"
_OURS = re.compile(rf"{re.escape(BASE)}/([A-Za-z0-9_-]{{{TOKEN_LENGTH}}})[^\"'<>\s]*")
_GIVEN = {"CLICK": re.compile(r'\bhref="(https?:[^"]*)"'), "IMAGE": re.compile(r'\bsrc="(https?:[^"]*)"')}


def unstuffed(wire: bytes) -> bytes:
    """Content as it was before its dots were doubled."""
    content = wire.replace(b"\r\n..", b"\r\n.")
    return content[1:] if content.startswith(b"..") else content


def texts(wire: bytes) -> list[tuple[str, str]]:
    """Type and decoded text of each part that is one."""
    return [
        (each.get_content_type(), _text(each)) for each in _mail(wire).walk() if each.get_content_maintype() == "text"
    ]


def urls(wire: bytes) -> list[str]:
    """The addresses of ours in a message's html, in their order."""
    return [found[0] for kind, text in texts(wire) if kind == "text/html" for found in _OURS.finditer(text)]


def judge(wire: bytes, job: Job, keys: Sequence[LinkKey], place: int = 0) -> str:
    """`place`: of the recipient, from 0."""
    listed = " ".join(str(value) for name, value in _mail(wire).items() if name.lower() == "list-unsubscribe")
    parts = texts(wire)
    found = [each[1] for text in (listed, *(text for _, text in parts)) for each in _OURS.finditer(text)]
    try:
        tokens = [read(each, keys) for each in found]
    except ValueError as error:
        return f"a link of ours is none: {error}"
    if fault := _whose(tokens, place + 1 if job.copies == APART else 1):
        return fault
    counts = Counter(each.purpose.name for each in tokens)
    if counts != Counter(job.tokens):
        return f"its links of ours are {dict(counts)}, and not {dict(job.tokens)}"
    if not job.undo:
        return ""
    sent = sent_html(wire, job)
    (html,) = [text for kind, text in parts if kind == "text/html"]
    return "" if undone(html, sent, job) == sent else "its html is another one, even with its links undone"


def sent_html(wire: bytes, job: Job) -> str:
    """The html that was sent as this message."""
    at = wire.index(MARK) + len(MARK) + RUN + 1
    number = wire[at : at + DIGITS] if job.fresh else b"%08d" % 0
    mail = letter.content(job.content).replace(letter.PLACE.encode(), number)
    (html,) = [text for kind, text in texts(mail) if kind == "text/html"]
    return html


def given(sent: str, job: Job) -> list[str]:
    """What links of ours stand for, as it was sent, in order of place; nothing for a pixel."""
    patterns = [pattern for purpose, pattern in _GIVEN.items() if purpose in job.tokens]
    found = sorted((each.start(), each[1]) for pattern in patterns for each in pattern.finditer(sent))
    return [url for _, url in found] + [""] * job.tokens.get("PIXEL", 0)


def undone(html: str, sent: str, job: Job) -> str:
    """The html with what was sent in place of each link of ours, in order of place."""
    originals = iter(given(sent, job))
    return _OURS.sub(lambda found: next(originals, found[0]), html)


def _whose(tokens: Sequence[Token], recipient: int) -> str:
    if len({each.message for each in tokens}) > 1:
        return "its links name several messages"
    if others := {each.recipient for each in tokens} - {recipient}:
        return f"its links name the recipients {sorted(others)}, and not {recipient}"
    return ""


def _mail(wire: bytes) -> Mail:
    return message_from_bytes(unstuffed(wire))


def _text(part: Mail) -> str:
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets.decode(part.get_content_charset("ascii"))
