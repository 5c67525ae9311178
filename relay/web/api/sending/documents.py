"""What `send` takes and answers, for its documentation.

In:  nothing. Out: the JSON Schema of its body, examples, and how it decides where SMTPeter's text is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

HELP: Final = """\
A message is taken, stored durably and sent. Who gets it stands in `recipient` or `recipients` alone; `from`,
`to`, `cc` and `replyTo` are header fields. Its content is `mime`, a message that is ready, or is built from
properties, or comes from a `template`. It is sent as the credential of the token, with its grants, quotas and
defaults.

Every option of the relay is a property here, by any of its names (`GET /options` lists them; a header's counts with
and without `X-SMTPeter-`), and is decided by the strongest voice: control fields in `mime` or `extra` before
properties, these before defaults of the credential, the domain and the account, and last SMTPeter's own: clicks,
opens and bounces are tracked, and delivery is tried for a day. What a domain is not set up for is left out with a
warning where it is a default, and refused where the request asks for it by name.

Where SMTPeter's text is silent:

- One bad address refuses the whole call. `recipient` and `recipients` are joined, and each address gets one
  message. Lists with commas are refused: a list of addresses is a JSON list. `/v2` takes 100 recipients.
- `to` routes nothing: without a recipient the call is refused. `bcc` has no effect but a warning.
- Yes and no may be `true`, `"true"`, `1`, `"yes"` and the like, so that forms can say them.
- `envelope` is where reports and forwarded bounces go; `""` or `<>` is the null one. Without it nobody is told,
  and `dsn` has no effect. Whether the address on the wire is ours is decided by `trackbounces` alone.
- `mime` wins over properties that a message would be built from; a warning names them. LF becomes CRLF.
- `text` and `html` together become multipart/alternative; a text outside ASCII becomes quoted-printable or
  base64, in UTF-8. Without both the call is refused, unless there are attachments.
- Attachments: base64 is read strictly, white space in it apart. A URL is fetched at once, from public addresses
  only, within 20 seconds; a failure refuses the call. With `cid` (ours) the html shows a picture by `cid:` and
  that name.
- `unsubscribe` with an address and a URL makes List-Unsubscribe of the sender's own; with a word (`headers`,
  `link`, `both`) the relay itself sees to it. `oneclick` with a URL that is not https has no effect but a warning.
- `maxdelivertime` is exactly `YYYY-MM-DD hh:mm:ss` in UTC; one that is past is refused, and so is another form.
  `deliver_by` takes other forms.
- A tag has no white space, comma or semicolon, or the call is refused.
- Placeholders mean something where `data`, data of a recipient or a template are given, in `mime` and in `to`, too.
  The recipient's own data go before those of all. `To` stays what `to` says.
- An unknown property is refused with the nearest name there is.

