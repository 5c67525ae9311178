"""URLs as they stand in messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.transform.urls import PATH_OCTETS, URL_OCTETS, bare, key, path_shown, web_url, with_parameters, within


def test_a_url_that_is_too_long_is_none() -> None:
    long = "http://a.example/"
    assert web_url(long + "x" * (URL_OCTETS - len(long))) is not None
    assert web_url(long + "x" * (URL_OCTETS - len(long) + 1)) is None
    assert web_url(long + "é" * 3000) is None


@pytest.mark.parametrize(
    "value",
    ["http://", "http://@/", "http://a:b:c/", "http://[::1/", "http://-\u2028-/", "http://a%2fb/", "http://x@y@z/"],
)
def test_an_odd_authority_makes_no_url(value: str) -> None:
    assert web_url(value) is None


@given(st.text())
def test_any_text_is_a_url_in_ascii_or_none(value: str) -> None:
    for each in (value, f"http://{value}", f"https://a.example/{value}"):
        url = web_url(each, base="https://b.example/c/d")
        assert url is None or (url.isascii() and url.isprintable() and " " not in url)
        assert url is None or web_url(url) == url


@given(st.text())
def test_a_path_that_is_shown_keeps_the_token_before_it(path: str) -> None:
    shown = path_shown(f"https://a.example/{path}").decode("ascii")
    assert len(shown) <= PATH_OCTETS
    assert not {".", ".."} & set(shown.lower().replace("%2e", ".").split("/"))
    assert not set(shown) & set("\"'<>&= ?#\\")


@given(st.text(alphabet="ab&=?#/", max_size=20))
def test_parameters_that_are_there_are_kept_and_none_comes_twice(rest: str) -> None:
    url = f"http://a.example/{rest}"
    once = with_parameters(url, (("a", "1"), ("utm_b", "2")))
    assert with_parameters(once, (("a", "1"), ("utm_b", "2"))) == once
    assert once.partition("#")[2] == url.partition("#")[2]
    assert once.partition("?")[2].partition("#")[0].startswith(url.partition("#")[0].partition("?")[2])


def test_scheme_case_of_the_host_and_one_slash_are_the_same_to_people() -> None:
    assert bare("HTTPS://WWW.Example.com/") == bare("www.example.com") == "www.example.com"
    assert bare("http://a.example/X/") == "a.example/X"
    assert bare("http://a.example/x") != bare("http://a.example/X")


def test_urls_are_the_same_whatever_the_case_of_scheme_and_host() -> None:
    assert key("HTTP://A.Example/X?Y") == "http://a.example/X?Y"


def test_a_host_is_within_its_own_domains_only() -> None:
    assert within("www.a.example", ["a.example"]) and within("a.example", ["a.example"])
    assert not within("bada.example", ["a.example"]) and not within("example", ["a.example"])
