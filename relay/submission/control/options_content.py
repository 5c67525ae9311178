"""The options of what a message looks like."""

from __future__ import annotations

from relay.submission.control import grammar, texts
from relay.submission.control.option import CAPPED, Alias, Option

CONTENT_OPTIONS: tuple[Option, ...] = (
    Option(
        name="inline_css",
        header="InlineCSS",
        aliases=(Alias("InlinizeCSS"), Alias("InlineizeCSS")),
        type="yes, no",
        read=grammar.truth,
        help="The rules of `<style>` also stand at each element they are for, since web mail takes out the former.",
        example="yes",
        permission=CAPPED,
    ),
    Option(
        name="hosted_images",
        header="Images",
        aliases=(Alias("Embedded"),),
        type="hosted, default",
        read=texts.hosted,
        help="`hosted`: pictures within the message are put on our web server, and the html leads there.",
        example="hosted",
        permission=CAPPED,
    ),
    Option(
        name="auto_text",
        header="AutoText",
        type="yes, no",
        read=grammar.truth,
        help="A message that has html alone gets a text part made from it.",
        example="yes",
        permission=CAPPED,
    ),
    Option(
        name="auto_html",
        header="AutoHtml",
        type="yes, no",
        read=grammar.truth,
        help="A message that has text alone gets an html part made from it.",
        example="yes",
        permission=CAPPED,
    ),
    Option(
        name="footer_text",
        header="FooterText",
        type="text; in JSON it may have several lines",
        limits=f"{texts.BLOCK_OCTETS >> 10} KiB",
        read=texts.block,
        help="Put below the text part.",
        example="Example Ltd, 1 High Street, Exampleton",
        permission=CAPPED,
        lines=True,
    ),
    Option(
        name="footer_html",
        header="FooterHtml",
        type="html; in JSON it may have several lines",
        limits=f"{texts.BLOCK_OCTETS >> 10} KiB",
        read=texts.block,
        help="Put below the html part.",
        example="<p>Example Ltd, 1 High Street, Exampleton</p>",
        permission=CAPPED,
        lines=True,
    ),
    Option(
        name="view_online",
        header="ViewOnline",
        type="yes, no",
        read=grammar.truth,
        help="A link on top of the message to a page that shows it, for as long as its content is kept.",
        example="yes",
        permission=CAPPED,
    ),
)
