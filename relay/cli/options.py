"""`relay options`: what a message can ask for, from the registry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.words import option_names

if TYPE_CHECKING:
    from relay.submission.control.option import Option


def options(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="One option in detail, by any of its names.", autocompletion=option_names
        ),
    ] = None,
    grants: Annotated[
        bool, typer.Option("--grants", help="The grants there are, and the options they are for.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="JSON Schema of what X-SMTPeter-Options and REST properties may hold.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List what a message can ask for, and who may.

    Who: P0 is everybody, P1 everybody within bounds, P2 needs a grant, P3 a grant and the value on the credential's
    list. With NAME: who may ask for what exactly, values, limits and an example, too.
    """
    from relay.manage.option_reference import describe, every
    from relay.submission.control.registry import GRANTS

    if schema:
        _print_schema(name)
    elif name is not None:
        print_one(describe(_find(name)), as_json)
    elif grants:
        print_grants(GRANTS, as_json)
    else:
        print_all(every(), as_json)


def _find(name: str) -> Option:
    from relay.manage.option_reference import bare, lookup
    from relay.submission.control.registry import unknown

    found = lookup(name)
    if found is None:
        raise CommandError(f"{name}: {unknown(bare(name), header=False)}", ExitCode.NOT_FOUND)
    return found


def print_all(described: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(described)
        return
    rows = [(each["option"], each["header"], _classes(each["permission"]), each["meaning"]) for each in described]
    print_table(["option", "header", "who", "meaning"], rows)


def _classes(words: str) -> str:
    """`P1 P2` of `P1 up to 7 days, P2 up to a year`: a table has no room for more."""
    return " ".join(re.findall(r"\bP\d", words))


def print_one(described: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(described)
        return
    print_fields({name: _said(value) for name, value in described.items() if value not in ("", [])})


def _print_schema(name: str | None) -> None:
    from relay.submission.control.schema import option_schema, options_schema

    print_json(options_schema() if name is None else option_schema(_find(name)))


def print_grants(grants: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        print_json(dict(grants))
    else:
        print_table(["grant", "for"], list(grants.items()))


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
