"""What an operator says of a webhook: options shared by `add` and `set`, and the webhook that comes of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from relay.cli.output import when
from relay.model.webhook import USUAL, Format, Shape, Signature, Webhook, events_of

_PASSWORD = re.compile(r"^(https?://[^/@:]*:)[^/]*@", re.IGNORECASE)
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

    def apply(self, hook: Webhook) -> Webhook:
        """Raises BadParameter."""
        shape = self.shape or hook.shape
        events = self.events.split(",") if self.events else sorted(hook.events)
        if not events:
            events = sorted(each.value for each in USUAL)
        if not self.events and shape is not hook.shape:
            events = [each for each in events if _fits(each, shape)]
        try:
            names = events_of(events, shape)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--events") from error
        given = {
            name: getattr(self, name)
            for name in ("format", "batched", "machine", "test", "deferred_every", "note")
            if getattr(self, name) is not None
        }
        signature = self.signature or (_usual(shape) if self.shape is not None else hook.signature)
        changed = replace(hook, events=names, shape=shape, signature=signature, **given)
        if changed.batched and (changed.format is Format.FORM or changed.shape is Shape.SMTPETER):
            raise typer.BadParameter("a form, and SMTPeter's shape, hold one event", param_hint="--batched")
        return changed


def _usual(shape: Shape) -> Signature:
    return Signature.SMTPETER if shape is Shape.SMTPETER else Signature.STANDARD


def _fits(event: str, shape: Shape) -> bool:
    try:
        events_of([event], shape)
    except ValueError:
        return False
    return True


def describe(hook: Webhook) -> dict[str, Any]:
    """In JSON's types, without its secrets and the password of its URL."""
    return {
        "id": hook.id,
        "account": hook.account,
        "url": _PASSWORD.sub(r"\1***@", hook.url),
        "events": sorted(hook.events),
        "format": hook.format.value,
        "shape": hook.shape.value,
        "signature": hook.signature.value,
        "batched": hook.batched,
        "machine": hook.machine,
        "test": hook.test,
        "deferred_every": hook.deferred_every,
        "checked": when(hook.checked),
        "check_file": hook.check_file if hook.shape is Shape.SMTPETER else None,
        "disabled": hook.disabled or None,
        "disabled_at": when(hook.disabled_at),
        "note": hook.note,
        "created": when(hook.created),
    }
