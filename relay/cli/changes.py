"""The options with which commands change a credential, an account, a domain or a preset.

In:  what was given on the command line; the value as it is.
Out: the value as it shall be, or BadParameter naming the option that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from relay.cli import words
from relay.manage import rules
from relay.model.account import Account, ControlHeaders, Credential, OnInvalid, OverQuota, Quota

if TYPE_CHECKING:
    from relay.submission.control.option import Door

T = TypeVar("T")

_OPTION = typer.Option(
    "--option",
    "-o",
    metavar="NAME=VALUE",
    help="A default for its mail, as tags=invoice; may be given again.",
    autocompletion=words.option_equals,
)
_UNSET = typer.Option(
    "--unset",
    metavar="NAME",
    help="Take such a default away; may be given again.",
    autocompletion=words.option_names,
)


def each(read: Callable[[str], T], given: Iterable[str] | None, hint: str) -> list[T]:
    """Raises BadParameter."""
    try:
        return [read(text) for text in given or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionChanges:
    """Defaults for mail."""

    option: Annotated[list[str] | None, _OPTION] = None
    unset: Annotated[list[str] | None, _UNSET] = None

    def options(self, before: Any, door: str) -> dict[str, Any]:
        return changed_options(before, self.option, self.unset, door)


def changed_options(before: Any, option: list[str] | None, unset: list[str] | None, door: str) -> dict[str, Any]:
    found = dict(before)
    for name in each(rules.option_name, unset, "--unset"):
        if found.pop(name, None) is None:
            raise typer.BadParameter(f"there is no default for {name}", param_hint="--unset")
    kind = _door(door)
    found.update(each(lambda text: rules.setting(text, kind), option, "--option"))
    return found


def _door(name: str) -> Door:
    from relay.submission.control.option import Door

    return Door(name)


_QUOTA = typer.Option(
    "--quota",
    metavar="NAME=NUMBER",
    help="messages-hour=1000, bytes-day=2GiB, recipients-day=none; may be given again.",
)
_OVER = typer.Option("--over", help="What comes beyond a quota is refused (452), or taken and sent later.")


def changed_quota(before: Quota, quota: list[str] | None, over: OverQuota | None) -> Quota:
    return rules.with_quota(before, each(rules.quota, quota, "--quota"), over)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanges:
    option: Annotated[list[str] | None, _OPTION] = None
    unset: Annotated[list[str] | None, _UNSET] = None
    quota: Annotated[list[str] | None, _QUOTA] = None
    over: Annotated[OverQuota | None, _OVER] = None

    def apply(self, before: Account) -> Account:
        return replace(
            before,
            options=changed_options(before.options, self.option, self.unset, "account"),
            quota=changed_quota(before.quota, self.quota, self.over),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialChanges:
    note: Annotated[str | None, typer.Option(help="What it is for.")] = None
    sandbox: Annotated[bool | None, typer.Option("--sandbox/--no-sandbox", help="Keep its mail, send nothing.")] = (
        None
    )
    control_headers: Annotated[
        ControlHeaders | None,
        typer.Option(help="Read X-SMTPeter-* fields (on, the default), remove them unread, or leave them in place."),
    ] = None
    on_invalid: Annotated[
        OnInvalid | None,
        typer.Option(
            help="What a bad control header comes to: refused (the default), left out with a warning or without."
        ),
    ] = None
    option: Annotated[list[str] | None, _OPTION] = None
    unset: Annotated[list[str] | None, _UNSET] = None
    grant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GRANT",
            help="Let it ask for more; `relay options --grants` lists them.",
            autocompletion=words.grants,
        ),
    ] = None
    revoke: Annotated[
        list[str] | None, typer.Option(metavar="GRANT", help="Take a grant away.", autocompletion=words.grants)
    ] = None
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION=VALUE",
            help="A value a message may ask for, as source_ip=192.0.2.7 or pool=bulk*.",
            autocompletion=words.option_equals,
        ),
    ] = None
    disallow: Annotated[
        list[str] | None, typer.Option(metavar="OPTION[=VALUE]", help="Take such a value, or the whole list, away.")
    ] = None
    forbid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION[=VALUE]",
            help="What a message may not ask for, as sandbox or priority=7.",
            autocompletion=words.option_names,
        ),
    ] = None
    permit: Annotated[list[str] | None, typer.Option(metavar="OPTION[=VALUE]", help="Take such a ban away.")] = None
    preset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A preset of the account that a message may name.")
    ] = None
    without_preset: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Take that permission away.")] = (
        None
    )
    lifetime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Longest time its mail is tried, as 1d; none: as the relay has it."),
    ] = None
    quota: Annotated[list[str] | None, _QUOTA] = None
    over: Annotated[OverQuota | None, _OVER] = None
    refuse_suppressed: Annotated[
        bool | None,
        typer.Option(
            "--refuse-suppressed/--take-suppressed",
            help="Answer 550 to mail for suppressed recipients alone, in place of an event.",
        ),
    ] = None

    def apply(self, before: Credential, presets: Iterable[str]) -> Credential:
        """`presets`: those of the account."""
        given = {
            name: value
            for name in ("note", "sandbox", "control_headers", "on_invalid", "refuse_suppressed")
            if (value := getattr(self, name)) is not None
        }
        return replace(
            before,
            **given,
            options=changed_options(before.options, self.option, self.unset, "credential"),
            grants=_changed(before.grants, self.grant, self.revoke, rules.grant, "grant", "revoke"),
            allowed=self._allowed(before),
            forbidden=_changed(before.forbidden, self.forbid, self.permit, rules.forbidden, "forbid", "permit"),
            presets=self._presets(before, presets),
            lifetime=before.lifetime if self.lifetime is None else _lifetime(self.lifetime),
            quota=changed_quota(before.quota, self.quota, self.over),
        )

    def _presets(self, before: Credential, presets: Iterable[str]) -> frozenset[str]:
        known = {name.lower(): name for name in presets}

        def read(text: str) -> str:
            if text.lower() not in known:
                listed = f"; there are {', '.join(known.values())}" if known else ""
                raise ValueError(f"account {before.account} has no preset {text!r}{listed}")
            return known[text.lower()]

        kept = _changed(before.presets, None, self.without_preset, str, "preset", "without-preset")
        return kept | frozenset(each(read, self.preset, "--preset"))

    def _allowed(self, before: Credential) -> dict[str, tuple[str, ...]]:
        found = {name: list(values) for name, values in before.allowed.items()}
        for text in self.disallow or ():
            name, equals, value = text.partition("=")
            (known,) = each(rules.option_name, [name], "--disallow")
            if known not in found or (equals and value not in found[known]):
                raise typer.BadParameter(f"{text} is not on its list", param_hint="--disallow")
            found[known] = [one for one in found[known] if equals and one != value]
        for name, value in each(rules.allowed, self.allow, "--allow"):
            if value not in found.setdefault(name, []):
                found[name].append(value)
        return {name: tuple(values) for name, values in found.items() if values}


def _changed(
    before: frozenset[str],
    more: list[str] | None,
    less: list[str] | None,
    read: Callable[[str], str],
    adding: str,
    taking: str,
) -> frozenset[str]:
    gone = frozenset(each(read, less, f"--{taking}"))
    if missing := gone - before:
        raise typer.BadParameter(f"it does not have {', '.join(sorted(missing))}", param_hint=f"--{taking}")
    return (before - gone) | frozenset(each(read, more, f"--{adding}"))


def _lifetime(text: str) -> float | None:
    from relay.config import parse_duration

    if text.strip().lower() in ("none", ""):
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--lifetime") from error
    if seconds <= 0:
        raise typer.BadParameter("a lifetime is more than 0", param_hint="--lifetime")
    return seconds
