"""Sender domains over the API: asked for, proved, changed, given up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from relay.manage.domains import challenge_of
from relay.model.account import Dmarc, Scope
from relay.web.api.calls import domains as module
from tests.peers.dns import DnsServer
from tests.web.api.dns_stage import US, api, dns
from tests.web.api.stage import Stage

__all__ = ["api", "dns"]  # fixtures

NEW = "/v1/domain/shop.example"


def publish(dns: DnsServer, record: dict[str, str]) -> None:
    dns.set(record["name"], record["type"], f'"{record["value"]}"')


async def approve(api: Stage, dns: DnsServer, path: str = NEW) -> dict[str, Any]:
    asked = await api.post(path)
    assert asked.status_code == 202, asked.text
    publish(dns, asked.json())
    proved = await api.post(path)
    assert proved.status_code == 200, proved.text
    found: dict[str, Any] = proved.json()
    return found


async def test_domain_post_answers_a_challenge_and_approves_once_it_is_published(api: Stage, dns: DnsServer) -> None:
    asked = await api.post(NEW)
    assert asked.status_code == 202 and asked.headers["content-type"] == "application/json"
    record = asked.json()
    assert set(record) == {"name", "type", "value"}
    assert (record["name"], record["type"]) == ("_relay-challenge.shop.example", "TXT")
    again = await api.post(NEW)
    assert (again.status_code, again.json()) == (202, record)
    publish(dns, record)
    proved = await api.post(NEW)
    assert proved.status_code == 200
    assert proved.json() == {
        "name": "shop.example",
        "approved": True,
        "bounces": "bounces.shop.example",
        "bounces_used": False,
        "tracking": "clicks.shop.example",
        "tracking_used": False,
        "https": False,
        "ips": [US],
        "policy": "none",
        "percentage": 100,
        "startdate": None,
        "enddate": None,
        "addresses": ["dmarc@bounces.shop.example"],
    }
    assert {each.algorithm.value for each in api.registry.keys("shop.example")} == {"rsa-sha256", "ed25519-sha256"}
    kept = api.registry.domain("shop.example")
    assert (kept.account, kept.verified_by) == ("shop", "dns")
    acts = [each["act"] for each in api.registry.audits(2)]
    assert acts == ["domain verify", "domain add"]
    assert api.registry.audits(1)[0]["who"] == f"token {api.token.id}"


async def test_domain_post_uses_hosts_once_dns_leads_them_here(api: Stage, dns: DnsServer) -> None:
    await approve(api, dns)
    dns.set("bounces.shop.example", "MX", "10 relay.example.")
    found = (await api.post(NEW)).json()
    assert (found["bounces_used"], found["tracking_used"]) == (True, False)
    dns.set("clicks.shop.example", "CNAME", "relay.example.")
    found = (await api.post(NEW, data={"https": "1"})).json()
    assert (found["bounces_used"], found["tracking_used"], found["https"]) == (True, True, True)
    kept = api.registry.domain("shop.example")
    assert kept.bounce_verified is not None and kept.tracking_verified is not None


async def test_domain_post_keeps_a_host_that_works_until_another_does(api: Stage, dns: DnsServer) -> None:
    await approve(api, dns)
    dns.set("bounces.shop.example", "MX", "10 relay.example.")
    dns.set("clicks.shop.example", "A", US)
    await api.post(NEW)
    refused = await api.post(NEW, json={"bounces": "other.shop.example"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "bounces")
    assert "bounces come back to bounces.shop.example as before" in refused.json()["error"]["message"]
    refused = await api.post(NEW, json={"tracking": "other.shop.example", "https": True})
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "tracking")
    assert not api.registry.domain("shop.example").tracking_https
    dns.set("other.shop.example", "MX", "10 relay.example.")
    dns.set("other.shop.example", "A", US)
    found = (await api.post(NEW, json={"bounces": "Other.Shop.Example.", "tracking": "other.shop.example"})).json()
    assert (found["bounces"], found["bounces_used"]) == ("other.shop.example", True)
    assert (found["tracking"], found["tracking_used"]) == ("other.shop.example", True)
    found = (await api.post(NEW, json={"bounces": "", "tracking": ""})).json()
    assert (found["bounces"], found["bounces_used"], found["addresses"]) == ("", False, [])
    assert (found["tracking"], found["tracking_used"]) == ("", False)


async def test_domain_post_takes_settings_before_it_is_approved(api: Stage, dns: DnsServer) -> None:
    asked = await api.post(NEW, json={"policy": "reject", "https": True})
    assert asked.status_code == 202
    found = (await api.get(NEW)).json()
    assert (found["approved"], found["policy"], found["https"]) == (False, "reject", True)


async def test_domain_post_climbs_from_a_day_to_another(api: Stage, dns: DnsServer) -> None:
    await approve(api, dns)
    first, last = datetime.now(UTC).date(), datetime.now(UTC).date() + timedelta(days=30)
    given = {"policy": "quarantine", "percentage": "60", "enddate": last.isoformat()}
    found = (await api.post(NEW, data=given)).json()
    assert (found["policy"], found["percentage"]) == ("quarantine", 60)
    assert found["startdate"] in {first.isoformat(), (first + timedelta(days=1)).isoformat()}
    later = (first + timedelta(days=3)).isoformat()
    found = (await api.post(NEW, json={"begindate": later})).json()
    assert (found["startdate"], found["enddate"], found["percentage"]) == (later, last.isoformat(), 60)
    found = (await api.post(NEW, json={"startdate": "", "enddate": ""})).json()
    assert (found["startdate"], found["enddate"]) == (None, None)


async def test_domain_post_adds_report_addresses_by_repeating_once_it_is_approved(api: Stage, dns: DnsServer) -> None:
    early = await api.post(NEW, json={"address": "me@shop.example"})
    assert early.status_code == 409
    publish(dns, (await api.post(NEW)).json())
    await api.post(NEW)
    await api.post(NEW, json={"address": "me@shop.example"})
    await api.post(NEW, data={"address": "you@example.net"})
    await api.post(NEW, json={"address": ["me@shop.example", "dmarc@bounces.shop.example"]})
    found = (await api.get(NEW)).json()
    assert found["addresses"] == ["dmarc@bounces.shop.example", "me@shop.example", "you@example.net"]


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"bounces": "bounces.example.net"}, "bounces", "expected a host of the organisation of shop.example"),
        ({"tracking": "a b"}, "tracking", "is no domain name"),
        ({"policy": "strict"}, "policy", ""),
        ({"percentage": 101}, "percentage", ""),
        ({"startdate": "2026-02-30"}, "startdate", "expected a date as YYYY-MM-DD"),
        ({"startdate": "20260301"}, "startdate", "expected a date as YYYY-MM-DD"),
        ({"startdate": "2026-03-02", "enddate": "2026-03-01"}, "enddate", "before it starts"),
        ({"startdate": "2026-03-02", "begindate": "2026-03-01"}, "begindate", "another name of startdate"),
        ({"address": "nobody"}, "address", ""),
        ({"address": [f"a{number}@shop.example" for number in range(11)]}, "address", "10 report addresses"),
        ({"sender": "x"}, "sender", "no such property"),
    ],
)
async def test_domain_post_refuses_values_that_cannot_be(
    api: Stage, dns: DnsServer, given: dict[str, Any], field: str, why: str
) -> None:
    await approve(api, dns)
    before = api.registry.domain("shop.example")
    refused = await api.post(NEW, json=given)
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, field)
    assert why in refused.json()["error"]["message"]
    assert api.registry.domain("shop.example") == before


async def test_domain_post_takes_a_name_as_people_write_it(api: Stage, dns: DnsServer) -> None:
    assert (await api.post("/v1/domain/B%C3%BCcher.example.")).status_code == 202
    assert (await api.get("/v1/domain/xn--bcher-kva.example")).json()["name"] == "xn--bcher-kva.example"
    for bad in ("localhost", "a..example", "-x.example", "a%20b.example", "a_b.example"):
        refused = await api.post(f"/v1/domain/{bad}")
        assert (refused.status_code, refused.json()["error"]["field"]) == (422, "name")


async def test_domain_post_leaves_a_domain_with_whoever_proved_it(api: Stage, dns: DnsServer) -> None:
    refused = await api.post("/v1/domain/other.example")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert (await api.get("/v1/domain/other.example")).status_code == 404
    assert (await api.client.delete("/v1/domain/other.example")).status_code == 404


async def test_domain_post_gives_a_domain_that_waits_to_whoever_proves_it(api: Stage, dns: DnsServer) -> None:
    other = api.other()
    first = (await other.post(NEW)).json()
    old = {each.public_base64 for each in api.registry.keys("shop.example")}
    holder = api.registry.domain("shop.example")
    mine = await api.post(NEW)
    assert mine.status_code == 202 and mine.json()["name"] == first["name"]
    assert mine.json()["value"] == challenge_of(holder, "shop") != first["value"]
    assert (await api.post(NEW, json={"https": True})).status_code == 409
    assert (await api.get(NEW)).status_code == 404
    publish(dns, mine.json())
    assert (await other.post(NEW)).status_code == 202  # it is not theirs that is published
    assert (await api.post(NEW)).json()["approved"] is True
    assert api.registry.domain("shop.example").account == "shop"
    keys = {each.public_base64 for each in api.registry.keys("shop.example")}
    assert len(keys) == 2 and not keys & old
    assert (await other.post(NEW)).status_code == 409


async def test_domain_post_by_many_at_once_makes_one_domain_with_its_keys(api: Stage, dns: DnsServer) -> None:
    answers = await asyncio.gather(*(api.post(NEW) for _ in range(5)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["value"] for each in answers}) == 1
    assert len(api.registry.keys("shop.example")) == 2


async def test_domain_post_says_when_dns_gives_no_answer(api: Stage, dns: DnsServer) -> None:
    await api.post(NEW)
    dns.fail("_relay-challenge.shop.example")
    answer = await api.post(NEW)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "retry-after" in answer.headers
    assert "_relay-challenge.shop.example" in answer.json()["error"]["message"]


async def test_domain_post_bounds_the_domains_that_wait(api: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.manage.domains.UNPROVED", 2)  # pending.example is one
    assert (await api.post("/v1/domain/a.example")).status_code == 202
    refused = await api.post("/v1/domain/b.example")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


async def test_domain_post_takes_no_host_of_anothers_links(api: Stage, dns: DnsServer) -> None:
    theirs = api.registry.domain("other.example")
    api.registry.update_domain(replace(theirs, tracking_host="links.shop.example", tracking_verified=1.0))
    await approve(api, dns)
    refused = await api.post(NEW, json={"tracking": "links.shop.example"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


async def test_domain_get_shows_what_is_set(api: Stage) -> None:
    kept = replace(
        api.registry.domain("example.com"),
        bounce_host="bounces.example.com",
        dmarc=Dmarc(policy="reject", percentage=20, start="2026-01-01", end="2026-02-01", addresses=("a@b.example",)),
    )
    api.registry.update_domain(kept)
    found = (await api.get("/v1/domain/EXAMPLE.com")).json()
    assert (found["policy"], found["percentage"]) == ("reject", 20)
    assert (found["startdate"], found["enddate"]) == ("2026-01-01", "2026-02-01")
    assert found["addresses"] == ["dmarc@bounces.example.com", "a@b.example"]
    assert found["ips"] == [US]
    assert (await api.get("/v1/domain/nowhere.example")).status_code == 404
    assert (await api.get("/v1/domain/nowhere")).status_code == 422


async def test_domains_get_lists_those_of_the_account(api: Stage) -> None:
    found = (await api.get("/v1/domains")).json()
    assert [(each["name"], each["approved"]) for each in found] == [
        ("example.com", True),
        ("keyless.example", True),
        ("pending.example", False),
    ]
    assert [each["name"] for each in (await api.other().get("/v2/domains/")).json()] == ["other.example"]


async def test_domain_delete_takes_the_keys_along(api: Stage) -> None:
    answer = await api.client.delete("/v1/domain/example.com")
    assert (answer.status_code, answer.json()) == (200, {"name": "example.com", "deleted": True})
    assert api.registry.keys("example.com") == []
    assert (await api.client.delete("/v1/domain/example.com")).status_code == 404
    refused = await api.post("/v1/send", json={"recipient": "a@b.example", "from": "x@example.com", "text": "Hi"})
    assert refused.status_code == 403


async def test_domain_address_delete_removes_one_but_never_ours(api: Stage, dns: DnsServer) -> None:
    await approve(api, dns)
    await api.post(NEW, json={"address": ["me@shop.example", "you@shop.example"]})
    answer = await api.client.delete(f"{NEW}/me@shop.example")
    assert answer.status_code == 200
    assert answer.json()["addresses"] == ["dmarc@bounces.shop.example", "you@shop.example"]
    assert (await api.client.delete(f"{NEW}/me@shop.example")).status_code == 404
    ours = await api.client.delete(f"{NEW}/dmarc@bounces.shop.example")
    assert (ours.status_code, ours.json()["error"]["code"]) == (409, "conflict")


async def test_domains_are_changed_by_who_may_manage_and_read_by_who_may_read(api: Stage) -> None:
    reading = api.as_token(api.make_token(Scope.READ))
    assert (await reading.get("/v1/domains")).status_code == 200
    assert (await reading.post(NEW)).status_code == 403
    assert (await reading.delete("/v1/domain/example.com")).status_code == 403
    assert (await api.as_token(api.make_token(Scope.SEND)).get("/v1/domains")).status_code == 403


def test_the_examples_have_the_shape_they_show() -> None:
    for shown in (each for call in module.CALLS for each in call.answers):
        assert msgspec.to_builtins(msgspec.convert(shown.example, shown.shape)) == shown.example
