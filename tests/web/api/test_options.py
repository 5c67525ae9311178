"""The reference of options over the API, and presets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from relay.model.account import Scope
from relay.submission.control.registry import GRANTS, OPTIONS
from tests.web.api.stage import Stage


async def test_options_get_has_every_option_with_its_words(api: Stage) -> None:
    found = (await api.get("/v1/options")).json()
    assert [each["option"] for each in found["options"]] == [each.name for each in OPTIONS]
    assert found["grants"] == dict(GRANTS)
    clicks = next(each for each in found["options"] if each["option"] == "track_clicks")
    assert clicks["header"] == "X-SMTPeter-TrackClicks"
    assert "property" in clicks["set_by"]


async def test_options_schema_get_is_a_json_schema(api: Stage) -> None:
    found = (await api.get("/v1/options/schema")).json()
    assert found["$schema"].endswith("2020-12/schema")
    assert "tags" in found["properties"]


@pytest.mark.parametrize("name", ["track_clicks", "trackclicks", "X-SMTPeter-TrackClicks", "Track-Clicks"])
async def test_option_get_finds_one_by_any_of_its_names(api: Stage, name: str) -> None:
    found = (await api.get(f"/v1/options/{name}")).json()
    assert (found["option"], found["family"]) == ("track_clicks", "Links and opens")
    assert found["schema"]["description"].startswith(found["meaning"][:10])


async def test_an_option_that_is_none_gets_the_nearest(api: Stage) -> None:
    answer = await api.get("/v1/options/trak_clicks")
    assert answer.status_code == 404
    assert "the nearest is track_clicks" in answer.json()["error"]["message"]


async def test_preset_put_makes_and_replaces_one(api: Stage) -> None:
    path = "/v1/presets/Receipts"
    answer = await api.client.put(path, json={"options": {"tags": "receipt", "trackopens": True}})
    assert answer.status_code == 201, answer.text
    again = await api.client.put("/v1/presets/receipts", json={"options": {"priority": 7}})
    assert (again.status_code, again.json()["preset"], again.json()["options"]) == (200, "Receipts", {"priority": 7})
    assert (await api.get(path)).json() == again.json()
    audit = api.registry.audits(2)
    assert [each["act"] for each in audit] == ["preset set", "preset add"]
    assert audit[0]["who"] == f"token {api.token.id}"


async def test_presets_get_lists_those_of_the_account(api: Stage) -> None:
    for name in "cab":
        await api.client.put(f"/v1/presets/{name}", json={"options": {}})
    first = (await api.get("/v1/presets", params={"limit": 2})).json()
    rest = (await api.get("/v1/presets", params={"limit": 2, "after": first["next"]})).json()
    assert [each["preset"] for each in first["presets"] + rest["presets"]] == ["a", "b", "c"]
    assert rest["next"] is None
    other = api.other()
    assert (await other.get("/v1/presets")).json()["presets"] == []
    assert (await other.get("/v1/presets/a")).status_code == 404
    assert (await other.delete("/v1/presets/a")).status_code == 404


async def test_preset_get_of_none_is_404(api: Stage) -> None:
    assert (await api.get("/v1/presets/nope")).status_code == 404


async def test_preset_delete_waits_until_no_credential_may_name_it(api: Stage) -> None:
    await api.client.put("/v1/presets/receipts", json={"options": {"priority": 7}})
    await api.client.patch("/v1/credentials/shop-app", json={"presets": ["receipts"]})
    answer = await api.client.delete("/v1/presets/receipts")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    await api.client.patch("/v1/credentials/shop-app", json={"presets": []})
    assert (await api.client.delete("/v1/presets/receipts")).status_code == 204
    assert (await api.get("/v1/presets/receipts")).status_code == 404


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("a%20b", {"options": {}}, (422, "bad_value", "name")),
        ("x" * 65, {"options": {}}, (422, "bad_value", "name")),
        ("a", {}, (422, "missing", "options")),
        ("a", {"options": {"tgas": 1}}, (422, "bad_value", "options.tgas")),
        ("a", {"options": {"send_at": "+1h"}}, (422, "bad_value", "options.send_at")),
        ("a", {"options": {"bypass": "complaint"}}, (403, "scope", "options.bypass")),
    ],
)
async def test_a_preset_that_cannot_be_is_told(
    api: Stage, name: str, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    answer = await api.client.put(f"/v1/presets/{name}", json=body)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"], told["field"]) == expected


async def test_a_preset_gives_what_the_tokens_credential_has(api: Stage) -> None:
    grown = replace(
        api.registry.credential("shop-app"), grants=frozenset({"source-ip"}), allowed={"source_ip": ("*",)}
    )
    api.registry.update_credential(grown)
    answer = await api.client.put("/v1/presets/a", json={"options": {"source_ip": "192.0.2.7"}})
    assert answer.status_code == 201, answer.text


async def test_looking_takes_the_scope_read_and_changing_manage(api: Stage) -> None:
    reader = api.as_token(api.make_token(Scope.READ))
    assert (await reader.get("/v1/options")).status_code == 200
    assert (await reader.put("/v1/presets/a", json={"options": {}})).status_code == 403
