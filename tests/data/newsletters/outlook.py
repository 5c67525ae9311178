"""Pages with much for Outlook in them: buttons in VML, columns, sections with pictures, image maps."""

from __future__ import annotations

from tests.data.newsletters.parts import (
    SETTINGS,
    VML,
    background,
    bordered_button,
    columns,
    image_map,
    padded_button,
    page,
    picture_button,
    round_button,
)

GARDEN = "https://garden.example/week"
PLANTS = ["Hellebore", "Witch hazel", "Winter jasmine", "Snowdrop", "Cyclamen", "Mahonia", "Viburnum", "Sarcococca"]


def garden() -> str:
    """A round button below each plant, a picture button at the end."""
    rows = "\n".join(
        f"<tr><td><h2>{name}</h2>\n<p>Plant it now.\n<a href='{GARDEN}/{n}/care'>How to care for it</a></p>\n"
        + round_button(f"{GARDEN}/buy?plant={n}&amp;from=mail", f"Order {name}")
        + "</td></tr>"
        for n, name in enumerate(PLANTS, 1)
    )
    last = picture_button(f"{GARDEN}/all", "See all plants", "https://img.garden.example/leaves.png")
    return page(
        "What to plant this week",
        f'<table width="600" align="center">\n{rows}\n<tr><td>{last}</td></tr>\n</table>',
        head=SETTINGS + "\n",
        attributes=f" {VML}",
    )


def ferry() -> str:
    """Columns for Outlook, a section with a picture behind it, padded and bordered buttons."""
    inside = columns(
        padded_button("https://ferry.example/north?line=1", "North line"),
        bordered_button("https://ferry.example/south?line=2", "South line"),
        padded_button("https://ferry.example/isles?line=3", "The isles"),
    )
    hero = background(
        "https://img.ferry.example/sea.jpg",
        '<h1>Winter times</h1><a href="https://ferry.example/winter" style="color:#fff">All times</a>',
    )
    return page(
        "Winter times",
        f"<table><tr>{hero}</tr></table>\n{inside}\n"
        '<p>Call <a href="tel:+15550100">555 0100</a> or '
        '<a href="mailto:crew@ferry.example?subject=Times">write</a>.</p>',
        doctype='<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
        attributes=f' xmlns="http://www.w3.org/1999/xhtml" {VML}',
    )


def atlas() -> str:
    """Three pictures with maps, in three ways of writing them."""
    isles = [(f"{40 * n},20,{40 * n + 30},60", n) for n in range(1, 9)]
    first = image_map(
        "isles",
        "https://img.atlas.example/isles.png",
        [("rect", at, f"https://atlas.example/isle/{n}") for at, n in isles],
    )
    second = image_map(
        "coast",
        "https://img.atlas.example/coast.png",
        [
            ("circle", "90,58,30", "https://atlas.example/harbour?a=1&amp;b=2"),
            ("poly", "10,10,40,80,90,30,70,5", "https://atlas.example/cliffs#view"),
            ("poly", "110,10,140,80,190,30", "mailto:map@atlas.example"),
            ("default", "", "https://atlas.example/coast"),
        ],
    )
    third = """<IMG SRC=https://img.atlas.example/old.gif USEMAP=#old ISMAP><MAP NAME=old>
<AREA SHAPE=rect COORDS=0,0,99,99 HREF=http://atlas.example/old/one><AREA HREF='http://atlas.example/old/two'
SHAPE=circle COORDS="150,50,40"><AREA SHAPE=rect COORDS="200,0,299,99" NOHREF></MAP>"""
    links = '<a href="https://atlas.example/print"><img src="https://img.atlas.example/print.png" alt="Print"></a>'
    return page("A map of the isles", f"{first}\n{second}\n{third}\n{links}")


def theatre() -> str:
    """Round and picture buttons side by side in a table, with ghost tables around them."""
    plays = ["The Miller", "Two Winters", "A Letter", "Salt", "The Lamp", "North Wind"]
    rows = "".join(
        "<!--[if (gte mso 9)|(IE)]><table width='560'><tr><td width='280'><![endif]-->\n"
        + round_button(f"https://stage.example/plays/{n}/seats", f"Seats: {play}", "#5b2a86")
        + "\n<!--[if (gte mso 9)|(IE)]></td><td width='280'><![endif]-->\n"
        + picture_button(f"https://stage.example/plays/{n}", play, "https://img.stage.example/curtain.png")
        + "\n<!--[if (gte mso 9)|(IE)]></td></tr></table><![endif]-->\n"
        for n, play in enumerate(plays, 1)
    )
    return page("On stage in December", rows, head=SETTINGS, attributes=f" {VML}")


