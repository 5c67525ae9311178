"""Statistics: of tags, as SMTPeter had them, and series of our own."""

from __future__ import annotations

from typing import Any

from relay.model.account import Scope
from relay.model.address import printable
from relay.model.clock import iso
from relay.model.division import By, Per
from relay.report.statistics import Line, Question, statistics
from relay.report.tags import TagStatistics, of_tag, recent
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Call, Kind, Param, Shown
from relay.web.api.managed import LIMIT
from relay.web.api.past import HELP, past
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY = "Statistics"
RECENT = 10  # tags
LINES = 100_000  # that may lie before a page

_TAG = Param(name="tag", help="a tag", example="invoice")
_TEST = Param(
    name="test",
    help="of tests, which are counted apart, in place of mail that left",
    example="false",
    kind=Kind.BOOLEAN,
    default=False,
)
_STATISTICS = {
    "tag": "invoice",
    "first": "2026-01-05 09:00:00",
    "last": "2026-01-31 12:00:00",
    "all_opens": 57,
    "unique_opens": 31,
    "all_clicks": 12,
    "unique_clicks": 9,
    "messages": 64,
    "deliveries": 62,
}
_HELP = (
    "A message is one recipient's; unique opens and clicks are the first of each message; what machines opened and "
    "clicked is left out. `first` and `last` are the hours (UTC) in which a message with the tag was first taken, "
    "and in which one was last taken, delivered, opened or clicked. Beyond a thousand new tags a day, tags are "
    "counted together as `(other)`. Counts are two seconds behind at most."
)
_LINE = {
    "start": "2026-01-31T00:00:00.000Z",
    "account": "shop",
    "name": "invoice",
    "counts": {"received": 64, "delivered": 62, "opened": 57, "clicked": 12},
    "machine": {"opened": 8},
    "first": {"opened": 31, "clicked": 9},
    "rates": {"delivered": 0.96875, "opened": 0.5, "clicked": 0.145161},
}
_NUMBERS = {"type": "object", "additionalProperties": {"type": "number"}}
_LINES_SHAPE = {
    "type": "object",
    "required": ["statistics", "next"],
    "properties": {
        "statistics": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(_LINE),
                "properties": {
                    "start": {"type": ["string", "null"]},
                    "account": {"type": "string"},
                    "name": {"type": "string"},
                    "counts": _NUMBERS,
                    "machine": _NUMBERS,
                    "first": _NUMBERS,
                    "rates": _NUMBERS,
                },
            },
        },
        "next": {"type": ["string", "null"]},
    },
}


async def stats(services: Services, asked: Asked) -> Answer:
    account, test = asked.caller.account, asked.query["test"]
    return answer(await services.threaded(recent, services.data, account, asked.at, RECENT, test=test))


async def stats_tag(services: Services, asked: Asked) -> Answer:
    tag = asked.path["tag"]
    found = await services.threaded(of_tag, services.data, asked.caller.account, tag, test=asked.query["test"])
    if found is None:
        text = f"nothing was counted under the tag {printable(tag, 60)}"
        hint = "" if asked.query["test"] else "; mail of a sandbox is counted apart: test=1"
        raise Problem("not_found", text + hint, field="tag")
    return answer(found)


async def statistics_(services: Services, asked: Asked) -> Answer:
    query = asked.query
    begin = past("since", query["since"], asked.at)
    skipped, limit = _skipped(query["after"]), query["limit"]
    question = Question(
        by=By(query["by"]),
        per=Per(query["per"]),
        since=begin or 0.0,
        until=past("until", query["until"], asked.at),
        account=asked.caller.account,
        name=query["name"] or "",
        test=query["test"],
        limit=skipped + limit + 1,
    )
    found = await services.threaded(statistics, services.data, question)
    lines = found[skipped : skipped + limit]
    more = str(skipped + limit) if len(found) > skipped + limit else None
    return answer({"statistics": [_line(each) for each in lines], "next": more})


def _skipped(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or int(text) > LINES:
        shown = printable(text, 60)
        raise Problem("bad_parameter", f"after: expected what `next` said, not {shown!r}", field="after")
    return int(text)


def _line(line: Line) -> dict[str, Any]:
    return line.as_dict() | {"start": None if line.start is None else iso(line.start)}


def _of_tag(path: str, name: str) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        family=FAMILY,
        summary="Statistics of a tag",
        help=f"Over all the time that counts are kept. A tag under which nothing was counted is 404. {_HELP}",
        scope=Scope.READ,
        handler=stats_tag,
        params=(_TAG,),
        query=(_TEST,),
        answers=(Shown(help="its numbers", example=_STATISTICS, shape=TagStatistics),),
        codes=("not_found", "unavailable"),
        smtpeter=True,
    )


def _recent(path: str, name: str) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        family=FAMILY,
        summary="The tags that were active last",
        help=f"At most {RECENT}, the latest first. {_HELP}",
        scope=Scope.READ,
        handler=stats,
        query=(_TEST,),
        answers=(Shown(help="their numbers", example=[_STATISTICS], shape=list[TagStatistics]),),
        codes=("unavailable",),
        smtpeter=True,
    )


def _choice(name: str, help: str, choices: type[By] | type[Per], default: str) -> Param:
    return Param(
        name=name, help=help, example=default, choices=tuple(each.value for each in choices), default=default
    )


CALLS: tuple[Call, ...] = (
    _recent("/stats", "stats"),
    _of_tag("/stats/{tag}", "stats_tag"),
    _of_tag("/tag/{tag}", "tag"),
    _recent("/recent_tags", "recent_tags"),
    Call(
        method="GET",
        path="/statistics",
        name="statistics",
        family=FAMILY,
        summary="How much of what happened, by time and name",
        help="Recipients by event: `counts` are people's, `machine` what machines opened and clicked, `first` the "
        "first open and click of each recipient, `rates` shares from 0 to 1 of what was delivered, and for "
        "`delivered` and `failed` of what ended. Lines are in the order of time, those with most mail first within "
        "one. Names beyond a thousand a day are counted as `(other)`. Counts are two seconds behind at most.",
        scope=Scope.READ,
        handler=statistics_,
        query=(
            _choice("by", "what a line is for", By, By.ACCOUNT.value),
            _choice("per", "what time a line is for; a day is UTC's", Per, Per.TOTAL.value),
            Param(name="since", help=f"from the hour of this time on, {HELP}", example="7d", default="7d"),
            Param(name="until", help="to the end of its hour, likewise", example="2026-02-01"),
            Param(name="name", help="only of this tag, campaign, domain or site", example="invoice"),
            _TEST,
            LIMIT,
            Param(name="after", help="what `next` of the page before said", example="100", default=""),
        ),
        answers=(Shown(help="lines", example={"statistics": [_LINE], "next": None}, shape=_LINES_SHAPE),),
        codes=("unavailable",),
    ),
)
