"""Templates by HTTP: listed, read, made, changed, removed."""

from __future__ import annotations

import json
from typing import Any

from relay.model.account import Scope
from relay.model.template import VERSIONS, Template
from tests.web.api.documents import news
from tests.web.api.stage import CREATED, OTHER, SHOP, Stage


async def made(api: Stage, **more: Any) -> int:
    answer = await api.post("/v1/template", json=news(**more))
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    assert isinstance(number, int)
    return number


async def refused(api: Stage, method: str, path: str, status: int = 422, **more: Any) -> dict[str, str]:
    answer = await api.client.request(method, path, **more)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert isinstance(error, dict)
    return error


async def test_templates_lists_ids_and_names(api: Stage) -> None:
    assert (await api.get("/v1/templates")).json() == []
    first, second = await made(api), await made(api, name="Welcome")
    await api.other().post("/v1/template", json=news())
    answer = await api.get("/v1/templates")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [{"id": first, "name": "News"}, {"id": second, "name": "Welcome"}]


async def test_templates_from_a_place_on_goes_on_there(api: Stage) -> None:
    numbers = [await made(api, name=f"t{number}") for number in range(3)]
    assert [each["id"] for each in (await api.get("/v1/templates/1")).json()] == numbers[1:]
    assert (await api.get("/v1/templates/3")).json() == []


async def test_templates_range_has_at_most_so_many(api: Stage) -> None:
    numbers = [await made(api, name=f"t{number}") for number in range(3)]
    assert [each["id"] for each in (await api.get("/v1/templates/1/1")).json()] == numbers[1:2]
    for wrong in ("/v1/templates/0/0", "/v1/templates/0/1001", "/v1/templates/-1", "/v1/templates/x"):
        error = await refused(api, "GET", wrong, 400)
        assert error["code"] == "bad_parameter" and error["field"] in ("start", "length")


async def test_template_answers_with_the_document_and_its_id(api: Stage) -> None:
    number = await made(api)
    for path in (f"/v1/template/{number}", "/v1/template/News", "/v1/template/nEWS", f"/v1/template/{number}/json"):
        answer = await api.get(path)
        assert answer.json() == {"id": number, **news()} and answer.headers["content-type"] == "application/json"
    assert (await refused(api, "GET", "/v1/template/News/json?name=Ann", 400))["field"] == "name"


async def test_template_of_another_account_is_not_there(api: Stage) -> None:
    await made(api)
    stranger = api.other()
    for method, path in (
        ("GET", "/v1/template/1"),
        ("GET", "/v1/template/News/html"),
        ("GET", "/v1/template/1/versions"),
        ("DELETE", "/v1/template/1"),
    ):
        assert (await stranger.request(method, path)).status_code == 404
    assert (await stranger.put("/v1/template/1", json=news())).status_code == 404
    assert (await api.get("/v1/template/1")).status_code == 200


async def test_template_written_by_hand_is_shown_as_a_small_document(api: Stage) -> None:
    page, text = "<p>Dear {$name}</p>", "Dear {$name}\n"
    hand = Template(account=SHOP, name="hand", created=CREATED, subject="Hi {$name}", html=page, text=text)
    kept = api.registry.put_template(hand)
    answer = await api.get("/v1/template/hand")
    assert answer.json() == {
        "id": kept.id,
        "name": "hand",
        "subject": "Hi {$name}",
        "content": "<p>Dear {$name}</p>",
        "text": "Dear {$name}\n",
    }
    assert (await api.get("/v1/template/hand/html?name=Ann")).text == "<p>Dear Ann</p>"
    assert (await api.get("/v1/template/hand/text?name=Ann")).text == "Dear Ann\n"


async def test_template_post_keeps_a_document_and_what_it_is_rendered_to(api: Stage) -> None:
    answer = await api.post("/v1/template", json=news())
    assert (answer.status_code, answer.content) == (201, b'{"id":1}')
    assert answer.headers["location"] == f"{api.url}/v1/template/1/html"
    kept = api.registry.template(SHOP, "News")
    assert json.loads(kept.document) == news()
    assert kept.subject == "News for {$name}" and "Hello {$name}" in kept.html and "Hello {$name}" in kept.text
    [audit] = [each for each in api.registry.audits() if each["act"] == "template put"]
    assert audit["who"] == f"token {api.token.id}" and audit["detail"]["template"] == "News"


