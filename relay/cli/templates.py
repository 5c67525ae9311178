"""What `relay template` is given: files and data; and what is said where they make no template."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relay.cli.frame import CommandError, ExitCode

OCTETS = 4 << 20  # of a file


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
        raise CommandError(f"{file} has no JSON object")
    return found


@contextmanager
def template_errors() -> Iterator[None]:
    """What cannot be a template becomes an error of the command."""
    from relay.manage.templates import Uncompiled
    from relay.manage.wrong import Wrong

    try:
        yield
    except Uncompiled as error:
        raise CommandError(str(error)) from error
    except Wrong as error:
        hint = "" if error.field else ": say --subject, --html or --text"
        raise CommandError(f"{error}{hint}", ExitCode.USAGE) from error
