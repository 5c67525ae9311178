"""What `relay template` is given: files, data, and templates that have to be compiled before they are kept."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay.cli.frame import CommandError, ExitCode
from relay.model.template import Template

if TYPE_CHECKING:
    from relay.transform.merge import Template as Compiled

SUBJECT = 2000  # characters
OCTETS = 4 << 20  # of a file


class Part(StrEnum):
    SUBJECT = "subject"
    HTML = "html"
    TEXT = "text"


def read_text(file: Path) -> str:
    """Raises CommandError."""
    try:
        if str(file) == "-":
            octets = sys.stdin.buffer.read(OCTETS + 1)
        else:
            with file.open("rb") as opened:
                octets = opened.read(OCTETS + 1)
        if len(octets) > OCTETS:
            raise CommandError(f"{file} is over the limit of {OCTETS >> 20} MiB")
        return octets.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise CommandError(f"{file} is not there", ExitCode.NOT_FOUND) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8: {error.reason} at octet {error.start}") from error


def object_of(file: Path) -> dict[str, Any]:
    """Raises CommandError."""
    try:
        found = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise CommandError(f"{file} has no JSON object, which names variables")
    return found


def check(template: Template) -> None:
    """Raises CommandError: nothing in it, too long, or not to be compiled."""
    if not (template.subject or template.html or template.text):
        raise CommandError("a template has a subject, html or text: say --subject, --html or --text", ExitCode.USAGE)
    if len(template.subject) > SUBJECT or any(each in template.subject for each in "\r\n"):
        raise CommandError(f"subject: one line of at most {SUBJECT} characters", ExitCode.USAGE)
    compiled(template)


def compiled(template: Template) -> dict[Part, Compiled]:
    """Raises CommandError with a line for each part that cannot be compiled."""
    from relay.transform.merge import TemplateError, compile

    made: dict[Part, Compiled] = {}
    faults: list[str] = []
    for part in Part:
        if source := getattr(template, part):
            try:
                made[part] = compile(source)
            except TemplateError as error:
                faults.append(f"{template.name}: {error.within(part)}")
    if faults:
        raise CommandError("\n".join(faults))
    return made
