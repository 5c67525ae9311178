"""Whatever is written in control fields, and whatever options there are: properties that hold for all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config import OptionPolicy
from relay.model.account import OnInvalid
from relay.model.options import NOTHING, Archive, OpenPixel, Options, Unsubscribe, plain
from relay.model.reply import Refused
from relay.submission.control import times
from relay.submission.control.carrier import DEPTH, parse_json
from relay.submission.control.registry import BY_NAME, LATER, OPTIONS, find, nearest, parse_setting
from tests.submission.option_values import MANY, VALUES
from tests.submission.options import ANN, BOB, EVERYTHING, ask, field

NAMES = [each.name for each in OPTIONS] + ["Options", "Metadata-x", "Strict", "NoArchive", "Test", "dsn", *LATER]

# Text with a good share of what the grammars look for.
SPECIAL = "=?utf-8?Q? ?= base64: true null NaN 1e999 2026-09-22 T08:00Z +2h P1DT2H a@example.net &quot; \\u0000 é 名"
PIECES = st.sampled_from([*SPECIAL.split(), *'{}[]":,;=@<>/+-_*.\\ \t\0\x7f\x85', "\r\n ", "\\ud800"])
WRITTEN = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=30).map("".join))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WRITTEN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WRITTEN, inner, max_size=4),
    max_leaves=12,
)


def folded(text: str) -> str:
    """As a client would put it into a header: no line end but those of folds."""
    return text.replace("\r\n ", "\0").replace("\r", " ").replace("\n", " ").replace("\0", "\r\n ")


@given(st.sampled_from(NAMES), WRITTEN, st.sampled_from(list(OnInvalid)))
def test_any_text_of_any_field_is_read_or_refused(name: str, text: str, rule: OnInvalid) -> None:
    try:
        got = ask(f"X-SMTPeter-{name}: {folded(text).replace(chr(0), '')}\r\n", on_invalid=rule, **EVERYTHING)
    except Refused as refused:
        assert refused.reply.code in (550, 552, 554)
        assert len(refused.reply.octets()) <= 512
        assert refused.reply.text.isprintable()
        return
    assert all(each.isprintable() for each in got.warnings)
    assert Options.from_dict(json.loads(json.dumps(got.options.as_dict()))) == got.options


@given(st.sampled_from(NAMES), JSON, st.booleans())
def test_any_json_of_any_option_is_read_or_refused(name: str, value: Any, as_property: bool) -> None:
    try:
        lines = "" if as_property else field("Options", {name: value})
        got = ask(lines, properties={name: value} if as_property else None, **EVERYTHING)
    except Refused as refused:
        assert refused.reply.code in (550, 554)
        return
    assert Options.from_dict(json.loads(json.dumps(got.options.as_dict()))) == got.options


@given(st.sampled_from(NAMES), JSON)
def test_any_setting_is_kept_or_refused_with_a_reason(name: str, value: Any) -> None:
    try:
        option, kept = parse_setting(name, value)
    except ValueError as error:
        assert str(error)
        return
    assert parse_setting(option, json.loads(json.dumps(kept))) == (option, kept)


@given(JSON)
def test_any_defaults_are_read_or_put_mail_off(value: Any) -> None:
    for where in ("options", "account", "domain"):
        try:
            ask(**{where: {"tags": value, "retention": value}})  # type: ignore[arg-type]
        except Refused as refused:
            assert (refused.reply.code, refused.reply.status) == (451, "4.3.5")


@given(st.text(max_size=100))
def test_any_name_is_found_or_not(name: str) -> None:
    found = find(name)
    assert found is None or BY_NAME[found.name] is found
    nearest(name)


@given(WRITTEN)
def test_any_json_text_is_a_value_or_an_error(text: str) -> None:
    try:
        json.dumps(parse_json(text), allow_nan=False)
    except ValueError as error:
        assert str(error)


# Options that exist, through every way they are written and back.


def test_every_option_of_a_message_is_made_here() -> None:
    assert VALUES.keys() == NOTHING.__dataclass_fields__.keys()


@given(MANY)
def test_options_go_through_json_and_come_back(values: dict[str, Any]) -> None:
    options = Options(**values)
    assert Options.from_dict(json.loads(json.dumps(options.as_dict()))) == options


def by_field(given: dict[str, Any]) -> dict[str, Any]:
    """A field an option, texts as they are and the rest as JSON."""
    lines = [field(BY_NAME[name].header, plain(value)) for name, value in given.items() if value != ""]
    return {"lines": "".join(lines) + ("X-SMTPeter-EnvelopeFrom: <>\r\n" if given.get("envelope_from") == "" else "")}


def by_json(given: dict[str, Any]) -> dict[str, Any]:
    return {"lines": field("Options", {name: plain(value) for name, value in given.items()})}


def by_property(given: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {name: plain(value) for name, value in given.items()}}


def by_default(given: dict[str, Any]) -> dict[str, Any]:
    return {"options": {name: plain(value) for name, value in given.items() if "credential" in BY_NAME[name].doors}}


def free_of_contradictions(values: dict[str, Any]) -> None:
    if "send_at_each" in values:
        values.pop("send_at", None)
    if values.get("archive", Archive.FULL) is not Archive.FULL:
        values.pop("view_online", None)
        values.pop("hosted_images", None)
    if values.get("open_pixel") is OpenPixel.TAG:
        values.setdefault("open_pixel_tag", "x")


def implied(values: dict[str, Any], asked: bool) -> None:
    """What options stand for beside themselves."""
    if "merge" in values:
        values["preserve_recipients"] = False
    if "open_pixel_tag" in values:
        values.setdefault("open_pixel", OpenPixel.TAG)
    headers = values.keys() & {"unsubscribe_url", "unsubscribe_mailto"}
    text = values.keys() & {"unsubscribe_tag", "unsubscribe_html", "unsubscribe_text"}
    if asked and (headers or text):
        mode = Unsubscribe.BOTH if headers and text else Unsubscribe.HEADERS if headers else Unsubscribe.LINK
        values.setdefault("unsubscribe", mode)


@pytest.mark.parametrize("write", [by_field, by_json, by_property, by_default])
@given(values=MANY)
def test_what_is_written_is_what_is_read(
    write: Callable[[dict[str, Any]], dict[str, Any]], values: dict[str, Any]
) -> None:
    free_of_contradictions(values)
    several_people = values.keys() & {"send_at_each", "dsn_orcpt", "merge"}
    if several_people:
        values.pop("recipients", None)
    made = write(values)
    if write is by_default:
        values = {name: value for name, value in values.items() if name in made["options"]}
    known: dict[str, dict[str, Any]] = {"invoices": {}}
    people = (ANN, BOB) if several_people else (ANN,)
    got = ask(made.pop("lines", ""), to=people, known=known, **{**EVERYTHING, **made})
    if values.get("stream") == "bulk":  # a stream goes before the credential
        for name, value in (("priority", 3), ("unsubscribe", Unsubscribe.BOTH)):
            values[name] = value if write is by_default else values.get(name, value)
    implied(values, asked=write is not by_default)
    expected = Options(**values)
    assert got.options == expected
    assert got.sources.keys() >= values.keys()


# Time and text.


@given(st.floats(1e8, 4e9))
def test_a_time_reads_the_same_in_all_its_spellings(at: float) -> None:
    from datetime import UTC, datetime
    from email.utils import format_datetime

    whole = float(int(at))
    when = datetime.fromtimestamp(whole, UTC)
    for spelling in (
        str(int(whole)),
        int(whole),
        str(int(whole) * 1000) if whole * 1000 >= 1e11 else int(whole),
        when.isoformat(),
        when.isoformat().replace("+00:00", "Z"),
        when.strftime("%Y-%m-%d %H:%M:%S"),
        format_datetime(when),
        format_datetime(when, usegmt=True),
    ):
        assert times.moment(spelling) == whole


@given(st.integers(0, 366 * 86_400))
def test_a_duration_reads_the_same_in_all_its_spellings(seconds: int) -> None:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    spellings = (seconds, str(seconds), f"{hours}h{minutes}m{left}s", f"PT{hours}H{minutes}M{left}S")
    assert {times.duration(each) for each in spellings} == {float(seconds)}


@pytest.mark.parametrize(
    "text",
    [
        '"' * 60_000,
        '{"a":"' + "\\" * 60_000,
        "[" * 60_000,
        '{"a":' * 12_000,
        "&quot;" * 10_000,
        '{"' + '\\"' * 30_000,
        "base64:" + "A" * 60_000,
        "1" * 60_000,
        "=" * 60_000,
        "a@b=" * 15_000,
        "1h" * 30_000,
        "," * 60_000,
        "(" * 60_000,
        "*" * 60_000,
        " " * 59_000 + "x",
        "+" * 60_000,
    ],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    begin = time.perf_counter()
    for name in [*(each.header for each in OPTIONS), "Options", "Metadata-x"]:
        try:
            ask(field(name, text), policy=OptionPolicy(), **EVERYTHING)
        except Refused:
            continue
    assert time.perf_counter() - begin < 5.0  # all together; a quadratic one alone takes minutes


def test_json_may_be_as_deep_as_is_said_and_no_deeper() -> None:
    assert parse_json("[" * DEPTH + "]" * DEPTH)
    with pytest.raises(ValueError, match="nested more than 8 deep"):
        parse_json("[" * (DEPTH + 1) + "]" * (DEPTH + 1))
