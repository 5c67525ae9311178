"""When each recipient of a message is due, when it is given up, and whether it goes out at all.

In:  the final addresses, the resolved options, the parameters, the clock and what the operator allows.
Out: a `Plan`; or Refused. Pure.

Why so: a message has one deadline and one time at which its sender is told of a delay, so both are counted from the
latest of its first attempts; nobody is given up or reported late before it was his turn. A deadline longer
than is allowed is cut with a warning, since a message that fails a little early beats one that never goes.
What is held or only validated keeps the time it would have gone at.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.model.clock import iso
from relay.model.envelope import NO_PARAMETERS, Parameters
from relay.model.light import light
from relay.model.message import State
from relay.model.options import NOTHING, Options, Sandbox
from relay.model.reply import Refused
from relay.queue.windows import next_open
from relay.submission.addressing import Addressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What the operator and the credential set."""

    lifetime: float  # seconds a message is tried unless it asks otherwise
    longest: float  # seconds it may ask for; infinite with the grant
    delay_warning: float  # seconds after which its sender is told that it waits
    sandbox: bool  # the relay's or the credential's: nothing of it leaves


@light(frozen=True, slots=True, kw_only=True)
class Plan:
    dues: tuple[float, ...]  # time of each recipient's first attempt
    deadline: float
    delay_at: float | None
    rest: State | None = None  # held or cancelled: all recipients begin, or end, so
    sandbox: bool = False
    warnings: tuple[str, ...] = ()


def plan(
    addressed: Addressed,
    options: Options,
    parameters: Parameters,
    allowed: Allowed,
    at: float,
    not_before: float = 0.0,
) -> Plan:
    """`at` is when the message came; nothing is due before `not_before`.

    Raises:
        Refused: 554 5.6.0 no send window opens in time, or the deadline comes before the first attempt.
    """
    count = len(addressed.contents)
    if options is NOTHING and parameters is NO_PARAMETERS and not_before <= at:
        deadline, late = at + allowed.lifetime, at + allowed.delay_warning
        return Plan(
            dues=(at,) * count,
            deadline=deadline,
            delay_at=late if late < deadline else None,
            sandbox=allowed.sandbox,
        )
    warnings: list[str] = []
    dues = _dues(addressed, options, max(at, not_before))
    last = max(dues)
    deadline = _deadline(options, allowed, last, warnings)
    if deadline <= last and (options.deliver_by is not None or options.deliver_within is not None):
        limit = "deliver_by" if options.deliver_by is not None else "deliver_within"
        raise Refused(554, "5.6.0", f"{limit}: it ends at {iso(deadline)}, and the first attempt is at {iso(last)}")
    by = parameters.by
    late = by.at if by is not None and not by.give_up else last + allowed.delay_warning
    rest, sandbox = _ending(options.sandbox, allowed.sandbox)
    return Plan(
        dues=dues,
        deadline=deadline,
        delay_at=late if late < deadline else None,
        rest=rest,
        sandbox=sandbox,
        warnings=tuple(warnings),
    )


def _dues(addressed: Addressed, options: Options, now: float) -> tuple[float, ...]:
    start = max(now, options.send_at or now)
    people = addressed.envelope.recipients[: addressed.wanted]
    opened: dict[float, float] = {}  # most recipients share one time
    dues: list[float] = []
    for one in people:
        wanted = max(start, options.send_at_each.get(one.address, start))
        if wanted not in opened:
            opened[wanted] = _open(options, wanted)
        dues.append(opened[wanted])
    # An archive gets its copy when the recipient does whose content it is.
    base = dues.copy() if addressed.alone else [min(dues)]
    dues += [base[number] for number in addressed.contents[addressed.wanted :]]
    return tuple(dues)


def _open(options: Options, at: float) -> float:
    opens = next_open(options.send_window, at)
    if opens is None:
        raise Refused(554, "5.6.0", f"send_window: none is open at {iso(at)}, and none opens later")
    return opens


def _deadline(options: Options, allowed: Allowed, due: float, warnings: list[str]) -> float:
    wanted = min(
        options.deliver_by if options.deliver_by is not None else float("inf"),
        due + options.deliver_within if options.deliver_within is not None else float("inf"),
    )
    if wanted == float("inf"):
        return due + min(allowed.lifetime, allowed.longest)
    latest = due + allowed.longest
    if wanted <= latest:
        return wanted
    name = "deliver_by" if options.deliver_by is not None else "deliver_within"
    warnings.append(f"{name}: cut to {iso(latest)}, the longest that is allowed without the grant deadline-long")
    return latest


def _ending(wanted: Sandbox, strict: bool) -> tuple[State | None, bool]:
    """Where its recipients begin unless in the queue, and whether it is a test."""
    if wanted is Sandbox.VALIDATE:
        return State.CANCELLED, True
    if strict:  # a message cannot loosen it: released after a hold it would leave
        return None, True
    if wanted is Sandbox.HOLD:
        return State.HELD, False
    return None, wanted is not Sandbox.OFF
