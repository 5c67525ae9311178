"""A plain text, rewritten.

In:  its octets, in a charset that writes ASCII as ASCII, and rules.
Out: edits that do not overlap, and the targets of the links in them.
"""

from __future__ import annotations

from relay.transform.rules import Rewritten, Rules


def rewrite_text(
    text: bytes,
    rules: Rules,
    *,
    charset: str = "utf-8",
    first: int = 0,
    untracked: frozenset[str] = frozenset(),
    delsp: bool = False,
) -> Rewritten:
    """`first`: the number of the first target; `untracked`: as the html of the content told; `delsp`: format=flowed
    with DelSp=yes (RFC 3676)."""
    return Rewritten()
