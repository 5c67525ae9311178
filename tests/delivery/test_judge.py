"""What replies mean, as a table: step, reply, fate, fault, class."""

from __future__ import annotations

import pytest

from relay.delivery.judge import elsewhere, judge
from relay.model.outcome import Fate, Fault
from relay.model.reply import Reply
from relay.smtp.dialogue import Answer, Step, Trouble

DELIVERED, DEFERRED, FAILED = Fate.DELIVERED, Fate.DEFERRED, Fate.FAILED
NOBODY, RECIPIENT, MESSAGE, SITE, SESSION = Fault.NONE, Fault.RECIPIENT, Fault.MESSAGE, Fault.SITE, Fault.SESSION


@pytest.mark.parametrize(
    ("step", "reply", "fate", "fault", "reason"),
    [
        (Step.MESSAGE, "250 2.0.0 queued as 1", DELIVERED, NOBODY, "accepted"),
        (Step.MESSAGE, "354 go on", DEFERRED, SESSION, "session"),
        (Step.GREETING, "554 5.7.1 your IP is listed at dnsbl.example", DEFERRED, SITE, "policy"),
        (Step.GREETING, "554 no SMTP service here", DEFERRED, SITE, "unavailable"),
        (Step.GREETING, "521 5.3.2 does not accept mail", FAILED, SITE, "no-mail"),
        (Step.GREETING, "421 4.7.0 too many connections from your host", DEFERRED, SITE, "rate"),
        (Step.EHLO, "550 go away", DEFERRED, SITE, "unavailable"),
        (Step.STARTTLS, "454 4.7.0 TLS not available", DEFERRED, SITE, "tls"),
        (Step.AUTH, "535 5.7.8 wrong password", DEFERRED, SITE, "auth"),
        (Step.MAIL, "530 5.7.0 Must issue a STARTTLS command first", DEFERRED, SITE, "tls"),
        (Step.MAIL, "530 5.7.0 Authentication required", DEFERRED, SITE, "auth"),
        (Step.MAIL, "503 5.5.1 HELO first", DEFERRED, SESSION, "session"),
        (Step.MAIL, "550 5.1.8 sender domain does not exist", FAILED, MESSAGE, "sender"),
        (Step.MAIL, "550 5.7.1 rejected", FAILED, MESSAGE, "policy"),
        (Step.MAIL, "554 5.7.1 client host [192.0.2.1] blocked using zen.spamhaus.org", FAILED, SITE, "policy"),
        (Step.MAIL, "451 4.3.0 local error", DEFERRED, SITE, "system"),
        (Step.MAIL, "452 4.3.1 insufficient system storage", DEFERRED, SITE, "system"),
        (Step.MAIL, "552 5.3.4 message size exceeds the limit", FAILED, MESSAGE, "size"),
        (Step.MAIL, "421 4.7.0 try again later", DEFERRED, SESSION, "policy"),
        (Step.RCPT, "550 5.1.1 no such user", FAILED, RECIPIENT, "no-mailbox"),
        (Step.RCPT, "550 mailbox unavailable: user unknown", FAILED, RECIPIENT, "no-mailbox"),
        (Step.RCPT, "550 5.2.1 the account is disabled", FAILED, RECIPIENT, "mailbox-disabled"),
        (Step.RCPT, "452 4.2.2 the mailbox is over quota", DEFERRED, RECIPIENT, "mailbox-full"),
        (Step.RCPT, "552 5.2.2 mailbox full", FAILED, RECIPIENT, "mailbox-full"),
        (Step.RCPT, "552 too many", DEFERRED, RECIPIENT, "too-many-recipients"),
        (Step.RCPT, "452 4.5.3 too many recipients", DEFERRED, RECIPIENT, "too-many-recipients"),
        (Step.RCPT, "451 4.7.1 Greylisted, come back in 5 minutes", DEFERRED, RECIPIENT, "greylist"),
        (Step.RCPT, "450 4.2.0 rejected: Greylisting in action", DEFERRED, RECIPIENT, "greylist"),
        (Step.RCPT, "450 4.2.1 gets mail at a rate that is too fast", DEFERRED, RECIPIENT, "mailbox-busy"),
        (Step.RCPT, "554 5.7.1 Relay access denied", FAILED, RECIPIENT, "relaying"),
        (Step.RCPT, "450 what a day", DEFERRED, RECIPIENT, "temporary"),
        (Step.RCPT, "550 what a day", FAILED, RECIPIENT, "refused"),
        (Step.DATA, "451 4.3.0 not now", DEFERRED, SITE, "system"),
        (Step.DATA, "554 no", FAILED, MESSAGE, "refused"),
        (Step.MESSAGE, "554 5.7.1 this looks like spam", FAILED, MESSAGE, "spam"),
        (Step.MESSAGE, "550 5.7.26 fails DMARC, see our policy", FAILED, MESSAGE, "policy"),
        (Step.MESSAGE, "552 too much", FAILED, MESSAGE, "size"),
        (Step.MESSAGE, "554 5.4.6 too many hops", FAILED, MESSAGE, "loop"),
        (Step.MESSAGE, "421 4.7.28 unusual rate of mail from your IP address", DEFERRED, SITE, "rate"),
        (Step.MESSAGE, "451 4.7.1 try again later", DEFERRED, MESSAGE, "policy"),
    ],
)  # fmt: skip
def test_a_reply_is_judged_by_step_code_status_and_words(
    step: Step, reply: str, fate: Fate, fault: Fault, reason: str
) -> None:
    outcome = judge(Answer(step, Reply.parse(reply)))
    assert (outcome.fate, outcome.fault, outcome.reason) == (fate, fault, reason)
    assert str(outcome.reply) == reply


