"""What a reply means: delivered, deferred or failed; whose fault it was; and the class it belongs to.

In:  one answer, with the step it was given at. Out: an `Outcome`. Pure, and the only place that decides this; what
     a refusal is called comes from `bounce/classes.py`, which names those that come back by mail, too.

The code decides whether we try again; step, enhanced status and a few words of the text decide whose fault it
was and what to call it. Decisions that differ from the plain reading of the code:

    greeting, EHLO, STARTTLS   5yz is deferred: it speaks of our address or of that host, not of the mail; a listing
                               is lifted, a broken host mended. Only 521 fails: a host that takes no mail at
                               all (RFC 7504), if no other host of the site does.
    AUTH                       deferred, whatever the code: the password of a route is ours to mend.
    530, 538                   deferred: the session lacks TLS or AUTH; the mail is not to blame.
    503                        deferred: we and the server are out of step; another session may do.
    RCPT 552                   452 was meant (RFC 5321 section 4.5.3.1.10), unless it says the mailbox is full.
    no reply after the dot     `uncertain`: the peer may have the message (RFC 1047); tried again.

Standards: RFC 5321 section 4.2, RFC 3463 (enhanced status codes).
"""

from __future__ import annotations

import re

from relay.bounce.classes import classify
from relay.model.outcome import Fate, Fault, Outcome
from relay.model.reply import Reply
from relay.smtp.dialogue import Answer, Step, Trouble

# Reasons after which no other host of the site is asked: it would be the same answer, and rude.
SETTLED = frozenset({"rate", "greylist", "policy"})

_OURS = re.compile(  # a policy reply that speaks of our host
    r"client host|your (ip|host|server)|ip address|connect|black-?list|block-?list|\brbl\b|dnsbl|spamhaus|reputation",
    re.IGNORECASE,
)
_BEFORE_MAIL = (Step.CONNECT, Step.GREETING, Step.EHLO, Step.STARTTLS, Step.AUTH)


def judge(answer: Answer) -> Outcome:
    """What the answer means for the recipients it is for."""
    reply = answer.reply
    if answer.trouble:
        return _without_words(answer)
    if answer.step is Step.MESSAGE and 200 <= reply.code < 300:
        return Outcome(Fate.DELIVERED, reply, Fault.NONE, "accepted")
    if reply.positive or reply.code == 503:
        return Outcome(Fate.DEFERRED, reply, Fault.SESSION, "session")
    if answer.step is Step.AUTH:
        return Outcome(Fate.DEFERRED, reply, Fault.SITE, "auth")
    if reply.code in (530, 538):
        wants_tls = re.search("starttls|tls|encrypt", reply.text, re.IGNORECASE) is not None
        return Outcome(Fate.DEFERRED, reply, Fault.SITE, "tls" if wants_tls else "auth")
    reason = classify(reply)
    if answer.step in _BEFORE_MAIL:
        if reply.code == 521 and answer.step is Step.GREETING:
            return Outcome(Fate.FAILED, reply, Fault.SITE, "no-mail")
        usual = "tls" if answer.step is Step.STARTTLS else "unavailable"
        return Outcome(Fate.DEFERRED, reply, Fault.SITE, reason if reason in SETTLED and usual != "tls" else usual)
    fate = Fate.FAILED if reply.permanent else Fate.DEFERRED
    if answer.step is Step.RCPT and reply.code == 552 and reason != "mailbox-full":
        fate, reason = Fate.DEFERRED, "too-many-recipients"
    elif answer.step is not Step.RCPT and reply.code == 552 and reason == "refused":
        reason = "size"
    return Outcome(fate, reply, _fault(answer.step, reply, reason), reason)


def _without_words(answer: Answer) -> Outcome:
    """No reply of the peer's: our own decision, or a connection that broke."""
    reply, step = answer.reply, answer.step
    match answer.trouble:
        case Trouble.OURS if reply.permanent:
            fault = Fault.RECIPIENT if step is Step.RCPT else Fault.MESSAGE
            reason = "content" if reply.status == "5.6.0" else classify(Reply(reply.code, reply.status, ""))
            return Outcome(Fate.FAILED, reply, fault, reason)
        case Trouble.OURS:
            reason = {Step.AUTH: "auth", Step.CONNECT: "egress"}.get(step, "tls")
            return Outcome(Fate.DEFERRED, reply, Fault.SITE, reason)
        case Trouble.TLS:
            return Outcome(Fate.DEFERRED, reply, Fault.SITE, "tls")
        case Trouble.HALF:
            return Outcome(Fate.DEFERRED, reply, Fault.SESSION, "session")
        case _ if step is Step.MESSAGE:
            return Outcome(Fate.DEFERRED, reply, Fault.SESSION, "uncertain")
        case Trouble.SILENT:
            return Outcome(Fate.DEFERRED, reply, Fault.SITE if step in _BEFORE_MAIL else Fault.SESSION, "timeout")
        case Trouble.CONNECT:
            return Outcome(Fate.DEFERRED, reply, Fault.SITE, "connection")
        case _ if step in _BEFORE_MAIL:
            return Outcome(Fate.DEFERRED, reply, Fault.SITE, "connection")
        case _:
            return Outcome(Fate.DEFERRED, reply, Fault.SESSION, "session")


def _fault(step: Step, reply: Reply, reason: str) -> Fault:
    if reason == "rate":
        return Fault.SITE
    if reason == "greylist":
        return Fault.RECIPIENT
    if reply.code == 421:
        return Fault.SESSION
    if reason == "policy" and _OURS.search(reply.text):
        return Fault.SITE
    match step:
        case Step.RCPT:
            return Fault.RECIPIENT
        case Step.MAIL if reply.transient and reason not in ("sender", "size"):
            return Fault.SITE
        case Step.DATA | Step.MESSAGE if reply.transient and reason in ("system", "temporary"):
            return Fault.SITE
        case _:
            return Fault.MESSAGE


def elsewhere(answer: Answer, outcome: Outcome) -> bool:
    """Whether another host of the site may do better, in the same attempt."""
    if outcome.fate is Fate.DELIVERED or outcome.reason in SETTLED or outcome.reason == "uncertain":
        return False
    if answer.trouble is Trouble.OURS:  # what this host lacks; each offers its own
        return answer.step in _BEFORE_MAIL
    if answer.trouble or answer.reply.code == 503:
        return True
    if answer.step is Step.MESSAGE:
        return False
    if answer.reply.code == 421:
        return True
    if answer.step in (Step.GREETING, Step.EHLO, Step.STARTTLS):
        return True
    return answer.step is Step.MAIL and answer.reply.transient
