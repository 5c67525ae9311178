"""`relay erase ADDRESS`: forget a person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.frame import (
    CommandError,
    ConfigOption,
    ExitCode,
    JsonOption,
    program,
    relay_data,
    settings,
    store_errors,
)
from relay.cli.output import print_json
from relay.cli.times import seconds_of
from relay.model.order import Act, Selection

if TYPE_CHECKING:
    from relay.cli.acting import Came
    from relay.config import Config

AGAIN = 1.0  # seconds before the next try while mail for the address is being sent; twice as long each time
FOLDED = 30.0  # seconds the reporter may take for what the shards wrote before they were erased


def erase(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whose; the whole address.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say how much there is.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for the relay to do it.")] = "60s",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an address out of queue, contents, journal and report database.

    Mail that still waits for it is cancelled, contents that went to it alone are forgotten, and events say
    erased@invalid in its place. A suppression of the address stays, so that no mail goes there again:
    `relay suppress remove` takes it away. Logs and backups made before are not touched.
    """
    checked = settings(config)
    relay_data(checked)
    plain = _address(address)
    recipients, events, suppressed = _found(checked, plain)
    if dry_run:
        if as_json:
            print_json({"dry_run": True, "recipients": recipients, "events": events, "suppressions": suppressed})
        else:
            more = "1000 or more" if events == 1000 else str(events)
            print(f"{recipients} recipients, {more} events; kept: {_suppressions(suppressed)}")
        return
    _confirm(plain, yes)
    came = _order(checked, plain, seconds_of(wait))
    if came.outstanding or came.in_flight:
        raise CommandError(_unfinished(came))
    told = _report(checked, plain)
    if as_json:
        print_json({"recipients": came.changed, "events": told, "suppressions_left": suppressed})
        return
    print(f"erased: {came.changed} recipients, {told} events of the report database")
    if suppressed:
        hint = f"{program()} suppress remove {plain} --everywhere"
        print(f"kept: {_suppressions(suppressed)}, so that no mail goes there again; {hint}")


def _suppressions(number: int) -> str:
    return "1 suppression" if number == 1 else f"{number} suppressions"


def _address(given: str) -> str:
    from relay.manage.suppressions import normal

    try:
        plain = normal(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="ADDRESS") from error
    if plain.startswith("@"):
        raise typer.BadParameter("a whole address is needed, not a domain", param_hint="ADDRESS")
    return plain


def _found(config: Config, address: str) -> tuple[int, int, int]:
    """Recipients, events (a thousand at most are counted) and suppressions."""
    from relay.cli.shards import every_reader
    from relay.cli.suppress import opened
    from relay.manage.queue import count
    from relay.model.message import State
    from relay.report.search import Filter
    from relay.report.search import events as search

    recipients = count(every_reader(config), Selection(address=address, states=tuple(State))).total()
    with store_errors(config.data):
        events = len(search(config.data, Filter(address=address), 1000))
    with opened(config) as listed:
        suppressed = sum(each.address == address for each in listed.listing(None, address))
    return recipients, events, suppressed


def _confirm(address: str, yes: bool) -> None:
    """Raises CommandError unless a person says yes."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"this forgets {address} for good; say --yes", ExitCode.USAGE)
    if not typer.confirm(f"Forget {address} for good?", err=True):
        raise CommandError("nothing was done")


def _order(config: Config, address: str, seconds: float) -> Came:
    """Given again while mail for the address is just being sent."""
    from relay.cli.acting import give

    deadline = time.monotonic() + seconds
    changed, pause = 0, AGAIN
    while True:
        came = give(config, Act.ERASE, Selection(address=address), "", max(0.0, deadline - time.monotonic()))
        changed += came.changed
        if came.outstanding or not came.in_flight or time.monotonic() + pause > deadline:
            came.earlier = changed - came.changed
            return came
        time.sleep(pause)
        pause *= 2


def _unfinished(came: Came) -> str:
    lines = []
    if came.in_flight:
        lines.append(
            f"{came.in_flight} recipients are not erased yet: mail for the address, or from it, is still on its way; "
            "run it again later"
        )
    lines += [f"shard {shard}: {why}" for shard, why in sorted(came.outstanding.items())]
    return "\n".join(lines)


def _report(config: Config, address: str) -> int:
    """Once the reporter has folded what the shards wrote before, so that it brings nothing back."""
    from relay.report.erase import erase as erase_report
    from relay.store.running import running

    with store_errors(config.data):
        if running(config.data) is not None:
            _folded(config)
        return erase_report(config.data, address)


def _folded(config: Config) -> None:
    """Wait until the reporter is where the journals are now. Raises CommandError."""
    from contextlib import closing

    from relay.report import database
    from relay.report.fold import Filter
    from relay.report.follow import Follower

    with closing(Follower(config.data, Filter())) as follower:
        wanted = follower.position
    deadline = time.monotonic() + FOLDED
    while True:
        connection = database.open_to_read(config.data)
        if connection is not None:
            with closing(connection):
                cursors = database.cursors(connection)
            if all(cursors.get(shard, 0) >= seq for shard, seq in wanted.items()):
                return
        if time.monotonic() > deadline:
            raise CommandError("the reporter lags behind; the queue is clean, run it again for the report database")
        time.sleep(0.1)
