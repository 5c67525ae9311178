"""Aggregate reports of DMARC: which came for the domains of an account, what they count, and their XML."""

from __future__ import annotations

from datetime import UTC, datetime

from relay.model.account import Scope
from relay.model.clock import iso
from relay.store.sqlite.reports_read import Kept, days, listing, report_xml
from relay.web.api.answers import answer
from relay.web.api.call import XML, Answer, Asked, Call, Kind, Param, Shown
from relay.web.api.problem import Problem
from relay.web.api.query import value_of
from relay.web.api.services import Services

FAMILY = "DMARC reports"

_DATE = Param(name="date", help="the day the report came on, UTC", example="2026-11-18", kind=Kind.DATE)
_FROM = Param(
    name="from", help="the domain that reports, or the name of the organization", example="reports.example.net"
)
_FOR = Param(name="for", help="the domain that is reported on", example="example.com")
_ID = Param(
    name="id",
    help="which of the reports of that day, by that domain and on that domain, from 0 in the order they came",
    example="0",
    kind=Kind.INTEGER,
    least=0,
    most=1_000_000,
)
# A stranger wrote it: nothing in it runs or loads in a browser.
_SAFE = {"Content-Security-Policy": "sandbox; default-src 'none'"}
_XML = """<?xml version="1.0" encoding="UTF-8"?>
<feedback><report_metadata><org_name>Example Mail</org_name><email>dmarc@reports.example.net</email>
<report_id>r-1</report_id><date_range><begin>1795000000</begin><end>1795086399</end></date_range></report_metadata>
<policy_published><domain>example.com</domain><p>none</p></policy_published><record>...</record></feedback>
"""
_REPORT = {
    "date": "2026-11-18",
    "from": "reports.example.net",
    "for": "example.com",
    "id": 0,
    "arrived": "2026-11-18T11:06:40.000Z",
    "organization": "Example Mail",
    "email": "dmarc@reports.example.net",
    "report_id": "r-1",
    "begin": "2026-11-17T00:00:00.000Z",
    "end": "2026-11-17T23:59:59.000Z",
    "policy": "none",
    "messages": 120,
    "failed_spf": 3,
    "failed_dkim": 1,
}
_REPORTS_SHAPE = {
    "type": "object",
    "required": ["reports", "next"],
    "properties": {
        "reports": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(_REPORT),
                "properties": {
                    name: {"type": "integer" if isinstance(value, int) else "string"}
                    for name, value in _REPORT.items()
                },
            },
        },
        "next": {"type": ["string", "null"]},
    },
}


async def dmarc(services: Services, asked: Asked) -> Answer:
    return answer(await services.threaded(days, services.data, asked.caller.account))


async def dmarc_report(services: Services, asked: Asked) -> Answer:
    path = asked.path
    value_of(_DATE, path["date"])
    place = value_of(_ID, path.get("id", "0"))
    xml = await services.threaded(
        report_xml, services.data, asked.caller.account, path["date"], path["from"], path["for"], place
    )
    return Answer(body=xml, media=XML, headers=_SAFE)


async def dmarc_reports(services: Services, asked: Asked) -> Answer:
    given = asked.query
    limit = given["limit"]

    found = await services.threaded(
        listing,
        services.data,
        asked.caller.account,
        before=_number(given.get("after")),
        limit=limit + 1,
        domain=given.get("domain") or "",
        since=_midnight(asked, "start"),
        until=_midnight(asked, "end"),
    )
    more = str(found[limit - 1].number) if len(found) > limit else None
    return answer({"reports": [_told(each) for each in found[:limit]], "next": more})


def _told(kept: Kept) -> dict[str, str | int]:
    return {
        "date": kept.day,
        "from": kept.reporter,
        "for": kept.domain,
        "id": kept.place,
        "arrived": iso(kept.arrived),
        "organization": kept.organization,
        "email": kept.email,
        "report_id": kept.id,
        "begin": iso(kept.begin),
        "end": iso(kept.end),
        "policy": kept.policy,
        "messages": kept.messages,
        "failed_spf": kept.failed_spf,
        "failed_dkim": kept.failed_dkim,
    }


