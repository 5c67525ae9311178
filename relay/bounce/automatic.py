"""Whether a program answered: an out-of-office note, a note of receipt, a message that it was read.

In:  the header of mail that came back and is no report. Out: yes or no. Pure.

Standards: RFC 3834 (Auto-Submitted), RFC 8098 (notes that a message was read).

Why so: many mail servers mark their bounces `Auto-Submitted: auto-replied`, too, so a mark alone decides nothing.
What a mail server signs, or what says in its subject that something was not delivered, is no automatic answer,
however it is marked: taken for a bounce it does no harm, since a bounce without a readable reason suppresses nobody.
"""

from __future__ import annotations

import re

from relay.bounce.parts import content_type, fields, words

_MARKS = frozenset(
    {
        b"x-autoreply",
        b"x-autorespond",
        b"x-autoresponse",
        b"x-auto-reply",
        b"x-auto-reply-from",
        b"x-autoreply-from",
        b"x-mail-autoreply",
        b"x-vacation",
        b"x-autoresponder",
    }
)
_SUBJECT = re.compile(
    r"\s{0,9}(re:\s{0,3})?(automatic (reply|response)|auto[- ]?(reply|replied|response|respons|responder)\b|auto:|"
    r"out of (the )?office|away (from|until)|(i am|i'm) (away|on (vacation|holiday|leave))|on vacation|"
    r"abwesenheit|automatische (antwort|beantwortung)|r.ponse automatique|absence du bureau|respuesta autom.tica|"
    r"resposta autom.tica|risposta automatica|automatisch antwoord|autosvar|automaattinen vastaus)",
    re.IGNORECASE,
)
_SERVER = re.compile(
    r"mailer[-_.]?daemon|po{1,2}st[-_.]?master|mail[-_. ]?deliver|\bmdaemon|double-?bounce|mail system|"
    r"mail administrator|content-?filter",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"undeliver|not (be )?deliver|deliver\w{0,3} (status|notification|failure|problem|report|has failed|failed)|"
    r"(delivery|mail|message) (delivery )?fail|returned (mail|to sender)|return(ing)? (message )?to sender|"
    r"failure notice|failed deliver|mail (system )?error|message .{0,30}blocked|error sending",
    re.IGNORECASE,
)


def automatic(head: bytes) -> bool:
    """Whether a program answered for its user."""
    kind, parameters = content_type(head)
    if kind == b"multipart/report" and parameters.get("report-type", "").lower() == "disposition-notification":
        return True
    given = fields(head)
    subject, author = words(given.get(b"subject", "")), words(given.get(b"from", ""))
    if b"x-failed-recipients" in given or _SERVER.search(author) or _FAILED.search(subject):
        return False
    if given.get(b"auto-submitted", "no").strip().lower().partition(";")[0] != "no" or _MARKS & given.keys():
        return True
    if given.get(b"precedence", "").lower().replace("-", "_") == "auto_reply":
        return True
    if given.get(b"x-apple-action", "").upper() == "VACATION" or "vacation program" in author.lower():
        return True
    return _SUBJECT.match(subject) is not None
