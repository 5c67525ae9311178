"""`relay explain ID`: why a message is where it is."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli.frame import CommandError, ConfigOption, ExitCode, JsonOption, relay_data, settings, store_errors
from relay.cli.output import print_json
from relay.model.times import times_as_text


def explain(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Of a submission or of a recipient.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain where a message is, and why.

    Its options and who set each; for each recipient its route, what holds it back, when the next attempt is,
    and the SMTP conversation of every attempt so far.
    """
    from relay.report.explain import explain as find
    from relay.report.text import explanation_text

    checked = settings(config)
    try:
        with store_errors(checked.data):
            found = find(relay_data(checked), message_id)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.NOT_FOUND) from error
    if as_json:
        print_json(times_as_text(found.as_dict()))
    else:
        print(explanation_text(found))
