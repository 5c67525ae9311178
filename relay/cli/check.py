"""`relay check`: would the relay start, and would what it sends be believed?"""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli.frame import ConfigOption, JsonOption, config_path, settings
from relay.cli.output import print_json


def check(
    network: Annotated[
        bool, typer.Option("--network", help="Try port 25 outward, too: a mail host of --probe greets us or not.")
    ] = False,
    probe: Annotated[str, typer.Option("--probe", metavar="DOMAIN", help="With --network.")] = "gmail.com",
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody, DNS neither.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print what is in order, too.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check configuration, files, ports, disk, clock, certificates, keys, and what DNS says of name and domains.

    Each DKIM key signs a message, and the signature is verified independently. Every finding is `ok`, `warn` or
    `fail`, with what to do. Exit code 1 when something fails; warnings alone give 0. A relay-wide sandbox asks no
    DNS, unless with --network.
    """
    from relay.cli.examine import examine
    from relay.manage.finding import Level

    if offline and network:
        raise typer.BadParameter("--offline and --network exclude one another", param_hint="--network")
    checked = settings(config)
    found = examine(checked, offline=offline, network=network, probe=probe)
    counts = {level: sum(each.level is level for each in found) for level in Level}
    failed = counts[Level.FAIL]
    if as_json:
        findings = [
            {"level": each.level.value, "subject": each.subject, "text": each.text, "advice": each.advice}
            for each in found
        ]
        print_json({"config": str(config_path(config)), "ok": failed == 0, "findings": findings})
    else:
        for each in found:
            if verbose or each.level is not Level.OK:
                print(each.line())
        print(
            f"{config_path(config)}: {_count(failed, 'failure')}, {_count(counts[Level.WARN], 'warning')}, "
            f"{counts[Level.OK]} in order"
        )
    if failed:
        raise typer.Exit(1)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
