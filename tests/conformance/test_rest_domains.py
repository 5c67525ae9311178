"""Rows 35 and 37 to 41 over the API: sender domains, DNS, keys, SPF, and a DMARC policy that climbs."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dkim
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from relay.dns.records import DomainRecord, Purpose
from tests.conformance.stage import Stage, headers, message
from tests.e2e.world import HOME_DOMAIN


@pytest.fixture(scope="module")
def api(it: Stage) -> Iterator[httpx.Client]:
    """SMTPeter's way in: the token in the query."""
    token = it.relay.ask("token", "add", "--account", "demo")["token"]
    base = f"http://127.0.0.1:{it.relay.port('http')}/v1/"
    with httpx.Client(base_url=base, params={"access_token": token}, timeout=60, trust_env=False) as client:
        yield client


def publish(it: Stage, *records: dict[str, str]) -> None:
    """As somebody types them into a form."""
    for each in records:
        data = each["value"] if each["type"] in ("A", "AAAA") else f"{each['value']}."
        if each["type"] == "TXT":
            data = DomainRecord(Purpose.DKIM, each["name"], each["value"]).zone_data().strip("() ")
        it.internet.dns.set(each["name"], each["type"], data)


def approved(it: Stage, api: httpx.Client, name: str) -> dict[str, Any]:
    asked = api.post(f"domain/{name}")
    assert asked.status_code == 202, asked.text
    publish(it, asked.json())
    answer = api.post(f"domain/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_row_35_the_same_call_asks_for_a_domain_and_has_it_approved(it: Stage, api: httpx.Client) -> None:
    record = api.post("domain/asked.test").json()
    assert set(record) == {"name", "type", "value"}
    assert record["name"].endswith(".asked.test") and record["type"] == "TXT"
    assert it.say(message(sender="me@asked.test"), it.somebody(), sender="me@asked.test")[0] == 550
    assert api.get("domain/asked.test").json()["approved"] is False
    publish(it, record)
    assert api.post("domain/asked.test").json()["approved"] is True
    it.send(message(sender="me@asked.test"), sender="me@asked.test")


def test_row_35_settings_are_given_listed_and_taken_away(it: Stage, api: httpx.Client) -> None:
    domain = approved(it, api, "set.test")
    assert {"name", "approved", "bounces", "tracking", "https", "ips", "addresses"} <= set(domain)
    assert {"policy", "percentage", "startdate", "enddate"} <= set(domain)
    assert (domain["bounces"], domain["tracking"]) == ("bounces.set.test", "clicks.set.test")
    it.internet.dns.set("b.set.test", "MX", "10 relay.test.")
    given = {"bounces": "b.set.test", "https": "true", "address": "me@set.test"}
    domain = api.post("domain/set.test", data=given).json()
    assert (domain["bounces"], domain["bounces_used"], domain["https"]) == ("b.set.test", True, True)
    assert domain["addresses"] == ["dmarc@b.set.test", "me@set.test"]
    assert domain in api.get("domains").json()
    assert api.post("domain/set.test", json={"bounces": "b.elsewhere.test"}).status_code == 422
    assert api.delete("domain/set.test/me@set.test").json()["addresses"] == ["dmarc@b.set.test"]
    assert api.delete("domain/set.test").status_code == 200
    assert api.get("domain/set.test").status_code == 404


@pytest.mark.parametrize("way", ["recommended", "selfhosted"])
def test_row_37_what_is_advised_is_what_the_status_wants(it: Stage, api: httpx.Client, way: str) -> None:
    name = f"{way}.test"
    it.internet.dns.set("relay.test", "A", "127.0.0.1")
    api.post(f"domain/{name}")
    before = api.get(f"dns/{name}/status").json()
    kinds = {"dmarc", "dkim", "spf", "mx", "a", "caa", "validation"}
    assert {each for each in kinds if before[each] == "error"} == kinds - {"caa"}
    assert set(before["remarks"]) == kinds - {"caa"}
    records = api.get(f"dns/{name}/{way}").json()
    assert all(set(each) == {"name", "type", "value"} for each in records)
    publish(it, *records)
    assert api.post(f"domain/{name}").json()["approved"] is True
    after = api.get(f"dns/{name}/status").json()
    assert {each for each in kinds if after[each] == "error"} == set(), after["remarks"]


def test_row_38_the_managed_key_is_shown_and_is_the_one_that_signs(it: Stage, api: httpx.Client) -> None:
    key = api.get(f"dkimkey/{HOME_DOMAIN}").json()
    assert set(key) == {"selector", "algorithm", "public"} and key["algorithm"] == "sha256"
    for part, text in (("publickey", key["public"]), ("algorithm", "sha256"), ("selector", key["selector"])):
        answer = api.get(f"dkimkey/{HOME_DOMAIN}/{part}")
        assert answer.headers["content-type"].startswith("text/plain") and answer.text == text
    octets = load_pem_public_key(key["public"].encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = it.internet.text(f"{key['selector']}._domainkey.{HOME_DOMAIN}.".encode())
    assert record is not None and base64.b64encode(octets) in record
    arrived = it.delivered(message())
    assert any(f"s={key['selector']};" in each for each in headers(arrived, "DKIM-Signature"))


def test_row_39_a_custom_key_signs_beside_the_others_and_always_where_it_is_to(it: Stage, api: httpx.Client) -> None:
    private = generate_private_key(public_exponent=65537, key_size=2048)
    octets = private.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    approved(it, api, "own.test")
    given = {"privatekey": base64.b64encode(octets).decode(), "always": "true", "start": "2020-01-01 00:00:00"}
    made = api.post("dkimkey/own.test/mine", data=given)
    assert made.status_code in (200, 201, 202)
    (key,) = api.get("dkimkeys/own.test/mine").json()
    assert key in api.get("dkimkeys").json() and api.get("dkimkeys/own.test").json() == [key]
    assert {"domain", "selector", "hostname", "always", "created", "start", "end"} <= set(key)
    assert {"algorithm", "public", "private"} <= set(key)
    assert (key["hostname"], key["always"]) == ("mine._domainkey.own.test", True)
    publish(it, *api.get("dns/own.test/recommended").json())

    def signers(sender: str) -> set[tuple[str, str]]:
        arrived = it.delivered(message(sender=sender), sender=sender)
        signed = dkim.DKIM(arrived)
        for number in range(arrived.count(b"DKIM-Signature:")):
            assert signed.verify(idx=number, dnsfunc=it.internet.text), f"signature {number}"
        found = headers(arrived, "DKIM-Signature")
        return {(re.search(r"d=([\w.]+)", each)[1], re.search(r"s=(\w+)", each)[1]) for each in found}  # type: ignore[index]

    def when(sender: str, *, there: bool) -> set[tuple[str, str]]:
        def look() -> set[tuple[str, str]]:
            found = signers(sender)
            return found if (("own.test", "mine") in found) is there else set()

        return it.wait(look, f"mine {'signs' if there else 'does not sign'} for {sender}")

    assert {domain for domain, _ in when(f"me@{HOME_DOMAIN}", there=True)} == {HOME_DOMAIN, "own.test"}
    assert len(when("me@own.test", there=True)) == 3
    api.post("dkimkey/own.test/mine", json={"always": False})
    assert len(when(f"me@{HOME_DOMAIN}", there=False)) == 2
    api.post("dkimkey/own.test/mine", json={"end": "2021-01-01"})
    assert len(when("me@own.test", there=False)) == 2
    assert api.delete("dkimkey/own.test/mine").status_code == 200
    assert api.get("dkimkeys/own.test").json() == []


def test_row_40_further_mechanisms_are_added_listed_and_cleared(it: Stage, api: httpx.Client) -> None:
    api.post("domain/spf.test")
    api.post("spf/spf.test", data={"ip4": "1.2.3.4/24"})
    api.post("spf/spf.test", json={"mx": "mail.example.com"})
    assert api.get("spf/spf.test").json() == ["ip4:1.2.3.4/24", "mx:mail.example.com"]
    records = {each["name"]: each["value"] for each in api.get("dns/spf.test/recommended").json()}
    assert " ip4:1.2.3.4/24 mx:mail.example.com ~all" in records["spf.test"]
    assert api.delete("spf/spf.test").status_code == 200
    assert api.get("spf/spf.test").json() == []


def test_row_41_a_policy_climbs_in_the_record_of_the_day(it: Stage, api: httpx.Client) -> None:
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=2), today + timedelta(days=8)
    approved(it, api, "climb.test")
    dates = {"startdate": first.isoformat(), "enddate": last.isoformat()}
    api.post("domain/climb.test", json={"policy": "quarantine", "percentage": 100, **dates})

    def record() -> str:
        return str(
            next(
                each["value"]
                for each in api.get("dns/climb.test/recommended").json()
                if each["name"] == "_dmarc.climb.test"
            )
        )

    reports = "rua=mailto:dmarc@bounces.climb.test"
    assert record() in {f"v=DMARC1; p=quarantine; pct={share}; {reports}" for share in (20, 30)}  # or it is midnight
    it.internet.dns.set("_dmarc.climb.test", "TXT", '"v=DMARC1; p=quarantine; pct=10"')
    status = api.get("dns/climb.test/status").json()
    assert status["dmarc"] == "error" and "pct=10, and not pct=" in status["remarks"]["dmarc"]
    later = {"startdate": (today + timedelta(days=5)).isoformat(), "enddate": (today + timedelta(days=9)).isoformat()}
    api.post("domain/climb.test", json=later)
    assert record() == f"v=DMARC1; p=none; {reports}"
    over = {"startdate": (today - timedelta(days=9)).isoformat(), "enddate": (today - timedelta(days=1)).isoformat()}
    api.post("domain/climb.test", json=over)
    assert record() == f"v=DMARC1; p=quarantine; {reports}"
