"""`stats` over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.output import print_json
from relay.cli.remote.client import remote
from relay.model.division import By, Per

if TYPE_CHECKING:
    from relay.report.statistics import Line


def stats(
    by: Annotated[By, typer.Option(help="What a line is for.")] = By.ACCOUNT,
    per: Annotated[Per, typer.Option(help="What time a line is for; a day is UTC's.")] = Per.TOTAL,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Only of this tag, campaign, domain or site.")
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="From the hour of this time on: 2026-01-31T12:00:00Z, or 2h, 7d ago.")
    ] = "7d",
    until: Annotated[str, typer.Option(metavar="TIME", help="Up to the end of its hour, likewise.")] = "",
    test: Annotated[bool, typer.Option("--test", help="Tests instead, which are counted apart.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all that is counted.")] = False,
) -> None:
    """Show how many recipients got mail, and what came of it.

    Opens and clicks are the first of each recipient, without machines; shares are of what was delivered, and for
    delivered and failed of what ended. Names beyond a thousand a day are counted as `(other)`.
    """
    from relay.cli.stats import ONLY_TESTS, print_lines

    asked = {"by": by.value, "per": per.value, "name": name, "since": since, "until": until}
    given = {each: value for each, value in asked.items() if value or each == "since"}
    found = remote().pages("/statistics", "statistics", limit, **given, test=test)
    if not found and not test and remote().pages("/statistics", "statistics", 1, **given, test=True):
        typer.echo(ONLY_TESTS, err=True)
    if as_json:
        print_json(found)
    else:
        print_lines([_line(each) for each in found], by, per, as_json=False)


def _line(told: Mapping[str, Any]) -> Line:
    from relay.manage.times import instant
    from relay.report.statistics import Line

    start = None if told["start"] is None else instant(told["start"])
    return Line(start, told["account"], told["name"], told["counts"], told["machine"], told["first"])
