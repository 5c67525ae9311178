"""Make the handbook's tables from the code they describe.

In:  `config/schema.py`, `model/event.py`, `submission/control/registry.py`, `web/api/table.py`, and the commands' own
     help.
Out: pages beside this module. `python -m relay.handbook.generate` writes them; `--check` writes nothing and
     fails when one is stale, so that a page never says what the program no longer does.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from relay.config import Config
from relay.config.values import Duration, Size
from relay.handbook.api_pages import pages
from relay.handbook.options_page import options_page
from relay.model.event import WORDS, EventName
from relay.model.spelling import duration_text

HERE = Path(__file__).parent
_MADE = "<!-- made by relay/handbook/generate.py; edit the code it is made from -->"


def configuration() -> str:
    """Every key of the configuration, a table a part."""
    lines = [
        "# Configuration",
        "",
        _MADE,
        "",
        "One YAML file, read with `--config FILE`, `RELAY_CONFIG`, `config/local.yaml` where `./var` exists, or",
        "`/etc/relay/relay.yaml`, in this order. `relay check` says what is wrong with it; a misspelt key stops",
        "the start, with its line and the nearest name.",
        "",
        "Durations are `500ms`, `30s`, `5min`, `4h`, `7d`, or a bare number of seconds. Sizes are `64KiB`,",
        "`50MiB`, `5GiB` (or `kB`, `MB`, `GB`), or a bare number of octets. A secret may be `file:PATH`,",
        "`env:NAME` or `credential:NAME` (LoadCredential= of the systemd unit). Relative paths are relative to where",
        "the relay is started.",
    ]
    for path, model in _parts(Config, ()):
        title = f"`{'.'.join(path)}`" if path else "The top"
        lines += ["", f"## {title}", "", (model.__doc__ or "").strip(), ""]
        lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        for name, field in model.model_fields.items():
            default = "**required**" if field.is_required() else _default(field.default, _metadata(model, name))
            kind = _kind(typing.get_type_hints(model, include_extras=True)[name])
            lines.append(f"| `{name}` | {kind} | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def _parts(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        for inner, many in _models(field.annotation):
            yield from _parts(inner, (*path, f"{name}[]" if many else name))


def _models(annotation: Any, many: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, many
    for each in typing.get_args(annotation):
        yield from _models(each, many or typing.get_origin(annotation) is tuple)


def _metadata(model: type[BaseModel], name: str) -> Any:
    return typing.get_type_hints(model, include_extras=True)[name]


def _kind(hint: Any) -> str:
    """A type in an operator's words."""
    if hint == Duration:
        return "duration"
    if hint == Size:
        return "size"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is dict:
        return "keys and values"
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"{_kind(arguments[1])}, by name"
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in (types.UnionType, typing.Union):
        return _kind(next(each for each in arguments if each is not types.NoneType))
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ", ".join(f"`{each.value}`" for each in hint)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return "keys, below"
    if hint is Any:
        return "values"
    return {str: "text", int: "number", float: "number", bool: "true, false", Path: "path"}.get(hint, str(hint))


def _default(value: Any, hint: Any) -> str:
    if isinstance(value, BaseModel):
        return ""
    if value is None or value in ("", (), {}):
        return "none"
    if isinstance(value, tuple):
        inner = typing.get_args(hint)[0]
        return ", ".join(_default(each, inner) for each in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if hint == Duration:
        return f"`{duration_text(value)}`"
    if hint == Size:
        return f"`{_size(value)}`"
    return f"`{value}`"


def _size(octets: int) -> str:
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if octets >= length and octets % length == 0:
            return f"{octets // length}{unit}"
    return str(octets)


def commands() -> str:
    """Every command's own help."""
    from relay.cli.app import help_pages

    lines = ["# Commands", "", _MADE, "", "What `relay COMMAND --help` says, for all of them."]
    for name, page in help_pages():
        lines += ["", f"## `{name}`", "", "```", page.rstrip(), "```"]
    return "\n".join(lines) + "\n"


_EVENTS = {
    EventName.RECEIVED: "we took a message; from here on it is ours",
    EventName.REJECTED: "we refused a message, and kept nothing of it",
    EventName.SCHEDULED: "a message waits: for the time its sender asked for or a quota has room, or as an operator "
    "ordered (`act`)",
    EventName.ATTEMPTED: "a step of an attempt that decided nothing yet, as a host that could not be reached",
    EventName.DEFERRED: "an attempt failed for now; the next one is at `next`. Class `uncertain`: the connection "
    "was lost after the final dot, so the peer may have the message",
    EventName.DELIVERED: "the next hop took the message; in the sandbox: it was kept, with `test: true`",
    EventName.FAILED: "the next hop refused it for good while we were sending",
    EventName.EXPIRED: "its deadline came before a delivery, or it had as many attempts as its sender asked for "
    "(`reason` is `attempts`)",
    EventName.BOUNCED: "it was taken, and came back to our return path later, for the reason `class`; passed on to "
    "its sender as `forwarded`",
    EventName.REPLIED: "an answer came to our return path (a program's has `automatic: true`), or a report of a "
    "delay, a delivery or authentication; passed on likewise",
    EventName.COMPLAINED: "the recipient, or their mail service, called it spam (`feedback` says how); the "
    "complaint is `kept` and not passed on",
    EventName.OPENED: "the recipient opened it, or a machine did (`machine: true`)",
    EventName.CLICKED: "the recipient followed a link, or a machine did (`machine: true`)",
    EventName.UNSUBSCRIBED: "the recipient wants no more, of one `group` or of all (`via` says how); with "
    "`resubscribed: true` the reverse",
    EventName.SUPPRESSED: "not sent: the recipient is on the list of those we do not send to",
    EventName.HELD: "it waits for an operator",
    EventName.CANCELLED: "somebody took it back before it was sent; or it was only to be validated",
}


def events() -> str:
    """What can happen to a message, by the names that logs, commands and webhooks use."""
    lines = [
        "# Events",
        "",
        _MADE,
        "",
        "Every event is written in the transaction that makes it true. `relay events` shows them, the log has one",
        "line for each, `relay explain ID` puts those of one message together.",
        "",
        "| event | meaning |",
        "| --- | --- |",
        *(f"| `{name.value}` | {_EVENTS[name]} |" for name in EventName),
        "",
        "Beside `event`, `at` (seconds since 1970, UTC), `message`, `recipient` (its number), `account` and",
        "`credential` an event has those of these words that apply:",
        "",
        "| word | meaning |",
        "| --- | --- |",
        *(f"| `{word}` | {meaning} |" for word, meaning in WORDS.items()),
    ]
    return "\n".join(lines) + "\n"


def options() -> str:
    """What a message can ask for, from the one table all doors go by."""
    return options_page(_MADE)


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "commands.md": commands,
    "events.md": events,
    "options.md": options,
}


def main(arguments: list[str]) -> int:
    stale = []
    wanted = {name: make() for name, make in PAGES.items()} | pages(_MADE)
    gone = [path for path in (HERE / "api").glob("*.md") if f"api/{path.name}" not in wanted]
    for path in gone:
        stale.append(f"api/{path.name}")
        if "--check" not in arguments:
            path.unlink()
    for name, text in wanted.items():
        path = HERE / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    verb = "is stale" if "--check" in arguments else "written"
    sys.stdout.write("".join(f"relay/handbook/{name}: {verb}\n" for name in stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
