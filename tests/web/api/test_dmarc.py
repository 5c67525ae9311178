"""Reports of DMARC over the API."""

from __future__ import annotations

import pytest

from relay.bounce.aggregate import read_aggregate
from relay.model.account import Scope
from relay.store.sqlite.reports import Room, add_report
from tests.bounce.test_aggregate import record, sample
from tests.web.api.stage import Stage

NOW = 1_795_000_000.0
TODAY, TOMORROW = "2026-11-18", "2026-11-19"
FROM_FOR = "reports.example.net/example.com"


def keep(api: Stage, xml: bytes, at: float = NOW, account: str = "shop") -> None:
    assert add_report(api.data, account, read_aggregate(xml), xml, at, Room(1 << 30, 1000))


async def test_dmarc_gives_the_days_on_which_reports_came(api: Stage) -> None:
    assert (await api.get("/v1/dmarc")).json() == []
    keep(api, sample(ident="1"), NOW + 86_400)
    keep(api, sample(ident="2"))
    keep(api, sample(ident="3"), NOW + 200_000, account="other")
    answer = await api.get("/v1/dmarc")
    assert (answer.headers["content-type"], answer.json()) == ("application/json", [TODAY, TOMORROW])
    assert (await api.other().get("/v1/dmarc")).json() == ["2026-11-20"]


async def test_dmarc_report_gives_the_first_xml_of_a_day(api: Stage) -> None:
    keep(api, sample())
    keep(api, sample(ident="2"))
    for path in (FROM_FOR, FROM_FOR.upper(), "Example%20Mail/example.com"):
        answer = await api.get(f"/v1/dmarc/{TODAY}/{path}")
        assert (answer.status_code, answer.content) == (200, sample())
        assert answer.headers["content-type"] == "application/xml"
        assert answer.headers["content-security-policy"].startswith("sandbox")
    assert (await api.get(f"/v2/dmarc/{TODAY}/{FROM_FOR}/")).content == sample()


async def test_dmarc_report_id_counts_from_zero(api: Stage) -> None:
    for number in range(3):
        keep(api, sample(ident=f"{number}"), NOW + number)
    got = [(await api.get(f"/v1/dmarc/{TODAY}/{FROM_FOR}/{number}")).content for number in range(3)]
    assert got == [sample(ident=f"{number}") for number in range(3)]


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        (f"{TODAY}/{FROM_FOR}/1", 404, ""),
        (f"{TOMORROW}/{FROM_FOR}", 404, ""),
        (f"{TODAY}/reports.example.net/other.example", 404, ""),
        (f"{TODAY}/{FROM_FOR}/-1", 400, "id"),
        (f"{TODAY}/{FROM_FOR}/first", 400, "id"),
        (f"yesterday/{FROM_FOR}", 400, "date"),
    ],
)
async def test_dmarc_report_that_is_not_there(api: Stage, path: str, status: int, field: str) -> None:
    keep(api, sample())
    answer = await api.get(f"/v1/dmarc/{path}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)


async def test_dmarc_report_of_another_account_is_not_there(api: Stage) -> None:
    keep(api, sample())
    assert (await api.other().get(f"/v1/dmarc/{TODAY}/{FROM_FOR}")).status_code == 404
    assert (await api.other().get("/v1/dmarc/reports")).json() == {"reports": [], "next": None}


async def test_dmarc_reports_lists_counts_a_page_at_a_time(api: Stage) -> None:
    for number in range(5):
        keep(api, sample(record(f"{number}", "fail"), ident=f"{number}"), NOW + number * 40_000)
    first = (await api.get("/v1/dmarc/reports", params={"limit": 3})).json()
    assert [each["messages"] for each in first["reports"]] == [4, 3, 2]
    second = (await api.get("/v1/dmarc/reports", params={"limit": 3, "after": first["next"]})).json()
    assert [each["messages"] for each in second["reports"]] == [1, 0]
    assert second["next"] is None
    assert second["reports"][0] == {
        "date": TODAY,
        "from": "reports.example.net",
        "for": "example.com",
        "id": 1,
        "arrived": "2026-11-18T22:13:20.000Z",
        "organization": "Example Mail",
        "email": "dmarc@reports.example.net",
        "report_id": "1",
        "begin": "2026-11-18T11:06:40.000Z",
        "end": "2026-11-19T11:06:39.000Z",
        "policy": "none",
        "messages": 1,
        "failed_spf": 1,
        "failed_dkim": 1,
    }
    one = second["reports"][0]
    xml = await api.get(f"/v1/dmarc/{one['date']}/{one['from']}/{one['for']}/{one['id']}")
    assert b"<report_id>1<" in xml.content


async def test_dmarc_reports_can_be_narrowed(api: Stage) -> None:
    keep(api, sample(ident="1"))
    keep(api, sample(ident="2", domain="news.example.com"), NOW + 86_400)

    async def ids(**given: str) -> list[str]:
        answer = (await api.get("/v1/dmarc/reports", params=given)).json()
        return [each["report_id"] for each in answer["reports"]]

    assert await ids(domain="News.example.com") == ["2"]
    assert await ids(start=TOMORROW) == ["2"]
    assert await ids(end=TOMORROW) == ["1"]
    assert await ids(start=TODAY, end="2026-11-20") == ["2", "1"]


@pytest.mark.parametrize("given", [{"after": "x"}, {"start": "2026-13-45"}, {"limit": "0"}, {"end": "soon"}])
async def test_dmarc_reports_names_a_bad_parameter(api: Stage, given: dict[str, str]) -> None:
    answer = await api.get("/v1/dmarc/reports", params=given)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, next(iter(given)))


async def test_dmarc_needs_the_scope_read(api: Stage) -> None:
    sender = api.as_token(api.make_token(Scope.SEND))
    for path in ("", "/reports", f"/{TODAY}/{FROM_FOR}"):
        assert (await sender.get(f"/v1/dmarc{path}")).status_code == 403
