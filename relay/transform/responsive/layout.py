"""The frame of a page: the centre column, the place of a block, columns beside each other.

In:  content as html, and how wide, coloured and far apart it is.
Out: html that lays out alike in programs that know CSS and in Outlook on Windows, which knows tables.

- The page is a table over everything; in it a table of 580 pixels at most, which shrinks with the window. Outlook
  knows no `max-width`: it gets a second table around it (a ghost table, in a comment for it alone) with that width.
- A block is a table of one cell, with an outer one around it where it has a margin.
- Columns are blocks in a line, each as wide at most as it should be, so that they fall under each other where the
  window is too narrow, also in programs that strip style sheets. In Outlook each is a cell of a ghost table.
- The style sheet makes columns as wide as the window of a telephone, and shows and hides blocks by its width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from relay.transform.responsive.font import Font
from relay.transform.responsive.markup import TABLE, element, mso, not_mso, opening
from relay.transform.responsive.placeholders import to_html
from relay.transform.responsive.rewriting import Rewriting
from relay.transform.responsive.values import CENTRE, NONE, Box, plain_colour

NARROW = 599  # pixels: up to here a window is that of a telephone
DEVICES = ("always", "desktop", "mobile")
_HIDDEN = {"display": "none", "max-height": "0", "overflow": "hidden", "mso-hide": "all"}

# A brace with white space behind it is no construct of the template language.
_SHEET = f"""<style type="text/css">
body {{ margin: 0 !important; padding: 0 !important; width: 100% !important; }}
body, table, td, a {{ -webkit-text-size-adjust: 100%; -ms-text-size-adjust: 100%; }}
table, td {{ mso-table-lspace: 0pt; mso-table-rspace: 0pt; }}
img {{ -ms-interpolation-mode: bicubic; }}
a[x-apple-data-detectors] {{ color: inherit !important; text-decoration: none !important; }}
@media only screen and (max-width: {NARROW}px) {{
  .re-column {{ display: block !important; width: 100% !important; max-width: 100% !important; }}
  .re-desktop {{ display: none !important; }}
  .re-mobile {{ display: table !important; max-height: none !important; overflow: visible !important; }}
}}
</style>"""
_FOR_WORD = mso(
    "<xml><o:OfficeDocumentSettings><o:AllowPNG/><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml>"
) + mso("<style>table { border-collapse: collapse; }</style>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a block stands."""

    width: int  # pixels it has
    font: Font
    web: bool  # the page online, not the mail
    rewriting: Rewriting
    outlook: bool = True  # whether Outlook sees it: what it does not see must have no conditions in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The cell a block stands in."""

    background: str = ""
    margin: Box = NONE
    padding: Box = NONE
    align: str = "left"
    css: Mapping[str, str] = field(default_factory=dict)  # of the cell: its author's
    attributes: Mapping[str, str] = field(default_factory=dict)
    device: str = "always"

    def inner_width(self, width: int) -> int:
        return max(1, width - self.margin.across - self.padding.across)


def placed(content: str, place: Place, width: int, own: Mapping[str, str], *, outlook: bool) -> str:
    """A block in its cell; `width`: pixels there are for all of it; `own`: css of the cell by the kind of block."""
    shown = {"always": {}, "desktop": {"class": "re-desktop"}, "mobile": {"class": "re-mobile"}}[place.device]
    hidden = _HIDDEN if place.device == "mobile" else {}
    cell = {
        "width": str(width - place.margin.across),
        "align": place.align,
        "valign": "top",
        "bgcolor": plain_colour(place.background),
    }
    css = {
        "width": "100%",
        "padding": place.padding.css if place.padding != NONE else "0",
        "text-align": place.align,
        "background-color": place.background,
        **own,
    }
    # Of an author's margin there is nothing in a cell: it is the table around it.
    made = row(
        content, {**cell, **place.attributes}, {**css, **place.css}, {} if place.margin != NONE else shown, hidden
    )
    if place.margin != NONE:
        made = row(made, {"width": str(width)}, {"padding": place.margin.css}, shown, hidden)
    return not_mso(made) if place.device == "mobile" and outlook else made


def row(
    content: str,
    cell: Mapping[str, str],
    css: Mapping[str, str],
    table: Mapping[str, str] | None = None,
    table_css: Mapping[str, str] | None = None,
) -> str:
    """A table of one cell, as wide as what it stands in."""
    inside = element("td", content, cell, css)
    return element(
        "table",
        f"<tr>{inside}</tr>",
        {**TABLE, "width": "100%", **(table or {})},
        {"width": "100%", **(table_css or {})},
    )


def columns(cells: Sequence[tuple[str, int]], width: int, *, outlook: bool) -> str:
    """Contents with their widths in pixels, side by side in a cell of that width."""
    made: list[str] = []
    for content, wide in cells:
        css = {
            "display": "inline-block",
            "width": "100%",
            "max-width": f"{wide}px",
            "vertical-align": "top",
        }
        column = element("div", content, {"class": "re-column"}, css)
        if outlook:
            ghost = opening("td", {"width": str(wide), "align": "left", "valign": "top"}, {"width": f"{wide}px"})
            column = f"{mso(ghost)}{column}{mso('</td>')}"
        made.append(column)
    inside = "".join(made)
    if not outlook:
        return inside
    ghost = opening("table", {**TABLE, "width": str(width)}, {"width": f"{width}px"})
    return f"{mso(ghost + '<tr>')}{inside}{mso('</tr></table>')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the page is, around its blocks."""

    subject: str
    background: str
    css: Mapping[str, str]
    attributes: Mapping[str, str]
    centre_background: str
    centre_css: Mapping[str, str]
    centre_attributes: Mapping[str, str]


def page(content: str, outside: Outside) -> str:
    """The whole of it."""
    colour = plain_colour(outside.background)
    centre = row(
        content,
        {
            "width": str(CENTRE),
            "align": "left",
            "valign": "top",
            "bgcolor": plain_colour(outside.centre_background),
            **outside.centre_attributes,
        },
        {"background-color": outside.centre_background, **outside.centre_css},
        {"align": "center", "class": "re-centre"},
        {"max-width": f"{CENTRE}px", "margin": "0 auto"},
    )
    ghost = opening("table", {**TABLE, "align": "center", "width": str(CENTRE)}, {"width": f"{CENTRE}px"})
    cell = opening("td", {"width": str(CENTRE), "valign": "top"}, {"width": f"{CENTRE}px"})
    around = element(
        "td",
        f"{mso(f'{ghost}<tr>{cell}')}\n{centre}\n{mso('</td></tr></table>')}",
        {"align": "center", "valign": "top"},
        {"padding": "0"},
    )
    whole = element(
        "table",
        f"<tr>{around}</tr>",
        {**TABLE, "width": "100%", "height": "100%", "bgcolor": colour, **outside.attributes},
        {"width": "100%", "height": "100%", "background-color": outside.background, **outside.css},
    )
    body = element("body", f"\n{whole}\n", {"bgcolor": colour}, _body(outside))
    return f"{_head(outside.subject)}\n{body}\n</html>\n"


def _body(outside: Outside) -> dict[str, str]:
    return {"margin": "0", "padding": "0", "width": "100%", "background-color": outside.background}


def _head(subject: str) -> str:
    return (
        "<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml"'
        ' xmlns:o="urn:schemas-microsoft-com:office:office">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="x-apple-disable-message-reformatting">\n'
        '<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">\n'
        f"<title>{to_html(subject)}</title>\n{_FOR_WORD}\n{_SHEET}\n</head>"
    )
