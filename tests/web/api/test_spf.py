"""Further mechanisms of SPF over the API."""

from __future__ import annotations

from typing import Any

import pytest

from relay.model.account import Scope
from tests.web.api.dns_stage import api, dns
from tests.web.api.stage import Stage

__all__ = ["api", "dns"]  # fixtures

SPF = "/v1/spf/example.com"


async def test_spf_get_is_empty_at_first_and_of_the_account_alone(api: Stage) -> None:
    assert (await api.get(SPF)).json() == []
    assert (await api.get("/v1/spf/other.example")).status_code == 404
    assert (await api.get("/v1/spf/x")).status_code == 422


async def test_spf_post_adds_to_what_is_there(api: Stage) -> None:
    first = await api.post(SPF, json={"ip4": "1.2.3.4/24"})
    assert (first.status_code, first.json()) == (200, ["ip4:1.2.3.4/24"])
    second = await api.post(SPF, json={"mx": ["mail.example.com", ""], "include": "_SPF.example.org"})
    every = ["ip4:1.2.3.4/24", "include:_spf.example.org", "mx:mail.example.com", "mx"]
    assert second.json() == every
    again = await api.post(SPF, data={"mx[]": ["mail.example.com"], "ip4": "1.2.3.4/24"})
    assert again.json() == (await api.get(SPF)).json() == every
    records = (await api.get("/v1/dns/example.com/recommended")).json()
    assert f"v=spf1 a:relay.example {' '.join(every)} ~all" in {each["value"] for each in records}
    assert [each["act"] for each in api.registry.audits(3)] == ["domain set", "domain set"]


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"ip4": "2001:db8::1"}, "ip4", "expected an address or network"),
        ({"ip6": ["2001:db8::1", "x"]}, "ip6", "expected an address or network"),
        ({"include": "a b"}, "include", "not a domain name"),
        ({"include": "example.net -all"}, "include", "not a domain name"),
        ({"exists": ""}, "exists", "needs a domain"),
        ({"all": ""}, "all", "no such property"),
        ({"include": [f"a{number}.example" for number in range(10)]}, "include", "10 look-ups"),
        ({"ip4": [f"192.0.2.{number}" for number in range(41)]}, "ip4", "40 further mechanisms"),
        (
            {"exists": [f"{'x' * 60}.{'y' * 60}.a{number}.example" for number in range(8)]},
            "exists",
            "1,000 characters",
        ),
    ],
)
async def test_spf_post_refuses_what_receivers_would_not_take(
    api: Stage, given: dict[str, Any], field: str, why: str
) -> None:
    await api.post(SPF, json={"ip4": "192.0.2.200"})
    refused = await api.post(SPF, json=given)
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, field)
    assert why in refused.json()["error"]["message"]
    assert (await api.get(SPF)).json() == ["ip4:192.0.2.200"]


async def test_spf_post_needs_a_body_and_may_be_asked_by_who_manages(api: Stage) -> None:
    assert (await api.post(SPF)).json()["error"]["code"] == "missing"
    reading = api.as_token(api.make_token(Scope.READ))
    assert (await reading.post(SPF, json={"a": ""})).status_code == 403
    assert (await reading.get(SPF)).status_code == 200


async def test_spf_delete_clears_all(api: Stage) -> None:
    await api.post(SPF, json={"a": "", "ip6": "2001:db8::/32"})
    gone = await api.client.delete(SPF)
    assert (gone.status_code, gone.json()) == (200, [])
    assert (await api.get(SPF)).json() == []
    assert (await api.client.delete("/v1/spf/other.example")).status_code == 404
