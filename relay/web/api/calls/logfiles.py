"""Log files as SMTPeter has them: which there are, and one of them as CSV, with names, as JSON or XML."""

from __future__ import annotations

from datetime import date

from relay.model.account import Scope
from relay.model.address import printable
from relay.report.logfiles import DMARC, LogFile, check, day_of, days, rows
from relay.report.logformats import FORMATS
from relay.report.smtpeter import KINDS
from relay.web.api.answers import answer
from relay.web.api.call import CSV, JSON, XML, Answer, Asked, Call, Param, Shown
from relay.web.api.past import day
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY = "Log files"

_MEDIA = {"csv": CSV, "header": CSV, "json": JSON, "xml": XML}
_FILE = Param(
    name="file", help="name of a log file, as `/logfiles/DATE` lists them", example="deliveries.2026-01-31.log"
)
_FIELDS = "id,time,envelope,recipient,from,to,attempt,tags,templateid"
_LINE = (
    "0r2k9v1m00000001-1,2026-01-31 12:00:04,bounces@example.com,ann@example.net,192.0.2.10,198.51.100.25,0,"
    "invoice;may,0\r\n"
)
_RECORD = {
    "id": "0r2k9v1m00000001-1",
    "time": "2026-01-31 12:00:04",
    "envelope": "bounces@example.com",
    "recipient": "ann@example.net",
    "from": "192.0.2.10",
    "to": "198.51.100.25",
    "attempt": 0,
    "tags": "invoice;may",
    "templateid": 0,
}
_ARRAY_SHAPE = {
    "type": "array",
    "items": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
}
_NAMES_SHAPE = {"type": "array", "items": {"type": "string"}}
_COLUMNS = "; ".join(f"`{kind.prefix}`: {', '.join(kind.columns)}" for kind in KINDS.values())
_HELP = (
    "The lines are in the order of time and end when all is told that is known: today's file grows, and what "
    "happened stands in it within two seconds. CSV is as RFC 4180 has it: commas, lines that end in CRLF, fields in "
    "quotes where there is a comma, a quote or a line end in them, quotes doubled. Times are UTC's. In JSON, numbers "
    "are numbers. XML leaves out the control characters it cannot hold. Columns: "
    f"{_COLUMNS}. "
    "`city` to `regioncode` are empty, since the relay has no list of where addresses are; `headers` has the fields "
    "User-Agent and Referer, which is what is kept of a request; `mime` is empty once the mail is kept no longer. A "
    "day without lines has an empty file; a day that is forgotten or has not begun has none. Tests, and opens and "
    "clicks of machines, are among the lines."
)


async def logfiles(services: Services, asked: Asked) -> Answer:
    found = await _days(services, asked)
    return answer([each.isoformat() for each in sorted(found)])


async def logfiles_name(services: Services, asked: Asked) -> Answer:
    """Of a day its files; of a file its lines."""
    name = asked.path["name"]
    if name[:1].isdigit():
        wanted = day("name", name)
        assert wanted is not None
        found = await _days(services, asked)
        return answer([each.name for each in found.get(wanted, [])])
    return await _file(services, asked, name, "csv", "name")


async def logfiles_format(services: Services, asked: Asked) -> Answer:
    return await _file(services, asked, asked.path["file"], asked.path["format"], "file")


async def _days(services: Services, asked: Asked) -> dict[date, list[LogFile]]:
    since = asked.at - services.config.retention.events
    return await services.threaded(days, services.data, asked.caller.account, since, asked.at)


async def _file(services: Services, asked: Asked, name: str, form: str, field: str) -> Answer:
    if form not in FORMATS or (form == "csv" and field == "file"):
        known = ", ".join(each for each in FORMATS if each != "csv")
        raise Problem(
            "bad_parameter", f"format: expected one of {known}, not {printable(form, 60)!r}", field="format"
        )
    try:
        file = LogFile.parse(name)
    except ValueError as error:
        raise Problem("not_found", f"{field}: {error}", field=field) from error
    oldest = day_of(asked.at - services.config.retention.events)
    if file.day > day_of(asked.at) or (file.day < oldest and file.kind.prefix != DMARC):
        raise Problem("not_found", f"there is no {file.name}: events are kept from {oldest} to today", field=field)
    await services.threaded(check, services.data)
    lines = rows(services.data, asked.caller.account, file)
    return Answer(body=FORMATS[form](file.kind.columns, lines), media=_MEDIA[form])


CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/logfiles",
        name="logfiles",
        family=FAMILY,
        summary="Days with log files",
        help="The days (UTC) on which something happened, the oldest first, as far back as events are kept; and "
        "those on which DMARC reports came.",
        scope=Scope.READ,
        handler=logfiles,
        answers=(Shown(help="days", example=["2026-01-30", "2026-01-31"], shape=_NAMES_SHAPE),),
        codes=("unavailable",),
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/logfiles/{name}",
        name="logfiles_name",
        family=FAMILY,
        summary="Log files of a day, or one of them",
        help=f"Of a day the names of its files; of a file its lines as CSV, without a line of names. {_HELP}",
        scope=Scope.READ,
        handler=logfiles_name,
        params=(
            Param(name="name", help="a day, YYYY-MM-DD, or a log file, PREFIX.YYYY-MM-DD.log", example="2026-01-31"),
        ),
        answers=(
            Shown(
                help="of a day: its files",
                example=["attempts.2026-01-31.log", "deliveries.2026-01-31.log"],
                shape=_NAMES_SHAPE,
            ),
            Shown(help="of a file: its lines", example=_LINE, media=CSV),
        ),
        codes=("not_found", "unavailable"),
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/logfiles/{file}/{format}",
        name="logfiles_format",
        family=FAMILY,
        summary="A log file, with names",
        help=f"As CSV whose first line has the names, as an array of objects, or as XML. {_HELP}",
        scope=Scope.READ,
        handler=logfiles_format,
        params=(
            _FILE,
            Param(
                name="format",
                help="`header`, `json` or `xml`",
                example="json",
                choices=("header", "json", "xml"),
            ),
        ),
        answers=(
            Shown(help="header", example=f"{_FIELDS}\r\n{_LINE}", media=CSV),
            Shown(help="json", example=[_RECORD], shape=_ARRAY_SHAPE),
            Shown(
                help="xml",
                example="<records><record><id>0r2k9v1m00000001-1</id><time>2026-01-31 12:00:04</time>...</record>"
                "</records>",
                media=XML,
            ),
        ),
        codes=("not_found", "unavailable"),
        smtpeter=True,
    ),
)