def _number(after: str | None) -> int | None:
    if not after:
        return None
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise Problem("bad_parameter", "after: expected what an answer gave as `next`", field="after")
    return int(after)


def _midnight(asked: Asked, name: str) -> float | None:
    day = asked.query.get(name)
    if not day:
        return None
    try:
        return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise Problem("bad_parameter", f"{name}: there is no such day", field=name) from error


_ADDRESS = (
    "Reports come in by mail to `dmarc@` the bounce host of a verified domain, at the listener for returned mail: "
    "put `rua=mailto:dmarc@bounces.example.com` into the DMARC record (the DNS advice has it). Whose organizational "
    "domain is another one than that of the bounce host needs a record `DOMAIN._report._dmarc.BOUNCE-HOST` with "
    "`v=DMARC1`, too, or no service reports there (RFC 7489 section 7.1). "
)
_FORM = (
    "XML by itself, in gzip or in zip, as the whole mail or attached to it, up to 20 MiB; of RFC 7489 or RFC 9990. "
    "What is no such report, or reports on no verified domain here (or one below it), is refused with 550, so that "
    "its sender hears of it. One that comes again is kept once. Reports are kept as `reports` in the configuration "
    "says. "
)

CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/dmarc",
        name="dmarc",
        family=FAMILY,
        summary="Days with reports",
        help=_ADDRESS
        + _FORM
        + "The answer has the days (UTC) on which reports for domains of the account came, the oldest first. "
        "SMTPeter promises *possible* reports on those days; here there is at least one.",
        scope=Scope.READ,
        handler=dmarc,
        answers=(
            Shown(
                help="the days",
                example=["2026-11-17", "2026-11-18"],
                shape={"type": "array", "items": {"type": "string"}},
            ),
        ),
        codes=("unavailable",),
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/dmarc/reports",
        name="dmarc_reports",
        family=FAMILY,
        summary="Reports with their counts",
        help="Which reports came, the newest first: who reports, on which domain and time, of how many messages, and "
        "how many of those failed SPF and DKIM as DMARC counts them (not aligned, or not passed). `date`, `from`, "
        "`for` and `id` are those of the call that gives the XML.",
        scope=Scope.READ,
        handler=dmarc_reports,
        query=(
            Param(name="domain", help="only reports on this domain", example="example.com"),
            Param(
                name="start", help="only what came on this day or later, UTC", example="2026-11-01", kind=Kind.DATE
            ),
            Param(name="end", help="only what came before this day, UTC", example="2026-12-01", kind=Kind.DATE),
            Param(
                name="limit",
                help="how many at most",
                example="100",
                kind=Kind.INTEGER,
                default=100,
                least=1,
                most=1000,
            ),
            Param(name="after", help="`next` of the answer before", example="4711"),
        ),
        answers=(
            Shown(
                help="reports, the newest first; `next` is null at the end",
                example={"reports": [_REPORT], "next": None},
                shape=_REPORTS_SHAPE,
            ),
        ),
        codes=("bad_parameter", "unavailable"),
    ),
    *(
        Call(
            method="GET",
            path=f"/dmarc/{{date}}/{{from}}/{{for}}{tail}",
            name=name,
            family=FAMILY,
            summary=summary,
            help="The report as it came, unpacked. `date` is the day it came on, as in the log file "
            "`dmarc.DATE.log`, which is the index to these calls; SMTPeter's text does not say which day it means. "
            "`from` is the domain of the address the organization reports from, or the name of the organization, "
            "without regard to case. " + more,
            scope=Scope.READ,
            handler=dmarc_report,
            params=(_DATE, _FROM, _FOR, *last),
            answers=(Shown(help="the XML", media=XML, example=_XML),),
            codes=("bad_parameter", "not_found", "unavailable"),
            smtpeter=True,
        )
        for tail, name, summary, more, last in (
            ("", "dmarc_report", "The first report", "It is the first one of that day, by that domain.", ()),
            ("/{id}", "dmarc_report_id", "A report", "`id` counts them from 0.", (_ID,)),
        )
    ),
)
