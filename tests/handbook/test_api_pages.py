"""The pages of the API say what its calls take."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import fields

from relay.handbook import generate
from relay.handbook.api_properties import properties
from relay.web.api.call import Call
from relay.web.api.table import CALLS

TAKING = [call for call in CALLS if call.body is not None and call.body.shape is not None]


@pytest.mark.parametrize("call", TAKING, ids=lambda call: call.name)
def test_every_property_of_a_body_stands_on_the_page_of_its_call(call: Call) -> None:
    assert call.body is not None
    shape = call.body.shape
    told = [*shape["properties"]] if isinstance(shape, Mapping) else [each.name for each in fields(shape)]
    page = (generate.HERE / "api" / f"{call.name}.md").read_text()
    assert told
    assert [each for each in told if f"\n| `{each}` | " not in page] == []


def test_what_lists_and_objects_hold_has_rows_of_its_own() -> None:
    found = [*properties(next(call for call in TAKING if call.name == "send").body.shape)]  # type: ignore[union-attr]
    assert "| `attachments[].data` | text | base64 |" in found
    assert "| `dsn.ret` | `HDRS` or `FULL` |  |" in found


def test_a_row_tells_the_choices_the_bounds_the_default_and_whether_it_is_needed() -> None:
    schema = {
        "properties": {
            "share": {"type": "integer", "minimum": 0, "maximum": 100, "default": 50},
            "act": {"enum": ["hold", "retry", 3], "description": "what to do | or not."},
        },
        "required": ["act"],
    }
    assert [*properties(schema)][3:] == [
        "| `share` | whole number 0 to 100 | default `50` |",
        "| `act` | `hold`, `retry` or `3` | what to do \\| or not; needed |",
    ]
