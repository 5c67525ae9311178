"""Credentials over the API, and how far a token reaches when it makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from argon2 import PasswordHasher

from relay.model.account import Credential, Preset, Scope
from tests.web.api.stage import CREATED, SHOP, Stage


def own(api: Stage, **changes: Any) -> None:
    """Change the credential of the caller's token, as the operator can."""
    api.registry.update_credential(replace(api.registry.credential("shop-app"), **changes))


async def error(api: Stage, path: str, body: dict[str, Any], method: str = "PATCH") -> tuple[int, str, str]:
    answer = await api.client.request(method, path, json=body)
    told = answer.json()["error"]
    return answer.status_code, told["code"], told["field"]


async def test_account_get_says_who_is_asking(api: Stage) -> None:
    found = (await api.get("/v1/account")).json()
    assert found["account"]["name"] == SHOP
    assert found["token"]["id"] == api.token.id
    assert found["token"]["scopes"] == ["send", "read", "manage"]
    assert found["credential"]["username"] == "shop-app"
    assert found["rate"] == api.services.config.http.api.rate
    bare = api.as_token(api.make_token(Scope.READ, credential="", rate=7))
    other = (await bare.get("/v1/account")).json()
    assert (other["credential"], other["rate"]) == (None, 7)


async def test_credentials_get_lists_those_of_the_account_page_by_page(api: Stage) -> None:
    for number in range(3):
        await api.post("/v1/credentials", json={"username": f"app-{number}"})
    first = (await api.get("/v1/credentials", params={"limit": 2})).json()
    assert [each["username"] for each in first["credentials"]] == ["app-0", "app-1"]
    rest = (await api.get("/v1/credentials", params={"limit": 2, "after": first["next"]})).json()
    assert [each["username"] for each in rest["credentials"]] == ["app-2", "shop-app"]
    assert rest["next"] is None


async def test_credential_post_makes_one_and_shows_its_password_once(api: Stage) -> None:
    api.registry.put_preset(Preset(account=SHOP, name="Receipts", options={"tags": ["a"]}, created=CREATED))
    wanted = {
        "note": "webshop",
        "options": {"trackclicks": True, "tags": "invoice,paid"},
        "quota": {"messages-hour": 1000, "bytes_day": "2GiB", "over": "delay"},
        "presets": ["receipts"],
        "forbidden": ["priority=9"],
        "lifetime": "1d",
        "sandbox": True,
    }
    answer = await api.post("/v1/credentials", json=wanted)
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"].endswith(f"/v1/credentials/{made['username']}")
    assert made["options"] == {"track_clicks": "html", "tags": ["invoice", "paid"]}
    assert made["quota"] == {"messages_hour": 1000, "bytes_day": 2 << 30, "over": "delay"}
    assert (made["presets"], made["forbidden"], made["lifetime"]) == (["Receipts"], ["priority=9"], 86_400.0)
    kept = api.registry.credential(made["username"])
    assert PasswordHasher().verify(kept.password_hash, made["password"])
    assert kept.account == SHOP
    shown = (await api.get(f"/v1/credentials/{made['username']}")).json()
    assert shown == {name: value for name, value in made.items() if name != "password"}
    audit = api.registry.audits(1)[0]
    assert (audit["who"], audit["act"]) == (f"token {api.token.id}", "credential add")
    assert made["password"] not in str(audit)


async def test_credential_post_needs_no_body(api: Stage) -> None:
    answer = await api.post("/v1/credentials")
    assert answer.status_code == 201
    assert answer.json()["username"].startswith("shop-")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "has space"}, "username"),
        ({"username": "token-abc"}, "username"),
        ({"options": {"tgas": "a"}}, "options.tgas"),
        ({"options": {"tags": "has space"}}, "options.tags"),
        ({"quota": {"messages_hour": -1}}, "quota.messages_hour"),
        ({"quota": {"messages_week": 1}}, "quota.messages_week"),
        ({"quota": {"over": "ask"}}, "quota.over"),
        ({"presets": ["nope"]}, "presets[0]"),
        ({"forbidden": ["nope"]}, "forbidden[0]"),
        ({"grants": ["nope"]}, "grants[0]"),
        ({"allowed": {"tags": ["a"]}}, "allowed.tags"),
        ({"lifetime": "soon"}, "lifetime"),
        ({"lifetime": 0}, "lifetime"),
        ({"note": "x" * 1001}, "note"),
    ],
)
async def test_a_credential_that_cannot_be_is_422_with_its_field(
    api: Stage, body: dict[str, Any], field: str
) -> None:
    assert await error(api, "/v1/credentials", body, "POST") == (422, "bad_value", field)


async def test_a_user_name_that_is_taken_is_409(api: Stage) -> None:
    assert await error(api, "/v1/credentials", {"username": "OTHER-app"}, "POST") == (409, "conflict", "")


async def test_credential_get_shows_one_and_others_are_404(api: Stage) -> None:
    assert (await api.get("/v1/credentials/SHOP-app")).json()["username"] == "shop-app"
    for name in ("other-app", "nobody"):
        for method, path in (
            ("GET", f"/v1/credentials/{name}"),
            ("PATCH", f"/v1/credentials/{name}"),
            ("DELETE", f"/v1/credentials/{name}"),
            ("POST", f"/v1/credentials/{name}/rotate"),
        ):
            answer = await api.client.request(method, path, json={} if method == "PATCH" else None)
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.json()["error"]["message"] == f"no credential {name}"


