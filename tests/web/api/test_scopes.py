"""What a token may not do it is told so, by every call of the table alike; and nobody asks without a token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.model.account import Scope
from relay.web.api.call import Call
from relay.web.api.routes import names
from relay.web.api.table import CALLS
from tests.web.api.stage import SHOP, Stage

# What is asked with a body, and changes nothing.
RENDERED = {"convert_html", "convert_webversion", "convert_mime", "convert_embedded", "convert_text"}
SENDING = {"send", "resend", "messages_send", "messages_batch", "messages_mime"}
# What is looked at only by those who may change it: it has secrets, or who may do what.
KEPT_CLOSE = {
    *("dkimkeys_get", "dkimkeys_domain_get", "dkimkeys_selector_get", "email_data"),
    *("credentials_get", "credential_get", "tokens_get", "token_get"),
}


def path_of(call: Call) -> str:
    path = call.path
    for param, name in zip(call.params, names(call), strict=True):
        path = path.replace(f"{{{name}}}", param.example).replace(f"{{{name}*}}", param.example)
    return path


async def test_every_call_refuses_a_token_that_lacks_its_scope(api: Stage) -> None:
    lacking = {scope: api.as_token(api.make_token(*(set(Scope) - {scope}))) for scope in Scope}
    found = {}
    for number, call in enumerate(CALLS):
        path = ("/v1", "/v2")[number % 2] + path_of(call)
        answer = await lacking[call.scope].request(call.method, path)
        if (answer.status_code, answer.json()["error"]["code"]) != (403, "scope"):
            found[f"{call.method} {path}"] = (answer.status_code, answer.text[:200])
    assert found == {}


async def test_every_call_refuses_whoever_has_no_token_or_one_that_is_none(api: Stage) -> None:
    nobody, stranger = api.as_token(""), api.as_token(f"{api.token.id}.{'t' * 32}")
    found = {}
    for call in CALLS:
        for client, code in ((nobody, "no_token"), (stranger, "bad_token")):
            answer = await client.request(call.method, "/v1" + path_of(call))
            if (answer.status_code, answer.json()["error"]["code"]) != (401, code):
                found[f"{call.name} {code}"] = (answer.status_code, answer.text[:200])
    assert found == {}


async def test_no_call_answers_for_an_account_that_is_disabled(api: Stage) -> None:
    api.registry.update_account(replace(api.registry.account(SHOP), disabled=True))
    assert {(await api.get("/v1" + path_of(call))).status_code for call in CALLS if call.method == "GET"} == {401}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: str(call.name))
def test_what_sends_changes_or_shows_secrets_needs_the_scope_for_it(call: Call) -> None:
    if call.name in SENDING:
        assert call.scope is Scope.SEND
    elif call.name in KEPT_CLOSE or (call.method != "GET" and call.name not in RENDERED):
        assert call.scope is Scope.MANAGE
    else:
        assert call.scope is Scope.READ
