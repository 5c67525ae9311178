"""Keys of links of ours."""

from __future__ import annotations

import pytest

from relay.config import ClientAddress, Config, ConfigError, parse


def tracking(text: str) -> Config:
    return parse(f"hostname: relay.example\nlisteners: [{{name: submission, port: 2525}}]\n{text}\n")


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("https://clicks.example.net", "https://clicks.example.net"),
        ("https://Clicks.example.net/", "https://clicks.example.net"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025"),
        ('"http://[::1]:8025"', "http://[::1]:8025"),
    ],
)
def test_a_base_is_a_scheme_and_a_host(written: str, base: str) -> None:
    assert tracking(f"tracking: {{base: {written}}}").tracking.base == base


@pytest.mark.parametrize(
    "written",
    [
        "clicks.example.net",
        "ftp://clicks.example.net",
        "https://",
        "https://clicks.example.net/path",
        '"https://clicks.example.net?a"',
        "https://me@clicks.example.net",
        "https://clicks_example.net",
        '"https://clicks.example.net:x"',
        '"https://clicks.example.net\\n"',
        '"https://[::1"',
    ],
)
def test_what_is_no_base_is_refused_by_name(written: str) -> None:
    with pytest.raises(ConfigError, match=r"tracking\.base"):
        tracking(f"tracking: {{base: {written}}}")


def test_without_a_word_links_lead_nowhere_and_hold_half_a_year() -> None:
    found = tracking("").tracking
    assert found.base is None
    assert found.life == 180 * 86_400
    assert found.client_address is ClientAddress.FULL
    assert found.images.networks == ()


def test_https_is_off_until_it_has_a_port() -> None:
    assert tracking("").http.https.port is None
    assert tracking("http: {https: {port: 0}}").http.https.port == 0
    with pytest.raises(ConfigError, match=r"http\.https\.port"):
        tracking("http: {https: {port: 70000}}")


def test_proxies_are_networks() -> None:
    assert tracking("http: {proxies: [192.0.2.1, 10.0.0.0/8]}").http.proxies == ("192.0.2.1/32", "10.0.0.0/8")
    with pytest.raises(ConfigError, match=r"http\.proxies"):
        tracking("http: {proxies: [proxy.example]}")
