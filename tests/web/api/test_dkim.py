"""DKIM keys over the API: the relay's own, and those an account brings."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import replace
from typing import Any

import dkim
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from relay.model.account import Algorithm, KeyState, Scope
from relay.transform import keys
from relay.transform.keys import dns_name, dns_record
from relay.web.api.calls import dkim as module
from tests.web.api.stage import Stage

KEY = "/v1/dkimkey/example.com/own"
RSA = generate_private_key(public_exponent=65537, key_size=2048)
SHORT = generate_private_key(public_exponent=65537, key_size=1024)
ED25519 = Ed25519PrivateKey.generate()


def octets(key: Any, encoding: Encoding, form: PrivateFormat) -> bytes:
    found: bytes = key.private_bytes(encoding, form, NoEncryption())
    return found


def encoded(key: Any, encoding: Encoding = Encoding.DER, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return base64.b64encode(octets(key, encoding, form)).decode()


def prime(bits: int) -> int:
    """One with which 65537 can be used."""
    while True:
        found = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if pow(2, found - 1, found) == 1 and (found - 1) % 65537:
            return found


def tiny(bits: int) -> str:
    """An RSA key (PKCS#1) of so few bits that no library makes one any more."""
    p, q = prime(bits // 2), prime(bits // 2)
    d = pow(65537, -1, (p - 1) * (q - 1))
    parts = b"".join(map(der, (0, p * q, 65537, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))
    return base64.b64encode(b"\x30\x82" + len(parts).to_bytes(2, "big") + parts).decode()


def der(number: int) -> bytes:
    """INTEGER."""
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    length = bytes([len(octets)]) if len(octets) < 128 else b"\x81" + bytes([len(octets)])
    return b"\x02" + length + octets


QUICK = {"privatekey": encoded(ED25519)}


async def test_dkimkey_get_shows_the_key_of_the_relays_own(api: Stage) -> None:
    found = (await api.get("/v1/dkimkey/example.com")).json()
    assert (found["selector"], found["algorithm"]) == ("r1", "sha256")
    assert found["public"].startswith("-----BEGIN PUBLIC KEY-----\n")
    (kept,) = (each for each in api.registry.keys("example.com") if each.selector == "r1")
    assert kept.public_base64 == "".join(found["public"].splitlines()[1:-1])
    assert (await api.get("/v1/dkimkey/keyless.example")).status_code == 404
    assert (await api.get("/v1/dkimkey/other.example")).status_code == 404
    assert (await api.get("/v1/dkimkey/nothing")).status_code == 422


async def test_dkimkey_get_knows_the_newest_of_its_kind_and_no_custom_key(api: Stage) -> None:
    await api.post(KEY, json={"privatekey": encoded(RSA)})
    assert (await api.get("/v1/dkimkey/example.com")).json()["selector"] == "r1"
    api.registry.retire_key("example.com", "r1")
    found = (await api.get("/v1/dkimkey/example.com")).json()
    assert (found["selector"], found["algorithm"]) == ("e1", "ed25519-sha256")
    load_pem_public_key(found["public"].encode())


async def test_dkimkey_publickey_get_is_text(api: Stage) -> None:
    answer = await api.get("/v1/dkimkey/example.com/publickey")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == (await api.get("/v1/dkimkey/example.com")).json()["public"]
    assert (await api.get("/v1/dkimkey/keyless.example/publickey")).json()["error"]["code"] == "not_found"


async def test_dkimkey_algorithm_get_is_text(api: Stage) -> None:
    answer = await api.get("/v1/dkimkey/example.com/algorithm")
    assert (answer.headers["content-type"].partition(";")[0], answer.text) == ("text/plain", "sha256")


async def test_dkimkey_selector_get_is_text(api: Stage) -> None:
    answer = await api.get("/v1/dkimkey/example.com/selector")
    assert (answer.headers["content-type"].partition(";")[0], answer.text) == ("text/plain", "r1")


async def test_dkimkey_post_makes_a_key_and_changes_when_it_signs(api: Stage) -> None:
    made = await api.post("/v1/dkimkey/example.com/OWN")
    assert made.status_code == 201
    key = made.json()
    assert set(key) == {
        *("domain", "selector", "hostname", "always", "created", "start", "end"),
        *("algorithm", "public", "private", "warnings"),
    }
    assert (key["domain"], key["selector"]) == ("example.com", "own")
    assert key["hostname"] == "own._domainkey.example.com"
    assert (key["always"], key["start"], key["end"]) == (False, None, None)
    assert (key["algorithm"], key["warnings"]) == ("sha256", [])
    assert key["private"].startswith("-----BEGIN PRIVATE KEY-----")
    changed = await api.post(KEY, data={"always": "true", "start": "2026-05-01 08:00:00", "end": "2027-05-01"})
    assert changed.status_code == 200
    assert changed.json() == {**key, "always": True, "start": "2026-05-01 08:00:00", "end": "2027-05-01 00:00:00"}
    changed = await api.post(KEY, json={"start": "", "always": False})
    assert changed.json() == {**key, "end": "2027-05-01 00:00:00"}
    acts = [each["act"] for each in api.registry.audits(3)]
    assert acts == ["dkim key set", "dkim key set", "dkim key add"]
    assert "PRIVATE" not in str(api.registry.audits(3))


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        (encoded(RSA), "sha256"),
        (encoded(RSA, Encoding.DER, PrivateFormat.TraditionalOpenSSL), "sha256"),
        (encoded(RSA, Encoding.PEM), "sha256"),
        (encoded(RSA, Encoding.PEM, PrivateFormat.TraditionalOpenSSL), "sha256"),
        (octets(RSA, Encoding.PEM, PrivateFormat.PKCS8).decode(), "sha256"),
        (encoded(ED25519), "ed25519-sha256"),
        (encoded(ED25519, Encoding.Raw, PrivateFormat.Raw), "ed25519-sha256"),
    ],
    ids=["PKCS8", "PKCS1", "PKCS8 PEM", "PKCS1 PEM", "PEM as it is", "Ed25519", "Ed25519 raw"],
)
async def test_dkimkey_post_takes_a_key_in_every_usual_form(api: Stage, text: str, algorithm: str) -> None:
    lines = "\n".join(text[at : at + 76] for at in range(0, len(text), 76)) if "BEGIN" not in text else text
    made = await api.post(KEY, json={"privatekey": lines})
    assert made.status_code == 201, made.text
    assert made.json()["algorithm"] == algorithm
    want = RSA if algorithm == "sha256" else ED25519
    assert made.json()["private"].encode() == octets(want, Encoding.PEM, PrivateFormat.PKCS8)


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"privatekey": "!!!"}, "privatekey", "in base64"),
        ({"privatekey": base64.b64encode(b"nonsense").decode()}, "privatekey", "expected a private key"),
        ({"privatekey": "-----BEGIN NOTHING-----"}, "privatekey", "expected a private key"),
        ({"privatekey": "A" * 20_000}, "privatekey", "16,384 characters"),
        ({"privatekey": encoded(generate_ec(SECP256R1()))}, "privatekey", "RSA or Ed25519"),
        ({"start": "tomorrow"}, "start", "expected a time"),
        ({"start": "0001-01-01"}, "start", "expected a time"),
        ({"end": "9999-12-31T23:59:59-23:59"}, "end", "expected a time"),
        ({"start": "2026-05-02", "end": "2026-05-02"}, "end", "not after its start"),
        ({"hash": "sha1"}, "hash", "no such property"),
    ],
)
async def test_dkimkey_post_refuses_what_is_no_key(api: Stage, given: dict[str, Any], field: str, why: str) -> None:
    refused = await api.post(KEY, json=given)
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, field)
    assert why in refused.json()["error"]["message"]
    assert (await api.get("/v1/dkimkeys/example.com")).json() == []


