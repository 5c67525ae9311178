"""An explanation as text, for a terminal. No IO, no colour, no cutting.

In:  an `Explanation`.
Out: lines; what came from outside has its control characters escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relay.model.clock import iso
from relay.model.spelling import option_text
from relay.report.explain import Explanation, Step, Story
from relay.report.log import MOST

_TIMES = frozenset({"next", "until", "deadline", "due", "arrival"})


def explanation_text(given: Explanation) -> str:
    return "\n".join(_lines(given))


def _lines(given: Explanation) -> Iterator[str]:
    yield f"message    {given.id}"
    yield f"account    {given.account}" + (f" (credential {given.credential})" if given.credential else "")
    yield f"from       <{_safe(given.sender)}>"
    yield f"received   {iso(given.received)}" + (f" from {given.peer}" if given.peer else "")
    if given.deadline is not None:
        yield f"deadline   {iso(given.deadline)}"
    if given.size is not None:
        yield f"size       {given.size} octets"
    if given.sandbox:
        yield "sandbox    kept, never sent"
    if not given.kept:
        yield "kept       no: content and queue row were pruned; this is what the events tell"
    for name, option in given.options.items():
        yield f"option     {name} = {_safe(option_text(name, option['value']))}  (set by {_safe(option['set_by'])})"
    for warning in given.warnings:
        yield f"warning    {_safe(warning)}"
    for step in given.steps:
        yield from _step(step, "")
    for story in given.recipients:
        yield ""
        yield from _story(story)


def _story(story: Story) -> Iterator[str]:
    yield f"recipient  {story.id} <{_safe(story.address)}>"
    attempts = f"{story.attempts} attempt{'' if story.attempts == 1 else 's'}"
    yield f"  state    {story.state}, {attempts}" + (f", ended {iso(story.ended)}" if story.ended else "")
    if story.reply:
        yield f"  reply    {_safe(story.reply)}"
    if story.route:
        yield "  route    " + " ".join(f"{key}={_safe(value)}" for key, value in story.route.items())
    for hold in story.holds:
        yield f"  held by  {_safe(hold)}"
    if story.next_attempt is not None:
        yield f"  next     {iso(story.next_attempt)}"
    for step in story.steps:
        yield from _step(step, "  ")


def _step(step: Step, indent: str) -> Iterator[str]:
    facts = " ".join(f"{key}={_fact(key, value)}" for key, value in step.facts.items() if value != "")
    yield f"{indent}{iso(step.at)} {step.event} {facts}".rstrip()
    for line in step.conversation:
        yield f"{indent}    {_safe(line)}"


def _fact(key: str, value: Any) -> str:
    if key in _TIMES and isinstance(value, int | float):
        return iso(value)
    if isinstance(value, list) and len(value) > MOST:
        value = [*value[:MOST], f"... ({len(value)})"]  # all of them are recipients below
    if key == "options" and isinstance(value, Mapping):
        value = "; ".join(f"{name}={option_text(name, inner)}" for name, inner in value.items())
    elif key == "metadata":
        value = option_text(key, value)
    text = _safe("; ".join(map(str, value)) if key == "warnings" and isinstance(value, list | tuple) else value)
    return f'"{text}"' if " " in text else text


def _safe(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"  # as in events and logs
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
