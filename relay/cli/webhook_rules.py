"""What an operator says of a webhook: options shared by `add` and `set`, and the webhook that comes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from relay.cli.frame import CommandError
from relay.manage.webhooks import changed
from relay.manage.wrong import Wrong
from relay.model.webhook import Format, Shape, Signature, Webhook

EVENTS = (
    "Events, as `delivered,failed`: their names or types, those of SMTPeter's webhooks (bounce failure click open "
    "delivery abuse), or `all`."
)


@dataclass(frozen=True, slots=True)
class HookChanges:
    """Options of a webhook; None stays as it is."""

    events: Annotated[str, typer.Option("--events", metavar="NAMES", help=EVENTS)] = ""
    format: Annotated[Format | None, typer.Option("--format", help="How a body is written. Default: json.")] = None
    shape: Annotated[
        Shape | None, typer.Option("--shape", help="What stands in it: our fields, or SMTPeter's. Default: relay.")
    ] = None
    signature: Annotated[
        Signature | None,
        typer.Option("--signature", help="Standard Webhooks, or SMTPeter's HTTP signature. Default: by --shape."),
    ] = None
    batched: Annotated[
        bool | None, typer.Option("--batched/--single", help="Up to 500 events in one request, or one. Default: one.")
    ] = None
    machine: Annotated[
        bool | None, typer.Option("--machine/--no-machine", help="Also opens and clicks made by machines.")
    ] = None
    test: Annotated[bool | None, typer.Option("--test/--no-test", help="Also events of mail in the sandbox.")] = None
    deferred_every: Annotated[
        int | None,
        typer.Option(
            "--deferred-every",
            metavar="N",
            min=0,
            help="Of a recipient's deferrals the first and each N-th: 1 all, 0 the first. Default: 10.",
        ),
    ] = None
    note: Annotated[str | None, typer.Option("--note", help="For people.")] = None

    def apply(self, hook: Webhook, url: str = "") -> Webhook:
        """Raises BadParameter, CommandError."""
        with words():
            return changed(hook, {**self.given(), "url": url})

    def given(self) -> dict[str, Any]:
        """What was named, by property."""
        found = {name: value for each in fields(self) if (value := getattr(self, name := each.name)) is not None}
        del found["events"]
        return found | ({"events": self.events.split(",")} if self.events else {})


@contextmanager
def words() -> Iterator[None]:
    """What `manage` says of a property, of the option that set it."""
    try:
        yield
    except Wrong as error:
        if error.field in ("url", "event"):
            raise CommandError(error.message) from error
        raise typer.BadParameter(error.message, param_hint=f"--{error.field.replace('_', '-')}") from error
