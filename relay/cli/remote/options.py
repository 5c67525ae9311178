"""`options` over the API: what a message can ask for there."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli.frame import JsonOption
from relay.cli.options import print_all, print_grants, print_one
from relay.cli.output import print_json
from relay.cli.remote.client import name as segment
from relay.cli.remote.client import remote


def options(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One option in detail, by any of its names.")
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
    if schema and name is None:
        print_json(remote().get("/options/schema"))
    elif name is not None:
        told = remote().get(f"/options/{segment(name)}")
        shape = told.pop("schema")
        del told["family"]
        print_json(shape) if schema else print_one(told, as_json)
    elif grants:
        print_grants(remote().get("/options")["grants"], as_json)
    else:
        print_all(remote().get("/options")["options"], as_json)
