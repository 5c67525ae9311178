"""POST /send: who gets a message, what is answered, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from email import message_from_bytes, policy
from typing import Any

from relay.config import Config
from relay.model.account import Scope
from relay.model.event import EventName
from relay.web.api.call import Asked, Caller
from relay.web.api.calls.send import send
from tests.web.api.stage import SHOP, Stage, staged

MIME = "From: Shop <me@example.com>\r\nTo: x@example.net\r\nSubject: Hi\r\n\r\nHello.\r\n"
PROPERTIES = {"from": "me@example.com", "subject": "Hi", "text": "Hello."}


async def told(api: Stage, status: int = 422, **body: Any) -> dict[str, str]:
    """What is wrong with it."""
    answer = await api.post("/v1/send", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert isinstance(error, dict)
    return error


async def rehearsed(api: Stage, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/send?dry_run=1", json={"recipient": "ann@example.net", **body})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


async def test_send_answers_each_recipients_id_with_the_address(api: Stage) -> None:
    answer = await api.post("/v1/send", json={"recipients": ["ann@example.net", "bob@example.net"], "mime": MIME})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found = answer.json()
    [ident] = {each.partition("-")[0] for each in found}
    assert found == {f"{ident}-1": "ann@example.net", f"{ident}-2": "bob@example.net"}
    content = api.content(ident)
    assert content.endswith(b"\r\nFrom: Shop <me@example.com>\r\nTo: x@example.net\r\nSubject: Hi\r\n\r\nHello.\r\n")
    [event] = [each for each in api.events() if each.name is EventName.RECEIVED]
    assert (event.account, event.credential, event.data["listener"]) == (SHOP, "shop-app", "api")


async def test_send_says_in_received_that_it_came_by_http_and_hides_who_sent_it(api: Stage) -> None:
    [ident] = await api.send()
    received = message_from_bytes(api.content(ident))["Received"]
    assert " with HTTP id " in received
    assert "127.0.0.1" not in received


FORMS: list[tuple[dict[str, Any], list[str]]] = [
    ({"recipient": "ann@example.net"}, ["ann@example.net"]),
    ({"recipient": " ann@EXAMPLE.net "}, ["ann@example.net"]),
    ({"recipient": ["a@example.net", "b@example.net"]}, ["a@example.net", "b@example.net"]),
    ({"recipients": "ann@example.net"}, ["ann@example.net"]),
    ({"recipients": ["a@example.net", {"b@example.net": {"x": 1}}]}, ["a@example.net", "b@example.net"]),
    ({"recipients": {"a@example.net": {"x": 1}, "b@example.net": []}}, ["a@example.net", "b@example.net"]),
    ({"recipients": {"0": "a@example.net", "2": "b@example.net"}}, ["a@example.net", "b@example.net"]),
    ({"recipients": {"3": {"b@example.net": {"x": 1}}}}, ["b@example.net"]),
    ({"recipient": "a@example.net", "recipients": ["b@example.net"]}, ["a@example.net", "b@example.net"]),
    ({"recipients": ["a@example.net", "a@Example.NET", "A@example.net"]}, ["a@example.net", "A@example.net"]),
    ({"recipient": "", "recipients": ["a@example.net"]}, ["a@example.net"]),
    ({"recipient": "jörg@bücher.example"}, ["jörg@xn--bcher-kva.example"]),
    ({"recipient": '"a, b"@example.net'}, ['"a, b"@example.net']),
]


async def test_send_takes_recipients_in_every_form_and_each_once(api: Stage) -> None:
    for given, wanted in FORMS:
        answer = await api.post("/v1/send", json={"mime": MIME, **given})
        assert answer.status_code == 200, answer.text
        assert list(answer.json().values()) == wanted


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"recipients": ["a@example.net", "b@@example.net"]}, "recipients[1]", "before the @"),
    ({"recipients": [["a@example.net"]]}, "recipients[0]", "not ['a@example.net']"),
    ({"recipients": [7]}, "recipients[0]", "not 7"),
    ({"recipients": {"a@example.net": {}, "nobody": {}}}, "recipients[nobody]", "not an address: nobody"),
    ({"recipients": {"a@example.net": "Ann"}}, "recipients", "object of values by name"),
    ({"recipient": "Ann <ann@example.net>"}, "recipient", "without a display name"),
    ({"recipient": "a@example.net, b@example.net"}, "recipient", "a list of their own"),
    ({"recipient": "@relay.example:a@example.net"}, "recipient", "without a display name"),
    ({"recipient": True}, "recipient", "not True"),
    ({"recipient": "a@example.net\r\nb"}, "recipient", "not a domain name"),
]


async def test_send_refuses_the_whole_call_for_one_bad_address_and_names_it(api: Stage) -> None:
    for given, field, why in BAD:
        error = await told(api, mime=MIME, **given)
        assert (error["code"], error["field"]) == ("bad_value", field)
        assert error["message"].startswith(f"{field}: ")
        assert why in error["message"]
    assert not [each for each in api.events() if each.name is EventName.RECEIVED]


async def test_send_needs_a_recipient_and_to_is_none(api: Stage) -> None:
    nobody: list[dict[str, Any]] = [
        {},
        {"recipient": ""},
        {"recipients": []},
        {"recipients": None},
        {"recipients": [{}, {}]},
    ]
    for given in nobody:
        error = await told(api, **{**PROPERTIES, "to": "ann@example.net", **given})
        assert (error["code"], error["field"]) == ("missing", "recipients")
        assert "to, cc and bcc are header fields" in error["message"]


async def test_send_by_v2_has_a_hundred_recipients_at_most_and_v1_those_of_the_relay(api: Stage) -> None:
    people = [f"p{number}@example.net" for number in range(101)]
    assert (await api.post("/v1/send", json={"recipients": people, "mime": MIME})).status_code == 200
    answer = await api.post("/v2/send", json={"recipients": people, "mime": MIME})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "too_many_recipients"
    assert "limit of 100" in answer.json()["error"]["message"]
    assert (await api.post("/v2/send", json={"recipients": people[:100], "mime": MIME})).status_code == 200
    many = [f"p{number}@example.net" for number in range(1001)]
    assert (await told(api, recipients=many, mime=MIME))["code"] == "too_many_recipients"


async def test_send_takes_forms_as_php_writes_them(api: Stage) -> None:
    form = {
        "recipients[]": ["ann@example.net", "bob@example.net"],
        "from[name]": "Shop",
        "from[address]": "me@example.com",
        "to[]": ["ann@example.net", "Bob <bob@example.net>"],
        "subject": "Grüße",
        "text": "Hello.\nBye.",
        "trackclicks": "0",
        "trackopens": "false",
        "tags[]": ["a", "b"],
        "extra[x-shop]": "7",
        "envelope": "back@example.com",
        "dsn[notify]": "NEVER",
        "attachments[0][data]": "aGVsbG8=",
        "attachments[0][name]": "a.txt",
        "unsubscribe[url]": "https://example.com/leave",
        "unsubscribe[oneclick]": "true",
    }
    answer = await api.post("/v1/send", data=form)
    assert answer.status_code == 200, answer.text
    [ident] = {each.partition("-")[0] for each in answer.json()}
    found = message_from_bytes(api.content(ident), policy=policy.default)
    assert (found["From"], found["Subject"], found["X-Shop"]) == ("Shop <me@example.com>", "Grüße", "7")
    assert found["To"] == "ann@example.net, Bob <bob@example.net>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [each.get_filename() for each in found.iter_attachments()] == ["a.txt"]
    [event] = [each for each in api.events() if each.name is EventName.RECEIVED]
    assert event.data["tags"] == ["a", "b"]
    assert event.data["from"] == "back@example.com"
    again = await api.post("/v1/send", data={"recipients[ann@example.net][name]": "Ann", "mime": MIME})
    assert list(again.json().values()) == ["ann@example.net"]


async def test_send_takes_mime_with_lf_and_refuses_a_bare_cr(api: Stage) -> None:
    unix, mixed = MIME.replace("\r\n", "\n"), MIME.replace("\r\n", "\n", 1)
    for mime in (unix, mixed, MIME, MIME.removesuffix("\r\n")):
        [ident] = await api.send(mime=mime)
        assert api.content(ident).endswith(MIME.encode())
    error = await told(api, recipient="ann@example.net", mime=MIME.replace("\r\n", "\r"))
    assert (error["code"], error["field"]) == ("bad_value", "mime")
    nothing: list[Any] = ["", " \r\n", [], {"a": 1}]
    for each in nothing:
        assert (await told(api, recipient="ann@example.net", mime=each))["field"] == "mime"


async def test_send_keeps_mime_as_it_is_in_any_script(api: Stage) -> None:
    body = "Ünïcödé: 日本語 👋\r\n"
    [ident] = await api.send(mime=f"{MIME}{body}")
    assert api.content(ident).endswith(f"Hello.\r\n{body}".encode())


async def test_send_takes_mime_over_the_properties_beside_it_and_says_so(api: Stage) -> None:
    found = await rehearsed(api, mime=MIME, subject="Other", html="<p>", attachments=[{"data": "eA=="}])
    assert "Subject: Hi\r\n" in found["messages"][0]["mime"]
    assert "mime is the whole message, so subject, html, attachments beside it had no effect" in found["warnings"]


async def test_send_lets_control_fields_in_mime_beat_properties(api: Stage) -> None:
    found = await rehearsed(api, mime=f"X-SMTPeter-Tags: inner\r\n{MIME}", tags=["outer"], trackopens=False)
    assert found["options"]["tags"] == {"value": ["inner"], "set_by": "header X-SMTPeter-Tags"}
    assert found["options"]["track_opens"] == {"value": False, "set_by": "property trackopens"}
    assert "X-SMTPeter" not in found["messages"][0]["mime"]
    assert any("tags is decided by header" in each for each in found["warnings"])


async def test_send_dry_run_shows_what_would_leave_and_keeps_nothing(api: Stage) -> None:
    found = await rehearsed(api, **PROPERTIES, recipients={"bob@example.net": {"name": "Bob"}}, to="x@example.net")
    assert found["recipients"] == ["ann@example.net", "bob@example.net"]
    assert found["envelope"] == "me@example.com"
    assert found["options"]["deliver_within"] == {"value": 86400.0, "set_by": "default of the API"}
    assert [each["recipients"] for each in found["messages"]] == [["ann@example.net", "bob@example.net"]]
    assert found["messages"][0]["encoding"] == "utf-8"
    assert "DKIM-Signature: " in found["messages"][0]["mime"]
    assert found["deadline"].endswith("Z")
    assert len(found["send_at"]) == 2
    assert not api.events()
    refused = await api.post(
        "/v1/send?dry_run=1", json={**PROPERTIES, "recipient": "a@example.net", "from": "a@b.example"}
    )
    assert refused.status_code == 403


async def test_send_is_refused_without_a_sender_domain_with_the_words_that_help(api: Stage) -> None:
    error = await told(api, 403, recipient="a@example.net", **{**PROPERTIES, "from": "me@stranger.example"})
    assert error["code"] == "refused"
    assert "stranger.example is not a verified domain of account shop; relay domain add" in error["message"]
    known = "You cannot send mailings from stranger.example without configuring it as sender domain"  # SMTPeter's
    assert (error["message"][: len(known)], error["field"]) == (known, "from")
    assert error["reply"].startswith("550 5.7.1 ")


async def test_send_is_refused_for_a_token_that_speaks_for_no_credential(api: Stage) -> None:
    client = api.as_token(api.make_token(credential=""))
    answer = await client.post("/v1/send", json={"recipient": "a@example.net", "mime": MIME})
    assert answer.status_code == 403
    assert "--credential NAME" in answer.json()["error"]["message"]
    for name in ("nobody", "other-app"):
        gone = api.as_token(api.make_token(credential=name))
        assert (await gone.post("/v1/send", json={"recipient": "a@example.net", "mime": MIME})).status_code == 403


async def test_send_is_refused_while_the_credential_or_the_account_is_disabled(api: Stage) -> None:
    credential = api.registry.credential("shop-app")
    api.registry.update_credential(dataclasses.replace(credential, disabled=True))
    error = await told(api, 403, recipient="a@example.net", mime=MIME)
    assert (error["code"], "is disabled" in error["message"]) == ("refused", True)
    api.registry.update_credential(credential)
    await api.send()


async def test_send_needs_the_scope_send(api: Stage) -> None:
    client = api.as_token(api.make_token(Scope.READ, Scope.MANAGE))
    answer = await client.post("/v1/send", json={"recipient": "a@example.net", "mime": MIME})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope")


async def test_send_twice_with_one_key_is_one_message_and_the_same_answer(api: Stage) -> None:
    body = {"recipients": ["a@example.net", "b@example.net"], "mime": MIME}
    answers = [await api.post("/v1/send", json=body, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert [each.headers.get("Idempotency-Replayed") for each in answers] == [None, "true"]
    assert len([each for each in api.events() if each.name is EventName.RECEIVED]) == 1


async def test_send_with_an_idempotency_key_of_the_message_answers_its_recipients_again(api: Stage) -> None:
    both: dict[str, Any] = {"recipient": "ann@example.net", "recipients": ["b@example.net"]}
    first = await api.send(idempotency_key="k-1", **both)
    again = await api.post("/v1/send", json={**both, "mime": MIME, "idempotency_key": "k-1"})
    assert list(again.json()) == first, again.text
    assert list(again.json().values()) == ["ann@example.net", "b@example.net"]


async def test_send_again_after_a_crash_finds_what_was_taken(api: Stage) -> None:
    """The answer was never given, so the request is carried out again, with the key it had."""
    body = {"recipients": ["a@example.net", "b@example.net"], "mime": MIME, "envelope": "back@example.com"}
    asked = Asked(
        caller=Caller(token=api.token, address="127.0.0.1", peer="127.0.0.1:1"),
        at=api.services.clock(),
        version=1,
        path={},
        query={"dry_run": False},
        headers={},
        body=body,
        key="of-the-door",
    )
    first = await send(api.services, asked)
    again = await send(api.services, dataclasses.replace(asked, body=dict(body), replay=True))
    assert json.loads(first.body) == json.loads(again.body)  # type: ignore[arg-type]
    other = await send(api.services, dataclasses.replace(asked, key="another"))
    assert json.loads(other.body).keys().isdisjoint(json.loads(first.body))  # type: ignore[arg-type]
    assert len([each for each in api.events() if each.name is EventName.RECEIVED]) == 2


async def test_send_over_the_limit_of_a_message_is_413(tmp_path: Any) -> None:
    def small(config: Config) -> Config:
        return config.model_copy(update={"limits": config.limits.model_copy(update={"size": 20_000})})

    async with staged(tmp_path, small) as api:
        error = await told(api, 413, recipient="a@example.net", mime=MIME + "x" * 20_000)
        assert error["code"] == "too_large"
        one = {"data": "QUJD" * 4000, "name": "a.bin"}
        for more in ({"attachments": [one] * 2}, {"attachments": [one], "text": "x\n" * 2000}):
            error = await told(api, 413, **{"recipient": "a@example.net", **PROPERTIES, **more})
            assert error["code"] == "too_large"


async def test_send_refuses_a_body_that_is_no_object(api: Stage) -> None:
    for body in ("[]", '"a"', "7"):
        answer = await api.post("/v1/send", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_json")
    broken = await api.post("/v1/send", content='{"a":', headers={"Content-Type": "application/json"})
    assert broken.status_code == 400
    assert json.loads(broken.content)["error"]["message"]


async def test_send_tells_its_warnings_in_a_header_field(api: Stage) -> None:
    given = {"recipient": "ann@example.net", "from": "me@example.com", "text": "x", "bcc": "bob@example.net"}
    answer = await api.post("/v1/send", json=given)
    assert answer.status_code == 200 and "bcc" in answer.headers["x-warnings"]
    quiet = {"envelope": "me@example.com", "trackclicks": False, "trackopens": False, "trackbounces": False}
    del given["bcc"]
    assert "x-warnings" not in (await api.post("/v1/send", json=given | quiet)).headers
