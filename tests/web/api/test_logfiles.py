"""Log files over the API: days, names, and one file in each of its forms."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import httpx
import pytest

from relay.model.account import Scope
from relay.report.database import NAME
from relay.store.interface import StoreDown
from relay.web.api.calls import logfiles
from tests.bounce.test_aggregate import sample
from tests.web.api import test_dmarc
from tests.web.api.stage import OTHER, SHOP, Stage
from tests.web.api.story import ANN, BOB, story

BACK = b"From: <>\r\nTo: bounces@example.com\r\nSubject: no, \xe9\r\n\r\nNo such user.\r\n"
COLUMNS = ["id", "time", "envelope", "recipient", "properties", "tags", "templateid"]


async def test_logfiles_gives_the_days_on_which_something_happened(api: Stage) -> None:
    assert (await api.get("/v1/logfiles")).json() == []
    told = await story(api)
    await api.record(
        told.event("received", told.ids.new(), by=-3 * 86_400, to=ANN),
        told.event("received", told.ids.new(), account=OTHER, by=-5 * 86_400, to=ANN),
        told.event("held", told.two, 1, by=-4 * 86_400, to=ANN),
    )
    answer = await api.get("/v1/logfiles")
    assert (answer.headers["content-type"], answer.json()) == ("application/json", [told.day(-3), told.today])


async def test_logfiles_name_gives_the_files_of_a_day(api: Stage) -> None:
    told = await story(api)
    answer = await api.get(f"/v1/logfiles/{told.today}")
    prefixes = ("attempts", "clicks", "deliveries", "failures", "opens")
    assert answer.json() == [f"{prefix}.{told.today}.log" for prefix in prefixes]
    assert (await api.get(f"/v2/logfiles/{told.day(-1)}/")).json() == []
    assert (await api.get("/v1/logfiles/2026-02-30")).json()["error"]["field"] == "name"


async def test_logfiles_name_gives_a_file_as_csv_without_names(api: Stage) -> None:
    told = await story(api)
    answer = await api.get(f"/v1/logfiles/attempts.{told.today}.log")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert [[line[0], *line[2:]] for line in lines] == [
        [f"{told.one}-1", "me@example.com", ANN, "preventscam;trackopens", "news;may", "7"],
        [f"{told.one}-2", "me@example.com", BOB, "preventscam;trackopens", "news;may", "7"],
        [f"{told.two}-1", "me@example.com", ANN, "", "news", "0"],
    ]
    assert answer.text.count("\r\n") == 3


async def test_logfiles_format_gives_names_json_and_xml(api: Stage) -> None:
    told = await story(api)
    address = f"/v1/logfiles/attempts.{told.today}.log"
    plain = (await api.get(address)).text
    header = await api.get(f"{address}/header")
    assert header.text == ",".join(COLUMNS) + "\r\n" + plain
    found = await api.get(f"{address}/json")
    assert found.headers["content-type"] == "application/json"
    assert [list(each) for each in found.json()] == [COLUMNS] * 3
    assert [each["templateid"] for each in found.json()] == [7, 7, 0]
    xml = await api.get(f"{address}/xml")
    assert xml.headers["content-type"] == "application/xml"
    root = ElementTree.fromstring(xml.content)
    assert (root.tag, [each.tag for each in root[0]]) == ("records", COLUMNS)
    assert [each.findtext("recipient") for each in root] == [ANN, BOB, ANN]


@pytest.mark.parametrize("prefix", ["abuses", "bounces", "dmarc", "responses"])
async def test_logfiles_format_of_a_file_without_lines_is_empty(api: Stage, prefix: str) -> None:
    told = await story(api)
    address = f"/v1/logfiles/{prefix}.{told.today}.log"
    assert (await api.get(address)).text == ""
    assert (await api.get(f"{address}/json")).json() == []
    assert (await api.get(f"{address}/header")).text.count("\r\n") == 1


async def test_logfiles_have_the_mail_that_came_back_while_it_is_kept(api: Stage) -> None:
    told = await story(api)
    (kept,) = await api.send(text="it came back", to="x@example.net", recipient="x@example.net")
    ident = kept.partition("-")[0]
    await api.record(
        told.event("bounced", told.one, 1, to=ANN, status="5.1.1", kept=ident),
        told.event("replied", told.one, 1, to=ANN, automatic=True, forwarded=ident),
    )
    octets = api.content(ident).decode()
    (bounce,) = (await api.get(f"/v1/logfiles/bounces.{told.today}.log/json")).json()
    (response,) = (await api.get(f"/v1/logfiles/responses.{told.today}.log/json")).json()
    assert bounce["mime"] == response["mime"] == octets
    (line,) = csv.reader(io.StringIO((await api.get(f"/v1/logfiles/bounces.{told.today}.log")).text, newline=""))
    assert line[4] == octets
    (failure,) = [
        each
        for each in (await api.get(f"/v1/logfiles/failures.{told.today}.log/json")).json()
        if each["state"] == "bounce"
    ]
    assert (failure["from"], failure["to"], failure["envelope"]) == ("10.0.0.1", "10.0.0.2", "me@example.com")


async def test_logfiles_of_dmarc_have_a_line_for_each_sender_of_a_report(api: Stage) -> None:
    day = test_dmarc.TODAY
    test_dmarc.keep(api, sample())
    assert day in (await api.get("/v1/logfiles")).json()
    assert (await api.get(f"/v1/logfiles/{day}")).json() == [f"dmarc.{day}.log"]
    (line,) = (await api.get(f"/v1/logfiles/dmarc.{day}.log/json")).json()
    assert line["domain"] == "example.com" and isinstance(line["messages"], int)
    assert (await api.other().get(f"/v1/logfiles/dmarc.{day}.log")).text == ""


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("opens.log", 404, "name"),
        ("opened.{0}.log", 404, "name"),
        ("opens.{1}.log", 404, "name"),
        ("opens.2020-01-01.log", 404, "name"),
        ("opens.{0}.log/csv", 400, "format"),
        ("opens.{0}.log/yaml", 400, "format"),
        ("{0}/json", 404, "file"),
    ],
)
async def test_logfiles_that_cannot_be_are_not_found(api: Stage, path: str, status: int, field: str) -> None:
    told = await story(api)
    answer = await api.get(f"/v1/logfiles/{path.format(told.today, told.day(1))}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text


async def test_logfiles_are_of_the_account_that_asks(api: Stage) -> None:
    told = await story(api)
    other = api.other()
    (line,) = (await other.get(f"/v1/logfiles/attempts.{told.today}.log/json")).json()
    assert line["id"] == f"{told.three}-1"
    sender = api.as_token(api.make_token(Scope.SEND, account=SHOP))
    assert (await sender.get("/v1/logfiles")).status_code == 403


async def test_logfiles_of_a_database_that_cannot_be_read_may_be_asked_for_again(api: Stage) -> None:
    told = await story(api)
    api.reporter.close()  # and what it wrote last goes from its log into the file
    (api.data / NAME).write_bytes(b"no database" * 1000)
    answer = await api.get(f"/v1/logfiles/opens.{told.today}.log")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert (await api.get("/v1/logfiles")).status_code == 503


async def test_logfiles_that_break_half_way_are_cut_off(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        yield ["x" * 200_000, *[""] * 11]
        raise StoreDown("the disk is gone")

    told = await story(api)
    monkeypatch.setattr(logfiles, "rows", broken)
    with pytest.raises(httpx.RemoteProtocolError):
        await api.get(f"/v1/logfiles/opens.{told.today}.log")
