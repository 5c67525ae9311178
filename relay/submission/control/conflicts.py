"""Options together: times made definite, maps fitted to the recipients, deadlines cut, contradictions refused.

In:  the strongest value of each option, the envelope, the credential, the time.
Out: the values that hold, and warnings; or Refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relay.config import Limits
from relay.model.account import Credential
from relay.model.address import printable
from relay.model.envelope import Envelope
from relay.model.options import RequireTls, VerifyTls
from relay.model.reply import Refused
from relay.submission.control.layers import Answer, lacking
from relay.submission.control.mailing import settle_mailing
from relay.submission.control.options_timing import LATEST
from relay.submission.control.times import settled
from relay.submission.control.work import Work

DELAY = 60.0  # seconds a time may be past without a word: the message took that long to come
_PEOPLE = ("recipients", "extra_cc", "extra_bcc", "bcc_archive")


@dataclass(frozen=True, slots=True)
class Settled:
    answers: Mapping[str, Answer]
    warnings: tuple[str, ...]


def definite(answers: Mapping[str, Answer], now: float) -> dict[str, Answer]:
    """The same with times counted from now as times."""
    found = dict(answers)
    for name in ("send_at", "deliver_by"):
        if (answer := found.get(name)) is not None:
            found[name] = replace(answer, value=settled(answer.value, now))
    if (answer := found.get("send_at_each")) is not None:
        found["send_at_each"] = replace(answer, value={key: settled(at, now) for key, at in answer.value.items()})
    return found


def settle(
    answers: Mapping[str, Answer],
    envelope: Envelope,
    credential: Credential,
    limits: Limits,
    now: float,
    *,
    strict: bool,
) -> Settled:
    """Hold the options against one another.

    Raises:
        Refused: 554 5.6.0 they contradict one another; 554 5.5.3 too many recipients.
    """
    work = _Work(dict(answers), envelope, now)
    work.clash("send_at", "send_at_each")
    work.spare_null()
    work.people(limits)
    work.fit_times(strict)
    work.fit_originals()
    work.begin()
    work.end(credential)
    settle_mailing(work, strict)
    work.doubts()
    return Settled(work.answers, tuple(work.warnings))


class _Work(Work):
    """The steps of it; those of mailings are in `mailing.py`."""

    def __init__(self, answers: dict[str, Answer], envelope: Envelope, now: float) -> None:
        super().__init__(answers, envelope)
        self.now = now

    def clash(self, one: str, other: str) -> None:
        if one in self.answers and other in self.answers:
            raise self.refuse(other, f"{one} and {other} exclude one another")

    def spare_null(self) -> None:
        """The null reverse-path says that nobody wants a bounce: only the message itself may put another in."""
        answer = self.answers.get("envelope_from")
        if answer is not None and not answer.layer.asked and not self.envelope.reverse_path:
            del self.answers["envelope_from"]

    def people(self, limits: Limits) -> None:
        """Recipients that options add."""
        if not any(each in self.answers for each in _PEOPLE):
            return
        if "recipients" in self.answers and len(self.envelope.recipients) > 1:
            raise self.refuse(
                "recipients", f"not with {len(self.envelope.recipients)} RCPT; give one, or leave it out"
            )
        everybody = set(self.recipients()).union(self.value("bcc_archive") or ())
        if len(everybody) > limits.recipients:
            text = f"{len(everybody)} recipients with those of options; a message has at most {limits.recipients}"
            raise Refused(554, "5.5.3", text)

    def fit_times(self, strict: bool) -> None:
        if "send_at_each" not in self.answers:
            return
        times = self.fitted("send_at_each")
        lacking = [each for each in self.recipients() if each not in times]
        if lacking:
            text = f"send_at_each has no time for {len(lacking)} recipients, as {printable(lacking[0])}"
            if strict:
                raise self.refuse("send_at_each", text)
            self.warn("send_at_each", f"{text}: sent at once")
        self.put("send_at_each", times)

    def fit_originals(self) -> None:
        """ORCPT of RCPT goes before, and the original recipient of one stands for no other."""
        if "dsn_orcpt" not in self.answers:
            return
        originals = dict(self.value("dsn_orcpt"))
        recipients = self.recipients()
        if "" in originals:
            if len(recipients) > 1:
                raise self.refuse("dsn_orcpt", f"one original recipient for {len(recipients)} recipients; name each")
            originals.setdefault(recipients[0], originals.pop(""))
        self.put("dsn_orcpt", originals)
        originals = self.fitted("dsn_orcpt")
        for each in self.envelope.recipients:
            if each.original is not None and originals.pop(each.address, None) is not None:
                self.warn("dsn_orcpt", f"ORCPT of {printable(each.address)} goes before it")
        self.put("dsn_orcpt", originals)

    def begin(self) -> None:
        """Times to send at: those past are now."""
        for name in ("send_at", "send_at_each"):
            if name not in self.answers:
                continue
            value = self.value(name)
            times = value if isinstance(value, dict) else {"": value}
            if any(each > self.now + LATEST for each in times.values()):
                raise self.refuse(name, "more than a year ahead")
            if any(each < self.now - DELAY for each in times.values()):
                self.warn(name, "past, so it is sent at once")
            coming = {key: each for key, each in times.items() if each > self.now}
            if not coming:
                del self.answers[name]
            elif isinstance(value, dict):
                self.put(name, coming)
        windows = self.value("send_window")
        if windows and all(not each.zone and each.end <= self.now for each in windows):
            if not self.answers["send_window"].layer.asked:
                raise lacking("send_window: the window is past", self.answers["send_window"].source)
            raise self.refuse("send_window", "the window is past")
        if windows and any(not each.zone and each.start > self.now + LATEST for each in windows):
            raise self.refuse("send_window", "more than a year ahead")

    def end(self, credential: Credential) -> None:
        """Deadlines: after the message is sent. `plan.py` cuts one that is a time: it knows the first attempt."""
        each = self.value("send_at_each") or {}
        start = max([self.now, self.value("send_at") or 0.0, *each.values()])
        if "deliver_by" in self.answers:
            by = self.value("deliver_by")
            if by <= self.now:
                raise self.refuse("deliver_by", "the deadline is past")
            if by <= start:
                raise self.refuse("deliver_by", "the deadline is not after the time it is to be sent")
        longest, within = credential.lifetime, self.value("deliver_within")
        if longest is None or within is None or within <= longest or "deadline-long" in credential.grants:
            return
        self.warn("deliver_within", f"cut to the {longest / 3600:g} hours of this credential")
        self.put("deliver_within", longest)

    def doubts(self) -> None:
        """What is allowed, and hardly meant."""
        if self.value("require_tls") is RequireTls.MUST and self.value("verify_tls") is VerifyTls.NONE:
            self.warn("verify_tls", "TLS is required, but any certificate will do")
        reverse_path = (
            self.envelope.reverse_path if "envelope_from" not in self.answers else self.value("envelope_from")
        )
        if self.value("track_bounces") is False and self.answers["track_bounces"].layer.asked and not reverse_path:
            self.warn("track_bounces", "with an empty reverse-path, nobody hears of bounces")
