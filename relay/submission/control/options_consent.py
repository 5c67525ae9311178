"""The options of lists and consent: how recipients leave a list, and which suppressions count."""

from __future__ import annotations

from relay.model.options import Bypass, Unsubscribe
from relay.submission.control import grammar, texts
from relay.submission.control.option import CAPPED, Listed, Option, Permission, Repeat, Scope

_WITH_HEADERS = (Unsubscribe.HEADERS, Unsubscribe.BOTH)


def _fewer(value: Unsubscribe, base: Unsubscribe, scope: Scope) -> bool:
    """Whether there would be no way out where the default has one, or none that receivers of mail see."""
    return value is not base and (value is Unsubscribe.OFF or (value is Unsubscribe.LINK and base in _WITH_HEADERS))


CONSENT_OPTIONS: tuple[Option, ...] = (
    Option(
        name="unsubscribe",
        header="Unsubscribe",
        type="off, headers, link, both; yes is both; or a JSON object of mode, url, mailto, one_click, tag, html, "
        "text",
        read=grammar.choice(
            Unsubscribe,
            {each: Unsubscribe.BOTH for each in grammar.YES} | {each: Unsubscribe.OFF for each in grammar.NO},
        ),
        help="A way to unsubscribe: in header fields that mail programs show as a button, as a link in the text, or "
        "both. The stream `bulk` has both.",
        example="both",
        permission=Permission(
            words="P0; P2 to have less than a stream or another default says", grant="unsubscribe-off", needs=_fewer
        ),
        safety=True,
    ),
    Option(
        name="unsubscribe_url",
        header="UnsubscribeUrl",
        type="https URL",
        limits=f"{texts.URL_OCTETS:,} octets",
        read=texts.web_url,
        help="Your own page in place of ours. With one click it gets a POST of `List-Unsubscribe=One-Click`.",
        example="https://example.com/unsubscribe/4711",
    ),
    Option(
        name="unsubscribe_mailto",
        header="UnsubscribeMailto",
        type="address; ?subject=... may follow",
        limits=f"{texts.URL_OCTETS:,} octets",
        read=texts.mailto,
        help="Your own address for unsubscribing by mail, named after the URL.",
        example="unsubscribe@example.com?subject=unsubscribe",
    ),
    Option(
        name="one_click",
        header="OneClick",
        type="yes, no",
        read=grammar.truth,
        help="`no`: without List-Unsubscribe-Post, so that a mail program shows the page in place of asking itself.",
        example="no",
    ),
    Option(
        name="unsubscribe_tag",
        header="UnsubscribeTag",
        type="text",
        limits="255 octets",
        read=grammar.text(255),
        help="A mark in the text that the URL of the page takes the place of.",
        example="%unsubscribe%",
    ),
    Option(
        name="unsubscribe_html",
        header="UnsubscribeHtml",
        type="html; in JSON it may have several lines",
        limits=f"{texts.BLOCK_OCTETS >> 10} KiB",
        read=texts.block,
        help="What is put below the html part where it has no link of its own to unsubscribe; the URL takes the "
        "place of `<% %>`, or of the label in `<% label %>` as a link.",
        example="<p>No more of this? <% Unsubscribe %></p>",
        lines=True,
    ),
    Option(
        name="unsubscribe_text",
        header="UnsubscribeText",
        type="text; in JSON it may have several lines",
        limits=f"{texts.BLOCK_OCTETS >> 10} KiB",
        read=texts.block,
        help="The same for the text part.",
        example="No more of this? <% %>",
        lines=True,
    ),
    Option(
        name="suppression_group",
        header="SuppressionGroup",
        type="name of a group",
        limits="64 letters, digits, dots, - and _",
        read=grammar.lower_name,
        help="The kind of mail this is for its recipients: who unsubscribes from it gets no more of this group, but "
        "all else.",
        example="newsletter",
        safety=True,
    ),
    Option(
        name="suppression_groups_shown",
        header="SuppressionGroupsShown",
        type="names of groups separated by commas",
        limits=f"{texts.GROUPS} groups",
        read=texts.groups,
        whole=texts.few_groups,
        repeat=Repeat.UNION,
        help="The groups that the page for unsubscribing lets a recipient choose among.",
        example="newsletter, offers",
        safety=True,
    ),
    Option(
        name="bypass",
        header="Bypass",
        type="some of unsubscribe, bounce, complaint, group, all",
        read=texts.bypass,
        repeat=Repeat.UNION,
        help="Suppressions that do not count, by cause; told as `bypassed` in the events of each recipient it "
        "lets through. `all` includes what was put in by hand for the account; what the operator suppressed for "
        "everybody counts always.",
        example="unsubscribe",
        permission=Permission(
            words="P3, of the credential's list if it has one; complaint and all only if the list has them",
            grant="bypass-suppression",
            listed=Listed.NARROWS,
            always=frozenset({Bypass.COMPLAINT, Bypass.ALL}),
        ),
        safety=True,
    ),
    Option(
        name="list_id",
        header="ListId",
        type="list.example.com, or Name <list.example.com>",
        limits="255 octets",
        read=texts.list_id,
        help="List-ID of the message (RFC 2919), where it has none.",
        example="News of Example <news.example.com>",
    ),
    Option(
        name="feedback_id",
        header="FeedbackId",
        type="up to three texts, parted by colons",
        limits=f"{texts.FEEDBACK_OCTETS} octets, no white space",
        read=texts.feedback_id,
        help="The first fields of Feedback-ID, by which Gmail counts complaints; the last is ours. Without it, mail "
        "with a field for unsubscribing has campaign, account and stream there.",
        example="spring-2026:shop:bulk",
        permission=CAPPED,
    ),
    Option(
        name="dedupe_campaign",
        header="DedupeCampaign",
        type="yes, no",
        read=grammar.truth,
        help="Nobody gets the same `campaign` of the account twice within 90 days; who had it ends as suppressed.",
        example="yes",
        permission=CAPPED,
        safety=True,
    ),
    Option(
        name="webhook_url",
        header="WebhookUrl",
        type="URL of a webhook of the account",
        limits=f"{texts.URL_OCTETS:,} octets",
        read=texts.web_url,
        help="The webhook that is told of this message, in place of all others of the account.",
        example="https://example.com/hooks/mail",
        permission=Permission(words="P3", grant="webhook-url", listed=Listed.NEEDED),
        safety=True,
    ),
)