async def test_credential_patch_changes_what_is_named(api: Stage) -> None:
    path = "/v1/credentials/shop-app"
    await api.client.patch(path, json={"options": {"tags": "a", "priority": 3}, "quota": {"messages_day": 9}})
    answer = await api.client.patch(path, json={"options": {"tags": None}, "quota": {"messages_day": None}})
    assert answer.status_code == 200
    assert (answer.json()["options"], answer.json()["quota"]) == ({"priority": 3}, {})
    assert api.registry.audits(1)[0]["detail"] == {"username": "shop-app", "options": {"priority": 3}, "quota": {}}


async def test_credential_delete_disables_it_and_it_can_be_brought_back(api: Stage) -> None:
    assert (await api.client.delete("/v1/credentials/shop-app")).json()["disabled"] is True
    assert api.registry.credential("shop-app").disabled
    assert (await api.client.patch("/v1/credentials/shop-app", json={"disabled": False})).status_code == 200
    assert not api.registry.credential("shop-app").disabled


async def test_credential_rotate_gives_a_new_password(api: Stage) -> None:
    made = (await api.post("/v1/credentials")).json()
    rotated = (await api.post(f"/v1/credentials/{made['username']}/rotate")).json()
    assert rotated["password"] != made["password"]
    kept = api.registry.credential(made["username"])
    assert PasswordHasher().verify(kept.password_hash, rotated["password"])
    answer = await api.post("/v1/credentials/shop-app/rotate")  # it has none: it is there for tokens
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"grants": ["source-ip"]}, "grants"),
        ({"options": {"bypass": "complaint"}}, "options.bypass"),
        ({"options": {"source_ip": "192.0.2.7"}}, "options.source_ip"),
    ],
)
async def test_a_token_gives_no_more_than_its_own_credential_has(
    api: Stage, body: dict[str, Any], field: str
) -> None:
    assert await error(api, "/v1/credentials", body, "POST") == (403, "scope", field)
    assert await error(api, "/v1/credentials/shop-app", body) == (403, "scope", field)


async def test_a_token_gives_what_its_credential_has(api: Stage) -> None:
    own(api, grants=frozenset({"source-ip"}), allowed={"source_ip": ("192.0.2.0/28",)})
    wanted = {"grants": ["source-ip"], "allowed": {"source_ip": ["192.0.2.7"]}, "options": {"source_ip": "192.0.2.7"}}
    answer = await api.post("/v1/credentials", json=wanted)
    assert answer.status_code == 201, answer.text
    assert answer.json()["allowed"] == {"source_ip": ["192.0.2.7"]}
    for wide in ("192.0.2.99", "0.0.0.0/0", "192.0.*"):
        body = {**wanted, "allowed": {"source_ip": [wide]}, "options": {}}
        assert await error(api, "/v1/credentials", body, "POST") == (403, "scope", "allowed.source_ip")


async def test_what_binds_a_credential_binds_those_its_tokens_make(api: Stage) -> None:
    own(api, sandbox=True, forbidden=frozenset({"priority"}), lifetime=3600.0)
    made = (await api.post("/v1/credentials")).json()
    assert (made["sandbox"], made["forbidden"], made["lifetime"]) == (True, ["priority"], 3600.0)
    for body, field in (
        ({"sandbox": False}, "sandbox"),
        ({"forbidden": []}, "forbidden"),
        ({"lifetime": "2h"}, "lifetime"),
        ({"lifetime": None}, "lifetime"),
        ({"options": {"priority": 1}}, "options.priority"),
    ):
        for name in (made["username"], "shop-app"):
            assert await error(api, f"/v1/credentials/{name}", body) == (403, "scope", field)
    assert (await api.client.patch(f"/v1/credentials/{made['username']}", json={"lifetime": 60})).status_code == 200


async def test_a_credential_with_more_can_be_bound_closer_but_not_used(api: Stage) -> None:
    strong = Credential(
        username="strong", account=SHOP, password_hash="x", created=CREATED, grants=frozenset({"any-sender"})
    )
    api.registry.add_credential(strong)
    answer = await api.client.patch("/v1/credentials/strong", json={"note": "n", "quota": {"messages_day": 5}})
    assert answer.status_code == 200
    assert answer.json()["grants"] == ["any-sender"]
    bound = {"forbidden": ["priority"], "sandbox": True, "lifetime": 60}
    assert (await api.client.patch("/v1/credentials/strong", json=bound)).status_code == 200
    for loose, field in (
        ({"forbidden": []}, "forbidden"),
        ({"sandbox": False}, "sandbox"),
        ({"lifetime": 61}, "lifetime"),
    ):
        assert await error(api, "/v1/credentials/strong", loose) == (403, "scope", field)
    refused = await api.post("/v1/credentials/strong/rotate")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope")
    assert api.registry.credential("strong").password_hash == "x"
    own(api, grants=frozenset({"any-sender"}))
    assert (await api.post("/v1/credentials/strong/rotate")).status_code == 200


async def test_a_preset_with_more_is_named_only_by_those_who_may_already(api: Stage) -> None:
    api.registry.put_preset(Preset(account=SHOP, name="loud", options={"bypass": ["complaint"]}, created=CREATED))
    body = {"presets": ["loud"]}
    assert await error(api, "/v1/credentials", body, "POST") == (403, "scope", "presets.loud.bypass")
    own(api, presets=frozenset({"loud"}))
    assert (await api.post("/v1/credentials", json=body)).status_code == 201


async def test_a_token_whose_credential_is_gone_gives_nothing(api: Stage) -> None:
    lost = api.as_token(api.make_token(credential="never-was"))
    answer = await lost.post("/v1/credentials")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope")


async def test_reading_is_not_enough_to_see_credentials(api: Stage) -> None:
    reader = api.as_token(api.make_token(Scope.READ, Scope.SEND))
    assert (await reader.get("/v1/credentials")).status_code == 403
