"""What a domain should have in DNS and how it stands there, over the API."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.dns.records import STRING_OCTETS
from relay.model.account import Algorithm, Dmarc, KeyState
from relay.transform.keys import generate
from relay.web.api.calls import dns as module
from tests.peers.dns import DnsServer
from tests.web.api.dns_stage import US, api, dns
from tests.web.api.stage import Stage

__all__ = ["api", "dns"]  # fixtures

ALL_OK = dict.fromkeys(("dmarc", "dkim", "spf", "mx", "a", "caa", "validation"), "ok")
RECOMMENDED, SELFHOSTED, STATUS = (f"/v1/dns/example.com/{each}" for each in ("recommended", "selfhosted", "status"))


@pytest.fixture
def furnished(api: Stage) -> Stage:
    """With hosts that are in use, and mechanisms of others."""
    kept = replace(
        api.registry.domain("example.com"),
        bounce_host="bounces.example.com",
        bounce_verified=1.0,
        tracking_host="clicks.example.com",
        tracking_verified=1.0,
        spf=("include:_spf.example.org",),
    )
    api.registry.update_domain(kept)
    return api


def publish(dns: DnsServer, records: list[dict[str, str]]) -> None:
    texts: dict[tuple[str, str], list[str]] = {}
    for each in records:
        value = each["value"]
        if each["type"] == "TXT":
            parts = [value[at : at + STRING_OCTETS] for at in range(0, len(value), STRING_OCTETS)]
            value = " ".join(f'"{part}"' for part in parts)
        elif each["type"] in ("MX", "CNAME"):
            value += "."
        texts.setdefault((each["name"], each["type"]), []).append(value)
    for (name, kind), values in texts.items():
        dns.set(name, kind, *values)
    dns.set("_spf.example.org", "TXT", '"v=spf1 -all"')


def by_name(records: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(each["name"], each["type"], each["value"]) for each in records if "_domainkey" not in each["name"]}


async def status(api: Stage, path: str = STATUS) -> tuple[dict[str, str], dict[str, str]]:
    """Verdicts, and remarks."""
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    remarks = found.pop("remarks")
    assert set(found) == set(ALL_OK) and set(found.values()) <= {"ok", "error"}
    return found, remarks


async def test_dns_recommended_get_leads_to_names_of_ours(furnished: Stage) -> None:
    records = (await furnished.get(RECOMMENDED)).json()
    assert by_name(records) == {
        ("example.com", "TXT", "v=spf1 a:relay.example include:_spf.example.org ~all"),
        ("_dmarc.example.com", "TXT", "v=DMARC1; p=none; rua=mailto:dmarc@bounces.example.com"),
        ("bounces.example.com", "MX", "10 relay.example"),
        ("bounces.example.com", "TXT", "v=spf1 a:relay.example -all"),
        ("clicks.example.com", "CNAME", "relay.example"),
    }
    keys = {each["name"] for each in records if "_domainkey" in each["name"]}
    assert keys == {"r1._domainkey.example.com", "e1._domainkey.example.com"}
    assert (await furnished.get("/v1/dns/other.example/recommended")).status_code == 404
    assert (await furnished.get("/v1/dns/example/recommended")).status_code == 422


async def test_dns_recommended_get_names_what_leaves_from_elsewhere_and_says_without_dns_what_it_can(
    furnished: Stage, dns: DnsServer
) -> None:
    dns.set("relay.example", "A", "198.51.100.8")
    spf = {value for name, _, value in by_name((await furnished.get(RECOMMENDED)).json()) if name == "example.com"}
    assert spf == {f"v=spf1 a:relay.example ip4:{US} include:_spf.example.org ~all"}
    dns.fail("relay.example")
    records = by_name((await furnished.get(RECOMMENDED)).json())
    assert ("clicks.example.com", "CNAME", "relay.example") in records


async def test_dns_selfhosted_get_has_addresses_of_ours(furnished: Stage, dns: DnsServer) -> None:
    dns.set("relay.example", "AAAA", "2001:db8::7")
    records = by_name((await furnished.get(SELFHOSTED)).json())
    assert records == {
        ("example.com", "TXT", f"v=spf1 ip4:{US} include:_spf.example.org ~all"),
        ("_dmarc.example.com", "TXT", "v=DMARC1; p=none; rua=mailto:dmarc@bounces.example.com"),
        ("bounces.example.com", "MX", "10 relay.example"),
        ("bounces.example.com", "TXT", f"v=spf1 ip4:{US} -all"),
        ("clicks.example.com", "A", US),
        ("clicks.example.com", "AAAA", "2001:db8::7"),
    }


async def test_dns_recommended_get_proves_a_domain_that_is_not_approved(api: Stage) -> None:
    records = (await api.get("/v1/dns/pending.example/recommended")).json()
    assert {"name": "_relay-challenge.pending.example", "type": "TXT", "value": "relay-verify=abc"} in records


async def test_dns_recommended_get_has_the_dmarc_record_of_the_day_and_keys_that_will_sign(furnished: Stage) -> None:
    first = datetime.now(UTC).date() - timedelta(days=5)
    climb = Dmarc(
        policy="reject",
        percentage=100,
        start=first.isoformat(),
        end=(first + timedelta(days=10)).isoformat(),
        addresses=("me@example.com",),
    )
    furnished.registry.update_domain(replace(furnished.registry.domain("example.com"), dmarc=climb))
    made = generate("example.com", "x", Algorithm.ED25519, 1.0)
    for selector, fields in (
        ("waits", {"state": KeyState.PENDING}),
        ("later", {"custom": True, "start": time.time() + 1e6}),
        ("over", {"custom": True, "end": time.time() - 1}),
        ("old", {"state": KeyState.RETIRED}),
    ):
        furnished.registry.add_key(replace(made, selector=selector, **fields))
    records = (await furnished.get(RECOMMENDED)).json()
    found = {each["name"]: each["value"] for each in records}
    assert found["_dmarc.example.com"] in {
        f"v=DMARC1; p=reject; pct={share}; rua=mailto:dmarc@bounces.example.com,mailto:me@example.com"
        for share in (50, 60)  # midnight may have come
    }
    selectors = {name.partition(".")[0] for name in found if "_domainkey" in name}
    assert selectors == {"r1", "e1", "waits", "later"}


@pytest.mark.parametrize("path", [RECOMMENDED, SELFHOSTED])
async def test_dns_status_get_is_content_with_what_is_advised(furnished: Stage, dns: DnsServer, path: str) -> None:
    publish(dns, (await furnished.get(path)).json())
    assert await status(furnished) == (ALL_OK, {})


async def test_dns_status_get_names_everything_that_is_missing(furnished: Stage, dns: DnsServer) -> None:
    found, remarks = await status(furnished)
    assert found == {**dict.fromkeys(ALL_OK, "error"), "caa": "ok", "validation": "ok"}
    assert remarks["dmarc"] == "DMARC of example.com is not published"
    assert "r1._domainkey.example.com is not published" in remarks["dkim"]
    assert remarks["spf"] == "SPF of example.com is not published"
    assert "and not to relay.example: bounces are lost" in remarks["mx"]
    assert remarks["a"].startswith("tracking host clicks.example.com leads nowhere")
    found, remarks = await status(furnished, "/v1/dns/pending.example/status")
    assert found["validation"] == "error" and "not approved" in remarks["validation"]
    assert remarks["dkim"] == "pending.example has no key that signs its mail"
    assert (found["mx"], found["a"]) == ("ok", "ok")  # it has no such hosts


async def test_dns_status_get_tells_wrong_records_from_right_ones(furnished: Stage, dns: DnsServer) -> None:
    publish(dns, (await furnished.get(RECOMMENDED)).json())
    kept = furnished.registry.domain("example.com")
    furnished.registry.update_domain(
        replace(kept, tracking_https=True, tracking_verified=None, dmarc=Dmarc(policy="reject", percentage=50))
    )
    dns.set("example.com", "CAA", '0 issue ";"')
    dns.set("example.com", "TXT", '"v=spf1 -all"')
    dns.set("r1._domainkey.example.com", "TXT", '"v=DKIM1; k=rsa; p=AAAA"')
    found, remarks = await status(furnished)
    assert found == {**ALL_OK, "caa": "error", "dmarc": "error", "spf": "error", "dkim": "error"}
    assert remarks == {
        "caa": (
            "CAA of clicks.example.com at example.com lets nobody issue certificates, and links begin with https"
        ),
        "dmarc": "DMARC of example.com says p=none, and not p=reject at _dmarc.example.com",
        "spf": f"SPF of example.com forbids {US}, from which mail leaves",
        "dkim": "r1._domainkey.example.com says another key than the one that signs",
        "a": "tracking host clicks.example.com leads to us and is not used yet",
    }
    dns.set("clicks.example.com", "CNAME")
    dns.set("clicks.example.com", "A", US)
    dns.set("clicks.example.com", "CAA", '0 issue "ca.example.net"')
    assert (await status(furnished))[0]["caa"] == "ok"


async def test_dns_status_get_waits_for_keys_that_have_their_turn_later(furnished: Stage, dns: DnsServer) -> None:
    publish(dns, (await furnished.get(RECOMMENDED)).json())
    made = generate("example.com", "waits", Algorithm.ED25519, 1.0)
    furnished.registry.add_key(replace(made, state=KeyState.PENDING))
    furnished.registry.add_key(replace(made, selector="later", custom=True, start=time.time() + 1e6))
    found, remarks = await status(furnished)
    assert (found, set(remarks)) == (ALL_OK, {"dkim"})
    assert remarks["dkim"] == "waits is a new key, and takes its turn once its record is published"


async def test_dns_status_get_answers_in_time_where_dns_does_not(
    furnished: Stage, dns: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.PATIENCE < 10
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    for name in ("example.com", "com", "bounces.example.com", "clicks.example.com", "relay.example"):
        dns.drop(name)
    for name in ("_dmarc", "r1._domainkey", "e1._domainkey"):
        dns.drop(f"{name}.example.com")
    found, remarks = await status(furnished)
    assert found == {**dict.fromkeys(ALL_OK, "error"), "caa": "ok", "validation": "ok"}
    assert set(remarks.values()) == {"DNS gave no answer in time"}


async def test_dns_status_get_tells_what_failed_and_not_whom_it_asked(furnished: Stage, dns: DnsServer) -> None:
    publish(dns, (await furnished.get(RECOMMENDED)).json())
    dns.fail("bounces.example.com", kind="MX")
    found, remarks = await status(furnished)
    assert found == {**ALL_OK, "mx": "error"}
    assert remarks == {"mx": "DNS gave no answer: bounces.example.com MX: SERVFAIL"}
    assert dns.address not in remarks["mx"]