async def test_dkimkey_post_refuses_keys_that_are_too_short_long_or_locked(
    api: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys.RSA_MOST == 4096
    monkeypatch.setattr(keys, "RSA_MOST", 1536)  # larger ones take long to make
    for text in (tiny(512), tiny(768), encoded(RSA)):
        refused = await api.post(KEY, json={"privatekey": text})
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "privatekey")
    locked = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    assert (await api.post(KEY, json={"privatekey": locked.decode()})).status_code == 422
    short = await api.post(KEY, json={"privatekey": encoded(SHORT)})
    assert short.status_code == 201
    assert short.json()["warnings"] == ["an RSA key of 1024 bits is short: 2048 are what receivers expect"]


async def test_dkimkey_post_replaces_a_key_under_its_selector(api: Stage) -> None:
    first = (await api.post(KEY, json={"always": True})).json()
    second = (await api.post(KEY, json={"privatekey": encoded(ED25519)})).json()
    assert second["algorithm"] == "ed25519-sha256" and second["always"] is True
    assert second["created"] == first["created"] and second["private"] != first["private"]
    assert len((await api.get("/v1/dkimkeys")).json()) == 1


async def test_dkimkey_post_touches_no_key_of_the_relays_own_and_none_of_others(api: Stage) -> None:
    before = api.registry.keys()
    assert (await api.post("/v1/dkimkey/example.com/r1")).status_code == 409
    assert (await api.client.delete("/v1/dkimkey/example.com/r1")).status_code == 409
    assert (await api.post("/v1/dkimkey/other.example/own")).status_code == 404
    for bad in ("a_b", "-a", "a" * 64, "a%20b", "%C3%BC"):
        refused = await api.post(f"/v1/dkimkey/example.com/{bad}")
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "selector")
    assert api.registry.keys() == before


