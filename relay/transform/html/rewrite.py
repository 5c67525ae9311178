"""A page of html, rewritten in one pass.

In:  its octets, in a charset that writes ASCII as ASCII, and rules.
Out: edits that do not overlap, and the targets of the links and pictures in them.
"""

from __future__ import annotations

from relay.transform.rules import Rewritten, Rules


def rewrite_html(text: bytes, rules: Rules, *, charset: str = "utf-8", first: int = 0) -> Rewritten:
    """`first`: the number of the first target, where texts of the same content have some already."""
    return Rewritten()
