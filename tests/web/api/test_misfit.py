"""Whoever writes a property wrong is told which there are."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from relay.model.account import Scope
from relay.web.api.misfit import misfit
from tests.web.api.stage import Stage


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    policy: Literal["none", "quarantine", "reject"] | None = None


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    scopes: list[Scope] = []
    inner: Inner | None = None
    several: dict[str, Inner] = {}
    count: int = 0


@pytest.mark.parametrize(
    ("text", "code", "field", "told"),
    [
        ('{"scope": 1}', "unknown_property", "scope", "scope: there is no such property; the nearest is scopes"),
        (
            '{"zzz": 1}',
            "unknown_property",
            "zzz",
            "zzz: there is no such property; there are scopes, inner, several, count",
        ),
        (
            '{"inner": {"id": 1}}',
            "unknown_property",
            "inner.id",
            "inner.id: there is no such property; there is policy alone",
        ),
        (
            '{"inner": {"Policies": 1}}',
            "unknown_property",
            "inner.Policies",
            "inner.Policies: there is no such property; the nearest is policy",
        ),
        (
            '{"inner": {"policy": "no"}}',
            "bad_value",
            "inner.policy",
            "inner.policy: expected none, quarantine or reject, not 'no'",
        ),
        (
            '{"several": {"a": {"policy": "no"}}}',
            "bad_value",
            "several[...].policy",
            "several[...].policy: expected none, quarantine or reject, not 'no'",
        ),
        (
            '{"scopes": ["write"]}',
            "bad_value",
            "scopes[0]",
            "scopes[0]: expected manage, read or send, not 'write'",
        ),
        ('{"count": "a"}', "bad_value", "count", "count: expected a whole number, not text"),
        ("1", "bad_value", "", "expected an object, not a whole number"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(text: str, code: str, field: str, told: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(text, type=Shape)
    problem = misfit(str(caught.value), Shape)
    assert (problem.code, problem.field, problem.message) == (code, field, told)


def test_without_a_shape_msgspecs_own_words_stay() -> None:
    assert misfit("Object contains unknown field `a`", Any).message == "a: there is no such property"
    assert misfit("Invalid enum value 'x' - at `$.a`", Any).message == "a: invalid enum value 'x'"


async def test_forms_are_told_the_same(api: Stage) -> None:
    told = (await api.post("/v1/domain/example.com", data={"policy": "strict"})).json()["error"]
    assert told["message"] == "policy: expected none, quarantine or reject, not 'strict'"


def test_what_is_told_of_a_stranger_is_short_and_in_one_line() -> None:
    name = "x\n" * 5000
    for said in (f"Object contains unknown field `{name}`", f"Invalid enum value '{name}' - at `$.a`"):
        problem = misfit(said, Any)
        assert problem.message.isprintable() and len(problem.message) < 700
        assert problem.field.isprintable() and len(problem.field) <= 120
