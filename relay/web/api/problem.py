"""What a call answers where it cannot do what it was asked: a status, and `{"error": {...}}`.

In:  a fault of the request, a reply of intake's, or the store's. Out: a `Problem`, and its body in JSON's types.

    {"error": {"message": "recipient: expected an address", "code": "bad_value", "field": "recipient", "reply": ""}}

`message` is for people, `code` for programs; `field` is the property or parameter at fault, `reply` what SMTP would
have answered. The four are always there. Every answer from 400 on has this form, also of calls that answer with text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from relay.model.reply import Refused
from relay.submission.permit import NoSenderDomain

# Code -> status and what it means; the API's document and the handbook show this table.
CODES: Mapping[str, tuple[int, str]] = {
    "bad_json": (400, "the body is no JSON, or no object where one is expected"),
    "bad_form": (400, "the body is no form that can be read"),
    "bad_encoding": (400, "the body cannot be decompressed, or its Content-Encoding is not known"),
    "bad_parameter": (400, "a parameter in the path or the query is missing, not known, or has a bad value"),
    "bad_request": (400, "the request cannot be read"),
    "plain_http": (400, "the API is spoken over https from other machines"),
    "no_token": (401, "there is no access token"),
    "bad_token": (401, "the access token is not known, or was revoked"),
    "scope": (403, "the token may not do this"),
    "refused": (403, "the account or its credential may not send this"),
    "not_found": (404, "there is no such call, or nothing of that name or id"),
    "method": (405, "the call exists, with another method"),
    "conflict": (409, "it is there already, or is not in a state for that"),
    "in_progress": (409, "a request with this Idempotency-Key is under way"),
    "gone": (410, "it was here, and its contents are forgotten"),
    "too_large": (413, "the body, or a message made of it, is over a limit"),
    "bad_type": (415, "the Content-Type is none that the call takes"),
    "bad_value": (422, "a property has a value that cannot be"),
    "missing": (422, "a property that is needed is not there"),
    "unknown_property": (422, "there is no such property"),
    "unacceptable": (422, "the message cannot be sent as it is"),
    "fetch": (422, "something the message needs could not be fetched"),
    "idempotency_key_reused": (422, "this Idempotency-Key was used for another request"),
    "too_many_recipients": (422, "more recipients than a message may have"),
    "too_many_requests": (429, "the token, or its quota, has no room for now; Retry-After says when"),
    "internal": (500, "a fault of the relay's; its log says more"),
    "unavailable": (503, "the relay cannot take or read this now; it may be tried again"),
}
# What a refusal is about stands before its colon: `tags: `, `property maxdelivertime: `, `dsn, notify: `.
_FIELD = re.compile(r"(?:property |header )?([A-Za-z0-9_-]+)(?:, ([A-Za-z0-9_-]+))?: ")
RETRY = 30  # seconds, where nothing better is known


class Problem(Exception):
    """The answer of a call that failed."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        reply: str = "",
        retry: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`code`: of `CODES`; `retry`: seconds after which it may be tried again."""
        super().__init__(message)
        self.status = CODES[code][0]
        self.code = code
        self.message = message
        self.field = field
        self.reply = reply
        self.headers = dict(headers or {})
        if retry is None and self.status == 503:
            retry = RETRY
        if retry is not None:
            self.headers["Retry-After"] = str(max(1, round(retry)))

    def body(self) -> dict[str, Any]:
        told = {"message": self.message, "code": self.code, "field": self.field, "reply": self.reply}
        return {"error": told}


def refused(error: Refused) -> Problem:
    """A refusal of intake's, in words of HTTP; of a sender domain in SMTPeter's, which clients look for."""
    reply = error.reply
    text, found = reply.text, _FIELD.match(reply.text)
    field = ".".join(filter(None, found.groups())) if found is not None else ""
    if isinstance(error, NoSenderDomain):
        field = "from" if error.author else "envelope"
        if error.author:
            text = f"You cannot send mailings from {error.domain} without configuring it as sender domain ({text})"
    return Problem(_code(reply.code, reply.status, text), text, field=field, reply=str(reply))


def _code(code: int, enhanced: str, text: str) -> str:
    if code < 500:
        return "too_many_requests" if enhanced == "4.7.1" else "unavailable"
    if enhanced == "5.3.4":
        return "too_large"
    if enhanced == "5.5.3":
        return "too_many_recipients"
    return "refused" if enhanced.startswith("5.7.") else "unacceptable"