def shapes() -> str:
    """Links on VML of other shapes, text for Outlook alone, and for all but Outlook."""
    drawn = "\n".join(
        f'<!--[if mso]><v:{shape} {VML} href="https://shapes.example/{shape}" style="width:90px;height:90px" '
        f'fillcolor="#c60"><v:textbox>{shape}</v:textbox></v:{shape}><![endif]-->'
        for shape in ("oval", "rect", "roundrect", "shape", "line", "polyline", "image", "group")
    )
    return page(
        "Shapes",
        f"""{drawn}
<!--[if mso]><p><a href="https://shapes.example/outlook">You read this in Outlook</a></p><![endif]-->
<!--[if !mso]><!--><p><a href="https://shapes.example/others">You read this elsewhere</a></p><!--<![endif]-->
<![if !mso]><p><a href="https://shapes.example/revealed">Elsewhere, too</a></p><![endif]>
<!-- <p><a href="https://shapes.example/nobody">Nobody reads this</a></p> -->
<!--[if lt mso 15]><a href="https://shapes.example/old">An old Outlook</a><![endif]-->""",
    )


CSS = """
body { margin: 0; font-family: Georgia, serif; color: #222222 }
a { color: #0b5394; text-decoration: underline }
a:hover { color: #cc0000 }
h1, h2 { font-family: "Gill Sans", 'Trebuchet MS', sans-serif; margin: 0 0 8px }
table.main { width: 600px; background: #ffffff; border: 1px solid #dddddd }
td.cell { padding: 16px 24px; font-size: 15px; line-height: 1.5 }
.button a { background-color: #38761d; color: #ffffff !important; padding: 12px 20px; text-decoration: none }
.button a:hover { background-color: #274e13 }
.lead { font-size: 18px; color: #444444 }
.small { font-size: 11px; color: #888888 }
img { border: 0; max-width: 100% }
@media only screen and (max-width: 620px) {
  table.main { width: 100% !important }
  td.cell { padding: 8px }
  .lead { font-size: 16px }
  h1 { font-size: 22px }
}
@media (prefers-color-scheme: dark) { body { background: #111111 } }
"""
TOPICS = ["bread", "cheese", "apples", "honey", "tea", "coffee", "salt", "oil", "beans", "rice", "figs", "plums"]


def market() -> str:
    """About 50 KB: 60 links, 12 of them Outlook buttons, a style sheet with media rules and states."""
    said = (
        "This week we have been to the farms around the lake, and what we found there was so good that we brought "
        "more of it than we had room for. It keeps well in a cool place; those who order before Thursday get it on "
        "Friday, and whoever comes to the market hall can taste it first. "
    )
    rows = []
    for n, topic in enumerate(TOPICS, 1):
        url = f"https://market.example/week/47/{topic}"
        rows.append(f"""<tr><td class="cell"><a href="{url}?from=picture"><img src="https://img.market.example/{topic}.jpg"
width="552" height="180" alt="{topic}"></a><h2 id="t{n}">Good {topic}</h2><p class="lead">{said}</p><p>{said * 9}
<a href="{url}">More about {topic}</a>, <a href="{url}/recipes?sort=new&amp;page={n}">recipes with it</a>, and
<a href='{url}/farm#map'>the farm it is from</a>.</p>
<div class="button">{round_button(f"{url}/order?amount=1&amp;week=47", f"Order {topic}")}</div></td></tr>""")
    return page(
        "The market this week",
        f"""<div style="display:none;max-height:0;overflow:hidden">Twelve good things &zwnj;&nbsp;&zwnj;&nbsp;</div>
<table class="main" align="center" cellpadding="0" cellspacing="0"><tr><td class="cell"><h1>The market this week</h1>
<p class="small"><a href="https://market.example/web/47">Read this in your browser</a></p></td></tr>
{chr(10).join(rows)}
<tr><td class="cell small">Market Hall, Lake Road 1 | <a href="https://market.example/leave">Unsubscribe</a></td></tr>
</table>""",
        head=f'{SETTINGS}\n<style type="text/css">{CSS}</style>\n',
        attributes=f" {VML}",
    )
