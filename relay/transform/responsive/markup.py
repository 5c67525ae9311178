"""Writes elements of html: attributes and styles in order, texts escaped around their placeholders.

In:  names, and values as plain texts that may be templates.
Out: markup that is balanced, as long as what is put into it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.transform.responsive.placeholders import to_attribute

Values = Mapping[str, str]
# Every table of a layout: no borders, no gaps, and no table at all for those who listen to the mail.
TABLE: Values = {"role": "presentation", "border": "0", "cellpadding": "0", "cellspacing": "0"}


def style(css: Values) -> str:
    return ";".join(f"{name}:{value}" for name, value in css.items() if value)


def opening(name: str, attributes: Values, css: Values | None = None) -> str:
    """A start tag; attributes without a value are left out but for `alt`, which says much by being empty."""
    given = {key: value for key, value in attributes.items() if value or key in ("alt", "title")}
    own = style(css or {})
    if own:
        given["style"] = f"{own};{given['style']}" if "style" in given else own
    return "".join([f"<{name}", *(f' {key}="{to_attribute(value)}"' for key, value in given.items()), ">"])


def element(name: str, content: str, attributes: Values, css: Values | None = None) -> str:
    return f"{opening(name, attributes, css)}{content}</{name}>"


def beside(align: str) -> str:
    """The alignment of a table; on the left it stands anyhow, and would let what follows run beside it."""
    return "" if align == "left" else align


def mso(markup: str) -> str:
    """For Outlook on Windows alone, which lays out with Word."""
    return f"<!--[if mso]>{markup}<![endif]-->"


def not_mso(markup: str) -> str:
    """For all others. There must be no other condition in it: Outlook ends at the first end it sees."""
    return f"<!--[if !mso]><!-->{markup}<!--<![endif]-->"
