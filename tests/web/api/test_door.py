"""The door of the API: who gets in, what is read of a request, and how faults are told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import http.client
from dataclasses import replace
from pathlib import Path

import pytest

from relay.config import Config
from relay.model.account import Scope
from tests.web.api.stage import Stage, staged

SMALL = {"recipient": "ann@example.net", "from": "me@example.com", "subject": "Hi", "text": "Hello."}


def error(answer: object, status: int, code: str) -> dict[str, str]:
    """The error of an answer, which has its four words."""
    told = getattr(answer, "json")()["error"]  # noqa: B009
    assert (getattr(answer, "status_code"), told["code"]) == (status, code), told  # noqa: B009
    assert set(told) == {"message", "code", "field", "reply"}
    return dict(told)


async def test_every_answer_in_json_is_exactly_application_json(api: Stage) -> None:
    for answer in (await api.get("/v1/nothing"), await api.post("/v1/send", json=SMALL)):
        assert answer.headers["content-type"] == "application/json"


async def test_a_token_comes_as_bearer_as_basic_or_in_the_query(api: Stage) -> None:
    whole, nobody = api.make_token(), api.as_token("")
    for user in (f"api:{whole}", f"{whole}:"):
        basic = base64.b64encode(user.encode()).decode()
        answer = await nobody.post("/v1/send", json=SMALL, headers={"Authorization": f"Basic {basic}"})
        assert answer.status_code == 200
    assert (await nobody.post(f"/v1/send?access_token={whole}", json=SMALL)).status_code == 200
    assert (await nobody.post("/v1/send", json=SMALL, headers={"authorization": f"bearer {whole}"})).is_success


async def test_credentials_that_are_no_ascii_are_no_token(api: Stage) -> None:
    for said in (b"Basic \xfc\xfc", b"Basic \xff", b"Bearer \xfc", b"Basic !"):
        error(await api.as_token("").get("/v1/tokens", headers={b"Authorization": said}), 401, "bad_token")


async def test_a_wrong_token_is_told_in_smtpeters_words_before_the_body_is_read(api: Stage) -> None:
    for path in ("/v1/send?access_token=nobody", f"/v1/send?access_token={api.token.id}.wrong"):
        told = error(await api.as_token("").post(path, content=b"{ no json"), 401, "bad_token")
        assert told["message"] == "Invalid access token"
    error(await api.as_token("").post("/v1/send", content=b"{ no json"), 401, "no_token")


async def test_a_revoked_token_and_a_disabled_account_are_refused_at_once(api: Stage) -> None:
    whole = api.make_token()
    client = api.as_token(whole)
    assert (await client.post("/v1/send", json=SMALL)).is_success
    api.registry.remove_token(whole.partition(".")[0])
    error(await client.post("/v1/send", json=SMALL), 401, "bad_token")
    api.registry.set_account_disabled("shop", True)
    error(await api.post("/v1/send", json=SMALL), 401, "bad_token")


async def test_a_token_does_what_its_scopes_say(api: Stage) -> None:
    reader = api.as_token(api.make_token(Scope.READ))
    assert "send" in error(await reader.post("/v1/send", json=SMALL), 403, "scope")["message"]


async def test_the_pace_of_a_token_is_told_and_held(api: Stage) -> None:
    client = api.as_token(api.make_token(rate=2))
    first = await client.post("/v1/send", json=SMALL)
    assert first.headers["ratelimit-policy"] == '"requests";q=2;w=60'
    answers = [await client.post("/v1/send", json=SMALL) for _ in range(4)]  # a minute may begin in between
    late = [each for each in answers if each.status_code == 429]
    assert late and 1 <= int(late[0].headers["retry-after"]) <= 60
    error(late[0], 429, "too_many_requests")


async def test_an_unknown_path_method_or_parameter_is_told(api: Stage) -> None:
    for path in ("/v1/snd", "/v1", "/%761/send", "/v3/send", "//v1/send"):
        error(await api.get(path), 404, "not_found")
    wrong = await api.client.delete("/v1/send")
    assert wrong.headers["allow"] == "POST"
    assert (await api.client.delete("/v1/domains")).headers["allow"] == "GET, HEAD"
    error(wrong, 405, "method")
    assert error(await api.post("/v1/send?dryrun=1", json=SMALL), 400, "bad_parameter")["field"] == "dryrun"
    error(await api.post("/v1/send?dry_run=perhaps", json=SMALL), 400, "bad_parameter")
    error(await api.get("/v1/recipient/%ff"), 400, "bad_request")


@pytest.mark.parametrize("octets", [b"{", b"[]", b'"a"', b"\xff", b'{"a": }', b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(api: Stage, octets: bytes) -> None:
    error(await api.post("/v1/send", content=octets, headers={"Content-Type": "application/json"}), 400, "bad_json")


async def test_bodies_of_other_kinds_are_refused_by_name(api: Stage) -> None:
    said = error(await api.post("/v1/send", files={"a": b"b"}), 415, "bad_type")["message"]
    assert "application/json" in said and "multipart/form-data" in said
    error(await api.post("/v1/send", content=b"\xff=1", headers={"Content-Type": FORM}), 400, "bad_form")
    error(await api.post("/v1/send"), 422, "missing")


FORM = "application/x-www-form-urlencoded"


async def test_a_body_without_a_content_type_is_what_it_begins_with(api: Stage) -> None:
    for octets in (b' {"recipient": "ann@example.net", "from": "me@example.com", "text": "x"}', _form()):
        answer = await api.client.send(api.client.build_request("POST", "/v1/send", content=octets))
        assert answer.status_code == 200, answer.text


def _form() -> bytes:
    return b"recipient=ann%40example.net&from=me%40example.com&subject=a+b&text=x"


async def test_json_that_is_said_to_be_a_form_as_curl_says_of_every_text_is_json(api: Stage) -> None:
    octets = b' {"recipient": "ann@example.net", "from": "me@example.com", "text": "a&b=c"}'
    assert (await api.post("/v1/send", content=octets, headers={"Content-Type": FORM})).is_success


async def test_gzip_bodies_are_read_and_bounded(api: Stage) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    import json

    good = gzip.compress(json.dumps(SMALL).encode())
    assert (await api.post("/v1/send", content=good, headers=headers)).status_code == 200
    bomb = gzip.compress(b" " * (200 << 20), 9)
    error(await api.post("/v1/send", content=bomb, headers=headers), 413, "too_large")
    for bad in (good[:-9], b"none at all", good + b"more"):
        error(await api.post("/v1/send", content=bad, headers=headers), 400, "bad_encoding")
    odd = {**headers, "Content-Encoding": "br"}
    error(await api.post("/v1/send", content=good, headers=odd), 400, "bad_encoding")


async def test_a_body_over_the_limit_is_refused_before_it_came(api: Stage) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = api.make_token()
    head = f"POST /v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 999999999\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert await reader.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    writer.close()


async def test_who_closes_after_the_answer_hears_it_though_the_body_was_not_read(api: Stage) -> None:
    def asked(version: int, token: str) -> int:
        connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=20)
        setattr(connection, "_http_vsn", version)  # noqa: B010
        setattr(connection, "_http_vsn_str", f"HTTP/1.{version - 10}")  # noqa: B010
        with contextlib.closing(connection):
            more = {} if version == 10 else {"Connection": "close"}
            connection.request("POST", "/v1/send", b"x" * (16 << 20), {"Authorization": f"Bearer {token}", **more})
            return connection.getresponse().status

    for version in (10, 11):
        assert await asyncio.to_thread(asked, version, "nobody") == 401


async def test_plain_http_from_elsewhere_is_refused_and_over_a_proxy_it_is_https(tmp_path: Path) -> None:
    def proxied(config: object) -> object:
        http = config.http.model_copy(update={"proxies": ("127.0.0.1/32",)})  # type: ignore[attr-defined]
        return config.model_copy(update={"http": http})  # type: ignore[attr-defined]

    async with staged(tmp_path, proxied) as stage:  # type: ignore[arg-type]
        elsewhere = {"X-Forwarded-For": "198.51.100.7"}
        told = error(await stage.post("/v1/send", json=SMALL, headers=elsewhere), 400, "plain_http")
        assert "https" in told["message"]
        secure = {**elsewhere, "X-Forwarded-Proto": "https"}
        assert (await stage.post("/v1/send", json=SMALL, headers=secure)).status_code == 200


async def test_pages_from_elsewhere_are_let_in_by_origin_only(tmp_path: Path) -> None:
    def with_origin(config: object) -> object:
        api = config.http.api.model_copy(update={"cors": ("https://app.example.com",)})  # type: ignore[attr-defined]
        http = config.http.model_copy(update={"api": api})  # type: ignore[attr-defined]
        return config.model_copy(update={"http": http})  # type: ignore[attr-defined]

    async with staged(tmp_path, with_origin) as stage:  # type: ignore[arg-type]
        for origin, allowed in (("https://app.example.com", True), ("https://bad.example.com", False)):
            for method in ("OPTIONS", "POST"):
                answer = await stage.client.request(method, "/v1/send", json=SMALL, headers={"Origin": origin})
                assert ("access-control-allow-origin" in answer.headers) is allowed


async def test_the_last_use_of_a_token_is_remembered(api: Stage) -> None:
    await api.get("/v1/nothing")
    assert api.token.id not in api.door.used  # a path that is none is answered before anybody asks who
    await api.post("/v1/send", json=SMALL)
    assert api.token.id in api.door.used


async def test_requests_one_after_the_other_on_one_connection_are_answered_in_order(api: Stage) -> None:
    answers = await asyncio.gather(*(api.post("/v1/send", json=SMALL | {"subject": str(n)}) for n in range(20)))
    assert all(each.status_code == 200 for each in answers)
    assert len({ident for each in answers for ident in each.json()}) == 20


async def test_a_token_without_a_credential_sends_nothing(api: Stage) -> None:
    client = api.as_token(api.make_token(credential=""))
    told = error(await client.post("/v1/send", json=SMALL), 403, "refused")
    assert "relay token set" in told["message"]
    credential = api.registry.credential("shop-app")
    api.registry.update_credential(replace(credential, disabled=True))
    error(await api.post("/v1/send", json=SMALL), 403, "refused")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("relay.example.com", "relay.example.com"),
        ("192.0.2.1:8080", "192.0.2.1:8080"),
        ("[2001:db8::1]:8080", "[2001:db8::1]:8080"),
        *(
            (each, "localhost")
            for each in ("a b", "user@evil.example", "<script>", '"', "a/b", "[::1", "a:b", "%0d%0aX: y")
        ),
    ],
)
async def test_what_the_host_field_says_comes_back_as_a_host_or_not_at_all(api: Stage, said: str, told: str) -> None:
    answer = await api.post("/v1/messages?dry_run=0", json=SMALL, headers={"Host": said})
    assert answer.headers["location"].startswith(f"http://{told}/v1/messages/")


async def test_who_is_no_proxy_of_ours_says_nothing_of_where_it_comes_from_or_how(tmp_path: Path) -> None:
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "Forwarded": "for=192.0.2.1;proto=https"}
    async with staged(tmp_path) as stage:
        answer = await stage.post("/v1/messages", json=SMALL, headers=forged)
        assert answer.headers["location"].startswith("http://127.0.0.1")
        (received,) = [each for each in stage.events() if each.name.value == "received"]
        assert str(received.data["peer"]).startswith("127.0.0.1:")


async def test_a_client_behind_a_proxy_of_ours_cannot_pretend_to_be_this_machine(tmp_path: Path) -> None:
    def behind(config: Config) -> Config:
        return config.model_copy(update={"http": config.http.model_copy(update={"proxies": ("127.0.0.0/8",)})})

    async with staged(tmp_path, behind) as stage:
        for said in ("192.0.2.1", "127.0.0.1, 192.0.2.1", "::1, 192.0.2.1, 127.0.0.1"):
            refused = await stage.get("/v1/account", headers={"X-Forwarded-For": said})
            error(refused, 400, "plain_http")
            seen = await stage.get("/v1/account", headers={"X-Forwarded-For": said, "X-Forwarded-Proto": "https"})
            assert seen.status_code == 200


async def test_a_method_is_the_one_of_the_request_line(api: Stage) -> None:
    for field in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = await api.get("/v1/account", headers={field: "DELETE"}, params={"access_token": "x"})
        assert answer.status_code == 200
    error(await api.client.request("TRACE", "/v1/account"), 405, "method")
