"""Rules for what comes back: what a refusal is called, and what suppresses an address.

In:  the file the key `bounces` names, or the one the package ships (`relay/config/bounces.yaml`).
Out: `Bounces`, frozen and compiled; or ConfigError with file, line, key and what is wrong.

Why so: the relay's own classes (`bounce/classes.py`) come from the standards and the words of big receivers; a file
can teach it words of others without a new version. What a class does is data alone. Only classes that speak of the
recipient may suppress: that is checked here, where a mistake is seen before it costs anybody a recipient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from relay.config.load import ConfigError, parse_as
from relay.config.patterns import bounded
from relay.config.schema import Config
from relay.config.values import Part, parse_duration
from relay.model.classes import CLASSES, OF_RECIPIENT

SHIPPED = "bounces.yaml"  # inside this package
LOOKED_AT = 1000  # characters of a reply that a pattern is tried on
FOR_GOOD = float("inf")
DAY = 86_400.0
_STATUS = re.compile(r"[245*]\.(?:\d{1,3}\.(?:\d{1,3}|\*)|\*)", re.ASCII)


def _status(value: str) -> str:
    if not _STATUS.fullmatch(value):
        raise ValueError(f"expected a status such as 5.1.1, 5.7.*, *.1.1 or 5.*, not {value[:60]!r}")
    return value


def _reply(value: str) -> str:
    if value:
        bounded(value)
    return value


def _class(value: str) -> str:
    if value not in CLASSES:
        raise ValueError(f"no such class: {value[:60]!r}; the page on what comes back lists them")
    return value


def _span(value: Any) -> float:
    if value == "never":
        return 0.0
    if value == "for good":
        return FOR_GOOD
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f"never, for good, or: {error}") from None


Span = Annotated[float, BeforeValidator(_span)]
Days = Annotated[float, BeforeValidator(parse_duration), Field(ge=DAY, le=365 * DAY)]


class BounceRule(Part):
    """Another name for a refusal. All that is given must fit."""

    events: tuple[Literal["failed", "bounced"], ...] = Field(
        ("failed", "bounced"), min_length=1, description="`failed`: refused at once; `bounced`: came back later"
    )
    status: tuple[Annotated[str, AfterValidator(_status)], ...] = Field(
        (), max_length=50, description="enhanced status, one of: `5.1.1`, `5.7.*`, `*.1.1`, `5.*`; default: any"
    )
    reply: Annotated[str, AfterValidator(_reply)] = Field(
        "", description="pattern that fits somewhere in the reply; letters in any case"
    )
    means: Annotated[str, AfterValidator(_class)] = Field(description="the class it then has")

    def fits(self, event: str, status: str, reply: str) -> bool:
        if event not in self.events or (
            self._statuses and not any(each.fullmatch(status) for each in self._statuses)
        ):
            return False
        return self._pattern is None or self._pattern.search(" ".join(reply[:LOOKED_AT].split())) is not None

    @cached_property
    def _statuses(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(each.replace(".", r"\.").replace("*", r"[\d.]{1,7}")) for each in self.status)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return bounded(self.reply) if self.reply else None


class Action(Part):
    """What a class does to an address."""

    suppress: Span = Field(description="`never`, `for good`, or how long, as `30d`")
    after: int = Field(1, ge=1, le=30, description="on so many days it must have happened")
    within: Days = Field(30 * DAY, description="within this time; from 1d to 365d")


class Automatic(Part):
    """Which causes suppress at all."""

    bounce: bool = Field(True, description="mail that failed or came back, by `actions`")
    complaint: bool = Field(True, description="complaints, by `complaints`")
    unsubscribe: bool = Field(True, description="who unsubscribed; without it your own system must keep the list")


class Bounces(Part):
    """The whole file."""

    automatic: Automatic = Field(Automatic(), description="causes that suppress without an operator")
    rules: tuple[BounceRule, ...] = Field(
        (), max_length=500, description="the first that fits names the class; what fits none keeps the relay's own"
    )
    actions: dict[str, Action] = Field({}, description="by class; a class that is not here never suppresses")
    complaints: dict[str, Action] = Field(
        {}, description="by kind of complaint (RFC 5965: abuse, fraud, virus, other); others never suppress"
    )

    def named(self, event: str, status: str, reply: str, otherwise: str) -> str:
        """The class of a refusal, which the relay itself would call `otherwise`."""
        found = next((each for each in self.rules if each.fits(event, status, reply)), None)
        return found.means if found else otherwise


_NEVER = Action(suppress=0.0)


def load_bounces(path: Path | None) -> Bounces:
    """Read and check the rules; the shipped ones where no file is named. Raises ConfigError."""
    if path is None:
        return _shipped()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError([f"{path}: cannot be read: {why}"]) from error
    return parse_bounces(text, str(path))


def parse_bounces(text: str, name: str) -> Bounces:
    """The same from text; `name` stands for the file in errors."""
    rules, lines = parse_as(Bounces, text, name)
    faults = [
        f"{name}, line {lines.get(('actions', word), 1)}: actions.{word}: {why}"
        for word, action in rules.actions.items()
        if (why := _fault(word, action))
    ]
    if faults:
        raise ConfigError(faults)
    return rules


def _fault(word: str, action: Action) -> str:
    if word not in CLASSES:
        return "no such class"
    if action.suppress and word not in OF_RECIPIENT:
        return "this class does not speak of the recipient's address, so it must never suppress"
    return ""


@lru_cache(maxsize=1)
def _shipped() -> Bounces:
    return parse_bounces(files("relay.config").joinpath(SHIPPED).read_text(encoding="utf-8"), SHIPPED)


def bounces_of(config: Config) -> Bounces:
    """The rules a configuration names. Raises ConfigError."""
    return load_bounces(config.bounces)


def action_of(actions: Mapping[str, Action], word: str) -> Action:
    return actions.get(word, _NEVER)
