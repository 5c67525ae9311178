"""What tests of rewriting share: rules, filling, and undoing."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from relay.model.token import TOKEN_LENGTH, Purpose
from relay.transform.edit import Edit, Hole, fill, splice
from relay.transform.html.rewrite import rewrite_html
from relay.transform.plain import rewrite_text
from relay.transform.rules import Rewritten, Rules

BASE = b"https://clicks.example.com"
OFF = Rules(base=BASE)
CLICKS = replace(OFF, clicks_html=True, clicks_text=True)
OPENS = replace(OFF, opens=True)
_OURS = re.compile(re.escape(BASE) + rb"/[A-Z]+_([0-9]+)(?:-[A-Za-z0-9._~%/-]*|\.gif)?")


def token(hole: Hole) -> bytes:
    """One that tells what it is: CLICK_0003, with as many zeros as it takes."""
    name = f"{hole.purpose.name}_"
    return f"{name}{hole.number:0{TOKEN_LENGTH - len(name)}}".encode()


def filled(text: bytes, result: Rewritten) -> bytes:
    return fill(splice(text, result.edits), token)


def short(text: bytes, result: Rewritten) -> str:
    """The text with links of ours written as CLICK:0/path, for people."""
    octets = filled(text, result).decode("utf-8", "backslashreplace")
    ours = re.escape(BASE.decode()) + r"/([A-Z]+)_([0-9]+)-?"
    return re.sub(ours, lambda found: f"{found[1]}:{int(found[2])}/", octets)


def html(text: str | bytes, rules: Rules = CLICKS, **more: object) -> str:
    octets = text if isinstance(text, bytes) else text.encode()
    return short(octets, rewrite_html(octets, replace(rules, **more)))  # type: ignore[arg-type]


def plain(text: str | bytes, rules: Rules = CLICKS, **more: object) -> str:
    octets = text if isinstance(text, bytes) else text.encode()
    return short(octets, rewrite_text(octets, replace(rules, **more)))  # type: ignore[arg-type]


def targets(text: str | bytes, rules: Rules = CLICKS) -> tuple[str, ...]:
    return rewrite_html(text if isinstance(text, bytes) else text.encode(), rules).targets


def undone(text: bytes, result: Rewritten) -> bytes:
    """The rewritten text with what stood in the place of each edit; found in the new text by its octets alone."""
    new = filled(text, result)
    shift = 0
    for each in result.edits:
        written = fill(each.pieces, token)
        at = each.start + shift
        assert new[at : at + len(written)] == written
        new = new[:at] + text[each.start : each.end] + new[at + len(written) :]
    return new


def without_links(text: bytes, originals: list[bytes]) -> bytes:
    """A rewritten text with each URL of ours replaced by the original of its number: what a stranger could do."""
    return _OURS.sub(lambda found: originals[int(found[1])], text)


def originals(text: bytes, result: Rewritten) -> list[bytes]:
    """What stood in the place of each hole, by the hole's number."""
    found: dict[int, bytes] = {}
    for each in result.edits:
        for piece in each.pieces:
            if isinstance(piece, Hole) and piece.purpose in (Purpose.CLICK, Purpose.IMAGE):
                found[piece.number] = text[each.start : each.end]
    return [found[number] for number in sorted(found)]


def ordered(edits: tuple[Edit, ...]) -> bool:
    return all(one.end <= two.start for one, two in pairwise(edits))
