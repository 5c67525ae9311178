"""`relay stats`: how much of the mail arrived, came back, was opened, by hour, day or in total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.frame import ConfigOption, relay_data, settings, store_errors
from relay.cli.output import print_json, print_table
from relay.cli.times import ago
from relay.model.clock import iso
from relay.model.division import By, Per

if TYPE_CHECKING:
    from relay.report.statistics import Line

ONLY_TESTS = "Only tests were counted, as all mail of a sandbox is; --test shows them."
_COUNTED = ("received", "delivered", "failed", "bounced", "complained", "opened", "clicked", "unsubscribed")
_SHARED = ("delivered", "failed", "bounced", "complained", "opened", "clicked", "unsubscribed")


def stats(
    by: Annotated[By, typer.Option(help="What a line is for; all but account within each account.")] = By.ACCOUNT,
    per: Annotated[Per, typer.Option(help="What time a line is for; a day is UTC's.")] = Per.TOTAL,
    account: Annotated[str, typer.Option(metavar="NAME", help="Only this account's.")] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Only of this tag, campaign, domain or site.")
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="From the hour of this time on: 2026-01-31T12:00:00Z, or 2h, 7d ago.")
    ] = "7d",
    until: Annotated[str, typer.Option(metavar="TIME", help="Up to the end of its hour, likewise.")] = "",
    test: Annotated[bool, typer.Option("--test", help="Tests instead, which are counted apart.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 1000,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all that is counted.")] = False,
) -> None:
    """Show how many recipients got mail, and what came of it.

    Opens and clicks are the first of each recipient, without machines; shares are of what was delivered, and for
    delivered and failed of what ended. Names beyond a thousand a day are counted as `(other)`.
    """
    from dataclasses import replace

    from relay.report.statistics import Question, statistics

    checked = settings(config)
    begin = ago(since, "--since")
    asked = Question(
        by=by,
        per=per,
        since=begin if begin is not None else 0.0,
        until=ago(until, "--until"),
        account=account,
        name=name,
        test=test,
        limit=limit,
    )
    with store_errors(checked.data):
        data = relay_data(checked)
        found = statistics(data, asked)
        if not found and not test and statistics(data, replace(asked, test=True)):
            typer.echo(ONLY_TESTS, err=True)
    print_lines(found, by, per, as_json)


def print_lines(found: Sequence[Line], by: By, per: Per, as_json: bool) -> None:
    if as_json:
        print_json([each.as_dict() | {"start": None if each.start is None else iso(each.start)} for each in found])
        return
    columns = [*(["time"] if per is not Per.TOTAL else []), "account", *([] if by is By.ACCOUNT else [by.value])]
    rows = []
    for each in found:
        head = [*([iso(each.start)[:16] + "Z"] if each.start is not None else []), each.account]
        rows.append([*head, *([] if by is By.ACCOUNT else [each.name]), *_cells(each)])
    print_table([*columns, *_COUNTED], rows)


def _cells(line: Line) -> list[str]:
    rates = line.rates()
    cells = []
    for name in _COUNTED:
        count = (line.first if name in ("opened", "clicked") else line.counts).get(name, 0)
        share = f" ({100 * rates[name]:.3g}%)" if name in _SHARED and count and name in rates else ""
        cells.append(f"{count}{share}")
    return cells
