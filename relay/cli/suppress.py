"""`relay suppress`: addresses that get no mail."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.frame import (
    CommandError,
    ConfigOption,
    ExitCode,
    JsonOption,
    examples,
    group,
    operator,
    registry,
    relay_data,
    settings,
    store_errors,
)
from relay.cli.output import print_json, print_table
from relay.model.clock import system_clock
from relay.model.suppression import Cause, Suppression

if TYPE_CHECKING:
    from relay.cli.progress import Progress
    from relay.config import Config
    from relay.manage.suppression_files import Usual
    from relay.store.beside import Suppressions

SHOWN = 20  # bad lines of an import that are told; more are counted
PAGE = 1000

app = group(
    "Suppressions: addresses that get no mail. They are looked up before each attempt.",
    "relay suppress add ann@example.net --note 'asked by phone'",
    "relay suppress import bounces.csv",
)
Addresses = Annotated[
    list[str], typer.Argument(metavar="ADDRESS...", help="Addresses; @example.net is everybody there.")
]
OfAccount = Annotated[
    str, typer.Option("--account", metavar="NAME", help="For mail of this account. Default: of every account.")
]
OfGroup = Annotated[
    str,
    typer.Option("--group", metavar="NAME", help="For mail of this suppression group. Default: of every group."),
]
OfStream = Annotated[
    str, typer.Option("--stream", metavar="NAME", help="For mail of this stream. Default: of every stream.")
]


@app.command(
    "add",
    epilog=examples(
        "relay suppress add ann@example.net --note 'asked by phone'",
        "relay suppress add @gone.example --account shop --until 30d",
    ),
)
def add(
    addresses: Addresses,
    account: OfAccount = "",
    stream: OfStream = "",
    group: OfGroup = "",
    cause: Annotated[Cause, typer.Option(help="Why it is on the list.")] = Cause.HAND,
    note: Annotated[str, typer.Option(help="For people who look at the list.")] = "",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Until then: 30d from now, or a time. Default: for good.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put addresses on the list; one that is there already for that cause gets the new note and end."""
    from relay.cli.times import ahead
    from relay.manage.suppressions import describe, entry

    checked = settings(config)
    now, end = system_clock(), ahead(until, "--until")
    try:
        entries = [
            entry(each, created=now, account=account, stream=stream, group=group, cause=cause, note=note, until=end)
            for each in addresses
        ]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="ADDRESS") from error
    with opened(checked) as listed:
        _must_be(checked, account)
        new = listed.add(entries)
    where = {"account": account, "stream": stream, "group": group}
    _audit(checked, "suppress add", {"entries": len(entries), "new": new, **where})
    if as_json:
        print_json([describe(each) for each in entries])
    else:
        print(f"{_entries(new)} added, {len(entries) - new} renewed")


