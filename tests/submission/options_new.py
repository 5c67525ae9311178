"""How the options of links, content, templates and consent are tried; see `test_options_table.py`."""

from __future__ import annotations

from collections.abc import Mapping

from relay.model.options import Bypass, MergeError, MergeSyntax, OpenPixel, TrackClicks, Unsubscribe
from tests.submission.option_case import Case, needs
from tests.submission.options import ANN

YES = Case(
    good=(("yes", True), (True, True), ("1", True)), bad=("perhaps", 2, ["yes"]), again="no", again_value=False
)
BLOCK = Case(
    good=(("Example <b>Ltd</b>", "Example <b>Ltd</b>"),),
    bad=("x" * 16_385, 7, ["a"], True),
    again="Other",
    again_value="Other",
)
TEXT = Case(good=(("%mark%", "%mark%"),), bad=("x" * 256, ["a"], True), again="[b]", again_value="[b]")
URL = "https://example.com/u?id={$id}"
BAD_URLS = (
    *(
        "example.com",
        "ftp://example.com/",
        "https://",
        "https://exa mple.com",
        "https://a@example.com/",
        "https:///x",
    ),
    *("javascript:alert(1)", 'https://example.com/"', "https://example.com/>", f"https://example.com/{'x' * 2000}"),
    *(7, ["https://example.com/"], True, "https://[::1/", "https://example.com:x/", "https://exämple.com/"),
)

CONTENT_CASES: Mapping[str, Case] = {
    "track_clicks": Case(
        good=(
            ("TRUE ", TrackClicks.HTML),
            (True, TrackClicks.HTML),
            ("all", TrackClicks.ALL),
            ("Text", TrackClicks.TEXT),
            ("on", TrackClicks.HTML),
        ),
        bad=("perhaps", 2, ["html"]),
        again="no",
        again_value=TrackClicks.OFF,
    ),
    "track_opens": YES,
    "open_pixel": Case(
        good=(("top", OpenPixel.TOP), ("Bottom", OpenPixel.BOTTOM)),
        bad=("left", True, 1),
        again="bottom",
        again_value=OpenPixel.BOTTOM,
    ),
    "open_pixel_tag": TEXT,
    "prevent_scam": YES,
    "track_domain": Case(
        good=(("Clicks.Example.com", "clicks.example.com"),),
        bad=("localhost", "a b.com", "192.0.2.1", "https://clicks.example.com"),
        again="links.example.com",
        again_value="links.example.com",
        denied=("clicks.example.com", needs("track_domain", "track-domain"), {}),
    ),
    "track_strip_query": YES,
    "utm": Case(
        good=(
            ("source=news, medium=email", {"source": "news", "medium": "email"}),
            ({"utm_campaign": "spring", "term": ""}, {"campaign": "spring"}),
        ),
        bad=("news", {"sauce": "x"}, {"source": "x" * 256}, {"source": ["a"]}, [1], True),
        again={"source": "b"},
        again_value={"source": "b"},
    ),
    "utm_domains": Case(
        good=(("Example.com, *.example.org", ("example.com", "example.org")), (["example.com"], ("example.com",))),
        bad=("localhost", "a b.com", ",".join(f"d{n}.example.com" for n in range(51))),
        again="example.net",
        again_value=("example.net",),
    ),
    "inline_css": YES,
    "hosted_images": Case(
        good=(("hosted", True), ("Hosted", True), ("true", True), (True, True)),
        bad=("embedded", 2, ["hosted"]),
        again="default",
        again_value=False,
    ),
    "auto_text": YES,
    "auto_html": YES,
    "footer_text": BLOCK,
    "footer_html": BLOCK,
    "view_online": YES,
    "template": Case(good=(("welcome", "welcome"),), bad=("a b", ["a"], "x" * 65), again="b", again_value="b"),
    "template_version": Case(good=(("3", 3), (2, 2)), bad=("0", "newest", True, 1.5), again="4", again_value=4),
    "template_applied": YES,
    "template_block": Case(
        good=(("body", "body"), ("$Body_2", "Body_2")),
        bad=("a b", "2a", "x" * 65, ["a"], "a.b"),
        again="b",
        again_value="b",
    ),
    "merge_global": Case(
        good=(
            ('{"shop": "Example", "lines": ["a", {"b": 1}]}', {"shop": "Example", "lines": ["a", {"b": 1}]}),
            ("a=b, c=d=e", {"a": "b", "c": "d=e"}),
            ({"lines": "one\ntwo"}, {"lines": "one\ntwo"}),
        ),
        bad=("nothing", "[1]", {"": 1}, {"k" * 129: 1}, '{"a": 1, "a": 2}', {str(n): n for n in range(1001)}),
        again={"n": 4},
        again_value={"n": 4},
    ),
    "merge": Case(
        good=(
            (
                {ANN: {"name": "Ann", "sum": 3.5, "lines": "a\nb"}},
                {ANN: {"name": "Ann", "sum": 3.5, "lines": "a\nb"}},
            ),
        ),
        bad=("nothing", {ANN: "Ann"}, {"nobody": {"a": 1}}, [1], {ANN: {"": 1}}, '{"ann@example.net": {"a": NaN}}'),
        again={ANN: {"name": "Anna"}},
        again_value={ANN: {"name": "Anna"}},
    ),
    "merge_syntax": Case(
        good=(("smtpeter", MergeSyntax.SMTPETER), ("None", MergeSyntax.NONE)),
        bad=("mailgun", "sendgrid", "mandrill", "handlebars", "mailjet", "perhaps", True),
        again="none",
        again_value=MergeSyntax.NONE,
    ),
    "merge_error": Case(
        good=(("drop", MergeError.DROP), ("Deliver", MergeError.DELIVER)),
        bad=("ignore", True),
        again="reject",
        again_value=MergeError.REJECT,
    ),
    "merge_error_report": Case(
        good=(("Crm <crm@Example.com>", "crm@example.com"),),
        bad=("nobody", "a@example.com, b@example.com", 5),
        again="b@example.com",
        again_value="b@example.com",
    ),
}

