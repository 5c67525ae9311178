"""Stored templates by command."""

from __future__ import annotations

import io
import json
import sys

import pytest

from relay.store.sqlite import open_registry
from tests.cli.conftest import Cli

PAGE = "<html><p>Hello {$name|escape}</p>\n{$content}</html>\n"


@pytest.fixture
def written(ready: Cli) -> Cli:
    """With files, and a template made of them."""
    (ready.home / "page.html").write_text(PAGE)
    (ready.home / "text.txt").write_text("Hello {$name}!\n")
    ready("template", "put", "welcome", "--subject", "Hi {$name}", "--html", "page.html", "--text", "text.txt")
    return ready


def test_a_template_is_put_listed_shown_and_removed(written: Cli) -> None:
    [listed] = written.json("template", "list")
    assert (listed["template"], listed["version"], listed["account"]) == ("welcome", 1, "demo")
    assert (listed["html"], listed["variables"]) == (PAGE, ["content", "name"])
    assert "welcome" in written("template", "list", "--account", "demo")
    shown = written("template", "show", "WELCOME")
    assert "Hello {$name}!" in shown and "Hi {$name}" in shown
    assert written("template", "show", str(listed["id"]), "--part", "html") == PAGE
    removed = written.json("template", "remove", "welcome")
    assert removed["id"] == listed["id"]
    assert written.json("template", "list") == []
    written("template", "show", "welcome", code=3)
    written("template", "remove", "welcome", code=3)
    written("template", "list", "--account", "nobody", code=3)


def test_a_change_is_a_new_version_and_keeps_what_is_not_named(written: Cli) -> None:
    changed = written.json("template", "put", "Welcome", "--subject", "Dear {$name}", "--note", "politer")
    assert (changed["version"], changed["html"], changed["template"]) == (2, PAGE, "welcome")
    again = written.json("template", "put", "welcome", "--subject", "Dear {$name}")
    assert again["version"] == 2  # nothing new in it
    assert written.json("template", "show", "welcome", "--version", "1")["subject"] == "Hi {$name}"
    assert [each["version"] for each in written.json("template", "show", "welcome")["versions"]] == [2, 1]
    assert written.json("template", "put", "welcome", "--without", "text")["text"] == ""
    written("template", "show", "welcome", "--version", "9", code=3)
    assert "no version 9" in written.errors


def test_what_cannot_be_compiled_is_refused_with_line_and_column(written: Cli) -> None:
    (written.home / "bad.html").write_text("<p>\n  {if $a}x\n")
    written("template", "put", "welcome", "--html", "bad.html", "--subject", "{$", code=1)
    assert "welcome: subject, line 1, column 2: a name begins with a letter" in written.errors
    assert "welcome: html, line 2, column 3: {if} is not closed by {/if}: {if $a}" in written.errors
    assert written.json("template", "show", "welcome")["version"] == 1
    assert "Traceback" not in written.errors


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing"], 2, "say --subject, --html or --text"),
        (["a b", "--subject", "x"], 2, "a name has"),
        (["two", "--subject", "a\nb"], 2, "one line"),
        (["two", "--html", "missing.html"], 3, "missing.html is not there"),
        (["two", "--text", "latin.txt"], 1, "latin.txt is not UTF-8: invalid start byte at octet 1"),
        (["two", "--subject", "x", "--without", "subject"], 2, "subject is given, too"),
        (["two", "--subject", "x", "--account", "nobody"], 3, "no account nobody"),
    ],
)
def test_what_is_wrong_with_a_put_is_told(written: Cli, words: list[str], code: int, said: str) -> None:
    (written.home / "latin.txt").write_bytes(b"f\xfcr")
    written("template", "put", *words, code=code)
    assert said in written.errors
    assert len(written.json("template", "list")) == 1


def test_rendering_prints_what_comes_of_data(written: Cli) -> None:
    (written.home / "ann.json").write_text(json.dumps({"name": "Ann & Bob"}))
    made = written.json("template", "render", "welcome", "--data", "ann.json")
    assert made["subject"] == "Hi Ann & Bob"
    assert made["html"].startswith("<html><p>Hello Ann &amp; Bob</p>\n(the message's own text)")
    assert written("template", "render", "welcome", "--data", "ann.json", "--part", "text") == "Hello Ann & Bob!\n"
    assert "Subject: Hi Ann & Bob" in written("template", "render", "welcome", "--data", "ann.json")
    assert written.json("template", "render", "welcome")["text"] == "Hello !\n"


