"""Rows 4, 55 and 60 over the API: webhooks by SMTPeter's names, logins with features, tokens of several scopes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.conformance.stage import Login, Stage, message, part
from tests.conformance.test_hooks import TYPES, wait_for
from tests.peers.hook import receiver


@contextmanager
def client(it: Stage, token: str) -> Iterator[httpx.Client]:
    """As SMTPeter's own clients: the token in the query."""
    base = f"http://127.0.0.1:{it.relay.port('http')}/v1/"
    with httpx.Client(base_url=base, params={"access_token": token}, timeout=30, trust_env=False) as made:
        yield made


@pytest.fixture(scope="module")
def app(it: Stage) -> Iterator[httpx.Client]:
    token = it.relay.ask("token", "add", "--account", "demo", "--credential", it.demo.username)["token"]
    with client(it, token) as made:
        yield made


@pytest.mark.parametrize(("one", "all_of_them"), [("webhook", "webhooks"), ("feedbackloop", "feedbackloops")])
def test_row_55_a_webhook_is_made_listed_checked_told_and_removed(
    it: Stage, app: httpx.Client, one: str, all_of_them: str
) -> None:
    with receiver() as there:
        made = app.post(one, json={"url": there.url("/in/hook.php"), "type": "delivery"}).json()
        assert made["passed"] is False
        there.files[f"/in/{made['check_file']}"] = made["check_text"].encode()
        path = f"webhook/{made['id']}"
        assert app.post(f"{path}/check").json()["passed"] is True
        assert made["id"] in {each["id"] for each in app.get(all_of_them).json()["webhooks"]}
        try:
            sent = it.send(message())
            (body,) = wait_for(it, there, sent, "delivery")
            assert body["recipient"] == sent.to[0]
            kept = it.wait(lambda: app.get(f"{path}/deliveries").json()["deliveries"], "the log of the webhook")
            assert kept[0]["status"] == 200
        finally:
            assert app.delete(path).status_code == 204
    assert app.get(path).status_code == 404


def test_row_55_types_are_one_several_or_as_a_trigger(app: httpx.Client) -> None:
    with receiver() as there:
        for given in ({"trigger": "|".join(TYPES)}, {"types": list(TYPES)}, {"type": ",".join(TYPES)}):
            answer = app.post("webhook", data={"handler": there.url(), **_form(given)})
            assert answer.status_code == 201, answer.text
            made = answer.json()
            assert (set(made["events"]), made["shape"]) == (set(TYPES), "smtpeter")
            assert app.put(f"webhook/{made['id']}", json={"trigger": "click"}).json()["events"] == ["click"]
            assert app.post(f"webhook/{made['id']}/test", json={"event": "click"}).json()["status"] == 200
            assert json.loads(there.got[-1][2])["type"] == "click"
            app.delete(f"webhook/{made['id']}")


def _form(given: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}[]" if isinstance(value, list) else name: value for name, value in given.items()}


def test_row_4_a_login_with_features_is_made_and_changed_over_the_api(it: Stage, app: httpx.Client) -> None:
    link = 'href="https://shop.example/a"'
    content = message(html=f"<a {link}>a</a>")
    made = app.post("credentials", json={"options": {"trackclicks": True}}).json()
    login = Login(made["username"], made["password"])
    assert link not in part(it.delivered(content, login=login))
    app.patch(f"credentials/{made['username']}", json={"options": {"trackclicks": False}})
    assert link in part(it.delivered(content, login=login))
    rotated = app.post(f"credentials/{made['username']}/rotate").json()
    it.send(message(), login=Login(made["username"], rotated["password"]))
    app.delete(f"credentials/{made['username']}")
    assert it.relay.ask("credential", "show", made["username"])["disabled"] is True


def test_row_60_an_account_has_tokens_of_several_scopes(it: Stage, app: httpx.Client) -> None:
    sending = {"recipient": it.somebody(), "mime": message().decode()}
    made = app.post("tokens", json={"scopes": ["send"], "note": "shop"}).json()
    with client(it, made["token"]) as shop:
        assert shop.post("send", json=sending).status_code == 200
        assert shop.get("tokens").status_code == shop.get("webhooks").status_code == 403
    looking = app.post("tokens", json={"scopes": ["read"]}).json()
    with client(it, looking["token"]) as clerk:
        assert clerk.get("webhooks").status_code == 200
        assert clerk.post("send", json=sending).status_code == 403
    assert {made["id"], looking["id"]} <= {each["id"] for each in app.get("tokens").json()["tokens"]}
    for each in (made, looking):
        assert app.delete(f"tokens/{each['id']}").status_code == 204
        with client(it, each["token"]) as gone:
            answer = gone.get("account")
            assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Invalid access token")


def test_row_60_an_account_says_who_is_asking(it: Stage, app: httpx.Client) -> None:
    found = app.get("account").json()
    assert (found["account"]["name"], found["credential"]["username"]) == ("demo", it.demo.username)
    assert found["token"]["scopes"] == ["send", "read", "manage"]
