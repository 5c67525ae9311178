"""Newsletters to try rewriting on: the project's own, and a larger collection where it is at hand.

The larger one is found as `tests/corpus` finds it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from relay.transform.bodies import Body, bodies
from relay.transform.encoded import decode
from relay.transform.headers import read_header

TESTS = Path(__file__).parents[1]
OWN = TESTS / "data" / "newsletters"
SHARED = Path(os.environ.get("RELAY_CORPUS", TESTS.parents[1] / "shared" / "corpus")) / "newsletters"
ABSENT = "the larger corpus is absent; RELAY_CORPUS may name a directory with newsletters/*.html"


def pages(place: Path) -> dict[str, tuple[bytes, str]]:
    """Pages by name, with their charset; those in mails, too."""
    found = {each.stem: (each.read_bytes(), "utf-8") for each in sorted(place.glob("*.html"))}
    for each in sorted(place.glob("*.eml")):
        content = mail(each)
        for body in bodies(read_header(content)):
            text = said(content, body)
            if body.html and text is not None:
                found[each.stem] = (text, body.charset)
    return found


def mails(place: Path) -> dict[str, bytes]:
    return {each.stem: mail(each) for each in sorted(place.glob("*.eml"))}


def mail(path: Path) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", path.read_bytes())


def said(content: bytes, body: Body) -> bytes | None:
    text = decode(content[body.part.body : body.part.end], body.encoding)
    return text.octets if text else None
