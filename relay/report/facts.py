"""What an event says where others ask for it: whose it is, what the other side said, and at which step. Pure.

In:  an event, or a word of it. Out: values for webhooks, log files and answers of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.model.event import Event
from relay.model.reply import Reply

_STATES = {"MAIL": "mailfrom", "RCPT": "rcptto", "DATA": "data", "BDAT": "data", "EHLO": "ehlo", "HELO": "helo"}


def id_of(event: Event) -> str:
    """Of the recipient where it concerns one, else of the submission."""
    return event.message if event.recipient is None else f"{event.message}-{event.recipient}"


def returned_as(event: Event) -> str:
    """Id of the submission whose content is the mail that came back; "" for none."""
    return str(event.data.get("forwarded") or event.data.get("kept") or "")


def reply_of(data: Mapping[str, Any]) -> Reply:
    """What the other side said, as far as it is known; code 0: it said no SMTP."""
    try:
        return Reply.parse(str(data.get("reply") or data.get("diagnostic") or ""))
    except ValueError:
        return Reply(0, str(data.get("status", "")), str(data.get("reply") or data.get("diagnostic") or ""))


def state_of(conversation: object) -> str:
    """The step that was refused last, as SMTPeter calls it. What was sent along behind a refused MAIL or RCPT, and
    refused for that, does not count."""
    lines = conversation if isinstance(conversation, list) else str(conversation).splitlines()
    command, state, decided = "", "connect", False
    for line in map(str, lines):
        if line.startswith("C: "):
            command = line[3:].split(" ", 1)[0].split(":", 1)[0].upper()
            decided = decided and command != "MAIL"
        elif line.startswith(("S: 4", "S: 5")) and not decided:
            state = _STATES.get(command, "message") if command else "connect"
            decided = command in ("MAIL", "RCPT")
    return state
