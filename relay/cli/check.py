"""`relay check`: would the relay start, and would what it sends be believed?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from relay.cli.frame import ConfigOption, JsonOption, config_path, program, registry, settings
from relay.cli.output import print_json

if TYPE_CHECKING:
    from relay.cli.examine import Finding
    from relay.config import Config


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check configuration, files and keys.

    Each DKIM key signs a message, and the signature is verified independently. Exit code 1 when there is an
    error; warnings alone give 0.
    """
    from relay.cli.examine import examine

    checked = settings(config)
    found = examine(checked)
    if os.access(checked.data / "registry.db", os.R_OK, effective_ids=True):
        found += _domains(checked)
    errors = sum(each.level == "error" for each in found)
    if as_json:
        findings = [{"level": each.level, "subject": each.subject, "text": each.text} for each in found]
        print_json({"config": str(config_path(config)), "ok": errors == 0, "findings": findings})
    else:
        for each in found:
            print(f"{each.level}: {each.subject} {each.text}")
        print(f"{config_path(config)}: {_count(errors, 'error')}, {_count(len(found) - errors, 'warning')}")
    if errors:
        raise typer.Exit(1)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _domains(config: Config) -> list[Finding]:
    """Every active key signs, and each verified domain has one."""
    from relay.cli.examine import Finding
    from relay.cli.prove import prove
    from relay.model.account import KeyState

    found = []
    with registry(config) as opened:
        active = [each for each in opened.keys(None) if each.state is KeyState.ACTIVE]
        unsigned = {each.name for each in opened.domains() if each.verified is not None}
    for key in active:
        unsigned.discard(key.domain)
        if fault := prove(key):
            found.append(Finding("error", f"DKIM key {key.selector} of {key.domain}", fault))
    advice = f"is verified and has no DKIM key: {program()} dkim make"
    return found + [Finding("error", name, f"{advice} {name}") for name in sorted(unsigned)]
