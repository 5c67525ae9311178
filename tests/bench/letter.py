"""The newsletter that rewriting is measured with: 50 KB of html, 40 links, 8 pictures, a style sheet.

In:  which form of it.
Out: its html; and as mail, with `PLACE` where the message's number goes.

    letter      html in quoted-printable
    pictures    the same, with two pictures in the message itself (multipart/related)
    data        a few lines with placeholders, for the stored template `bench`, which is the newsletter

Why so: it is made like what companies send, with buttons for Outlook, references in URLs, media rules, states and
text beyond ASCII; and it ends as every form of it has to end, so that a cut one shows.
"""

from __future__ import annotations

import functools
import json
import random

from tests.data.newsletters.mail import Leaf, Multi, lines_of, text
from tests.data.newsletters.parts import SETTINGS, VML, page, round_button

LETTER, PICTURES, DATA = "letter", "pictures", "data"
TEMPLATE = "bench"
LINKS, IMAGES = 40, 8
PLACE = "#number#"  # as long as a number, on a short line: no soft break goes through it
END = b"</html>"
OCTETS = 50_000  # of the html, about
_EMBEDDED = 20_000  # octets of a picture in the message
_TOPICS = ("bread", "cheese", "apples", "honey", "tea", "salt", "beans", "figs")
_CSS = """
body { margin: 0; font-family: Georgia, serif; color: #222222 }
a { color: #0b5394; text-decoration: underline }
a:hover { color: #cc0000 }
h1, h2 { font-family: "Gill Sans", 'Trebuchet MS', sans-serif; margin: 0 0 8px }
h1 { font-size: 28px }
h2 { font-size: 21px; color: #20435c }
table.main { width: 600px; background: #ffffff; border: 1px solid #dddddd }
td.cell { padding: 16px 24px; font-size: 15px; line-height: 1.5 }
.button a { background-color: #38761d; color: #ffffff !important; padding: 12px 20px; text-decoration: none }
.button a:hover { background-color: #274e13 }
.lead { font-size: 18px; color: #444444 }
.small { font-size: 11px; color: #888888 }
.main p + p { margin-top: 6px }
img { border: 0; max-width: 100% }
@media only screen and (max-width: 620px) {
  table.main { width: 100% !important }
  td.cell { padding: 8px }
  .lead { font-size: 16px }
  h1 { font-size: 22px }
}
@media (prefers-color-scheme: dark) { body { background: #111111 } }
"""
_SAID = """This week we were on the farms around the lake \u2013 at the Br\u00fchl, at the caf\u00e9 on the quay
\u2013 and brought more of it than we had room for. It keeps well in a cool place; those who order before Thursday get
it on Friday, and whoever comes to the market hall can taste it first.
"""
DATA_FIELDS = (
    f"X-SMTPeter-Template: {TEMPLATE}",
    "X-SMTPeter-MergeGlobal: "
    + json.dumps({"firstname": "Ann", "shop": {"name": "The Market", "hours": [8, 18]}, "items": list(_TOPICS)}),
)
_FILLED = "<p>Dear Ann, this is The Market, open from 8 to 18, with {0}.</p>\n"
_PLACEHOLDERS = """<p>Dear {$firstname|default:"reader"}, this is {$shop.name}, open from {$shop.hours[0]} to \
{$shop.hours[1]}, with {foreach $item in $items}{if $item != "figs"}{$item}, {else}{$item}{/if}{/foreach}.</p>
{$content}
"""


def html(hello: str = "", picture: str = "https://img.market.example/{0}.jpg") -> str:
    """The page, with `hello` on top and pictures from where `picture` says."""
    hello = hello or f"{_FILLED.format(', '.join(_TOPICS))}<p>No.\n{PLACE}\n</p>"
    said = _SAID * ((OCTETS - 16_000) // len(_TOPICS) // len(_SAID))
    rows = "".join(_row(topic, said, picture.format(topic)) for topic in _TOPICS)
    return page(
        "The market this week",
        f'<div style="display:none;max-height:0;overflow:hidden">Eight good things &zwnj;&nbsp;&zwnj;</div>\n{hello}'
        '<table class="main" align="center" cellpadding="0" cellspacing="0"><tr><td class="cell">'
        f"<h1>The market this week</h1></td></tr>\n{rows}"
        '<tr><td class="cell small">Market Hall, Lake Road 1</td></tr>\n</table>',
        head=f'{SETTINGS}\n<style type="text/css">{_CSS}</style>\n',
        attributes=f" {VML}",
    )


def template() -> str:
    """The html of the stored template that makes the same page."""
    return html(_PLACEHOLDERS)


@functools.lru_cache(maxsize=8)
def content(form: str) -> bytes:
    """Fields of the content and body, CRLF, dots not doubled."""
    if form == DATA:
        return text(f"<html><body><p>No.\n{PLACE}\n</p></body></html>\n").octets()
    if form == LETTER:
        return text(html()).octets()
    embedded = [_picture(number) for number in range(2)]
    page_ = html().replace("https://img.market.example/bread.jpg", "cid:p0@market.example")
    page_ = page_.replace("https://img.market.example/salt.jpg", "cid:p1@market.example")
    return Multi("multipart/related", (text(page_), *embedded), "related-1").octets() + b"\r\n"


def _row(topic: str, said: str, picture: str) -> str:
    """Five links and a picture."""
    url = f"https://market.example/week/47/{topic}"
    return f"""<tr><td class="cell"><a href="{url}?from=picture"><img src="{picture}"
width="552" height="180" alt="{topic}"></a><h2>Good {topic}</h2><p class="lead">{_SAID}</p><p>{said}
<a href="{url}">More about {topic}</a>, <a href="{url}/recipes?sort=new&amp;page=1">recipes with it</a></p>
<div class="button">{round_button(f"{url}/order?amount=1&amp;week=47", f"Order {topic}")}</div></td></tr>
"""


def _picture(number: int) -> Leaf:
    octets = b"\x89PNG\r\n\x1a\n" + random.Random(number).randbytes(_EMBEDDED)
    more = f"Content-ID: <p{number}@market.example>\r\nContent-Disposition: inline; filename=p{number}.png"
    return Leaf("image/png", lines_of(octets, 76), "base64", more=more)
