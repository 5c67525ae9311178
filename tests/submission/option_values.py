"""Values of every option, for properties that hold for all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from relay.model.envelope import Notify, Ret
from relay.model.options import (
    Archive,
    Bypass,
    MergeError,
    MergeSyntax,
    OpenPixel,
    RequireTls,
    Sandbox,
    TrackClicks,
    Unsubscribe,
    VerifyTls,
    Window,
)
from relay.submission.control import texts
from tests.submission.options import ANN, BOB, DAY, NOW

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
NAME = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?", fullmatch=True)
TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40)
LATER_ON = st.floats(NOW + 10, NOW + 300 * DAY)
SECONDS = st.floats(1, 7 * DAY)
CLOCK = st.integers(0, 86_399).map(float)
ADDRESS = st.sampled_from(["c@example.net", "d.e+f@example.org", "grün@example.net", "g@xn--bcher-kva.example"])
WEEKLY = st.builds(
    Window,
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.sampled_from(["UTC", "Europe/Amsterdam", "America/Argentina/Ushuaia"]),
    CLOCK,
    st.just(86_400.0),
).filter(lambda window: window.start != 0)
ONCE = st.builds(lambda start, length: Window((), "", start, start + length), LATER_ON, SECONDS)


def several(each: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(each, min_size=1, max_size=most, unique=True).map(tuple)


SCALAR = TEXT | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
DATA = SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(WORDS, SCALAR, max_size=3) | st.just("one\ntwo")

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "tags": several(WORDS, 25),
    "campaign": TEXT,
    "tenant": NAME.map(str.lower),
    "stream": st.sampled_from(["bulk", "transactional"]),
    "metadata": st.dictionaries(
        TEXT, SCALAR,
        min_size=1, max_size=8,
    ),
    "message_ref": TEXT,
    "idempotency_key": TEXT,
    "preset": st.just("invoices"),
    "send_at": LATER_ON,
    "send_at_each": st.fixed_dictionaries({ANN: LATER_ON, BOB: LATER_ON}),
    "send_window": several(WEEKLY | ONCE),
    "send_cancel_id": TEXT,
    "deliver_by": st.floats(NOW + 301 * DAY, NOW + 400 * DAY),
    "deliver_within": SECONDS,
    "max_attempts": st.integers(1, 100),
    "retry_schedule": st.lists(SECONDS, min_size=1, max_size=50).map(tuple),
    "priority": st.integers(0, 9),
    "require_tls": st.sampled_from(RequireTls),
    "verify_tls": st.sampled_from(VerifyTls),
    "dkim": st.booleans(),
    "dkim_key": st.sampled_from(["s1", "example.org,s1"]),
    "dkim_extra": several(st.sampled_from(["example.org,s1", "example.net,s_2.a"])),
    "pool": NAME,
    "source_ip": several(st.ip_addresses().map(str)),
    "envelope_from": ADDRESS | st.just(""),
    "return_path_domain": st.just("bounces.example.com"),
    "track_bounces": st.booleans(),
    "dsn_notify": st.sampled_from([Notify(each) for each in range(8)]),
    "dsn_ret": st.sampled_from(Ret),
    "dsn_envid": st.from_regex(r"[!-*,-<>-~]{1,100}", fullmatch=True),
    "dsn_orcpt": st.fixed_dictionaries({ANN: st.just("rfc822;x@example.net"), BOB: st.just("x400;/c=nl/")}),
    "recipients": several(ADDRESS),
    "preserve_recipients": st.booleans(),
    "extra_cc": several(ADDRESS),
    "extra_bcc": several(ADDRESS),
    "bcc_archive": several(ADDRESS),
    "archive": st.sampled_from(Archive),
    "retention": st.floats(1, 366 * DAY) | st.just(0.0),
    "sandbox": st.sampled_from(Sandbox),
    "keep_message_id": st.booleans(),
    "strip_headers": several(st.sampled_from(["x-mailer", "comments", "x-in-*"])),
    "track_clicks": st.sampled_from(TrackClicks),
    "track_opens": st.booleans(),
    "open_pixel": st.sampled_from([each for each in OpenPixel if each]),
    "open_pixel_tag": TEXT,
    "prevent_scam": st.booleans(),
    "track_domain": st.just("clicks.example.com"),
    "track_strip_query": st.booleans(),
    "utm": st.dictionaries(st.sampled_from(texts.UTM), TEXT, min_size=1),
    "utm_domains": several(st.sampled_from(["example.com", "xn--bcher-kva.example"])),
    "inline_css": st.booleans(),
    "hosted_images": st.booleans(),
    "auto_text": st.booleans(),
    "auto_html": st.booleans(),
    "footer_text": TEXT,
    "footer_html": TEXT,
    "view_online": st.booleans(),
    "template": NAME,
    "template_version": st.integers(1, 1_000_000),
    "template_applied": st.booleans(),
    "template_block": st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,63}", fullmatch=True),
    "merge_global": st.dictionaries(TEXT, DATA, min_size=1, max_size=5),
    "merge": st.fixed_dictionaries({ANN: st.dictionaries(TEXT, DATA), BOB: st.dictionaries(TEXT, DATA)}),
    "merge_syntax": st.sampled_from([each for each in MergeSyntax if each]),
    "merge_error": st.sampled_from(MergeError),
    "merge_error_report": st.sampled_from(["c@example.net", "grün@example.net"]),
    "unsubscribe": st.sampled_from(Unsubscribe),
    "unsubscribe_url": st.sampled_from(["https://example.com/u?id={$id}#a", "http://127.0.0.1:8025/"]),
    "unsubscribe_mailto": st.sampled_from(["leave@example.com?subject=leave", "leave@example.com"]),
    "one_click": st.booleans(),
    "unsubscribe_tag": TEXT,
    "unsubscribe_html": TEXT,
    "unsubscribe_text": TEXT,
    "suppression_group": NAME.map(str.lower),
    "suppression_groups_shown": several(NAME.map(str.lower), 25),
    "bypass": several(st.sampled_from(Bypass)),
    "list_id": st.sampled_from(["news.example.com", "News, of <news.example.com>"]),
    "feedback_id": st.from_regex(r"[!-9;-~]{1,40}(:[!-9;-~]{1,40}){0,2}", fullmatch=True),
    "dedupe_campaign": st.booleans(),
    "webhook_url": st.just("https://example.com/hook"),
}  # fmt: skip
MANY = st.fixed_dictionaries({}, optional=VALUES)
