"""The options that say when a message is sent, how often it is tried, and when to stop."""

from __future__ import annotations

from typing import Any

from relay.model.options import Window
from relay.submission.control import addresses, grammar, times
from relay.submission.control.option import ANYWHERE, MESSAGE, Door, Option, Permission, Repeat, Scope
from relay.submission.control.times import DAY

SOON = 7 * DAY  # a message may be put off so long by everybody
LATEST = 366 * DAY  # and so long with the grant
RETRIES = 50
URGENT = 8  # the first priority that needs a grant
PRIORITIES = {"low": 2, "normal": 5, "high": 7, "urgent": 9}


def _late(value: Any, base: Any, scope: Scope) -> bool:
    return bool(value > scope.now + SOON)


def _one_late(value: Any, base: Any, scope: Scope) -> bool:
    return any(_late(each, None, scope) for each in value.values())


def _opens_late(value: tuple[Window, ...], base: Any, scope: Scope) -> bool:
    return any(not each.zone and each.start > scope.now + SOON for each in value)


def _retries(value: Any) -> tuple[float, ...]:
    found = times.durations(value)
    if not found or len(found) > RETRIES:
        raise ValueError(f"1 to {RETRIES} waits, not {len(found)}")
    if wrong := [each for each in found if not 1 <= each <= SOON]:
        raise ValueError(f"a wait is 1 second to 7 days, not {wrong[0]:g} seconds")
    return found


def _lasting(value: Any) -> float:
    found = times.duration(value)
    if found < 1:
        raise ValueError("at least a second")
    return found


_SCHEDULE = Permission(words="P1 up to 7 days, P2 up to a year", grant="schedule-long", needs=_late)
_CUT = Permission(
    words="P0; cut to the credential's lifetime with a warning, unless it has `deadline-long`",
    grant="deadline-long",
    needs=lambda value, base, scope: False,
)

TIMING_OPTIONS: tuple[Option, ...] = (
    Option(
        name="send_at",
        header="SendAt",
        type="time",
        limits="a year ahead",
        read=times.moment,
        help="Not before this time; one in the past is now.",
        example="2026-05-01T08:00:00+02:00",
        permission=_SCHEDULE,
        doors=MESSAGE | {Door.ESMTP},
        esmtp="HOLDFOR, HOLDUNTIL",
        safety=True,
    ),
    Option(
        name="send_at_each",
        header="SendAtEach",
        type="JSON object of time by recipient, or a@example.net=time, b@example.net=time",
        limits="a year ahead",
        read=addresses.times_by_address,
        whole=addresses.few_people,
        repeat=Repeat.MERGE,
        help="Not before this time, by recipient; who is not named gets it now.",
        example='{"ann@example.net": "+2h", "bob@example.net": "2026-05-01 08:00:00"}',
        permission=Permission(words=_SCHEDULE.words, grant="schedule-long", needs=_one_late),
        doors=MESSAGE,
        safety=True,
    ),
    Option(
        name="send_window",
        header="Window",
        type='JSON object with "dow", "tz", "start", "end", or start/end with two times; or several of them',
        limits=f"{times.WINDOWS} windows",
        read=times.windows,
        whole=times.few_windows,
        repeat=Repeat.UNION,
        help="Attempts are made inside these times only.",
        example='{"dow": "Mon-Fri", "tz": "Europe/Amsterdam", "start": "09:00", "end": "17:30"}',
        permission=Permission(words=_SCHEDULE.words, grant="schedule-long", needs=_opens_late),
        safety=True,
    ),
    Option(
        name="send_cancel_id",
        header="BatchId",
        type="text",
        limits="255 octets",
        read=grammar.text(255),
        help="A handle by which mail that still waits is taken back together.",
        example="newsletter-2026-05",
    ),
    Option(
        name="deliver_by",
        header="MaxDeliverTime",
        type="time",
        read=times.moment,
        help="No attempt after this time: what is not delivered then has expired. One in the past is refused.",
        example="2026-05-01 12:00:00",
        permission=_CUT,
        doors=MESSAGE | {Door.ESMTP},
        esmtp="BY with mode R",
        safety=True,
    ),
    Option(
        name="deliver_within",
        header="DeliverWithin",
        type="duration",
        limits="1 second to a year",
        read=_lasting,
        help="The same, counted from the time of the first attempt.",
        example="4h",
        permission=_CUT,
        safety=True,
    ),
    Option(
        name="max_attempts",
        header="MaxAttempts",
        type="number",
        limits="1 to 100",
        read=grammar.number(1, 100),
        help="After so many attempts a recipient has expired, and its sender hears of it.",
        example="3",
        permission=Permission(
            words="P0 fewer than the default; P2 more",
            grant="route",
            needs=lambda value, base, scope: base is not None and value > base,
        ),
        safety=True,
    ),
    Option(
        name="retry_schedule",
        header="Retries",
        type="durations separated by commas",
        limits=f"{RETRIES} waits of 1 second to 7 days",
        read=_retries,
        help="The waits between attempts, in place of the relay's; the last one repeats.",
        example="5m, 15m, 1h",
        permission=Permission(words="P2", grant="route"),
    ),
    Option(
        name="priority",
        header="Priority",
        type="0 to 9, or low (2), normal (5), high (7), urgent (9)",
        read=grammar.number(0, 9, PRIORITIES),
        help="What goes first within the account; 5 is normal.",
        example="7",
        permission=Permission(
            words="P0 to 5, P1 6 and 7, P2 8 and 9",
            grant="priority-high",
            needs=lambda value, base, scope: value >= URGENT and value > base,
        ),
        doors=ANYWHERE | {Door.ESMTP},
        esmtp="MT-PRIORITY (-9 to 9 become 0 to 9)",
    ),
)
