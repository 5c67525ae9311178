"""Statistics over the API: of tags, as SMTPeter had them, and series of our own."""

from __future__ import annotations

import re

import pytest

from tests.web.api.stage import Stage
from tests.web.api.story import ANN, MAY, Story, story

WANTED = {
    "all_opens": 1,
    "unique_opens": 1,
    "all_clicks": 1,
    "unique_clicks": 1,
    "messages": 2,
    "deliveries": 1,
}
KEYS = ["tag", "first", "last", *WANTED]


@pytest.mark.parametrize("path", ["stats", "tag"])
async def test_stats_tag_counts_messages_deliveries_opens_and_clicks(api: Stage, path: str) -> None:
    await story(api)
    answer = await api.get(f"/v1/{path}/may")
    found = answer.json()
    assert (answer.headers["content-type"], list(found)) == ("application/json", KEYS)
    assert found == {**found, "tag": "may", **WANTED}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:00:00", found["first"])


async def test_tag_counts_unique_opens_and_clicks_once_a_message(api: Stage) -> None:
    told = await story(api)
    await api.record(
        *(told.event("opened", told.one, 1, to=ANN, **MAY) for _ in range(2)),
        told.event("opened", told.one, 2, to="x@example.org", **MAY),
        told.event("clicked", told.one, 1, to=ANN, **MAY),
    )
    found = (await api.get("/v1/tag/may")).json()
    assert {name: found[name] for name in list(WANTED)[:4]} == {
        "all_opens": 4,
        "unique_opens": 2,
        "all_clicks": 2,
        "unique_clicks": 1,
    }


async def test_stats_tag_of_another_account_or_of_nobody_is_not_there(api: Stage) -> None:
    await story(api)
    for tag in ("secret", "june"):
        answer = await api.get(f"/v1/stats/{tag}")
        assert (answer.status_code, answer.json()["error"]["field"]) == (404, "tag")
    assert (await api.other().get("/v1/stats/news")).json()["messages"] == 1


async def test_stats_tag_keeps_tests_apart(api: Stage) -> None:
    told = await story(api)
    await api.record(told.event("received", told.ids.new(), to=ANN, tags=["trial"], test=True))
    assert (await api.get("/v1/stats/trial")).status_code == 404
    assert (await api.get("/v1/stats/trial?test=1")).json()["messages"] == 1
    assert [each["tag"] for each in (await api.get("/v1/stats?test=true")).json()] == ["trial"]


async def told_by_the_hour(api: Stage) -> Story:
    """Tags t0 to t11, each an hour, or for some a month, before the one in front of it."""
    told = Story()
    await api.record(
        *(
            told.event(
                "received",
                told.ids.new(),
                by=-number * (3600 if number < 6 else 30 * 86_400),
                to=ANN,
                tags=[f"t{number}"],
            )
            for number in range(12)
        )
    )
    return told


async def test_stats_are_of_the_ten_tags_that_were_active_last(api: Stage) -> None:
    assert (await api.get("/v1/stats")).json() == []
    await told_by_the_hour(api)
    found = (await api.get("/v1/stats")).json()
    assert [each["tag"] for each in found] == [f"t{number}" for number in range(10)]
    assert all(list(each) == KEYS for each in found)


async def test_recent_tags_are_the_same_and_move_up_with_whatever_happens(api: Stage) -> None:
    told = await told_by_the_hour(api)
    await api.record(told.event("clicked", told.ids.new(), 1, by=3600, to=ANN, tags=["t11"]))
    found = (await api.get("/v1/recent_tags")).json()
    assert [each["tag"] for each in found] == ["t11", *(f"t{number}" for number in range(9))]
    assert found == (await api.get("/v1/stats")).json()


# --- series -----------------------------------------------------------------------------------------------


async def test_statistics_count_by_name_and_time(api: Stage) -> None:
    told = await story(api)
    answer = (await api.get("/v1/statistics?by=tag&per=day&name=may")).json()
    (line,) = answer["statistics"]
    assert answer["next"] is None
    assert line["counts"] == {"received": 2, "delivered": 1, "failed": 1, "opened": 1, "clicked": 1}
    assert (line["name"], line["machine"], line["first"]) == ("may", {"opened": 1}, {"opened": 1, "clicked": 1})
    assert line["start"] == f"{told.today}T00:00:00.000Z"
    assert line["rates"]["delivered"] == 0.5


async def test_statistics_are_of_the_account_that_asks(api: Stage) -> None:
    await story(api)
    (mine,) = (await api.get("/v1/statistics")).json()["statistics"]
    (theirs,) = (await api.other().get("/v1/statistics")).json()["statistics"]
    assert (mine["account"], mine["counts"]["received"]) == ("shop", 3)
    assert (theirs["account"], theirs["counts"]) == ("other", {"received": 1})


async def test_statistics_come_in_pages(api: Stage) -> None:
    await told_by_the_hour(api)
    found, after = [], ""
    for _ in range(4):
        answer = (await api.get(f"/v1/statistics?by=tag&since=2020-01-01&limit=5&after={after}")).json()
        found += [each["name"] for each in answer["statistics"]]
        if (after := answer["next"]) is None:
            break
    assert sorted(found) == sorted(f"t{number}" for number in range(12))


async def test_statistics_have_a_week_unless_asked_for_more(api: Stage) -> None:
    await told_by_the_hour(api)
    names = [each["name"] for each in (await api.get("/v1/statistics?by=tag")).json()["statistics"]]
    assert sorted(names) == [f"t{number}" for number in range(6)]
    assert (await api.get("/v1/statistics?until=8d")).json()["statistics"] == []


@pytest.mark.parametrize("query", ["by=day", "per=week", "since=x", "after=-1", "after=9999999", "limit=1001"])
async def test_statistics_say_which_parameter_is_wrong(api: Stage, query: str) -> None:
    answer = await api.get(f"/v1/statistics?{query}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, query.partition("=")[0])
