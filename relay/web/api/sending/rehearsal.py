"""What would become of a message: the answer to `dry_run`.

In:  a submission. Out: its recipients, options with who set each, warnings, times, and the octets that would leave.

Nothing is kept, spent or sent. What only taking it would tell is left out: ids (those in the octets belong to no
message), quotas, and whether its idempotency key was used.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from relay.model.clock import iso
from relay.model.options import plain
from relay.submission.submission import Rehearsed, Submission
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Kind, Param, Shown
from relay.web.api.sending.documents import REHEARSED
from relay.web.api.services import Services
from relay.web.api.shapes import Rehearsal

DRY_RUN: Final = Param(
    name="dry_run",
    help="Answer what would become of it; nothing is kept, and nothing is sent.",
    example="1",
    kind=Kind.BOOLEAN,
    default=False,
)
SHOWN: Final = Shown(help="With `dry_run`: what would become of it.", example=REHEARSED, shape=Rehearsal)


async def rehearse(services: Services, submission: Submission) -> Answer:
    """Raises Refused, StoreDown."""
    told = await services.intake.rehearse(submission)
    return await services.threaded(_answered, told)


def _answered(told: Rehearsed) -> Answer:
    return answer(shown(told))


def shown(told: Rehearsed) -> dict[str, Any]:
    """A rehearsal in JSON's types."""
    sources, options = told.resolved.sources, told.resolved.options
    people = told.people
    names = dict.fromkeys((*sources, *options.as_dict()))
    return {
        "recipients": list(people),
        "envelope": told.reverse_path,
        "options": {
            name: {"value": plain(getattr(options, name)), "set_by": sources.get(name, "default")} for name in names
        },
        "warnings": list(told.warnings),
        "send_at": [iso(due) for due in told.plan.dues[: len(people)]],
        "deadline": iso(told.plan.deadline),
        "sandbox": told.plan.sandbox,
        "dropped": {people[number - 1]: why for number, why in told.dropped.items() if number <= len(people)},
        "messages": [
            {"recipients": _whose(told, number), **_written(content)} for number, content in enumerate(told.contents)
        ],
    }


def _whose(told: Rehearsed, number: int) -> list[str]:
    """Who gets the content of that number."""
    each = zip(told.people, told.which, strict=True)
    return [
        address for place, (address, content) in enumerate(each, 1) if content == number and place not in told.dropped
    ]


def _written(content: bytes) -> dict[str, str]:
    """The octets as text, in base64 where they are none."""
    try:
        return {"mime": content.decode("utf-8"), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"mime": base64.b64encode(content).decode("ascii"), "encoding": "base64"}
