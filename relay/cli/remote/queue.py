"""`queue` over the API: what waits of the account's mail, and orders to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from relay.cli.frame import CommandError, ExitCode, JsonOption
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table
from relay.cli.queue import ACTS, COLUMNS, Listing, confirm, print_message, recipients_text, say_dry
from relay.cli.remote.client import name, remote
from relay.cli.remote.frame import Family, family
from relay.cli.times import seconds_of
from relay.model.message import State
from relay.model.order import Act

ASK = 0.2  # seconds between looks whether an order is carried out
OPEN = tuple(each for each in State if not each.final)


class _Queue(Listing, Family):
    """`queue` alone lists it."""


app = family("The queue: who waits for what. Without a command it is listed.", cls=_Queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The options as they were given; those of the local commands but --account."""

    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Of submissions or of recipients.", show_default=False)
    ] = None
    state: Annotated[
        list[State] | None,
        typer.Option(help="Only recipients in this state, queued, flight or held; may be given again. Default: all."),
    ] = None
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Only recipients at this domain.")] = ""
    site: Annotated[
        str, typer.Option(metavar="SITE", help="Only those last tried at this site; explain names it.")
    ] = ""
    credential: Annotated[str, typer.Option(metavar="NAME", help="Only what this credential handed in.")] = ""
    tag: Annotated[str, typer.Option(metavar="TAG", help="Only messages with this tag.")] = ""
    campaign: Annotated[str, typer.Option(metavar="NAME", help="Only messages of this campaign.")] = ""
    send_cancel_id: Annotated[str, typer.Option(metavar="ID", help="Only messages with this send_cancel_id.")] = ""
    older: Annotated[
        str, typer.Option(metavar="AGE", help="Only what came longer ago: 2h, 3d, or before a time.")
    ] = ""
    newer: Annotated[str, typer.Option(metavar="AGE", help="Only what came since then: 30min, or a time.")] = ""

    def properties(self) -> dict[str, Any]:
        """Of an order; what was not given is not there. Raises BadParameter."""
        if ended := [each.value for each in self.state or () if each.final]:
            said = f"{', '.join(ended)}: the API tells of what waits: {', '.join(OPEN)}; `relay events` of the rest"
            raise typer.BadParameter(said, param_hint="--state")
        given = {
            "ids": list(self.ids or ()),
            "states": [each.value for each in self.state or ()],
            "domain": self.domain,
            "site": self.site,
            "credential": self.credential,
            "tag": self.tag,
            "campaign": self.campaign,
            "send_cancel_id": self.send_cancel_id,
            "before": self.older,
            "since": self.newer,
        }
        return {each: value for each, value in given.items() if value}

    def query(self) -> dict[str, Any]:
        return {
            each: ",".join(value) if isinstance(value, list) else value for each, value in self.properties().items()
        }


@app.command("list")
@gather
def listing(
    asked: Chosen,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    counts: Annotated[bool, typer.Option("--counts", help="How many recipients are in each state.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List recipients that wait, the next attempt first."""
    if counts:
        states = remote().get("/queue", **asked.query())["states"]
        shown = {each: number for each, number in states.items() if each in (asked.state or states)}
        print_json(shown) if as_json else print_fields(shown)
        return
    found = remote().pages("/queue/messages", "recipients", limit, **asked.query())
    if as_json:
        print_json(found)
    else:
        print_table(COLUMNS, [[each[column] for column in COLUMNS] for each in found])


@app.command("show")
def show(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Of a submission or of a recipient.")],
    as_json: JsonOption = False,
) -> None:
    """Show a message as it lies in the queue: what it is, its options, and the state of each recipient.

    `explain` tells its story, and what holds it back.
    """
    found = remote().get(f"/messages/{name(message_id)}/explain")
    if not found["kept"]:
        raise CommandError(
            f"there is no message {message_id} any more; `explain` tells its story", ExitCode.NOT_FOUND
        )
    same = ("id", "account", "credential", "from", "received", "deadline", "size", "origin", "sandbox", "peer")
    described = {each: found[each] for each in (*same, "warnings")}
    described["from"] = found["sender"] or "<>"
    described["options"] = {each: told["value"] for each, told in found["options"].items()}
    print_message(described, [_recipient(described, each) for each in found["recipients"]], as_json)


def _recipient(message: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """As the list of the queue has it."""
    same = {each: message[each] for each in ("from", "account", "credential", "received", "deadline", "size")}
    own = {each: told[each] for each in ("id", "state", "attempts", "ended", "reply")}
    site = told["route"].get("site", "")
    return {**own, **same, "to": told["address"], "next": told["next_attempt"], "site": site}


def _command(act: Act) -> Callable[..., None]:
    @gather
    def run(
        asked: Chosen,
        reason: Annotated[
            str,
            typer.Option(metavar="TEXT", help="Why; stands in events, in the audit, and in a report to the sender."),
        ] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say how many it would concern.")] = False,
        yes: Annotated[
            bool, typer.Option("--yes", "-y", help="Do not ask, also where it concerns everything.")
        ] = False,
        wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for the relay to do it.")] = "60s",
        as_json: JsonOption = False,
    ) -> None:
        _act(act, {**asked.properties(), "act": act.value, "reason": reason}, dry_run, yes, seconds_of(wait), as_json)

    return run


for _one, (_help, _) in ACTS.items():
    app.command(_one.value, help=_help)(_command(_one))


def _act(act: Act, order: dict[str, Any], dry_run: bool, yes: bool, seconds: float, as_json: bool) -> None:
    rehearsed = remote().post("/queue/orders", {**order, "dry_run": True})
    if dry_run:
        say_dry(act, rehearsed["concerned"], rehearsed["in_flight"], as_json)
        return
    everything = not order.keys() - {"act", "reason", "states"}
    if everything and not yes:
        confirm(act, rehearsed["concerned"])
    given = remote().post("/queue/orders", {**order, "everything": everything})
    came = _came(given["order"], seconds)
    if as_json:
        print_json({each: came[each] for each in ("order", "act", "changed", "in_flight", "outstanding")})
    else:
        flying = f"; {came['in_flight']} are being sent now and were left alone" if came["in_flight"] else ""
        print(f"{act.value}: {recipients_text(came['changed'])}{flying}")
    if came["outstanding"]:
        shards = ", ".join(map(str, came["outstanding"]))
        raise CommandError(
            f"order {came['order']} is not done everywhere (shards {shards}); it stays in force, and is done as soon "
            "as it can be"
        )


def _came(number: int, seconds: float) -> Mapping[str, Any]:
    """The order once it is carried out, or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found: Mapping[str, Any] = remote().get(f"/queue/orders/{number}")
        if found["done"] or time.monotonic() >= deadline:
            return found
        time.sleep(ASK)
