"""Suppressions over the API: looked at, kept, imported, exported."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from relay.model.account import Scope
from relay.model.suppression import Cause, Suppression
from tests.web.api.stage import CREATED, SHOP, Stage

CSV = {"Content-Type": "text/csv"}


def listed(api: Stage, *addresses: str, account: str = SHOP, **more: Any) -> None:
    api.services.suppressions.add(
        [Suppression(account=account, address=each, created=CREATED, **more) for each in addresses]
    )


async def addresses(api: Stage, **params: Any) -> list[str]:
    answer = await api.get("/v1/suppressions", params=params)
    assert answer.status_code == 200, answer.text
    return [each["address"] for each in answer.json()["suppressions"]]


async def imported(api: Stage, text: str | bytes, **params: Any) -> httpx.Response:
    return await api.post("/v1/suppressions/import", content=text, params=params, headers=CSV)


async def test_suppressions_get_pages_through_own_entries_and_the_operators(api: Stage) -> None:
    listed(api, "a@example.net", "c@example.net")
    listed(api, "a@example.net", cause=Cause.BOUNCE)
    listed(api, "b@example.net", account="")
    listed(api, "d@example.net", account="other")
    found: list[tuple[str, str]] = []
    after: str | None = ""
    while after is not None:
        page = (await api.get("/v1/suppressions", params={"limit": 1, "after": after})).json()
        found += [(each["address"], each["account"]) for each in page["suppressions"]]
        after = page["next"]
    assert found == [
        ("a@example.net", SHOP),
        ("a@example.net", SHOP),
        ("b@example.net", ""),
        ("c@example.net", SHOP),
    ]


async def test_the_list_is_filtered(api: Stage) -> None:
    listed(api, "a@example.net", cause=Cause.BOUNCE)
    listed(api, "b@example.net", stream="bulk")
    listed(api, "c@example.net", group="news", cause=Cause.UNSUBSCRIBE)
    listed(api, "@example.net")
    assert await addresses(api, cause="bounce") == ["a@example.net"]
    assert await addresses(api, stream="BULK") == ["b@example.net"]
    assert await addresses(api, stream="", group="") == ["@example.net", "a@example.net"]
    assert await addresses(api, group="news") == ["c@example.net"]
    assert await addresses(api, address="A@example.net") == ["@example.net", "a@example.net"]
    for params in ({"cause": "sorrow"}, {"address": "no address"}, {"stream": "no stream"}, {"limit": "0"}):
        answer = await api.get("/v1/suppressions", params=params)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_parameter"), params


async def test_suppression_get_tells_all_that_concerns_an_address(api: Stage) -> None:
    listed(api, "ann@example.net", note="asked")
    listed(api, "@example.net", account="")
    found = (await api.get("/v1/suppressions/Ann@example.net")).json()
    assert found["address"] == "ann@example.net"
    assert [(each["address"], each["note"]) for each in found["suppressions"]] == [
        ("@example.net", ""),
        ("ann@example.net", "asked"),
    ]
    assert (await api.get("/v1/suppressions/bob@example.org")).status_code == 404
    assert (await api.get("/v1/suppressions/no%20address")).status_code == 400
    listed(api, "eve@example.org", account="other")
    assert (await api.get("/v1/suppressions/eve@example.org")).status_code == 404


async def test_suppression_put_adds_and_renews(api: Stage) -> None:
    path = "/v1/suppressions/Ann@example.net"
    first = await api.client.put(path, json={"stream": "Bulk", "cause": "unsubscribe", "note": "asked"})
    assert first.status_code == 201, first.text
    assert (first.json()["address"], first.json()["stream"]) == ("ann@example.net", "bulk")
    again = await api.client.put(path, json={"stream": "bulk", "cause": "unsubscribe", "until": "2030-01-01"})
    assert (again.status_code, again.json()["until"]) == (200, "2030-01-01T00:00:00.000Z")
    assert (await api.client.put(path)).status_code == 201  # for all mail, by hand
    kept = api.services.suppressions.listing(SHOP)
    assert [(each.stream, each.cause) for each in kept] == [("", Cause.HAND), ("bulk", Cause.UNSUBSCRIBE)]
    audit = api.registry.audits(1)[0]
    assert (audit["who"], audit["act"]) == (f"token {api.token.id}", "suppress add")
    assert "ann" not in str(audit["detail"])  # who asks to be forgotten is not remembered there


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"until": "soon"}, 422, "until"),
        ({"until": -5}, 422, "until"),
        ({"until": "999999999d"}, 422, "until"),
        ({"note": "\0"}, 422, ""),
        ({"cause": "complaint", "until": "30d"}, 403, "until"),
        ({"cause": "sorrow"}, 422, "cause"),
        ({"stream": "no stream"}, 422, ""),
        ({"note": "x" * 1001}, 422, ""),
        ({"colour": "red"}, 422, "colour"),
    ],
)
async def test_an_entry_that_cannot_be_is_told(api: Stage, body: dict[str, Any], status: int, field: str) -> None:
    answer = await api.client.put("/v1/suppressions/ann@example.net", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text
    assert api.services.suppressions.listing(SHOP) == []


async def test_suppression_delete_takes_own_entries_off(api: Stage) -> None:
    listed(api, "ann@example.net")
    listed(api, "ann@example.net", stream="bulk", cause=Cause.BOUNCE)
    listed(api, "ann@example.net", account="")
    listed(api, "@example.net")
    answer = await api.client.delete("/v1/suppressions/ann@example.net", params={"stream": "bulk"})
    assert answer.json() == {"removed": 1}
    assert (await api.client.delete("/v1/suppressions/ANN@example.net")).json() == {"removed": 1}
    answer = await api.client.delete("/v1/suppressions/ann@example.net")
    assert answer.status_code == 404
    assert "the operator's entry for everybody stays" in answer.json()["error"]["message"]
    assert [(each.account, each.address) for each in api.services.suppressions.listing()] == [
        (SHOP, "@example.net"),
        ("", "ann@example.net"),
    ]


async def test_a_complaint_is_taken_off_by_the_operator_only(api: Stage) -> None:
    listed(api, "ann@example.net", cause=Cause.COMPLAINT)
    listed(api, "ann@example.net", cause=Cause.BOUNCE)
    answer = await api.client.delete("/v1/suppressions/ann@example.net")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope")
    assert len(api.services.suppressions.listing(SHOP)) == 2
    answer = await api.client.delete("/v1/suppressions/ann@example.net", params={"cause": "bounce"})
    assert answer.json() == {"removed": 1}
    lines = "address,cause,until\nann@example.net,complaint,2020-01-01\n"
    assert (await imported(api, lines)).json()["faults"][0]["line"] == 2
    (left,) = api.services.suppressions.listing(SHOP)
    assert left.until is None


async def test_suppressions_import_takes_good_lines_and_tells_bad_ones(api: Stage) -> None:
    text = "address,cause,note\nann@example.net,bounce,x\nno address,bounce,x\nbob@example.net,,\n"
    found = (await imported(api, text)).json()
    assert {name: found[name] for name in ("entries", "new", "bad", "dry_run")} == {
        "entries": 2,
        "new": 2,
        "bad": 1,
        "dry_run": False,
    }
    assert found["faults"][0]["line"] == 3
    assert [each.address for each in api.services.suppressions.listing(SHOP)] == [
        "ann@example.net",
        "bob@example.net",
    ]
    assert (await imported(api, text)).json()["new"] == 0
    assert api.registry.audits(1)[0]["act"] == "suppress import"


async def test_an_import_can_be_strict_or_only_tried(api: Stage) -> None:
    text = "ann@example.net\nno address\n"
    assert (await imported(api, text, dry_run=1)).json()["entries"] == 1
    answer = await imported(api, text, strict=1)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "line 2")
    assert api.services.suppressions.listing(SHOP) == []
    assert (await imported(api, "ann@example.net\n", strict=1, cause="bounce")).json()["new"] == 1
    assert api.services.suppressions.listing(SHOP)[0].cause is Cause.BOUNCE


async def test_an_import_is_of_the_account_whatever_its_lines_say(api: Stage) -> None:
    found = (await imported(api, "address,account\nann@example.net,other\nbob@example.net,\n")).json()
    assert found["faults"] == [{"line": 2, "why": "no account other"}]
    assert {each.account for each in api.services.suppressions.listing()} == {SHOP}


async def test_an_import_of_octets_or_endless_lines_is_told_line_by_line(api: Stage) -> None:
    text = b"ann@example.net\n\xff\xfe@example.net\n" + b"x" * (2 << 20) + b"\nbob@example.net"
    found = (await imported(api, text)).json()
    assert found["entries"] == 2
    assert [(each["line"], each["why"]) for each in found["faults"]] == [
        (2, "it is not UTF-8"),
        (3, "a line has at most 1,048,576 characters"),
    ]
    many = "\n".join(["no address"] * 150)
    found = (await imported(api, many)).json()
    assert (found["bad"], len(found["faults"])) == (150, 100)


async def test_exports_of_others_are_imported_as_they_are(api: Stage) -> None:
    lines = '{"address": "ann@example.net", "tags": ["news"], "created_at": "Fri, 21 Oct 2011 11:02:55 UTC"}\n'
    answer = await api.post(
        "/v1/suppressions/import", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.json()["new"] == 1, answer.text
    (entry,) = api.services.suppressions.listing(SHOP)
    assert (entry.group, entry.cause) == ("news", Cause.UNSUBSCRIBE)


async def test_suppressions_export_comes_back_as_it_was(api: Stage) -> None:
    listed(api, *(f"a{number:05d}@example.net" for number in range(2500)), note='a "note", with marks')
    listed(api, "bob@example.net", account="")
    answer = await api.get("/v1/suppressions/export")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="suppressions.csv"' in answer.headers["content-disposition"]
    before = api.services.suppressions.listing(SHOP, limit=5000)
    for each in before:
        api.services.suppressions.remove(SHOP, each.address)
    assert (await imported(api, answer.text)).json()["new"] == 2500
    assert api.services.suppressions.listing(SHOP, limit=5000) == before


async def test_an_export_can_be_objects_a_line_and_filtered(api: Stage) -> None:
    listed(api, "ann@example.net", cause=Cause.BOUNCE)
    listed(api, "bob@example.net")
    answer = await api.get("/v1/suppressions/export", params={"format": "ndjson", "cause": "bounce"})
    assert [json.loads(line)["address"] for line in answer.text.splitlines()] == ["ann@example.net"]
    assert answer.headers["content-type"] == "application/x-ndjson"


async def test_looking_takes_the_scope_read_and_changing_manage(api: Stage) -> None:
    reader = api.as_token(api.make_token(Scope.READ))
    assert (await reader.get("/v1/suppressions")).status_code == 200
    assert (await reader.put("/v1/suppressions/ann@example.net")).status_code == 403
    assert (await reader.post("/v1/suppressions/import", content=b"x", headers=CSV)).status_code == 403
