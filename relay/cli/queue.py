"""`relay queue`: who waits for what, and what an operator wants done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import CommandError, ConfigOption, ExitCode, JsonOption, examples, group, program, settings
from relay.cli.gather import gather
from relay.cli.output import print_fields, print_json, print_table, when
from relay.cli.selection import Asked, check_names
from relay.cli.times import seconds_of
from relay.manage import queue as manage
from relay.manage.rules import shown_options
from relay.model.ids import parse_id
from relay.model.message import Message, State
from relay.model.order import Act, Selection

if TYPE_CHECKING:
    from relay.cli.acting import Came
    from relay.config import Config


COLUMNS = ("id", "state", "attempts", "next", "from", "to", "reply")


class Listing(typer.core.TyperGroup):
    """`relay queue` alone, or with options or ids for `list`, is `relay queue list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if not args and ctx.resilient_parsing:  # a shell asks what may come here
            return super().parse_args(ctx, args)
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names) or _is_id(args[0]):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def _is_id(word: str) -> bool:
    try:
        return bool(parse_id(word))
    except ValueError:
        return False


app = group(
    "The queue: who waits for what. Without a command it is listed.",
    "relay queue",
    "relay queue --counts",
    "relay queue hold --domain example.net --reason 'their server is being moved'",
    cls=Listing,
)


@app.command(
    "list",
    epilog=examples(
        "relay queue list --state queued --domain example.net",
        "relay queue list --account shop --tag invoice --older 2h",
        "relay queue list --counts",
    ),
)
@gather
def listing(
    asked: Asked,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    counts: Annotated[bool, typer.Option("--counts", help="How many recipients are in each state.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List recipients that wait, the next attempt first.

    Final states (delivered, failed, ...) are listed when asked for, while their messages are kept.
    """
    from relay.cli.shards import every_reader

    checked = settings(config)
    selection = asked.selection()
    if counts:
        shown = _counts(checked, selection)
        print_json(shown) if as_json else print_fields(shown)
        return
    described = [manage.describe(*each) for each in manage.listing(every_reader(checked), selection, limit)]
    if as_json:
        print_json(described)
    else:
        print_table(COLUMNS, [[each[name] for name in COLUMNS] for each in described])


def _counts(config: Config, selection: Selection) -> Mapping[str, int]:
    """By state, ended ones too unless states were asked for."""
    from relay.cli.shards import every_reader

    wanted = selection if selection.states else replace(selection, states=tuple(State))
    total: Counter[State] = Counter()
    for reader in every_reader(config):
        total.update(reader.counts() if selection == Selection() else reader.matching(wanted))
    return {each.value: total[each] for each in selection.states or State}


@app.command("show", epilog=examples("relay queue show 0f3k2m9s8t7u6v5a", "relay queue show 0f3k2m9s8t7u6v5a-1"))
def show(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Of a submission or of a recipient.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a message as it lies in the queue: what it is, its options, and the state of each recipient.

    `relay explain` tells its story, and what holds it back.
    """
    from relay.cli.shards import known_id, reader

    wanted, shard = known_id(message_id)
    with reader(settings(config), shard) as opened:
        message = opened.message(wanted.submission)
        states = [each for each in opened.recipients(wanted.submission) if wanted.recipient in (None, each.number)]
    if not states:
        raise CommandError(f"{wanted.submission} has no recipient {wanted.recipient}", ExitCode.NOT_FOUND)
    print_message(_describe_message(message), [manage.describe(message, each) for each in states], as_json)


def print_message(described: dict[str, Any], recipients: list[dict[str, Any]], as_json: bool) -> None:
    """A message as `_describe_message` has it, its recipients as the list has them."""
    if as_json:
        print_json({**described, "recipients": recipients})
        return
    options = described.pop("options")
    print_fields({**described, **shown_options(options)})
    print()
    columns = ["id", "state", "attempts", "next", "ended", "to", "site", "reply"]
    print_table(columns, [[each[name] for name in columns] for each in recipients])


def _describe_message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "account": message.account,
        "credential": message.credential,
        "from": message.envelope.reverse_path or "<>",
        "received": when(message.received),
        "deadline": when(message.deadline),
        "size": message.size,
        "origin": message.origin.value,
        "sandbox": message.sandbox,
        "peer": message.peer,
        "warnings": list(message.resolved.warnings),
        "options": message.resolved.options.as_dict(),
    }


# What is said of each act.
ACTS: Mapping[Act, tuple[str, tuple[str, ...]]] = {
    Act.RETRY: (
        "Try queued mail now, whatever its next attempt was.\n\nA send window that is closed still holds. With "
        "--site, and without --account, a pause of that site ends, too.",
        ("relay queue retry 0f3k2m9s8t7u6v5a-1", "relay queue retry --site mx.example.net"),
    ),
    Act.HOLD: (
        "Hold queued mail until it is released.\n\nWhat is being sent just now is not stopped. Mail that comes later "
        "is not held.",
        ("relay queue hold --campaign spring --reason 'wrong prices'", "relay queue hold --account shop --dry-run"),
    ),
    Act.RELEASE: (
        "Let held mail go: it is queued again, due when it was.\n\nIt is tried for its whole lifetime from then on, "
        "or until its deliver_by.",
        ("relay queue release --campaign spring", "relay queue release 0f3k2m9s8t7u6v5a"),
    ),
    Act.FAIL: (
        "Return waiting mail to its sender: it ends as failed, with a report where one is wanted.",
        ("relay queue fail --domain gone.example --reason 'this domain takes no mail any more'",),
    ),
    Act.DELETE: (
        "End waiting mail without a word to its sender: it ends as cancelled.",
        ("relay queue delete --send-cancel-id newsletter-17", "relay queue delete --tag test --older 1d"),
    ),
}


def _command(act: Act) -> Callable[..., None]:
    """All acts ask for the same things."""
    states = manage.CHANGES[act]

    @gather
    def run(
        asked: Asked,
        reason: Annotated[
            str,
            typer.Option(metavar="TEXT", help="Why; stands in events, in the audit, and in a report to the sender."),
        ] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say how many it would concern.")] = False,
        yes: Annotated[
            bool, typer.Option("--yes", "-y", help="Do not ask, also where it concerns everything.")
        ] = False,
        wait: Annotated[str, typer.Option(metavar="TIME", help="How long to wait for the relay to do it.")] = "60s",
        config: ConfigOption = None,
        as_json: JsonOption = False,
    ) -> None:
        _act(settings(config), act, asked.selection(), states, reason, wait, dry_run, yes, as_json)

    return run


for _one, (_help, _lines) in ACTS.items():
    app.command(_one.value, help=_help, epilog=examples(*_lines))(_command(_one))


def _act(
    config: Config,
    act: Act,
    selection: Selection,
    states: tuple[State, ...],
    reason: str,
    wait: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from relay.cli.acting import give
    from relay.cli.shards import every_reader

    seconds = seconds_of(wait)
    check_names(config, selection)
    found = {state.value: number for state, number in manage.count(every_reader(config), selection).items()}
    concerned = sum(found.get(each.value, 0) for each in states)
    in_flight = found.get(State.FLIGHT.value, 0)
    if dry_run:
        say_dry(act, concerned, in_flight, as_json)
        return
    if manage.is_everything(selection) and not yes:
        confirm(act, concerned)
    came = give(config, act, selection, reason, seconds)
    idle = not (as_json or came.changed or came.outstanding)
    _say(came, as_json, _left(act, states, _counts(config, selection)) if idle else "")


def say_dry(act: Act, concerned: int, in_flight: int, as_json: bool) -> None:
    if as_json:
        print_json({"act": act.value, "dry_run": True, "concerned": concerned, "in_flight": in_flight})
        return
    flying = f"; {in_flight} are being sent now and would be left alone" if in_flight else ""
    print(f"{act.value} would concern {recipients_text(concerned)}{flying}")


def confirm(act: Act, concerned: int) -> None:
    """Raises CommandError unless a person says yes."""
    import sys

    said = f"this would {act.value} everything that waits: {recipients_text(concerned)}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError(f"{said}; select less, or say --yes", ExitCode.USAGE)
    if not typer.confirm(f"{said[:1].upper()}{said[1:]}. Go on?", err=True):
        raise CommandError("nothing was done")


def _left(act: Act, states: tuple[State, ...], counts: Mapping[str, int]) -> str:
    """Why nothing was changed: what fits, and is in a state the act is not for."""
    already = {Act.HOLD: State.HELD, Act.RELEASE: State.QUEUED}.get(act)
    said = []
    for state in manage.WAITING:
        if state not in states and (number := counts.get(state.value, 0)):
            verb = "is" if number == 1 else "are"
            said.append(f"{number} that {'fits' if number == 1 else 'fit'} {verb} {state.value}")
            said[-1] += " already" if state is already else ""
    if ended := sum(counts.get(each.value, 0) for each in State if each.final):
        fit = "" if said else " that fits" if ended == 1 else " that fit"
        said.append(f"{ended}{fit} {'has' if ended == 1 else 'have'} ended")
    return f"; {', '.join(said)}" if said else "" if any(counts.values()) else "; none fits"


def _say(came: Came, as_json: bool, left: str = "") -> None:
    """Raises CommandError where shards are outstanding."""
    if as_json:
        print_json(
            {
                "order": came.order.number,
                "act": came.order.act.value,
                "changed": came.changed,
                "in_flight": came.in_flight,
                "shards": sorted(came.done),
                "outstanding": {str(shard): why for shard, why in sorted(came.outstanding.items())},
            }
        )
    else:
        flying = f"; {came.in_flight} are being sent now and were left alone" if came.in_flight else ""
        print(f"{came.order.act.value}: {recipients_text(came.changed)}{left}{flying}")
    if came.outstanding:
        raise CommandError("\n".join([*_outstanding(came), f"`{program()} check` tells who owns each shard"]))


def _outstanding(came: Came) -> list[str]:
    first = f"order {came.order.number} is not done everywhere; it stays in force, and is done as soon as it can be"
    return [first, *(f"shard {shard}: {why}" for shard, why in sorted(came.outstanding.items()))]


def recipients_text(number: int) -> str:
    return "1 recipient" if number == 1 else f"{number} recipients"