def test_a_rendering_that_fails_names_the_place(written: Cli) -> None:
    (written.home / "sum.txt").write_text("a\n{$sum / $count}")
    written("template", "put", "sum", "--text", "sum.txt", "--subject", "{$name}")
    (written.home / "data.json").write_text('{"name": "a\\r\\nBcc: b@example.net", "count": 1}')
    written("template", "render", "sum", "--data", "data.json", code=1)
    assert "subject: the value of a header field cannot have a line end" in written.errors
    written("template", "render", "sum", code=1)
    assert "sum: text, line 2, column 1: division by zero: {$sum / $count}" in written.errors
    for text, said in (("[1]", "no JSON object"), ("{", "is no JSON")):
        (written.home / "data.json").write_text(text)
        written("template", "render", "sum", "--data", "data.json", code=1)
        assert said in written.errors


def test_a_page_can_come_by_standard_input(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf<p>{$a}")))
    assert ready.json("template", "put", "piped", "--html", "-")["html"] == "<p>{$a}"


def test_what_was_done_to_templates_is_in_the_audit(written: Cli) -> None:
    written("template", "remove", "welcome")
    registry = open_registry(written.home / "var/registry.db")
    acts = [(each["act"], each["detail"]["template"]) for each in registry.audits(2)]
    registry.close()
    assert acts == [("template remove", "welcome"), ("template put", "welcome")]


DOCUMENT = {
    "name": "another",
    "id": 7,
    "from": {"name": "Shop", "address": "shop@example.com"},
    "subject": "News for {$name}",
    "content": {"blocks": [{"type": "heading", "content": "Hello {$name}"}]},
}


def test_a_template_is_made_of_a_document_and_shown_in_its_formats(ready: Cli) -> None:
    (ready.home / "news.json").write_text(json.dumps(DOCUMENT))
    made = ready.json("template", "put", "news", "--document", "news.json")
    assert (made["template"], made["subject"], made["document"]) == ("news", "News for {$name}", True)
    assert made["variables"] == ["name"] and "Hello {$name}" in made["html"] and "Hello {$name}" in made["text"]
    assert ready.json("template", "put", "news", "--document", "news.json")["version"] == 1
    shown = json.loads(ready("template", "show", "news", "--format", "json"))
    assert shown == DOCUMENT | {"name": "news", "id": made["id"]}
    assert ready("template", "show", "news", "--format", "html") == made["html"]
    assert ready("template", "show", "news", "--format", "text") == made["text"]
    assert "<!DOCTYPE html>" in ready("template", "show", "news", "--format", "webversion")
    for form in ("mime", "embedded"):
        message = ready("template", "show", "news", "--format", form)
        assert "From: Shop <shop@example.com>" in message and "Subject: News for {$name}" in message


def test_a_part_takes_the_place_of_a_document(ready: Cli) -> None:
    (ready.home / "news.json").write_text(json.dumps(DOCUMENT))
    ready("template", "put", "news", "--document", "news.json")
    changed = ready.json("template", "put", "news", "--subject", "By hand")
    assert (changed["document"], changed["version"]) == (False, 2) and "Hello {$name}" in changed["html"]
    again = ready.json("template", "put", "news", "--document", "news.json")
    assert (again["document"], again["subject"], again["version"]) == (True, "News for {$name}", 3)


@pytest.mark.parametrize(
    ("document", "words", "code", "said"),
    [
        ('{"content": {"blocks": [{"type": "txt"}]}}', [], 1, "/content/blocks/0/type: there is no block 'txt'"),
        (
            '{"content": {"blocks": [{"type": "text", "content": "{if}"}]}}',
            [],
            1,
            "/content/blocks/0/content: line 1",
        ),
        ('{"content": {"blocks": [{"type": "import", "url": "http://127.0.0.1:1/"}]}}', [], 1, "this machine"),
        ("[]", [], 1, "no JSON object"),
        ('{"text": "x"}', ["--subject", "y"], 2, "a document has all parts"),
    ],
)
def test_what_is_wrong_with_a_document_is_told(
    ready: Cli, document: str, words: list[str], code: int, said: str
) -> None:
    (ready.home / "news.json").write_text(document)
    ready("template", "put", "news", "--document", "news.json", *words, code=code)
    assert said in ready.errors and "Traceback" not in ready.errors


def test_a_part_and_a_format_exclude_one_another(written: Cli) -> None:
    written("template", "show", "welcome", "--format", "html", "--part", "html", code=2)
    assert "either a part or a format" in written.errors
    assert written("template", "show", "welcome", "--format", "html") == PAGE
