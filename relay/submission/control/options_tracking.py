"""The options of links and opens: what is told of who read what."""

from __future__ import annotations

from relay.model.options import OpenPixel, TrackClicks
from relay.submission.control import addresses, grammar, texts
from relay.submission.control.option import Alias, Listed, Option, Permission, Repeat

_clicks = grammar.choice(
    TrackClicks,
    {each: TrackClicks.HTML for each in grammar.YES} | {each: TrackClicks.OFF for each in grammar.NO},
)

TRACKING_OPTIONS: tuple[Option, ...] = (
    Option(
        name="track_clicks",
        header="TrackClicks",
        aliases=(Alias("ClickTracking"),),
        type="off, html, text, all; yes is html",
        read=_clicks,
        help="Links lead by way of us, so that clicks are seen: those of the html part, of the text part, or all.",
        example="yes",
        permission=Permission(words="P0 off; P1 on", needs=lambda value, base, scope: False),
    ),
    Option(
        name="track_opens",
        header="TrackOpens",
        aliases=(Alias("OpensTracking"), Alias("OpenTracking")),
        type="yes, no",
        read=grammar.truth,
        help="Pictures come by way of us, so that it is seen when a message is opened.",
        example="yes",
        permission=Permission(words="P0 off; P1 on", needs=lambda value, base, scope: False),
    ),
    Option(
        name="open_pixel",
        header="OpenPixel",
        type="bottom, top, tag",
        read=grammar.choice(OpenPixel),
        help="With `track_opens`, a picture of one pixel in this place, whatever pictures there are; `tag`: in place "
        "of `open_pixel_tag`. Otherwise there is one at the bottom where the html has no other picture.",
        example="bottom",
    ),
    Option(
        name="open_pixel_tag",
        header="OpenPixelTag",
        type="text",
        limits="255 octets",
        read=grammar.text(255),
        help="The mark in the html that the pixel takes the place of.",
        example="%open-pixel%",
    ),
    Option(
        name="prevent_scam",
        header="PreventScam",
        type="yes, no",
        read=grammar.truth,
        help="Links whose label is their address stay as they are: one that leads elsewhere looks like a fraud.",
        example="yes",
    ),
    Option(
        name="track_domain",
        header="TrackDomain",
        type="host name",
        read=addresses.domain,
        help="The host that links lead by way of: a verified tracking host of one of the account's domains.",
        example="clicks.example.com",
        permission=Permission(
            words="P2, of the credential's list if it has one", grant="track-domain", listed=Listed.NARROWS
        ),
        safety=True,
    ),
    Option(
        name="track_strip_query",
        header="TrackStripQuery",
        type="yes, no",
        read=grammar.truth,
        help="What stands behind the `?` of a link is left out of what is told of clicks; the link still has it.",
        example="yes",
    ),
    Option(
        name="utm",
        header="Utm",
        type="map of source, medium, campaign, term, content",
        limits=f"{texts.UTM_OCTETS} octets each",
        read=texts.utm,
        repeat=Repeat.MERGE,
        help="Parameters for an analysis of visits, put on links to the web that do not have them.",
        example="source=newsletter, medium=email, campaign=spring-2026",
    ),
    Option(
        name="utm_domains",
        header="UtmDomains",
        type="domain names separated by commas",
        limits=f"{texts.UTM_DOMAINS} domains",
        read=texts.domains,
        whole=texts.few_domains,
        repeat=Repeat.UNION,
        help="Only links to these domains and what is below them get the parameters of `utm`.",
        example="example.com, shop.example.org",
    ),
)
