"""What an account of a relay elsewhere has: credentials, tokens, presets, suppressions, templates, over its API."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tests.cli.conftest import Elsewhere

_TOKEN = ("id", "account", "scopes", "credential", "rate", "note", "created")


def test_the_account_of_the_token_is_shown(elsewhere: Elsewhere) -> None:
    told = elsewhere.json("account", "show")
    assert (told["account"], told["token"]["scopes"]) == ("demo", ["send", "read", "manage"])
    assert "scopes" in elsewhere("account", "show", "Demo")
    elsewhere("account", "show", "other", code=3)
    assert elsewhere.errors == "relay: no account other: the token is of demo\n"
    elsewhere("account", "add", "other", code=2)
    assert elsewhere.errors.startswith("relay: `relay account add` is done on the relay's own machine")


def test_a_credential_is_made_changed_shown_and_disabled_as_on_its_machine(elsewhere: Elsewhere) -> None:
    made = elsewhere.json(
        "credential", "add", "--username", "far", "--note", "webshop", "--option", "tags=invoice,paid",
        "--quota", "messages-hour=1000", "--over", "delay", "--forbid", "priority",
    )  # fmt: skip
    assert len(made["password"]) > 20
    changed = elsewhere.json(
        "credential", "set", "far", "--unset", "tags", "--option", "priority=7", "--lifetime", "1d",
        "--quota", "messages-hour=none", "--quota", "bytes-day=2GiB", "--permit", "priority", "--forbid", "sandbox",
    )  # fmt: skip
    assert changed["options"] == {"priority": 7}
    assert changed["quota"] == {"bytes_day": 2 << 30, "over": "delay"}
    assert (changed["forbidden"], changed["lifetime"], changed["note"]) == (["sandbox"], 86400.0, "webshop")
    assert elsewhere.json("credential", "show", "far") == changed == elsewhere.there_json("credential", "show", "far")
    assert elsewhere("credential", "show", "far") == elsewhere.there("credential", "show", "far")
    assert changed in elsewhere.json("credential", "list")
    assert "far" in elsewhere("credential", "list")
    assert elsewhere.json("credential", "disable", "far")["disabled"]
    assert not elsewhere.json("credential", "disable", "far", "--undo")["disabled"]
    rotated = elsewhere("credential", "rotate", "far")
    assert made["password"] not in rotated
    assert "Note the password now" in elsewhere.errors


def test_what_a_token_may_not_give_is_refused_with_the_reason(elsewhere: Elsewhere) -> None:
    elsewhere("credential", "add", "--username", "granted", "--grant", "source-ip", code=4)
    assert "grants: this token's own credential lacks source-ip" in elsewhere.errors
    elsewhere("credential", "set", "nobody", "--note", "x", code=3)
    elsewhere("credential", "add", "--option", "tagz=x", code=2)
    assert "--option" in elsewhere.errors


def test_a_token_is_made_used_changed_and_revoked(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    made = elsewhere.json("token", "add", "--scope", "read", "--scope", "manage", "--note", "far")
    assert made["scopes"] == ["read", "manage"]
    monkeypatch.setenv("RELAY_TOKEN", made["token"])
    assert elsewhere.json("account", "show")["token"]["id"] == made["id"]
    elsewhere("send", "--from", "me@example.com", "--to", "you@example.net", "--text", "x", code=4)
    assert "send" in elsewhere.errors
    changed = elsewhere.json("token", "set", made["token"], "--scope", "read", "--note", "", "--rate", "600")
    assert (changed["scopes"], changed["note"], changed["rate"]) == (["read"], "", 600)
    elsewhere("token", "list", code=4)
    monkeypatch.setenv("RELAY_TOKEN", elsewhere.relay.access["token"])
    assert made["id"] in [each["id"] for each in elsewhere.json("token", "list")]
    assert "far" not in elsewhere("token", "show", made["id"])
    shown = elsewhere.json("token", "show", made["id"])
    there = elsewhere.there_json("token", "show", made["id"])
    assert {name: shown[name] for name in _TOKEN} == {name: there[name] for name in _TOKEN}
    assert elsewhere("token", "add", "--scope", "read").startswith("token ")
    elsewhere("token", "revoke", made["id"])
    elsewhere("token", "show", made["id"], code=3)
    monkeypatch.setenv("RELAY_TOKEN", made["token"])
    elsewhere("options", code=4)
    assert elsewhere.errors == "relay: Invalid access token\n"


def test_presets_are_made_changed_listed_and_removed(elsewhere: Elsewhere) -> None:
    elsewhere("preset", "add", "receipts", "--option", "tags=receipt", "--option", "priority=3")
    elsewhere("preset", "add", "receipts", "--option", "priority=4", code=1)
    assert elsewhere.errors == "relay: there is a preset receipts already; `preset set` changes it\n"
    changed = elsewhere.json("preset", "set", "receipts", "--unset", "tags", "--option", "campaign=may")
    assert changed["options"] == {"priority": 3, "campaign": "may"}
    assert changed in elsewhere.json("preset", "list")
    assert elsewhere("preset", "show", "receipts") == elsewhere.there("preset", "show", "receipts")
    elsewhere("credential", "add", "--username", "with-preset", "--preset", "receipts")
    elsewhere("preset", "remove", "receipts", code=1)
    assert "with-preset" in elsewhere.errors
    elsewhere("credential", "set", "with-preset", "--without-preset", "receipts")
    elsewhere("preset", "remove", "receipts")
    elsewhere("preset", "show", "receipts", code=3)
    elsewhere("credential", "set", "with-preset", "--preset", "receipts", code=2)
    assert "has no preset 'receipts'" in elsewhere.errors


def test_addresses_are_suppressed_listed_and_taken_off(elsewhere: Elsewhere) -> None:
    added = elsewhere("suppress", "add", "ann@far.example", "@gone.example", "--note", "by phone", "--until", "30d")
    assert added == "2 entries added, 0 renewed\n"
    [entry] = elsewhere.json("suppress", "add", "ann@far.example", "--note", "again", "--group", "news")
    assert (entry["account"], entry["group"], entry["note"]) == ("demo", "news", "again")
    listed = elsewhere.json("suppress", "list", "--address", "ann@far.example")
    assert listed == elsewhere.there_json("suppress", "list", "--address", "ann@far.example")
    assert len(elsewhere.json("suppress", "list", "--limit", "1")) == 1
    assert "@gone.example" in elsewhere("suppress", "list")
    assert elsewhere("suppress", "remove", "ann@far.example") == "1 entry removed\n"
    elsewhere("suppress", "remove", "ann@far.example", code=3)
    assert elsewhere.json("suppress", "remove", "ann@far.example", "--everywhere") == {"removed": 1}
    elsewhere("suppress", "add", "cia@far.example", "--cause", "complaint")
    elsewhere("suppress", "remove", "cia@far.example", code=4)
    elsewhere("suppress", "remove", "x@far.example", "--everywhere", "--group", "a", code=2)
    elsewhere("suppress", "add", "no address", code=2)
    assert "address:" in elsewhere.errors


def test_suppressions_are_imported_and_exported(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    octets = b"one@list.example\nnonsense\ntwo@list.example\n"
    (elsewhere.cli.home / "list.csv").write_bytes(octets)
    elsewhere("suppress", "import", "list.csv", "--strict", code=2)
    assert "line 2: " in elsewhere.errors
    assert elsewhere.json("suppress", "list", "--address", "one@list.example") == []
    told = elsewhere.json("suppress", "import", "list.csv", "--dry-run", code=1)
    assert told == {"entries": 2, "new": 0, "bad": 1, "dry_run": True}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
    assert elsewhere("suppress", "import", "-", "--cause", "bounce", code=1).startswith(
        "2 entries added, 0 renewed, 1"
    )
    assert "relay: -, line 2: not an address: nonsense" in elsewhere.errors
    exported = elsewhere("suppress", "export")
    assert exported.splitlines()[0].startswith("address,account,")
    assert "one@list.example,demo,,bounce" in exported
    lines = [json.loads(each) for each in elsewhere("suppress", "export", "--json").splitlines()]
    assert "two@list.example" in [each["address"] for each in lines]


def test_a_template_is_put_part_by_part_shown_rendered_and_removed(elsewhere: Elsewhere) -> None:
    home = elsewhere.cli.home
    (home / "page.html").write_text("<p>Hello {$name}</p>")
    (home / "ann.json").write_text('{"name": "Ann"}')
    elsewhere("template", "put", "far", "--subject", "Hi {$name}", "--html", "page.html")
    (home / "plain.txt").write_text("Dear {$name}")
    elsewhere("template", "put", "far", "--text", "plain.txt")
    shown = elsewhere.json("template", "show", "far")
    assert (shown["template"], shown["version"], len(shown["versions"])) == ("far", 2, 2)
    assert shown["source"]["subject"] == "Hi {$name}"
    assert "Dear {$name}" in elsewhere("template", "show", "far")
    assert "text" not in elsewhere.json("template", "show", "far", "--version", "1")["source"]
    assert {"template": "far", "id": shown["id"]} in elsewhere.json("template", "list")
    made = elsewhere.json("template", "render", "far", "--data", "ann.json")
    assert made["subject"] == "Hi Ann"
    assert made["text"].strip() == "Dear Ann"
    assert "<p>Hello Ann</p>" in made["html"]
    words = ("template", "render", "far", "--data", "ann.json", "--version", "1", "--part", "text")
    assert elsewhere(*words).strip() == "Hello Ann"
    assert "<p>Hello {$name}</p>" in elsewhere("template", "show", "far", "--format", "html")
    assert json.loads(elsewhere("template", "show", "far", "--format", "json")) == shown["source"]
    assert "far" in elsewhere("template", "list")
    (home / "nested.json").write_text('{"name": ["Ann"]}')
    elsewhere("template", "render", "far", "--data", "nested.json", code=2)
    assert "--data: name: the API renders texts and numbers alone" in elsewhere.errors
    elsewhere("template", "remove", "far")
    elsewhere("template", "show", "far", code=3)


def test_a_template_is_put_as_a_document_and_faults_in_it_are_told(elsewhere: Elsewhere) -> None:
    home = elsewhere.cli.home
    document = {"subject": "News", "content": {"blocks": [{"type": "text", "content": "Hello {$name}"}]}}
    (home / "news.json").write_text(json.dumps(document))
    put = elsewhere.json("template", "put", "news", "--document", "news.json")
    assert elsewhere.json("template", "put", "news", "--document", "news.json")["id"] == put["id"]
    assert "Hello" in elsewhere("template", "show", "news", "--format", "mime")
    (home / "bad.json").write_text(json.dumps({**document, "subject": "{if"}))
    elsewhere("template", "put", "news", "--document", "bad.json", code=2)
    assert "subject" in elsewhere.errors
    elsewhere("template", "put", "news", code=2)
    elsewhere("template", "put", "news", "--subject", "x", "--document", "news.json", code=2)
    elsewhere("template", "put", "news", "--note", "x", "--subject", "y", code=2)
    assert elsewhere.errors.startswith("relay: --note: is for the relay's own machine")
    elsewhere("template", "remove", "news")