async def test_template_post_does_not_tell_the_token_in_location(api: Stage) -> None:
    whole = api.make_token()
    answer = await api.as_token("").post(f"/v1/template?access_token={whole}", json=news())
    assert answer.headers["location"] == f"{api.url}/v1/template/1/html"


async def test_template_post_names_what_has_no_name_and_refuses_one_that_is_taken(api: Stage) -> None:
    for number in (1, 2):
        await made(api, name=None)
        assert (await api.get(f"/v1/template/template-{number}")).status_code == 200
    await made(api)
    error = await refused(api, "POST", "/v1/template", 409, json=news(name="nEWS"))
    assert error["code"] == "conflict" and "nEWS" in error["message"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"content": {"blocks": [{"type": "txt"}]}}, "/content/blocks/0/type", "did you mean 'text'"),
    ({"content": {"blocks": [{"type": "text", "content": "a\n {if}"}]}}, "/content/blocks/0/content", "line 2"),
    ({"content": "<p>{if $a}"}, "/content", "line 1, column 4"),
    ({"subject": "a\nb"}, "/subject", "one line"),
    ({"subject": "x" * 2001}, "/subject", "at most 2000"),
    ({"from": "nobody", "text": "x"}, "/from", "an address"),
    ({"headers": {"a b": "c"}, "text": "x"}, "/headers/a b", "name of a field"),
    ({"name": "News"}, "/content", "no content"),
    ({"name": "", "text": "x"}, "/name", "1 to 64"),
    ({"name": "x" * 65, "text": "x"}, "/name", "1 to 64"),
    ({"name": 7, "text": "x"}, "/name", "1 to 64"),
    ({"id": 3, "text": "x"}, "/id", "PUT changes"),
    ({"text": "x", "attachments": [{"data": "QUFB" * 300_000}]}, "", "at most 1 MiB"),
]


async def test_template_post_says_where_a_document_is_wrong(api: Stage) -> None:
    for document, field, said in WRONG:
        error = await refused(api, "POST", "/v1/template", json=document)
        assert error["field"] == field and said in error["message"], (document, error)
    assert (await api.get("/v1/templates")).json() == []


async def test_template_post_takes_forms(api: Stage) -> None:
    for form in ({"json": json.dumps(news())}, {"name": "plain", "subject": "Hi", "content": "<p>x</p>"}):
        assert (await api.post("/v1/template", data=form)).status_code == 201
    assert (await api.get("/v1/template/1")).json() == {"id": 1, **news()}
    assert (await api.get("/v1/template/plain/html")).text == "<p>x</p>"
    for wrong in ("{", "[]"):
        assert (await refused(api, "POST", "/v1/template", data={"json": wrong}))["field"] == "json"


async def test_template_post_tells_what_is_odd(api: Stage) -> None:
    answer = await api.post("/v1/template", json=news(colour="red"))
    assert answer.status_code == 201
    [warning] = answer.json()["warnings"]
    assert warning.startswith("/colour: there is no property 'colour'")


async def test_template_post_format_says_where_location_leads(api: Stage) -> None:
    for form in ("json", "html", "webversion", "mime", "embedded", "text"):
        answer = await api.post(f"/v1/template/{form}", json=news(name=form))
        assert answer.headers["location"] == f"{api.url}/v1/template/{answer.json()['id']}/{form}"
        assert (await api.client.get(answer.headers["location"])).status_code == 200
    assert (await refused(api, "POST", "/v1/template/pdf", 400, json=news()))["field"] == "format"


async def test_template_put_replaces_the_document_by_id_or_name(api: Stage) -> None:
    number = await made(api)
    answer = await api.client.put("/v1/template", json=news(subject="By name"))
    assert (answer.status_code, answer.json()) == (201, {"id": number})
    assert answer.headers["location"] == f"{api.url}/v1/template/{number}/html"
    assert (await api.get("/v1/template/News")).json()["subject"] == "By name"
    await api.client.put("/v1/template", json=news(id=number, name="Other", subject="By id"))
    assert (await api.get("/v1/template/Other")).json() == {"id": number, **news(name="Other", subject="By id")}
    assert (await api.get("/v1/template/News")).status_code == 404
    await api.client.put("/v1/template", json={"id": number, "text": "short"})
    assert (await api.get(f"/v1/template/{number}")).json() == {"id": number, "name": "Other", "text": "short"}


