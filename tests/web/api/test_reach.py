"""Nobody gets by a token that manages what its own credential has not, by whatever detour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from relay.model.account import Credential, Preset, Scope
from relay.model.options import Options, Unsubscribe
from relay.submission.control.registry import BY_NAME
from tests.web.api.stage import CREATED, SHOP, Stage

STRONG = Credential(
    username="strong", account=SHOP, password_hash="x", created=CREATED, grants=frozenset({"source-ip"})
)
MAIL = {"recipient": "ann@example.net", "from": "me@example.com", "subject": "s", "text": "t"}


async def patched(api: Stage, path: str, **body: Any) -> tuple[int, str]:
    answer = await api.client.patch(path, json=body)
    return answer.status_code, answer.json().get("error", {}).get("field", "")


def sandboxed(api: Stage) -> None:
    api.registry.update_credential(replace(api.registry.credential("shop-app"), sandbox=True))


async def test_a_token_that_reads_is_not_made_into_one_that_manages_and_is_bound_by_nothing(api: Stage) -> None:
    sandboxed(api)
    made = (await api.post("/v1/tokens", json={"scopes": ["read"]})).json()
    path = f"/v1/tokens/{made['id']}"
    assert made["credential"] is None
    assert await patched(api, path, scopes=["read", "manage"]) == (200, "")
    assert (await api.get(path)).json()["credential"] == f"token-{made['id']}"
    second = await api.as_token(made["token"]).post("/v1/credentials", json={})
    assert (second.status_code, second.json()["sandbox"]) == (201, True)
    assert await patched(api, f"/v1/credentials/{second.json()['username']}", sandbox=False) == (403, "sandbox")


async def test_whoever_is_in_the_sandbox_makes_nothing_that_is_not(api: Stage) -> None:
    sandboxed(api)
    api.registry.add_credential(replace(STRONG, grants=frozenset()))
    assert (await api.post("/v1/credentials", json={"sandbox": False})).json()["error"]["field"] == "sandbox"
    assert (await api.post("/v1/tokens", json={"scopes": ["send"], "credential": "strong"})).status_code == 403
    assert (await api.post("/v1/credentials/strong/rotate")).status_code == 403
    assert await patched(api, f"/v1/tokens/{api.token.id}", credential="strong") == (403, "credential")
    assert await patched(api, "/v1/credentials/shop-app", sandbox=False) == (403, "sandbox")


async def test_the_sandbox_holds_whatever_a_message_is_made_of(api: Stage) -> None:
    (real,) = await api.send()
    sandboxed(api)
    assert (await api.post("/v1/resend", json={"message": real})).status_code == 200
    await api.send(sandbox=False)
    assert (await api.post("/v1/messages/batch", json={"messages": [MAIL]})).status_code == 202
    received = [each for each in api.events() if each.name.value == "received" and each.message not in real]
    assert [each.data.get("test") for each in received] == [True] * 3


async def test_a_stronger_credential_that_is_disabled_stays_so(api: Stage) -> None:
    api.registry.add_credential(replace(STRONG, disabled=True))
    assert await patched(api, "/v1/credentials/strong", disabled=False) == (403, "disabled")
    assert await patched(api, "/v1/credentials/strong", note="paused") == (200, "")
    assert await patched(api, "/v1/credentials/shop-app", disabled=True) == (200, "")
    assert await patched(api, "/v1/credentials/shop-app", disabled=False) == (200, "")


@pytest.mark.parametrize("scopes", [["send"], ["read", "manage"], ["read", "send", "manage"]])
async def test_a_token_of_a_stronger_credential_gets_no_more_scopes(api: Stage, scopes: list[str]) -> None:
    api.registry.add_credential(STRONG)
    path = f"/v1/tokens/{api.make_token(Scope.READ, credential='strong').partition('.')[0]}"
    assert await patched(api, path, scopes=scopes) == (403, "credential")
    assert await patched(api, path, note="looks on") == (200, "")


async def test_who_sends_a_message_again_has_no_more_than_when_it_were_new(api: Stage) -> None:
    archive = "archive@example.com"
    own = api.registry.credential("shop-app")
    allowed = {"bcc_archive": (archive,)}
    api.registry.update_credential(replace(own, grants=frozenset({"archive-copy"}), allowed=allowed))
    (sent,) = await api.send(bcc_archive=archive, campaign="spring")
    api.registry.add_credential(replace(STRONG, username="weak", grants=frozenset()))
    weak = api.as_token(api.make_token(Scope.SEND, credential="weak"))
    refused = await weak.post("/v1/resend", json={"message": sent})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "refused")
    assert "bcc_archive" in refused.json()["error"]["message"]
    assert (await api.post("/v1/resend", json={"message": sent})).status_code == 200


async def test_mail_sent_again_does_not_leave_the_sandbox_of_a_default(api: Stage) -> None:
    (sent,) = await api.send()
    own = api.registry.credential("shop-app")
    api.registry.update_credential(replace(own, options={"sandbox": "accept"}))
    answer = await api.post("/v1/resend?dry_run=1", json={"message": sent})
    assert answer.json()["options"]["sandbox"] == {"value": "accept", "set_by": "credential shop-app"}


@pytest.mark.parametrize(
    ("name", "held", "looser"),
    [
        ("sandbox", "accept", "off"),
        ("retention", "90d", "1d"),
        ("max_attempts", 3, 9),
        ("verify_tls", "required", "none"),
        ("unsubscribe", "both", "off"),
    ],
)
async def test_a_default_that_messages_need_a_grant_to_loosen_binds_credentials_as_well(
    api: Stage, name: str, held: Any, looser: Any
) -> None:
    own = api.registry.credential("shop-app")
    found = {name: BY_NAME[name].read(held)}
    api.registry.update_credential(replace(own, options=Options(**found).as_dict()))
    for path in ("/v1/credentials/shop-app", "/v1/credentials"):
        for value in (looser, None):
            method = "PATCH" if path.endswith("app") else "POST"
            answer = await api.client.request(method, path, json={"options": {name: value}})
            assert (answer.status_code, answer.json()["error"]["field"]) == (403, f"options.{name}"), answer.text
    made = (await api.post("/v1/credentials", json={})).json()
    assert made["options"].keys() == {name}
    assert await patched(api, "/v1/credentials/shop-app", options={"tags": ["a"]}) == (200, "")


@pytest.mark.parametrize("whose", ["credential", "domain"])
async def test_no_preset_gets_around_a_default_that_binds(api: Stage, whose: str) -> None:
    held = Options(unsubscribe=Unsubscribe.BOTH).as_dict()
    if whose == "credential":
        api.registry.update_credential(replace(api.registry.credential("shop-app"), options=held))
    else:
        api.registry.update_domain(replace(api.registry.domain("example.com"), options=held))
    answer = await api.client.put("/v1/presets/quiet", json={"options": {"unsubscribe": "off"}})
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "options.unsubscribe")
    assert await patched(api, "/v1/credentials/shop-app", options={"unsubscribe": "off"}) == (
        403,
        "options.unsubscribe",
    )
    api.registry.put_preset(
        Preset(account=SHOP, name="quiet", options={"unsubscribe": "off", "tags": ["a"]}, created=CREATED)
    )
    answer = await api.client.patch("/v1/credentials/shop-app", json={"presets": ["quiet"]})
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "presets.quiet.unsubscribe")
