"""The 64 rows of the list of features, and what those wait for that have no test yet, or not all of it."""

from __future__ import annotations

from collections.abc import Mapping

ROWS: Mapping[int, str] = {
    1: "ports 25/587/2525 with STARTTLS",
    2: "port 465, TLS from the start",
    3: "AUTH PLAIN, AUTH LOGIN",
    4: "credentials with features",
    5: "account login over SMTP",
    6: "empty envelope accepted",
    7: "DSN extension",
    8: "message id in the 250 answer",
    9: "late refusal",
    10: "seven x-smtpeter headers",
    11: "tag header with commas",
    12: "Postfix and mail clients as users",
    13: "REST base, token in query",
    14: "HTTP refused with 400",
    15: "JSON and form bodies",
    16: "bare application/json answers",
    17: "success 200-202, text on error",
    18: "send: mime",
    19: "send: properties",
    20: "send: recipient(s)",
    21: "send: attachments",
    22: "send: unsubscribe, oneclick",
    23: "send: extra",
    24: "send: switches with defaults",
    25: "send: dsn",
    26: "send: images hosted",
    27: "send: maxdelivertime",
    28: "send: template, data, patch, shortcuts",
    29: "answer id to recipient",
    30: "resend",
    31: "stored parts",
    32: "events",
    33: "log files",
    34: "DMARC reports",
    35: "sender domains",
    36: "mandatory sender domain",
    37: "DNS advice and status",
    38: "DKIM signing, rotation",
    39: "custom DKIM keys",
    40: "SPF extras",
    41: "DMARC climb",
    42: "templates",
    43: "personalization language",
    44: "web version",
    45: "inline CSS",
    46: "click tracking",
    47: "preventscam",
    48: "open tracking by images",
    49: "bounce envelope and forwarding",
    50: "bounce, reply, failure split",
    51: "abuse reports",
    52: "webhooks with check file",
    53: "webhook payloads",
    54: "webhook signing",
    55: "webhook API",
    56: "data request",
    57: "archive",
    58: "throttling",
    59: "dashboard",
    60: "accounts and users",
    61: "feedback-id header",
    62: "tag statistics",
    63: "bounce management setting",
    64: "v2 limit of 100",
}

_BOARD = "the dashboard"

# Rows without any test yet.
WAITING: Mapping[int, str] = {
    5: f"{_BOARD}: people with an address and a password of their own",
    58: "limits by receiver",
    59: _BOARD,
    63: f"{_BOARD}; superseded by webhooks",
}

# Where the documents contradict each other, or say less than one has to know; and what holds the reading chosen.
READINGS: Mapping[str, str] = {
    "what an envelope does": "test_row_49_tracking_alone_decides_the_envelope_on_the_wire",
    "inlinecss default": "test_reading_inline_css_is_off_unless_asked_for",
    "webhook body": "test_reading_the_body_is_json_unless_a_webhook_is_set_to_forms",
    "X-Nonce in the signature": "test_reading_what_signs_is_in_lower_case_and_has_the_nonce",
    "case of digest and header names": "test_reading_what_signs_is_in_lower_case_and_has_the_nonce",
    "bounce host default": "test_reading_the_bounce_host_is_called_bounces",
    "out-of-office": "test_reading_out_of_office_is_told_as_a_bounce_and_stands_in_the_events_as_an_answer",
    "dashes and underscores in data": "test_reading_dashes_and_underscores_are_both_tried",
    "tags in events path": "test_reading_tags_of_events_stand_with_semicolons_or_slashes",
    "images per credential": "test_reading_hosted_images_are_a_switch_of_a_login_too",
    "html part's content type": "test_reading_html_is_text_html_and_everything_else_of_a_message_is_plain",
    "replyto / replyTo": "test_reading_replyto_is_taken_in_both_spellings",
    "recipient as array": "test_reading_recipient_may_be_an_array",
    "comma lists in recipients": "test_reading_comma_lists_of_recipients_are_refused_with_a_clear_text",
    "recipients JSON sample": "test_reading_recipients_are_an_object_or_a_list_of_texts_and_objects",
    "envelope call": "test_reading_the_envelope_is_the_one_that_was_given",
    "error body": "test_reading_a_fault_is_json_also_of_calls_that_answer_with_text",
}

# Rows that have tests, and the part of them that has none.
PARTLY: Mapping[int, str] = {
    60: f"{_BOARD}: people with roles; tokens with scopes, and credentials, are tested",
}