async def test_template_put_refuses_what_is_not_there_or_taken(api: Stage) -> None:
    number = await made(api)
    await made(api, name="Other")
    assert (await refused(api, "PUT", "/v1/template", 404, json=news(name="Third")))["code"] == "not_found"
    assert (await refused(api, "PUT", "/v1/template", 404, json=news(id=99)))["code"] == "not_found"
    assert (await refused(api, "PUT", "/v1/template", 409, json=news(id=number, name="Other")))["code"] == "conflict"
    assert (await refused(api, "PUT", "/v1/template", json={"text": "x"}))["code"] == "missing"
    assert (await refused(api, "PUT", "/v1/template", json=news(id=True)))["field"] == "/id"
    assert (await refused(api, "PUT", "/v1/template", json=news(content=3)))["field"] == "/content"
    assert (await api.get("/v1/template/1")).json() == {"id": number, **news()}


async def test_template_put_id_takes_an_id_a_name_or_a_format(api: Stage) -> None:
    number = await made(api)
    for path, subject in ((str(number), "a"), ("News", "b"), ("mime", "c")):
        answer = await api.client.put(f"/v1/template/{path}", json=news(subject=subject))
        form = "mime" if path == "mime" else "html"
        assert (answer.status_code, answer.json()) == (201, {"id": number})
        assert answer.headers["location"].endswith(f"/v1/template/{number}/{form}")
        assert (await api.get("/v1/template/News")).json()["subject"] == subject
    assert (await refused(api, "PUT", "/v1/template/1", json=news(id=2)))["field"] == "/id"
    assert (await refused(api, "PUT", "/v1/template/9", 404, json=news()))["code"] == "not_found"


async def test_template_versions_are_kept_up_to_a_bound_and_none_is_made_of_nothing(api: Stage) -> None:
    await made(api)
    for number in (2, 2, 3, *range(4, VERSIONS + 2)):
        assert (await api.client.put("/v1/template", json=news(subject=str(number)))).status_code == 201
    found = (await api.get("/v1/template/News/versions")).json()
    assert [each["version"] for each in found] == list(range(VERSIONS + 1, 1, -1))
    assert found[0]["document"] is True and found[0]["changed"].endswith("Z")


async def test_template_version_is_the_document_as_it_was_then(api: Stage) -> None:
    await made(api)
    await api.client.put("/v1/template", json=news(subject="second"))
    before = await api.get("/v1/template/1/versions/1")
    assert before.json() == {"id": 1, **news()}
    assert (await api.client.put("/v1/template", json=before.json())).status_code == 201
    assert (await api.get("/v1/template/1")).json() == {"id": 1, **news()}
    assert (await api.get("/v1/template/1/versions/9")).status_code == 404
    assert (await refused(api, "GET", "/v1/template/1/versions/x", 400))["field"] == "version"


async def test_template_delete_removes_it_for_good(api: Stage) -> None:
    number = await made(api)
    answer = await api.client.delete(f"/v1/template/{number}")
    assert (answer.status_code, answer.json()) == (200, {"id": number})
    assert answer.headers["x-deleted"] == f"template {number}"
    assert (await refused(api, "DELETE", f"/v1/template/{number}", 404))["code"] == "not_found"
    assert (await api.get("/v1/templates")).json() == []
    assert "template remove" in [each["act"] for each in api.registry.audits()]
    assert api.registry.template_names(OTHER) == []


async def test_templates_are_changed_by_who_may_manage_and_read_by_who_may_read(api: Stage) -> None:
    reader, sender = api.as_token(api.make_token(Scope.READ)), api.as_token(api.make_token(Scope.SEND))
    assert (await reader.post("/v1/template", json=news())).status_code == 403
    await made(api)
    assert (await reader.get("/v1/template/1/html")).status_code == 200
    assert (await sender.get("/v1/template/1")).status_code == 403
    assert (await reader.delete("/v1/template/1")).status_code == 403


async def test_template_post_does_not_keep_a_page_that_nobody_would_see(api: Stage) -> None:
    answer = await api.post("/v1/template", json={"name": "empty", "subject": "Hi", "html": "<p>Hello.</p>"})
    assert answer.status_code == 422
    assert answer.json()["error"] | {"reply": ""} == {
        "message": "content: it is needed, and html has no meaning: put it there",
        "code": "missing",
        "field": "/content",
        "reply": "",
    }
