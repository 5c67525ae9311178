"""Forms as PHP reads them."""

from __future__ import annotations

from typing import Any

import pytest

from relay.web.api.forms import DEPTH, FIELDS, read_form


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b"", {}),
        (b"a=1&b=%C3%BC+x", {"a": "1", "b": "ü x"}),
        (b"a=1&a=2&&c", {"a": "2", "c": ""}),
        (b"a[]=x&a[]=y", {"a": ["x", "y"]}),
        (b"a[1]=x&a[]=y&a[]=z", {"a": {"1": "x", "2": "y", "3": "z"}}),
        (b"a[b]=x&a[]=y&a[]=z", {"a": {"b": "x", "0": "y", "1": "z"}}),
        (b"a[1]=x&a[0]=y", {"a": {"1": "x", "0": "y"}}),
        (b"a[][b]=x&a[][b]=y", {"a": [{"b": "x"}, {"b": "y"}]}),
        (b"a[0][b]=x&a[0][c]=y", {"a": [{"b": "x", "c": "y"}]}),
        (b"a[b]=x&a=y&a[]=z", {"a": ["z"]}),
        (b"a%5Bb%5D=x&[c]=y&d[e]f=z", {"a": {"b": "x"}, "[c]": "y", "d": {"e": "z"}}),
    ],
)
def test_a_form_is_what_php_makes_of_it(octets: bytes, value: dict[str, Any]) -> None:
    assert read_form(octets) == value


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"a=%FF", "not UTF-8"),
        (b"a[b=1", "a bracket is not closed"),
        (b"a" + b"[]" * DEPTH + b"=1", f"over {DEPTH} levels"),
        (b"a&" * FIELDS, "over 20,000 fields"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(octets: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_form(octets)