async def test_dkimkey_post_bounds_the_keys_there_are(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.manage.custom_keys.MOST", 2)
    monkeypatch.setattr("relay.manage.custom_keys.ALWAYS", 1)
    one = {"privatekey": encoded(ED25519)}
    assert (await api.post(KEY, json={**one, "always": True})).status_code == 201
    refused = await api.post("/v1/dkimkey/keyless.example/own", json={**one, "always": True})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert (await api.post(KEY, json={"always": True})).status_code == 200
    assert (await api.post("/v1/dkimkey/example.com/two", json=one)).status_code == 201
    assert (await api.post("/v1/dkimkey/example.com/three", json=one)).status_code == 409


async def test_dkimkey_post_signs_beside_the_relays_own_keys_and_always_all_mail(api: Stage) -> None:
    await api.post(KEY, json={"privatekey": encoded(RSA)})
    await api.post("/v1/dkimkey/keyless.example/all", json={"privatekey": encoded(ED25519), "always": True})
    later = {"privatekey": encoded(ED25519), "start": "2999-01-01"}
    await api.post("/v1/dkimkey/example.com/later", json=later)
    (ident,) = await api.send()
    content = api.content(ident)
    records = {f"{dns_name(key)}.".encode(): dns_record(key).encode() for key in api.registry.keys(None)}
    signed = dkim.DKIM(content)
    names = []
    for number in range(content.count(b"DKIM-Signature:")):
        assert signed.verify(idx=number, dnsfunc=lambda name, timeout=5: records.get(name))
        names.append((signed.signature_fields[b"s"], signed.signature_fields[b"d"]))
    assert names == [
        (b"r1", b"example.com"),
        (b"e1", b"example.com"),
        (b"own", b"example.com"),
        (b"all", b"keyless.example"),
    ]


async def test_dkimkeys_get_lists_those_of_the_account_alone(api: Stage) -> None:
    assert (await api.get("/v1/dkimkeys")).json() == []
    await api.post(KEY, json=QUICK)
    await api.post("/v1/dkimkey/keyless.example/own", json={"privatekey": encoded(ED25519)})
    found = (await api.get("/v1/dkimkeys")).json()
    assert [(each["domain"], each["selector"]) for each in found] == [
        ("example.com", "own"),
        ("keyless.example", "own"),
    ]
    assert (await api.other().get("/v1/dkimkeys")).json() == []
    reading = api.as_token(api.make_token(Scope.READ, Scope.SEND))
    assert (await reading.get("/v1/dkimkeys")).status_code == 403
    assert (await reading.get("/v1/dkimkey/example.com")).status_code == 200


async def test_dkimkeys_domain_get_lists_those_of_a_domain(api: Stage) -> None:
    assert (await api.get("/v1/dkimkeys/example.com")).json() == []
    made = (await api.post(KEY, json=QUICK)).json()
    assert (await api.get("/v1/dkimkeys/example.com")).json() == [made]
    assert (await api.get("/v1/dkimkeys/other.example")).status_code == 404


async def test_dkimkeys_selector_get_is_a_list_of_one(api: Stage) -> None:
    made = (await api.post(KEY, json=QUICK)).json()
    assert (await api.get("/v1/dkimkeys/example.com/own")).json() == [made]
    assert (await api.get("/v1/dkimkeys/example.com/r1")).status_code == 404
    assert (await api.get("/v1/dkimkeys/example.com/none")).status_code == 404


async def test_dkimkey_delete_ends_a_key(api: Stage) -> None:
    await api.post(KEY, json=QUICK)
    answer = await api.client.delete(KEY)
    assert (answer.status_code, answer.json()) == (
        200,
        {"domain": "example.com", "selector": "own", "deleted": True},
    )
    assert (await api.client.delete(KEY)).status_code == 404
    assert (await api.get("/v1/dkimkeys")).json() == []


async def test_a_key_that_waits_is_not_the_one_that_signs(api: Stage) -> None:
    (key,) = (each for each in api.registry.keys("example.com") if each.selector == "r1")
    api.registry.add_key(replace(key, selector="r2", created=time.time(), state=KeyState.PENDING))
    assert key.algorithm is Algorithm.RSA
    assert (await api.get("/v1/dkimkey/example.com/selector")).text == "r1"


def test_the_examples_have_the_shape_they_show() -> None:
    for shown in (each for call in module.CALLS for each in call.answers if each.shape is not None):
        assert msgspec.to_builtins(msgspec.convert(shown.example, shown.shape)) == shown.example