@app.command(
    "list",
    epilog=examples(
        "relay suppress list", "relay suppress list --address ann@example.net", "relay suppress list --account shop"
    ),
)
def listing(
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Only entries of this account.")] = None,
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Only entries that concern this address, its domain's too.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List suppressions by address; `export` gives all of them."""
    from relay.manage.suppressions import describe

    with opened(settings(config)) as listed:
        found = listed.listing(account, _normal(address) if address else "", limit=limit)[:limit]
    print_entries([describe(each) for each in found], as_json)


def print_entries(described: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(described)
    else:
        columns = ["address", "account", "stream", "group", "cause", "until", "created", "note"]
        print_table(columns, [[each[name] for name in columns] for each in described])


@app.command(
    "remove",
    epilog=examples(
        "relay suppress remove ann@example.net --everywhere",
        "relay suppress remove ann@example.net --account shop --group newsletter",
    ),
)
def remove(
    addresses: Addresses,
    account: OfAccount = "",
    stream: OfStream = "",
    group: OfGroup = "",
    cause: Annotated[Cause | None, typer.Option(help="Only what is there for this cause. Default: for any.")] = None,
    everywhere: Annotated[
        bool,
        typer.Option("--everywhere", help="The entries of all accounts, streams and groups for these addresses."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take addresses off the list, so that they get mail again.

    An entry for one account, stream or group is taken by naming these, as `relay suppress list` shows them, or with
    --everywhere: who unsubscribed or bounced has one for the account whose mail it was.
    """
    if everywhere and (account or stream or group):
        raise typer.BadParameter(
            "says all accounts, streams and groups, so leave out --account, --stream and --group",
            param_hint="--everywhere",
        )
    checked, place = settings(config), (account, stream.lower(), group.lower())
    wanted = [_normal(each) for each in addresses]
    gone: list[Suppression] = []
    with opened(checked) as listed:
        for address in wanted:
            there = [each for each in listed.listing(None, address) if each.address == address]
            found = [
                each
                for each in there
                if (everywhere or (each.account, each.stream, each.group) == place) and cause in (None, each.cause)
            ]
            if not found:
                raise CommandError(_missing(there, address, place, cause), ExitCode.NOT_FOUND)
            gone += [each for each in found if _removed(listed, each)]
    where = {"account": account, "stream": place[1], "group": place[2], "cause": cause and cause.value}
    _audit(checked, "suppress remove", {"entries": len(gone), **where})
    print_json({"removed": len(gone)}) if as_json else print(f"{_entries(len(gone))} removed")


@app.command(
    "import",
    epilog=examples(
        "relay suppress import bounces.csv", "relay suppress import --account shop --cause unsubscribe - < list.txt"
    ),
)
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, JSON objects, or one address a line; - is standard input.")
    ],
    account: OfAccount = "",
    cause: Annotated[Cause, typer.Option(help="Why they are on the list, where a line does not say.")] = Cause.HAND,
    strict: Annotated[bool, typer.Option("--strict", help="Take nothing when a line is bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only check the lines.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the addresses of a file on the list.

    Columns: address,account,stream,cause,note,until,created,group, in this order or as the first line names them; all
    but the address may be left out. `until` is a time, or 30d from now. A JSON object a line with these names is
    taken, too, and so are the exports of SendGrid, Mailgun and Postmark as they are. Bad lines are told and left out,
    and the command then ends with code 1.
    """
    from relay.manage.suppression_files import Usual

    checked = settings(config)
    with opened(checked) as listed:
        _must_be(checked, account)
        usual = Usual(account=account, cause=cause.value, created=system_clock())
        tally = _import(checked, listed, file, usual, strict=strict, dry_run=dry_run)
    if not dry_run and tally.good:
        _audit(checked, "suppress import", {"entries": tally.good, "new": tally.new, "account": account})
    if as_json:
        print_json({"entries": tally.good, "new": tally.new, "bad": tally.bad, "dry_run": dry_run})
    elif dry_run:
        print(f"{_entries(tally.good)} would be taken{_left_out(tally)}")
    else:
        print(f"{_entries(tally.new)} added, {tally.good - tally.new} renewed{_left_out(tally)}")
    if tally.bad:
        raise CommandError(f"{file}: {_bad_lines(tally.bad)} left out")


class _Tally:
    """What an import came to so far; bad lines are told as they come."""

    def __init__(self, name: str, shown: Progress) -> None:
        self.good = self.new = self.bad = 0
        self._name = name
        self._shown = shown

    def entries(self, lines: Iterable[str], known: frozenset[str], usual: Usual) -> Iterator[Suppression]:
        from relay.manage.suppression_files import Bad, read

        for each in read(lines, known, usual):
            if isinstance(each, Bad):
                self._bad(each.line, each.why)
                continue
            self.good += 1
            if self.good % PAGE == 0:
                self._shown.at(self.good)
            yield each

    def _bad(self, line: int, why: str) -> None:
        self.bad += 1
        if self.bad <= SHOWN:
            print(f"relay: {self._name}, line {line}: {why}", file=sys.stderr)
        elif self.bad == SHOWN + 1:
            print("relay: further bad lines are only counted", file=sys.stderr)


def _import(config: Config, listed: Suppressions, file: Path, usual: Usual, *, strict: bool, dry_run: bool) -> _Tally:
    """Raises CommandError, OSError."""
    from relay.cli.progress import progress

    if strict and str(file) == "-":
        raise typer.BadParameter("--strict reads the file twice, so it cannot be standard input", param_hint="FILE")
    with registry(config) as known_ones:
        known = frozenset(each.name for each in known_ones.accounts())
    with progress("import", "lines") as shown:
        if strict or dry_run:
            tally = _Tally(str(file), shown)
            with _reading(file) as lines:
                for _ in tally.entries(lines, known, usual):
                    pass
            if tally.bad and strict:
                raise CommandError(f"{file}: {_bad_lines(tally.bad)}, so nothing was taken")
            if dry_run:
                return tally
        tally = _Tally(str(file), shown)
        with _reading(file) as lines:
            tally.new = listed.add(tally.entries(lines, known, usual))
    return tally


@contextmanager
def _reading(file: Path) -> Iterator[Iterable[str]]:
    """Raises CommandError for what is no text."""
    try:
        if str(file) == "-":
            yield sys.stdin
            return
        with file.open(encoding="utf-8", newline="") as lines:
            yield lines
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8: {error.reason} at octet {error.start}") from error


@app.command(
    "export", epilog=examples("relay suppress export > suppressions.csv", "relay suppress export --account shop")
)
def export(
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Only entries of this account.")] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print all suppressions as CSV, as `import` takes them."""
    from relay.cli.output import print_line
    from relay.manage.suppressions import COLUMNS, describe, row

    with opened(settings(config)) as listed:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if not as_json:
            writer.writerow(COLUMNS)
        for each in _all(listed, account):
            print_line(describe(each)) if as_json else writer.writerow(row(each))


def _all(listed: Suppressions, account: str | None) -> Iterator[Suppression]:
    after = ""
    while found := listed.listing(account, after=after, limit=PAGE):
        yield from found
        after = found[-1].address


@contextmanager
def opened(config: Config) -> Iterator[Suppressions]:
    """The list, closed afterwards."""
    from relay.cli.files import give_to_holder, private_files
    from relay.store.sqlite import open_suppressions

    path = relay_data(config) / "suppressions.db"
    fresh = not path.exists()
    with store_errors(config.data), private_files(), closing(open_suppressions(path)) as found:
        if fresh:
            for each in config.data.glob(f"{path.name}*"):
                give_to_holder(each)
        yield found


def _normal(address: str) -> str:
    from relay.manage.suppressions import normal

    try:
        return normal(address)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="ADDRESS") from error


def _must_be(config: Config, account: str) -> None:
    if account:
        with registry(config) as found:
            found.account(account)


def _removed(listed: Suppressions, entry: Suppression) -> bool:
    return listed.remove(entry.account, entry.address, entry.stream, group=entry.group, cause=entry.cause)


def _missing(there: Sequence[Suppression], address: str, place: tuple[str, str, str], cause: Cause | None) -> str:
    if not there:
        return f"{address} is not on the list"
    where = ", ".join(_place(each.account, each.stream, each.group, each.cause) for each in there)
    asked = _place(*place, cause)
    return f"{address} is not on the list for {asked}, but for {where}; --everywhere takes all of them"


def _place(account: str, stream: str, group: str, cause: Cause | None) -> str:
    more = (f", group {group}" if group else "") + (f", cause {cause.value}" if cause is not None else "")
    return f"account {account or '(every)'}, stream {stream or '(every)'}{more}"


def _audit(config: Config, act: str, detail: dict[str, object]) -> None:
    with registry(config) as found:
        found.audit(system_clock(), operator(), act, {name: value for name, value in detail.items() if value})


def _left_out(tally: _Tally) -> str:
    return f", {_bad_lines(tally.bad)} left out" if tally.bad else ""


def _bad_lines(number: int) -> str:
    return "1 bad line" if number == 1 else f"{number} bad lines"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
