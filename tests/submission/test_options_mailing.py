"""Options of links, content, templates and consent together; headers as they were ever documented."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from relay.model.account import OnInvalid
from relay.model.envelope import Parameters
from relay.model.options import Bypass, MergeSyntax, OpenPixel, RequireTls, TrackClicks, Unsubscribe
from tests.submission.options import ANN, BOB, ask, field, refusal

CAR = "car@example.net"


@pytest.mark.parametrize(
    ("lines", "name", "value"),
    [
        ("x-smtpeter-trackclicks: TRUE \r\n", "track_clicks", TrackClicks.HTML),
        ("X-SMTPeter-Track-Clicks:\r\n", "track_clicks", TrackClicks.OFF),
        ("x-smtpeter-clicktracking: true\r\n", "track_clicks", TrackClicks.HTML),
        ("x-smtpeter-openstracking: true\r\n", "track_opens", True),
        ("x-smtpeter-bouncetracking: true\r\n", "track_bounces", True),
        ("x-smtpeter-inlinizecss: true\r\n", "inline_css", True),
        ("x-smtpeter-inlinecss: true\r\n", "inline_css", True),
        ("x-smtpeter-preventscam: true\r\n", "prevent_scam", True),
        ("x-smtpeter-images: hosted\r\n", "hosted_images", True),
        ("x-smtpeter-images: default\r\n", "hosted_images", False),
        ("x-smtpeter-embedded: hosted\r\n", "hosted_images", True),
        ("x-smtpeter-tags: a, b,,a\r\n", "tags", ("a", "b")),
        ('x-smtpeter-vars: {"a": "my_awes\r\n ome"}\r\n', "merge_global", {"a": "my_awes ome"}),
        ('x-smtpeter-data: {"a": 1}\r\n', "merge_global", {"a": 1}),
    ],
)
def test_headers_as_they_were_ever_documented_are_understood(lines: str, name: str, value: Any) -> None:
    assert getattr(ask(lines).options, name) == value


def test_what_is_refused_is_told_with_the_words_there_are() -> None:
    assert "expected hosted or default, not embedded" in refusal("x-smtpeter-images: embedded\r\n")
    assert "expected bottom, top, tag, not left" in refusal("x-smtpeter-openpixel: left\r\n")


def test_a_tag_with_a_space_is_refused() -> None:
    assert refusal("x-smtpeter-tags: has space\r\n").startswith("554 5.6.0 x-smtpeter-tags: ")


def test_an_encoded_line_end_is_refused_where_a_value_may_have_several_lines() -> None:
    lines = "X-SMTPeter-FooterText: =?utf-8?Q?a=0D=0ABcc:_b@example.net?=\r\n"
    assert "no NUL, CR or LF" in refusal(lines)
    assert "no NUL, CR or LF" in refusal(lines, on_invalid=OnInvalid.IGNORE)
    for name in ("list_id", "feedback_id", "unsubscribe_url", "unsubscribe_mailto", "template", "utm"):
        value = {"source": "a\r\nBcc: b"} if name == "utm" else "a\r\nBcc: b@example.net"
        assert refusal(properties={name: value}).startswith("554 5.6.0")


def test_json_may_have_several_lines_where_they_are_meant() -> None:
    got = ask(field("Options", {"footer_text": "one\ntwo", "merge_global": {"a": "b\r\nc"}}))
    assert (got.options.footer_text, got.options.merge_global) == ("one\ntwo", {"a": "b\r\nc"})
    assert ask(properties={"footer": {"html": "<p>\n</p>"}}).options.footer_html == "<p>\n</p>"


def test_data_may_come_in_base64_and_in_several_fields() -> None:
    packed = base64.b64encode(json.dumps({ANN: {"name": "Änn"}}).encode()).decode()
    got = ask(f"X-SMTPeter-Merge: base64:{packed}\r\n" + field("Merge", {BOB: {"name": "Bob"}}), to=(ANN, BOB))
    assert got.options.merge == {ANN: {"name": "Änn"}, BOB: {"name": "Bob"}}


def test_strictness_of_esmtp_holds_against_a_header() -> None:
    got = ask(field("RequireTLS", "may"), parameters=Parameters(), options={"require_tls": "may"})
    assert got.options.require_tls is RequireTls.MAY
    assert "needs grant tls-relax" in refusal(field("RequireTLS", "may"), options={"require_tls": "must"})


def test_opens_on_and_clicks_off_are_two_things() -> None:
    got = ask(field("TrackOpens", "yes") + field("TrackClicks", "no"), options={"track_clicks": "all"})
    assert (got.options.track_opens, got.options.track_clicks) == (True, TrackClicks.OFF)


# Merge.


def test_merge_data_make_a_copy_for_each_recipient() -> None:
    got = ask(field("Merge", {ANN: {"name": "Ann"}}), to=(ANN, BOB))
    assert got.options.preserve_recipients is False
    assert got.sources["preserve_recipients"] == got.sources["merge"] == "header X-SMTPeter-Merge"
    assert got.warnings == ()
    told = ask(field("Merge", {ANN: {}}) + field("PreserveRecipients", "yes"))
    assert told.options.preserve_recipients is False
    assert told.warnings == ("header X-SMTPeter-PreserveRecipients: merge makes a copy for each recipient",)


def test_merge_data_are_matched_as_recipients_are_spelt() -> None:
    given = {"ANN@Example.NET": {"n": 1}, "Bob@example.net": {"n": 2}, "bob@example.net": {"n": 3}, CAR: {"n": 4}}
    got = ask(field("Merge", given), to=("Ann@example.net", BOB))
    assert got.options.merge == {"Ann@example.net": {"n": 1}, BOB: {"n": 3}}
    assert got.warnings == ("header X-SMTPeter-Merge: car@example.net is no recipient, so merge of it is left out",)


def test_who_is_missing_from_the_map_gets_the_data_for_all_unless_the_message_is_strict() -> None:
    lines = field("Merge", {ANN: {"n": 1}, BOB: {"n": 2}}) + field("MergeGlobal", "n=0")
    got = ask(lines, to=(ANN, BOB, CAR))
    assert got.options.merge.keys() == {ANN, BOB}
    assert got.warnings == ()
    said = refusal(lines + field("Strict", "yes"), to=(ANN, BOB, CAR))
    assert said == "554 5.6.0 header X-SMTPeter-Merge: merge has no data for 1 recipients, as car@example.net"


def test_recipients_that_options_add_count_for_merge() -> None:
    got = ask(
        field("Merge", {CAR: {"n": 1}}) + field("Bcc", CAR),
        grants=frozenset({"recipients"}),
        allowed={"extra_bcc": ("*",)},
    )
    assert got.options.merge == {CAR: {"n": 1}}


def test_data_that_nothing_uses_are_told_and_foreign_placeholders_refused_by_name() -> None:
    got = ask(field("MergeGlobal", "a=b") + field("MergeSyntax", "none"))
    assert got.options.merge_syntax is MergeSyntax.NONE
    assert got.warnings == ("header X-SMTPeter-MergeGlobal: merge_syntax is none, so its data are not used",)
    for name in ("mailgun", "sendgrid", "mandrill", "handlebars", "mailjet"):
        assert f"the placeholders of {name} are not expanded here" in refusal(field("MergeSyntax", name))


def test_a_bad_map_is_refused_whatever_is_said_of_bad_values() -> None:
    for name in ("Merge", "MergeGlobal", "MergeSyntax", "SuppressionGroup", "Bypass"):
        assert refusal(field(name, "[1]"), on_invalid=OnInvalid.IGNORE).startswith("554 5.6.0")


def test_a_field_of_merge_data_may_be_longer_than_others() -> None:
    data = {f"p{n}@example.net": {"name": "x" * 60} for n in range(3000)}
    got = ask(field("Merge", data), to=("p0@example.net",))
    assert got.options.merge == {"p0@example.net": {"name": "x" * 60}}
    assert len(got.warnings) == 20
    assert refusal(field("Campaign", "x" * 66_000)).startswith("552 5.3.4")
    assert refusal(field("Merge", {ANN: {"name": "x" * (1 << 20)}})).startswith("552 5.3.4")


# Consent.


def test_bulk_mail_has_a_way_to_unsubscribe_and_less_takes_a_grant() -> None:
    assert ask(field("Stream", "bulk")).options.unsubscribe is Unsubscribe.BOTH
    assert ask(field("Stream", "transactional")).options.unsubscribe is Unsubscribe.OFF
    for less in ("off", "link"):
        lines = field("Stream", "bulk") + field("Unsubscribe", less)
        assert (
            refusal(lines)
            == "550 5.7.1 option unsubscribe needs grant unsubscribe-off (header X-SMTPeter-Unsubscribe)"
        )
        assert ask(lines, grants=frozenset({"unsubscribe-off"})).options.unsubscribe == less
    assert ask(field("Stream", "bulk") + field("Unsubscribe", "headers")).options.unsubscribe is Unsubscribe.HEADERS
    assert ask(field("Unsubscribe", "off")).options.unsubscribe is Unsubscribe.OFF


def test_an_address_or_a_text_for_unsubscribing_stands_for_the_wish() -> None:
    url, text = field("UnsubscribeUrl", "https://example.com/u"), field("UnsubscribeTag", "[leave]")
    assert ask(url).options.unsubscribe is Unsubscribe.HEADERS
    assert ask(text).options.unsubscribe is Unsubscribe.LINK
    assert ask(url + text).options.unsubscribe is Unsubscribe.BOTH
    assert ask(url).sources["unsubscribe"] == "header X-SMTPeter-UnsubscribeUrl"
    assert ask(url + field("Unsubscribe", "off")).options.unsubscribe is Unsubscribe.OFF
    assert ask(options={"unsubscribe_url": "https://example.com/u"}).options.unsubscribe is Unsubscribe.OFF


def test_unsubscribe_is_a_word_or_an_object() -> None:
    given = {
        "mode": "both",
        "url": "https://example.com/u",
        "email": "l@example.com",
        "oneclick": False,
        "tag": "[u]",
    }
    for got in (ask(field("Unsubscribe", given)), ask(properties={"unsubscribe": given})):
        assert got.options.unsubscribe is Unsubscribe.BOTH
        assert (got.options.unsubscribe_url, got.options.unsubscribe_mailto) == (given["url"], given["email"])
        assert (got.options.one_click, got.options.unsubscribe_tag) == (False, "[u]")
    assert ask(field("Unsubscribe", {"email": "l@example.com"})).options.unsubscribe is Unsubscribe.HEADERS
    assert "href: not known there; mode, url, mailto" in refusal(field("Unsubscribe", {"href": "x"}))


def test_a_bulk_message_without_one_click_is_told_that_receivers_want_it() -> None:
    got = ask(field("Stream", "bulk") + field("OneClick", "no"))
    assert got.options.one_click is False
    assert "large receivers want mailings" in got.warnings[0]


def test_a_bypass_takes_a_grant_and_complaints_a_list() -> None:
    grants = frozenset({"bypass-suppression"})
    assert ask(field("Bypass", "unsubscribe, bounce"), grants=grants).options.bypass == (
        Bypass.UNSUBSCRIBE,
        Bypass.BOUNCE,
    )
    for cause in ("complaint", "all"):
        said = refusal(field("Bypass", f"bounce, {cause}"), grants=grants)
        assert said.startswith(f"550 5.7.1 option bypass: {cause} is not on the list of this credential")
        allowed = {"bypass": ("bounce", cause)}
        assert ask(field("Bypass", cause), grants=grants, allowed=allowed).options.bypass == (Bypass(cause),)
    assert "bounce is not on the list" in refusal(
        field("Bypass", "bounce"), grants=grants, allowed={"bypass": ("unsubscribe",)}
    )


# What excludes what.


@pytest.mark.parametrize(
    ("archive", "other"), [("none", "ViewOnline"), ("headers", "ViewOnline"), ("none", "HostedImages")]
)
def test_what_a_page_shows_has_to_be_kept(archive: str, other: str) -> None:
    lines = field("Archive", archive) + field(other, "yes")
    assert refusal(lines, grants=frozenset({"archive-off"})).startswith(f"554 5.6.0 header X-SMTPeter-{other}: ")
    name = "view_online" if other == "ViewOnline" else "hosted_images"
    assert refusal(options={"archive": archive, name: "yes"}).startswith("451 4.3.5")
    assert refusal(field(other, "yes"), options={"archive": archive}).startswith("554 5.6.0")


def test_a_pixel_in_place_of_a_mark_needs_the_mark() -> None:
    assert "there is no open_pixel_tag" in refusal(field("OpenPixel", "tag"))
    assert ask(field("OpenPixelTag", "[p]")).options.open_pixel is OpenPixel.TAG


def test_what_has_no_effect_is_told_but_not_the_narrowing_of_what_is_off() -> None:
    assert ask(field("PreventScam", "yes") + field("OpenPixel", "top")).warnings == ()
    assert "there is no campaign" in ask(field("DedupeCampaign", "yes")).warnings[0]
    assert "there is no template" in ask(field("TemplateVersion", "2")).warnings[0]
    assert ask(options={"dedupe_campaign": True, "template_version": 2}).warnings == ()
    assert "nobody to report" in ask(field("MergeErrorReport", "a@example.com")).warnings[0]
