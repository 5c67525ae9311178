"""Suppressions in files: imported line by line, exported as a stream."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import closing

import msgspec

from relay.manage.suppression_files import LONG, LONGEST_LINE, Usual, read
from relay.manage.suppression_lists import Tally, Wanted, every
from relay.manage.suppressions import COLUMNS, describe, row
from relay.model.account import Scope
from relay.model.suppression import Cause, Suppression
from relay.store.sqlite import open_suppressions
from relay.web.api.answers import answer
from relay.web.api.call import CSV, JSON, Answer, Asked, Body, Call, Kind, Param, Shown
from relay.web.api.calls.suppressions_shared import FAMILY, FILTERS, SHOWN, audit, wanted_of
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.api.shapes import Imported
from relay.web.api.spool import Spool

NDJSON = "application/x-ndjson"
FAULTS = 100  # that an import tells; more are counted
_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")


async def suppressions_import(services: Services, asked: Asked) -> Answer:
    assert asked.spool is not None
    strict, dry_run = asked.query["strict"], asked.query["dry_run"]
    usual = Usual(account=asked.caller.account, cause=asked.query["cause"] or "", created=asked.at, own=True)
    path, spool = services.data / "suppressions.db", asked.spool

    def work() -> Tally:
        tally = Tally()
        if strict or dry_run:
            for _ in _taken(tally, spool, usual):
                pass
            if dry_run or tally.bad:
                return tally
            tally = Tally()
        with closing(open_suppressions(path)) as listed:
            tally.new = listed.add(_taken(tally, spool, usual))
        return tally

    tally = await services.threaded(work)
    if strict and tally.bad and not dry_run:
        first = tally.faults[0]
        raise Problem("bad_value", f"line {first.line}: {first.why}; nothing was taken", field=f"line {first.line}")
    if tally.good and not dry_run:
        audit(services, asked, "suppress import", {"entries": tally.good, "new": tally.new})
    faults = [{"line": each.line, "why": each.why} for each in tally.faults]
    return answer({"entries": tally.good, "new": tally.new, "bad": tally.bad, "faults": faults, "dry_run": dry_run})


async def suppressions_export(services: Services, asked: Asked) -> Answer:
    wanted, as_csv = wanted_of(asked), asked.query["format"] == "csv"
    name = "suppressions.csv" if as_csv else "suppressions.ndjson"
    return Answer(
        body=_written(services, asked.caller.account, wanted, as_csv),
        media=CSV if as_csv else NDJSON,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _written(services: Services, account: str, wanted: Wanted, as_csv: bool) -> Iterator[bytes]:
    """Run in threads, with a list of its own."""
    with closing(open_suppressions(services.data / "suppressions.db")) as listed:
        if as_csv:
            yield ",".join(COLUMNS).encode() + b"\n"
        for each in every(listed, account, operators=False, address=wanted.address):
            if wanted.fits(each):
                yield _row(each) if as_csv else msgspec.json.encode(describe(each)) + b"\n"


def _row(given: Suppression) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row(given))
    return text.getvalue().encode()


def _taken(tally: Tally, spool: Spool, usual: Usual) -> Iterator[Suppression]:
    return tally.taken(read(_lines(spool), frozenset({usual.account}), usual), FAULTS)


def _lines(spool: Spool) -> Iterator[str]:
    """Text line by line; one that is too long is an empty line, octets that are no UTF-8 are told by their line."""
    with spool.view() as octets:
        for found in _LINE.finditer(octets):
            short = found.end() - found.start() <= LONGEST_LINE
            yield found[0].decode("utf-8", "surrogateescape") if short else LONG


CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/suppressions/export",
        name="suppressions_export",
        family=FAMILY,
        summary="Export suppressions",
        help="All entries of the account, as `import` takes them: CSV, or a JSON object a line. Streamed.",
        scope=Scope.READ,
        handler=suppressions_export,
        query=(
            *FILTERS,
            Param(name="format", help="Of the file.", example="csv", choices=("csv", "ndjson"), default="csv"),
        ),
        answers=(
            Shown(
                help="CSV.",
                media=CSV,
                example=(
                    "address,account,stream,cause,note,until,created,group\n"
                    "ann@example.net,shop,,bounce,550 5.1.1 no such user,,2026-05-01T08:00:00.000Z,\n"
                ),
                headers={"Content-Disposition": "A name for the file."},
            ),
            Shown(help="NDJSON.", media=NDJSON, example=msgspec.json.encode(SHOWN).decode() + "\n"),
        ),
        codes=("bad_parameter", "unavailable"),
    ),
    Call(
        method="POST",
        path="/suppressions/import",
        name="suppressions_import",
        family=FAMILY,
        summary="Import suppressions",
        help=(
            "The body is CSV, a JSON object a line, or an address a line. Columns are those of the export, in that "
            "order or as the first line names them; all but the address may be left out. The exports of SendGrid, "
            "Mailgun (tags become groups) and Postmark are taken as they are. Bad lines are left out, counted, and "
            f"the first {FAULTS} of them told; with `strict` a bad line is 422 and nothing is taken. What is on the "
            "list already for the same stream, group and cause gets the new note and end. A complaint has no `until`."
        ),
        scope=Scope.MANAGE,
        handler=suppressions_import,
        query=(
            Param(
                name="cause",
                help="Why they are on the list, where neither a line nor the kind of export says it. Default: hand.",
                example="bounce",
                choices=tuple(each.value for each in Cause),
            ),
            Param(
                name="strict",
                help="Take nothing when a line is bad.",
                example="1",
                kind=Kind.BOOLEAN,
                default=False,
            ),
            Param(name="dry_run", help="Only check the lines.", example="1", kind=Kind.BOOLEAN, default=False),
        ),
        body=Body(
            help="the file",
            types=("text/csv", NDJSON, "text/plain", "application/octet-stream", JSON),
            example="ann@example.net\n@gone.example\n",
        ),
        answers=(
            Shown(
                help="What came of it: entries taken, those of them that are new, bad lines.",
                shape=Imported,
                example={
                    "entries": 2,
                    "new": 1,
                    "bad": 1,
                    "faults": [{"line": 3, "why": "there is no address"}],
                    "dry_run": False,
                },
            ),
        ),
        codes=("bad_parameter", "bad_value", "unavailable"),
        once=True,
    ),
)
