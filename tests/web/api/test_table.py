"""The table of calls: complete in itself, each with a test of its name, examples that fit, and a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from relay.handbook.api_pages import pages
from relay.web.api.call import JSON, Call
from relay.web.api.openapi import document
from relay.web.api.problem import CODES
from relay.web.api.routes import Routes, names
from relay.web.api.table import CALLS
from tests.web.api.documented import operation

HERE = Path(__file__).parent
DOCUMENT = document(CALLS)

# smtpeter.md section 2.5, as it has them.
DOCUMENTED = """
POST /send|POST /resend
GET /recipient/{id}|GET /envelope/{id}|GET /text/{id}|GET /html/{id}|GET /headers/{id}|GET /header/{id}
GET /attachments/{id}|GET /attachments/{id}/{which}|GET /embeds/{id}|GET /embeds/{id}/{which}
GET /events/messageid/{id}|GET /events/email/{address}|GET /events/template/{id}|GET /events/tags/{tags}
GET /logfiles|GET /logfiles/{name}|GET /logfiles/{file}/{format}
GET /dmarc|GET /dmarc/{date}/{from}/{for}|GET /dmarc/{date}/{from}/{for}/{id}
GET /domains|GET /domain/{name}|POST /domain/{name}|DELETE /domain/{name}|DELETE /domain/{name}/{address}
GET /dns/{name}/recommended|GET /dns/{name}/selfhosted|GET /dns/{name}/status
GET /dkimkey/{name}|GET /dkimkey/{name}/publickey|GET /dkimkey/{name}/algorithm|GET /dkimkey/{name}/selector
GET /dkimkeys|GET /dkimkeys/{name}|GET /dkimkeys/{name}/{selector}
POST /dkimkey/{name}/{selector}|DELETE /dkimkey/{name}/{selector}
GET /spf/{name}|POST /spf/{name}|DELETE /spf/{name}
GET /templates|GET /templates/{start}|GET /templates/{start}/{length}|GET /template/{id}|GET /template/{id}/{format}
POST /template|POST /template/{format}|PUT /template|PUT /template/{format}|DELETE /template/{id}
POST /datarequest|GET /datarequest/{id}|GET /datarequest/{id}/status|GET /email/{email}/data
GET /webhooks|POST /webhook|GET /feedbackloops|POST /feedbackloop
GET /stats|GET /stats/{tag}|GET /tag/{tag}|GET /recent_tags
"""


def every(call: Call) -> str:
    return call.name


def test_every_call_smtpeter_documents_is_there() -> None:
    routes = Routes(CALLS)
    missing = []
    for method, path in (each.split() for each in DOCUMENTED.strip().replace("\n", "|").split("|")):
        asked = re.sub(r"\{(\w+)\}", r"x", path).replace("/x/x/x/x", "/2026-11-21/a/b/0")
        found = routes.find(asked)
        if found is None or method not in found.calls:
            missing.append(f"{method} {path}")
        elif not found.calls[method].smtpeter:
            missing.append(f"{method} {path} is not marked as SMTPeter's")
    assert missing == []


def test_names_and_routes_are_used_once() -> None:
    assert len({call.name for call in CALLS}) == len(CALLS)
    Routes(CALLS)  # raises where two calls have one place


@pytest.mark.parametrize("call", CALLS, ids=every)
def test_a_call_says_all_there_is_to_say(call: Call) -> None:
    assert call.summary and call.help and call.answers
    assert call.help.rstrip().endswith("."), call.help
    assert names(call) == [each.name for each in call.params]
    assert set(call.codes) <= set(CODES)
    assert any(each.status < 300 for each in call.answers)
    for shown in call.answers:
        assert shown.media != JSON or shown.example is not None or shown.status >= 400, "an answer without an example"


@pytest.mark.parametrize("call", CALLS, ids=every)
def test_a_call_has_a_test_that_is_named_after_it(call: Call) -> None:
    wanted = re.compile(rf"def test_{re.escape(call.name)}_\w+")
    assert any(wanted.search(path.read_text()) for path in HERE.glob("test_*.py")), f"test_{call.name}_..."


def _schema(schema: Any) -> dict[str, Any]:
    return {**schema, "components": DOCUMENT["components"]}


@pytest.mark.parametrize("call", CALLS, ids=every)
def test_the_examples_of_a_call_fit_their_schemas(call: Call) -> None:
    operation = DOCUMENT["paths"][call.path.replace("*}", "}")][call.method.lower()]
    contents = [each.get("content", {}) for each in operation["responses"].values()]
    contents.append(operation.get("requestBody", {}).get("content", {}))
    for content in contents:
        for media, told in content.items():
            if media == JSON and "example" in told and "schema" in told:
                jsonschema.Draft202012Validator(_schema(told["schema"])).validate(told["example"])


@pytest.mark.parametrize("call", CALLS, ids=every)
def test_a_client_can_be_generated_from_the_answers_of_a_call(call: Call) -> None:
    """Each answer in JSON says what is in it: members of an object, items of a list."""
    for shown in call.answers:
        if shown.media == JSON and shown.status < 300:
            content = operation(call)["responses"][str(shown.status)]["content"][JSON]
            assert "example" in content
            for schema in _alternatives(content.get("schema", {})):
                wanted = {"array": {"items"}, "object": {"properties", "additionalProperties"}}
                assert wanted.get(schema.get("type", ""), set()) & schema.keys(), schema


# Makes something, and takes no Idempotency-Key.
NOT_ONCE = {
    "token_post": "the answer has a secret, of which only a digest is kept",
    "credential_post": "the answer has a secret, of which only a digest is kept",
    "domain_post": "a domain has a name, and the same request goes on with it",
    "dkimkey_post": "a key has a name, and the same request changes nothing more",
    "spf_post": "a mechanism that is there already is not added again",
}


def test_what_makes_something_is_made_once_with_an_idempotency_key() -> None:
    making = {call.name for call in CALLS if call.method == "POST" and not _acts(call)}
    assert {call.name for call in CALLS if call.once} == making - set(NOT_ONCE)
    assert set(NOT_ONCE) <= making


def _acts(call: Call) -> bool:
    """What only renders, or does something to what is there."""
    last = call.path.rpartition("/")[2]
    return call.name.startswith("convert_") or (call.path.count("/") == 3 and not last.startswith("{"))


def test_schemas_have_names_that_are_classes_in_a_generated_client() -> None:
    assert [each for each in DOCUMENT["components"]["schemas"] if not each.isalnum()] == []


def _alternatives(schema: Any) -> list[Any]:
    if reference := schema.get("$ref"):
        return _alternatives(DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]])
    return [found for each in schema["anyOf"] for found in _alternatives(each)] if "anyOf" in schema else [schema]


def test_every_call_has_a_page_in_the_handbook() -> None:
    made = pages("")
    for call in CALLS:
        page = made[f"api/{call.name}.md"]
        assert call.summary in page and "## Faults" in page and "curl" in page
        assert f"api/{call.name}.md" in made["api-calls.md"]