The answer is the id of each recipient with the address. Warnings stand in the message's events, and in
`dry_run`, which answers what would become of the message: the options with who set each, times, and the octets
that would leave.\
"""

_ADDRESSES: Final = {
    "description": "for the header: an address with or without a name, several separated by commas, or a list",
    "anyOf": [
        {"type": "string"},
        {"type": "object", "properties": {"address": {"type": "string"}, "name": {"type": "string"}}},
        {"type": "array"},
    ],
}
_YES: Final = {"anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "integer"}]}
_PEOPLE: Final = {
    "description": (
        "who gets it: an address without a name, a list of them, or {address: data of its placeholders}, "
        'such as `{"ann@example.net": {"name": "Ann"}}`'
    ),
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}},
        {"type": "object", "additionalProperties": {"type": "object"}},
    ],
}
_ATTACHMENT: Final = {
    "type": "object",
    "properties": {
        "data": {"type": "string", "description": "base64"},
        "url": {"type": "string", "description": "http or https; fetched when the message is taken"},
        "name": {"type": "string", "description": "of the file, as the recipient sees it"},
        "type": {"type": "string", "description": "such as application/pdf"},
        "cid": {"type": "string", "description": "ours: the html shows it as `cid:` and this name"},
        "disposition": {"type": "string", "enum": ["attachment", "inline"], "description": "ours"},
    },
}

SHAPE: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "recipient": _PEOPLE,
        "recipients": _PEOPLE,
        "envelope": {"type": "string", "description": "one address without a name, where reports go"},
        "mime": {"type": "string", "description": "a whole message, header and body"},
        "from": {
            "description": "exactly one address, a name may stand before it",
            "anyOf": [_ADDRESSES["anyOf"][0], _ADDRESSES["anyOf"][1]],
        },
        "to": _ADDRESSES,
        "cc": _ADDRESSES,
        "replyTo": _ADDRESSES,
        "bcc": {**_ADDRESSES, "description": "has no effect; hidden copies are recipients"},
        "subject": {"type": "string", "description": "one line"},
        "text": {"type": "string", "description": "the plain text"},
        "html": {"type": "string", "description": "the page; with `text` both are sent, as multipart/alternative"},
        "extra": {"type": "object", "description": "further header fields, whose names begin with `x-`"},
        "attachments": {"type": "array", "items": _ATTACHMENT, "description": "each has `data` or `url`"},
        "unsubscribe": {
            "description": "an address or a URL, a list of both, {email, url, oneclick}; or headers, link, both",
            "anyOf": [{"type": "string"}, {"type": "array"}, {"type": "object"}, {"type": "boolean"}],
        },
        "dsn": {
            "type": "object",
            "description": "what `envelope` hears of",
            "properties": {
                "notify": {"type": "string", "description": "NEVER, or some of FAILURE, SUCCESS, DELAY"},
                "ret": {"type": "string", "enum": ["HDRS", "FULL"]},
                "envid": {"type": "string"},
                "orcpt": {"type": "string"},
            },
        },
        "template": {
            "description": "number or name of a template, or a document",
            "anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "object"}],
        },
        "patch": {"type": "array", "description": "changes of the template's document (RFC 6902)"},
        "data": {"type": "object", "description": "values of placeholders, for all recipients"},
        "trackclicks": {**_YES, "description": "on unless said otherwise"},
        "trackopens": {**_YES, "description": "on unless said otherwise"},
        "trackbounces": {**_YES, "description": "on unless said otherwise"},
        "inlinecss": {**_YES, "description": "off unless said otherwise"},
        "preventscam": {**_YES, "description": "off unless said otherwise"},
        "images": {"type": "string", "description": "hosted, or default"},
        "tags": {
            "description": "words that events, statistics and searches find it by",
            "anyOf": [{"type": "array"}, {"type": "string"}],
        },
        "maxdelivertime": {"type": "string", "description": "YYYY-MM-DD hh:mm:ss, UTC"},
    },
    "additionalProperties": {
        "description": "any option of the relay, by any of its names (`GET /options` lists them)"
    },
}

EXAMPLE: Final[Mapping[str, Any]] = {
    "recipients": ["ann@example.net", "bob@example.net"],
    "from": "Example Shop <shop@example.com>",
    "to": "ann@example.net, bob@example.net",
    "subject": "Your order",
    "text": "It is on its way.\n",
    "html": "<p>It is on its way.</p>",
    "tags": ["order"],
    "trackclicks": False,
}

ANSWER: Final[Mapping[str, str]] = {
    "0r3k1mvd9s400001-1": "ann@example.net",
    "0r3k1mvd9s400001-2": "bob@example.net",
}

REHEARSED: Final[Mapping[str, Any]] = {
    "recipients": ["ann@example.net"],
    "envelope": "shop@example.com",
    "options": {
        "track_clicks": {"value": "off", "set_by": "property trackclicks"},
        "deliver_within": {"value": 86400.0, "set_by": "default of the API"},
    },
    "warnings": [],
    "send_at": ["2026-05-01T08:00:00.000Z"],
    "deadline": "2026-05-02T08:00:00.000Z",
    "sandbox": False,
    "dropped": {},
    "messages": [
        {
            "recipients": ["ann@example.net"],
            "mime": "Received: by relay.example.com with HTTPS id 0r3k1mvd9s400001; ...\r\n\r\nIt is on its way.\r\n",
            "encoding": "utf-8",
        }
    ],
}