@pytest.mark.parametrize(
    ("step", "trouble", "code", "fate", "fault", "reason"),
    [
        (Step.CONNECT, Trouble.CONNECT, "421 4.4.1", DEFERRED, SITE, "connection"),
        (Step.GREETING, Trouble.LOST, "421 4.4.2", DEFERRED, SITE, "connection"),
        (Step.GREETING, Trouble.SILENT, "421 4.4.2", DEFERRED, SITE, "timeout"),
        (Step.STARTTLS, Trouble.TLS, "451 4.7.5", DEFERRED, SITE, "tls"),
        (Step.STARTTLS, Trouble.OURS, "451 4.7.5", DEFERRED, SITE, "tls"),
        (Step.AUTH, Trouble.OURS, "454 4.7.0", DEFERRED, SITE, "auth"),
        (Step.MAIL, Trouble.LOST, "421 4.4.2", DEFERRED, SESSION, "session"),
        (Step.RCPT, Trouble.SILENT, "421 4.4.2", DEFERRED, SESSION, "timeout"),
        (Step.DATA, Trouble.GARBLED, "421 4.4.2", DEFERRED, SESSION, "session"),
        (Step.MESSAGE, Trouble.HALF, "421 4.4.2", DEFERRED, SESSION, "session"),
        (Step.MESSAGE, Trouble.LOST, "421 4.4.2", DEFERRED, SESSION, "uncertain"),
        (Step.MESSAGE, Trouble.SILENT, "421 4.4.2", DEFERRED, SESSION, "uncertain"),
        (Step.MESSAGE, Trouble.GARBLED, "421 4.4.2", DEFERRED, SESSION, "uncertain"),
        (Step.MAIL, Trouble.OURS, "552 5.3.4", FAILED, MESSAGE, "size"),
        (Step.RCPT, Trouble.OURS, "553 5.6.7", FAILED, RECIPIENT, "smtputf8"),
        (Step.MAIL, Trouble.OURS, "554 5.6.0", FAILED, MESSAGE, "content"),
    ],
)
def test_what_is_no_reply_is_judged_by_what_went_wrong(
    step: Step, trouble: Trouble, code: str, fate: Fate, fault: Fault, reason: str
) -> None:
    outcome = judge(Answer(step, Reply.parse(f"{code} words"), trouble))
    assert (outcome.fate, outcome.fault, outcome.reason) == (fate, fault, reason)


@pytest.mark.parametrize(
    ("step", "reply", "trouble", "other"),
    [
        (Step.CONNECT, "421 4.4.1 refused", Trouble.CONNECT, True),
        (Step.GREETING, "421 4.3.2 busy", Trouble.NONE, True),
        (Step.GREETING, "554 no service", Trouble.NONE, True),
        (Step.GREETING, "421 4.7.0 too many connections", Trouble.NONE, False),
        (Step.GREETING, "554 5.7.1 listed by spamhaus", Trouble.NONE, False),
        (Step.EHLO, "450 later", Trouble.NONE, True),
        (Step.MAIL, "451 4.3.0 error", Trouble.NONE, True),
        (Step.MAIL, "451 4.7.1 greylisted", Trouble.NONE, False),
        (Step.MAIL, "550 no", Trouble.NONE, False),
        (Step.MAIL, "421 4.4.2 lost", Trouble.LOST, True),
        (Step.RCPT, "450 later", Trouble.NONE, False),
        (Step.RCPT, "421 4.3.2 going down", Trouble.NONE, True),
        (Step.DATA, "421 4.4.2 lost", Trouble.LOST, True),
        (Step.MESSAGE, "421 4.4.2 lost in the middle", Trouble.HALF, True),
        (Step.MESSAGE, "421 4.4.2 lost", Trouble.LOST, False),
        (Step.MESSAGE, "451 4.3.0 later", Trouble.NONE, False),
        (Step.MESSAGE, "250 ok", Trouble.NONE, False),
        (Step.RCPT, "553 5.6.7 needs SMTPUTF8", Trouble.OURS, False),
        (Step.STARTTLS, "451 4.7.5 no TLS", Trouble.OURS, True),
    ],
)
def test_another_host_is_asked_only_where_it_may_say_something_else(
    step: Step, reply: str, trouble: Trouble, other: bool
) -> None:
    answer = Answer(step, Reply.parse(reply), trouble)
    assert elsewhere(answer, judge(answer)) is other
