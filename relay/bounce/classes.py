"""What a refusal is called: the class of a reply, whether it came at once or in a report.

In:  a reply, or status and diagnosis of a report. Out: a word of `model/classes.py`. Pure.

Standards: RFC 3463 (enhanced status codes).

Why so: the same words of a receiver mean the same in a reply and in a report, so one table judges both. The status
of a report is often that of the program that wrote it (`5.0.0`) while the reply it quotes knows better; then the
quoted one counts.
"""

from __future__ import annotations

import re

from relay.model.reply import Reply

_STATUS = {  # without the first digit: it says no more than the code
    ".1.0": "no-mailbox",
    ".1.1": "no-mailbox",
    ".1.2": "no-such-domain",
    ".1.3": "address",
    ".1.6": "no-mailbox",
    ".1.7": "sender",
    ".1.8": "sender",
    ".1.10": "null-mx",
    ".2.0": "mailbox",
    ".2.1": "mailbox-disabled",
    ".2.2": "mailbox-full",
    ".2.3": "size",
    ".3.1": "system",
    ".3.2": "system",
    ".3.4": "size",
    ".4.3": "dns",
    ".4.6": "loop",
    ".4.7": "timeout",
    ".5.3": "too-many-recipients",
    ".6.7": "smtputf8",
    ".7.5": "tls",
    ".7.8": "auth",
    ".7.9": "auth",
    ".7.28": "rate",
}
_TEXT = [  # the first that fits; words of the big receivers, and of the servers most others run
    ("greylist", r"gr[ea]y-?\s?list"),
    ("too-many-recipients", r"too many recipients"),
    (
        "rate",
        r"rate.?limit|throttl|too (fast|frequent)|exceeded the .{0,30}(rate|limit)|unusual rate|slow down|"
        r"too many (\S+ )?(connections|sessions|messages|mails|e-?mails|requests|errors|deliveries)|"
        r"try again later.{0,20}(rate|volume)|temporarily (rate|deferred).{0,40}(volume|complaints|rate)",
    ),
    (
        "mailbox-full",
        r"over.?quota|quota (exceeded|is full)|exceeded.{0,20}quota|mailbox (is |size )?(full|exceeded)",
    ),
    (
        "no-mailbox",
        r"(user|recipient|mailbox|address|account).{0,30}(unknown|not found|does(n.t| not) exist|invalid|no longer)|"
        r"(unknown|no such|invalid|non-?existent) (local )?(user|recipient|mailbox|address|person)|no mailbox",
    ),
    ("mailbox-disabled", r"(mailbox|account|user).{0,30}(disabled|inactive|suspended)"),
    ("relaying", r"relay(ing)? (access )?(denied|not permitted|not allowed)|(not|unable to) relay"),
    ("virus", r"virus|malware|phish"),
    ("spam", r"\bspam(?!haus|cop)|junk|unsolicited|content reject|bulk mail"),
    (
        "policy",
        r"block|black-?list|deny-?list|\brbl\b|dnsbl|spamhaus|reputation|polic(y|ies)|not authori[sz]ed|prohibited|"
        r"\bspf\b|\bdkim\b|\bdmarc\b|authenticat|\bptr\b|reverse dns|access denied",
    ),
    ("size", r"(message|mail).{0,20}(too (large|big|long)|exceeds)|size limit"),
    ("dns", r"(domain|name).{0,30}(not resolve|lookup|not found)"),
]
_WORDS = [(reason, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for reason, pattern in _TEXT]


def classify(reply: Reply) -> str:
    """The class of a refusal: by enhanced status, else by words, else `temporary` or `refused`."""
    # 4.7.1 and 5.7.1 cover everything, and words come before them; so do they before x.2.1, which some
    # receivers give for a mailbox that gets too much mail.
    words = next((reason for reason, pattern in _WORDS if pattern.search(reply.text)), None)
    if words in ("greylist", "rate", "too-many-recipients"):
        return "mailbox-busy" if words == "rate" and reply.status[1:] == ".2.1" else words
    if reply.status == "4.2.1":
        return "mailbox-busy"
    status = _STATUS.get(reply.status[1:]) if reply.status else None
    if status is not None:
        return status
    if reply.status[1:4] == ".7.":
        return words if words in ("spam", "virus", "relaying", "no-mailbox") else "policy"
    if words is not None:
        return words
    if reply.status[1:4] == ".3.":
        return "system"
    return "refused" if reply.permanent else "temporary"


def reported(status: str, diagnostic: str) -> str:
    """The class of a recipient that failed, in a report; `unknown` where it gives neither status nor reply.

    `status` is what the report says, `diagnostic` what it quotes, both as far as they can be read.
    """
    return classify(quoted(status, diagnostic)) if status or diagnostic else "unknown"


def quoted(status: str, diagnostic: str) -> Reply:
    """The reply behind a report. Whether it is for good is what the report's status says, where there is one."""
    found = _REPLY.search(diagnostic[:LOOKED_AT])
    code, inner = found.groups(default="") if found else ("", "")
    if not inner and (alone := _STATUS_ALONE.search(diagnostic[:LOOKED_AT])):
        inner = alone[1]
    kind = (status or inner or code or "5")[0]
    if not status or status.endswith(".0.0"):  # what a program says that does not know
        status = kind + inner[1:] if inner else status
    return Reply(int(code) if code.startswith(kind) else int(f"{kind}50"), status, diagnostic)


LOOKED_AT = 1000  # characters of what is quoted
_REPLY = re.compile(
    r"(?<![\d.])([45]\d\d)(?:[ -]{1,3}['#(]{0,2}([45]\.\d{1,3}\.\d{1,3})|(?![\d.]))(?![\d])", re.ASCII
)
_STATUS_ALONE = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])", re.ASCII)
