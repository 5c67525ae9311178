"""`relay token`: made, shown, changed, revoked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from relay.manage.secret import token_digest
from relay.model.account import Scope
from relay.store.sqlite import SqliteRegistry, open_registry
from tests.cli.conftest import Cli


@pytest.fixture
def registry(ready: Cli) -> Iterator[SqliteRegistry]:
    opened = open_registry(ready.home / "var/registry.db")
    yield opened
    opened.close()


def made(ready: Cli, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = ready.json("token", "add", *words)
    return found


def test_a_token_that_sends_gets_a_credential_that_nobody_logs_in_with(ready: Cli, registry: SqliteRegistry) -> None:
    shown = made(ready, "--scope", "send", "--note", "webshop")
    kept = registry.token(shown["id"])
    assert kept.digest == token_digest(shown["token"])
    assert kept.scopes == {Scope.SEND}
    assert kept.credential == f"token-{shown['id']}"
    credential = registry.credential(kept.credential)
    assert (credential.account, credential.password_hash, credential.note) == ("demo", "", "webshop")


def test_a_token_can_have_an_existing_credential_of_its_account(ready: Cli, registry: SqliteRegistry) -> None:
    assert registry.token(made(ready, "--credential", "demo")["id"]).credential == "demo"
    ready("account", "add", "shop")
    ready("token", "add", "--account", "shop", "--credential", "demo", code=2)
    assert "there is no credential 'demo' of account shop" in ready.errors


def test_a_token_that_reads_needs_none(ready: Cli, registry: SqliteRegistry) -> None:
    shown = made(ready, "--scope", "read", "--rate", "600")
    kept = registry.token(shown["id"])
    assert (kept.credential, kept.rate, kept.scopes) == ("", 600, frozenset({Scope.READ}))
    ready("token", "set", shown["id"], "--scope", "send", code=2)
    assert "needs a credential" in ready.errors


def test_the_secret_is_shown_once(ready: Cli) -> None:
    shown = made(ready)
    assert shown["token"].startswith(f"{shown['id']}.")
    for text in (ready("token", "list", "--json"), ready("token", "show", shown["id"]), ready("token", "list")):
        assert shown["token"].partition(".")[2] not in text
    audit = ready("token", "show", shown["token"], "--json")  # a whole token names itself
    assert json.loads(audit)["id"] == shown["id"]


def test_the_list_tells_when_each_was_used_last(ready: Cli, registry: SqliteRegistry) -> None:
    ident = made(ready)["id"]
    registry.note_tokens_used({ident: 1_700_000_000.0})
    listed = {each["id"]: each for each in ready.json("token", "list", "--account", "demo")}
    assert listed[ident]["last_used"] == "2023-11-14T22:13:20.000Z"
    assert len(listed) == 2


def test_a_token_is_changed_in_what_is_named(ready: Cli, registry: SqliteRegistry) -> None:
    ident = made(ready, "--note", "old", "--rate", "5")["id"]
    ready("token", "set", ident, "--scope", "read", "--rate", "none")
    kept = registry.token(ident)
    assert (kept.scopes, kept.rate, kept.note) == (frozenset({Scope.READ}), None, "old")
    assert registry.audits(1)[0]["act"] == "token set"
    assert registry.audits(1)[0]["detail"] == {"token": ident, "scopes": ["read"], "rate": None}


def test_a_revoked_token_is_gone_and_its_own_credential_disabled(ready: Cli, registry: SqliteRegistry) -> None:
    ident = made(ready)["id"]
    ready("token", "revoke", ident)
    assert ident not in {each.id for each in registry.tokens()}
    assert registry.credential(f"token-{ident}").disabled
    ready("token", "show", ident, code=3)
    ready("token", "revoke", ident, code=3)


def test_a_credential_that_others_use_outlives_a_token(ready: Cli, registry: SqliteRegistry) -> None:
    first = made(ready)["id"]
    made(ready, "--credential", f"token-{first}")
    ready("token", "revoke", first)
    assert not registry.credential(f"token-{first}").disabled
    ready("token", "revoke", made(ready, "--credential", "demo")["id"])
    assert not registry.credential("demo").disabled


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--rate", "many"), "expected a whole number"),
        (("--rate", "-1"), "requests a minute"),
        (("--note", "x" * 1001), "at most 1000 characters"),
        (("--scope", "write"), "'write' is not one of"),
    ],
)
def test_what_cannot_be_is_said(ready: Cli, words: tuple[str, ...], why: str) -> None:
    ready("token", "add", *words, code=2)
    assert why in " ".join(ready.errors.split())


def test_a_credential_without_a_password_goes_through_a_file_and_back(ready: Cli, registry: SqliteRegistry) -> None:
    ident = made(ready)["id"]
    (ready.home / "all.yaml").write_text(ready("apply", "--export"))
    assert ready("apply", "all.yaml", "--dry-run") == "0 changes to make\n"
    ready("apply", "all.yaml")
    assert registry.credential(f"token-{ident}").password_hash == ""
