"""Tokens over the API: made, used, bound, revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from relay.model.account import Credential, Scope
from tests.web.api.stage import CREATED, SHOP, Stage


async def refused(
    api: Stage, body: dict[str, Any], path: str = "/v1/tokens", method: str = "POST"
) -> tuple[Any, ...]:
    answer = await api.client.request(method, path, json=body)
    told = answer.json()["error"]
    return answer.status_code, told["code"], told["field"]


async def made(api: Stage, **wanted: Any) -> dict[str, Any]:
    answer = await api.post("/v1/tokens", json=wanted)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_token_post_shows_it_once_and_it_works(api: Stage) -> None:
    answer = await api.post("/v1/tokens", json={"scopes": ["read"], "note": "graphs"})
    assert answer.status_code == 201
    shown = answer.json()
    assert answer.headers["location"].endswith(f"/v1/tokens/{shown['id']}")
    assert shown["credential"] is None
    client = api.as_token(shown["token"])
    assert (await client.get("/v1/account")).json()["token"]["note"] == "graphs"
    assert (await client.get("/v1/tokens")).status_code == 403
    assert shown["token"] not in (await api.get("/v1/tokens")).text
    assert shown["token"].partition(".")[2] not in str(api.registry.audits(5))


async def test_a_token_that_sends_gets_a_credential_that_nobody_logs_in_with(api: Stage) -> None:
    shown = await made(api, scopes=["send"])
    credential = api.registry.credential(shown["credential"])
    assert credential.username == f"token-{shown['id']}"
    assert (credential.account, credential.password_hash) == (SHOP, "")
    assert (await made(api, scopes=["send"], credential="shop-app"))["credential"] == "shop-app"


async def test_tokens_get_lists_those_of_the_account_with_their_last_use(api: Stage) -> None:
    api.registry.note_tokens_used({api.token.id: 1_700_000_000.0})
    for _ in range(2):
        await made(api, scopes=["read"])
    seen: dict[str, Any] = {}
    after = ""
    while after is not None:
        page = (await api.get("/v1/tokens", params={"limit": 1, "after": after})).json()
        seen |= {each["id"]: each for each in page["tokens"]}
        after = page["next"]
    assert len(seen) == 3
    assert seen[api.token.id]["last_used"] == "2023-11-14T22:13:20.000Z"
    assert {each["account"] for each in seen.values()} == {SHOP}


async def test_token_get_shows_one_and_those_of_others_are_404(api: Stage) -> None:
    assert (await api.get(f"/v1/tokens/{api.token.id}")).json()["credential"] == "shop-app"
    other = api.make_token(account="other").partition(".")[0]
    for ident in (other, "nope"):
        for method in ("GET", "PATCH", "DELETE"):
            body: dict[str, Any] | None = {} if method == "PATCH" else None
            answer = await api.client.request(method, f"/v1/tokens/{ident}", json=body)
            assert answer.status_code == 404, (method, answer.text)
    assert api.registry.token(other).account == "other"


async def test_token_patch_changes_what_is_named(api: Stage) -> None:
    ident = (await made(api, scopes=["read"], note="old"))["id"]
    answer = await api.client.patch(f"/v1/tokens/{ident}", json={"scopes": ["read", "manage"], "rate": 60})
    assert answer.json()["scopes"] == ["read", "manage"]
    kept = api.registry.token(ident)
    assert (kept.note, kept.rate, kept.scopes) == ("old", 60, frozenset({Scope.READ, Scope.MANAGE}))
    audit = api.registry.audits(1)[0]
    assert (audit["act"], audit["detail"]["rate"]) == ("token set", 60)
    bare = (await made(api, scopes=["read"]))["id"]
    bad = await refused(api, {"scopes": ["send"]}, f"/v1/tokens/{bare}", "PATCH")
    assert bad == (422, "bad_value", "credential")
    again = await api.client.patch(f"/v1/tokens/{ident}", json={"scopes": ["send"], "credential": "shop-app"})
    assert again.json()["credential"] == "shop-app"


async def test_token_delete_refuses_it_from_the_next_request_on(api: Stage) -> None:
    shown = await made(api, scopes=["read", "send"])
    client = api.as_token(shown["token"])
    assert (await client.get("/v1/account")).status_code == 200
    assert (await api.client.delete(f"/v1/tokens/{shown['id']}")).status_code == 204
    assert (await client.get("/v1/account")).status_code == 401
    assert api.registry.credential(shown["credential"]).disabled
    assert api.registry.audits(1)[0]["act"] == "token revoke"


async def test_a_token_gives_only_scopes_it_has(api: Stage) -> None:
    manager = api.as_token(api.make_token(Scope.MANAGE))
    answer = await manager.post("/v1/tokens", json={"scopes": ["manage", "send"]})
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "scopes")
    ident = (await manager.post("/v1/tokens", json={"scopes": ["manage"]})).json()["id"]
    answer = await manager.patch(f"/v1/tokens/{ident}", json={"scopes": ["read"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope")


async def test_a_token_gives_no_credential_with_more_than_its_own(api: Stage) -> None:
    strong = Credential(
        username="strong", account=SHOP, password_hash="x", created=CREATED, grants=frozenset({"any-sender"})
    )
    api.registry.add_credential(strong)
    assert await refused(api, {"scopes": ["send"], "credential": "strong"}) == (403, "scope", "credential")
    path = f"/v1/tokens/{api.token.id}"
    assert await refused(api, {"credential": "strong"}, path, "PATCH") == (403, "scope", "credential")
    assert await refused(api, {"scopes": ["send"], "credential": "other-app"}) == (422, "bad_value", "credential")


async def test_a_token_that_manages_is_bound_as_its_maker_is(api: Stage) -> None:
    api.registry.update_credential(replace(api.registry.credential("shop-app"), sandbox=True))
    shown = await made(api, scopes=["manage"])
    assert api.registry.credential(shown["credential"]).sandbox
    client = api.as_token(shown["token"])
    answer = await client.post("/v1/credentials", json={"sandbox": False})
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "sandbox")


async def test_a_token_gives_no_higher_rate_than_it_has(api: Stage) -> None:
    slow = api.as_token(api.make_token(rate=600))
    assert (await slow.post("/v1/tokens", json={"scopes": ["read"], "rate": 601})).status_code == 403
    assert (await slow.post("/v1/tokens", json={"scopes": ["read"], "rate": 0})).status_code == 403
    assert (await slow.post("/v1/tokens", json={"scopes": ["read"]})).json()["rate"] == 600
    usual = api.services.config.http.api.rate
    assert await refused(api, {"scopes": ["read"], "rate": usual + 1}) == (403, "scope", "rate")
    assert (await made(api, scopes=["read"], rate=usual))["rate"] == usual


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "missing", "scopes")),
        ({"scopes": []}, (422, "bad_value", "scopes")),
        ({"scopes": ["write"]}, (422, "bad_value", "scopes")),
        ({"scopes": ["read"], "colour": 1}, (422, "unknown_property", "colour")),
        ({"scopes": ["read"], "rate": -1}, (422, "bad_value", "rate")),
        ({"scopes": ["read"], "note": "\0"}, (422, "bad_value", "note")),
    ],
)
async def test_a_token_that_cannot_be_is_422_with_its_field(
    api: Stage, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    assert await refused(api, body) == expected


async def test_a_form_makes_a_token_too(api: Stage) -> None:
    answer = await api.post("/v1/tokens", data={"scopes[]": ["read", "manage"], "note": "form", "rate": "60"})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["scopes"], answer.json()["rate"]) == (["read", "manage"], 60)