CONSENT_CASES: Mapping[str, Case] = {
    "unsubscribe": Case(
        good=(("headers", Unsubscribe.HEADERS), ("link", Unsubscribe.LINK), ("yes", Unsubscribe.BOTH)),
        bad=("perhaps", 2, ["both"]),
        again="both",
        again_value=Unsubscribe.BOTH,
        denied=("off", needs("unsubscribe", "unsubscribe-off"), {"unsubscribe": "both"}),
    ),
    "unsubscribe_url": Case(
        good=((URL, URL),), bad=BAD_URLS, again="http://b.example", again_value="http://b.example"
    ),
    "unsubscribe_mailto": Case(
        good=(
            ("leave@Example.com", "leave@example.com"),
            ("mailto:leave@example.com?subject=leave%20{$id}", "leave@example.com?subject=leave%20{$id}"),
        ),
        bad=("nobody", "https://example.com/", "a@example.com b", "<a@example.com>", "grün@example.com", 5),
        again="b@example.com",
        again_value="b@example.com",
    ),
    "one_click": Case(good=(("no", False), (False, False)), bad=("perhaps", 2), again="yes", again_value=True),
    "unsubscribe_tag": TEXT,
    "unsubscribe_html": BLOCK,
    "unsubscribe_text": BLOCK,
    "suppression_group": Case(
        good=(("Offers", "offers"),), bad=("a b", ["a"], "x" * 65, "-a"), again="b", again_value="b"
    ),
    "suppression_groups_shown": Case(
        good=(("News, offers", ("news", "offers")), (["news"], ("news",))),
        bad=("a b", {"a": 1}, ",".join(f"g{n}" for n in range(26))),
        again="other",
        again_value=("other",),
    ),
    "bypass": Case(
        good=(("unsubscribe, Bounce", (Bypass.UNSUBSCRIBE, Bypass.BOUNCE)), (["group"], (Bypass.GROUP,))),
        bad=("hand", "unsubscribe, x", True, 5),
        again="group",
        again_value=(Bypass.GROUP,),
        denied=("bounce", needs("bypass", "bypass-suppression"), {}),
    ),
    "list_id": Case(
        good=(
            ("news.example.com", "news.example.com"),
            ("<news.example.com>", "news.example.com"),
            ('"News of Example" <news.example.com>', "News of Example <news.example.com>"),
        ),
        bad=("news", "a b.example.com", "News <>", "<a.b> <c.d>", "x" * 256, ["a.b"], True),
        again="b.example.com",
        again_value="b.example.com",
    ),
    "feedback_id": Case(
        good=(("spring:shop:bulk", "spring:shop:bulk"), ("spring", "spring"), (":shop:", ":shop:")),
        bad=("a:b:c:d", "a b", "grün", "::", "x" * 128, ["a"], True),
        again="b",
        again_value="b",
    ),
    "dedupe_campaign": Case(good=YES.good, bad=YES.bad, again="no", again_value=False),
    "webhook_url": Case(
        good=(("https://example.com/hook", "https://example.com/hook"),),
        bad=BAD_URLS,
        again="https://example.com/other",
        again_value="https://example.com/other",
        denied=("https://example.com/hook", needs("webhook_url", "webhook-url"), {}),
    ),
}
