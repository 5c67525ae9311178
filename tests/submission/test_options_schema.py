"""The options as a JSON Schema, held against every value that is tried by every door."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from relay.submission.control.option import Door
from relay.submission.control.registry import OPTIONS
from relay.submission.control.schema import DIALECT, option_schema, options_schema
from tests.submission.test_options_table import CASES, IN_HEADERS

VALIDATOR = Draft202012Validator(options_schema())
GOOD = [(each.name, given) for each in IN_HEADERS for given, _ in CASES[each.name].good]


def test_it_is_a_schema_that_knows_every_option_a_message_may_set() -> None:
    schema = options_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    wanted = {each.name for each in OPTIONS if Door.PROPERTY in each.doors}
    assert schema["properties"].keys() == wanted | {"dsn", "footer"}
    assert schema["properties"]["dsn"]["properties"].keys() == {"notify", "ret", "envid", "orcpt"}


@pytest.mark.parametrize(("name", "given"), GOOD)
def test_every_good_value_fits(name: str, given: Any) -> None:
    VALIDATOR.validate({name: given})


@pytest.mark.parametrize(
    "given",
    [
        {"smarthost": False},
        {"tags": {"a": "b"}},
        {"priority": [1]},
        {"metadata": ["a"]},
        {"dsn": {"never": True}},
        {"keep_message_id": [True]},
        ["tags"],
    ],
)
def test_what_is_no_option_or_of_no_type_it_could_have_does_not(given: Any) -> None:
    assert not VALIDATOR.is_valid(given)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda each: each.name)
def test_an_option_says_what_it_is_for_with_an_example(option: Any) -> None:
    schema = option_schema(option)
    assert schema["description"].startswith(option.help)
    assert schema["examples"] == [option.example]
