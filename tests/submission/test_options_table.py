"""Every option of the registry by every door: good, bad, forbidden, repeated and conflicting values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.config import OptionPolicy
from relay.config.schema import Stream
from relay.model.account import OnInvalid
from relay.model.options import NOTHING, Resolved, plain
from relay.submission.control.option import DEFAULTS, Door, Listed, Option, Repeat
from relay.submission.control.registry import BY_NAME, FAMILIES, GRANTS, OPTIONS, header_of, parse_setting
from tests.submission.options import ANN, EVERYTHING, ask, refusal
from tests.submission.options import field as line
from tests.submission.options_new import CONSENT_CASES, CONTENT_CASES
from tests.submission.options_old import OLD_CASES

CASES = {**OLD_CASES, **CONTENT_CASES, **CONSENT_CASES}
FIELDS = [each for each in OPTIONS if each.name in NOTHING.__dataclass_fields__]  # those of a message
IN_HEADERS = [each for each in FIELDS if Door.HEADER in each.doors]


def cases(options: list[Option], pick: str) -> list[Any]:
    return [
        pytest.param(option, value, id=f"{option.name}-{str(value)[:40]}")
        for option in options
        for value in getattr(CASES[option.name], pick)
    ]


def credential(option: Option) -> dict[str, Any]:
    extra = CASES[option.name].extra
    return {**EVERYTHING, **extra, "allowed": {**EVERYTHING["allowed"], **extra.get("allowed", {})}}


def try_it(option: Option, lines: str = "", **given: Any) -> Resolved:
    return ask(lines, known={"invoices": {}, "b": {}}, **{**credential(option), **given})


def value_of(option: Option, resolved: Resolved) -> Any:
    return getattr(resolved.options, option.name)


def test_every_row_of_the_registry_is_tried_here_and_nothing_else() -> None:
    assert CASES.keys() == BY_NAME.keys()
    assert {name for name, case in CASES.items() if case.esmtp} | {"dsn_orcpt"} == {
        each.name for each in OPTIONS if each.esmtp
    }
    assert {each.name for each in OPTIONS if Door.ESMTP in each.doors} == {
        each.name for each in OPTIONS if each.esmtp
    }


def test_every_field_of_options_has_a_row() -> None:
    assert {each.name for each in FIELDS} == NOTHING.__dataclass_fields__.keys()
    assert len(OPTIONS) == sum(map(len, FAMILIES.values())) == len(BY_NAME)


def test_every_grant_of_the_registry_is_denied_to_somebody_here() -> None:
    tried = {
        case.denied[1].rpartition(" ")[2] for case in CASES.values() if case.denied and "grant" in case.denied[1]
    }
    assert tried | {"any-sender", "deadline-long"} == GRANTS.keys()  # the latter is cut, not refused


@pytest.mark.parametrize("option", OPTIONS, ids=lambda each: each.name)
def test_a_row_tells_a_user_what_he_needs(option: Option) -> None:
    assert option.help.endswith(".")
    assert option.type
    assert option.permission.words.startswith(("P0", "P1", "P2", "P3", "set on"))
    assert option.read(option.example) is not None
    assert (option.permission.listed is Listed.NEEDED) <= bool(option.permission.grant)


@pytest.mark.parametrize(("option", "pair"), cases(IN_HEADERS, "good"))
def test_a_good_value_counts_by_header_by_options_json_and_as_property(option: Option, pair: tuple[Any, Any]) -> None:
    given, value = pair
    text = given if isinstance(given, str) else json.dumps(given)
    for name in {option.name, option.header, option.name.upper().replace("_", "-"), option.header.lower()}:
        got = try_it(option, line(name, text))
        assert value_of(option, got) == value
        assert got.sources[option.name] == f"header X-SMTPeter-{name}"
    by_json = try_it(option, line("Options", {option.name: given}))
    assert value_of(option, by_json) == value
    assert by_json.sources[option.name].startswith("header X-SMTPeter-Options, ")
    by_property = try_it(option, properties={option.name: given})
    assert value_of(option, by_property) == value
    assert by_property.sources[option.name] == f"property {option.name}"


@pytest.mark.parametrize(("option", "bad"), cases(IN_HEADERS, "bad"))
def test_a_bad_value_is_refused_by_every_door_with_the_name_it_had_there(option: Option, bad: Any) -> None:
    if isinstance(bad, str):  # as text of a header, a number may be as good as any
        said = refusal(line(option.header, bad), **credential(option))
        assert said.startswith("554 5.")
        assert header_of(option) in said
    assert refusal(line("Options", {option.name: bad}), **credential(option)).startswith("554 5.")
    assert refusal(properties={option.name: bad}, **credential(option)).startswith("554 5.")


@pytest.mark.parametrize("option", IN_HEADERS, ids=lambda each: each.name)
def test_on_invalid_leaves_out_bad_values_of_options_that_are_not_safety_relevant(option: Option) -> None:
    lines = line(option.header, CASES[option.name].bad[0])
    if option.safety:
        assert refusal(lines, **credential(option), on_invalid=OnInvalid.IGNORE).startswith("554 5.6.0")
        return
    warned = try_it(option, lines, on_invalid=OnInvalid.WARN)
    assert option.name not in warned.sources
    assert warned.warnings[0].startswith(header_of(option))
    assert warned.warnings[0].endswith("; left out")
    assert try_it(option, lines, on_invalid=OnInvalid.IGNORE).warnings == ()


@pytest.mark.parametrize("option", IN_HEADERS, ids=lambda each: each.name)
def test_an_empty_value_sets_nothing(option: Option) -> None:
    for lines in (line(option.header, ""), line(option.header, " \t "), line("Options", {option.name: None})):
        assert try_it(option, lines) == Resolved()


@pytest.mark.parametrize("option", [each for each in OPTIONS if CASES[each.name].denied], ids=lambda each: each.name)
def test_a_missing_permission_is_named_by_every_door(option: Option) -> None:
    denied = CASES[option.name].denied
    assert denied is not None
    value, text, options = denied
    for lines, given in (
        (line(option.header, value), {}),
        (line("Options", {option.name: value}), {}),
        ("", {"properties": {option.name: value}}),
    ):
        assert refusal(lines, options=options, known={"invoices": {}}, **given).startswith(text)
        assert option.name in try_it(option, lines, options=options, **given).sources


@pytest.mark.parametrize("option", FIELDS, ids=lambda each: each.name)
def test_a_list_of_allowed_values_holds_where_there_is_one(option: Option) -> None:
    listed = option.permission.listed
    value = CASES[option.name].good[0][0]
    grants = frozenset(GRANTS)
    if listed is Listed.NEEDED:
        said = refusal(line(option.header, value), grants=grants)
        assert said.startswith(f"550 5.7.1 option {option.name}: ")
        assert "is not on the list of this credential" in said
    if listed is not Listed.NO:
        said = refusal(line(option.header, value), grants=grants, allowed={option.name: ("other.example",)})
        assert "is not on the list of this credential" in said
        exactly = plain(CASES[option.name].good[0][1])
        names = tuple(exactly) if isinstance(exactly, list) else (exactly,)
        got = ask(line(option.header, value), grants=grants, allowed={option.name: names})
        assert plain(value_of(option, got)) == exactly


@pytest.mark.parametrize("option", [each for each in FIELDS if each.doors & DEFAULTS], ids=lambda each: each.name)
def test_a_default_needs_no_grant_and_gives_way_to_the_message(option: Option) -> None:
    case = CASES[option.name]
    given, value = case.good[0]
    for door, source in (
        (Door.CREDENTIAL, "credential crm"),
        (Door.DOMAIN, "domain example.com"),
        (Door.ACCOUNT, "account shop"),
    ):
        name, kept = parse_setting(option.header, given, door)
        where = "options" if door is Door.CREDENTIAL else door.value
        known: dict[str, dict[str, Any]] = {"invoices": {}, "b": {}}
        got = ask(**{where: {name: kept}}, known=known)  # type: ignore[arg-type]
        assert (value_of(option, got), got.sources[name]) == (value, source)
        extra = credential(option) | {"presets": frozenset({"invoices", "b"})}
        own = ask(line(option.header, case.again), **{**extra, where: {name: kept}}, known=known)
        if option.name != "sandbox":
            assert value_of(option, own) == case.again_value
        assert own.sources[name] == f"header {header_of(option)}"


@pytest.mark.parametrize("option", [each for each in FIELDS if each.doors & DEFAULTS], ids=lambda each: each.name)
def test_presets_streams_and_the_operator_set_it_too(option: Option) -> None:
    given, value = CASES[option.name].good[0]
    name, kept = parse_setting(option.name, given)
    for policy, source in (
        (OptionPolicy(force={name: kept}), "operator policy"),
        (OptionPolicy(defaults={name: kept}), "relay defaults"),
    ):
        got = ask(policy=policy, known={"invoices": {}})
        assert (value_of(option, got), got.sources[name]) == (value, source)
    if Door.PRESET in option.doors:
        got = ask(line("Preset", "invoices"), known={"invoices": {name: kept}}, presets=frozenset({"invoices"}))
        assert (value_of(option, got), got.sources[name]) == (value, "preset invoices")
    if Door.PRESET in option.doors and name != "stream":
        policy = OptionPolicy(streams={"own": Stream(options={name: kept})})
        got = ask(options={"stream": "own"}, policy=policy)
        assert (value_of(option, got), got.sources[name]) == (value, "stream own")


@pytest.mark.parametrize(
    "option", [each for each in OPTIONS if not each.doors & DEFAULTS], ids=lambda each: each.name
)
def test_what_belongs_to_one_message_is_no_default(option: Option) -> None:
    value = CASES[option.name].good[0][0]
    with pytest.raises(ValueError, match="cannot be set on the credential"):
        parse_setting(option.name, value)
    assert refusal(options={option.name: value}).startswith("451 4.3.5 the defaults of credential crm")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda each: each.name)
def test_a_bad_default_is_refused_when_it_is_set_and_puts_mail_off_when_it_is_there(option: Option) -> None:
    bad = CASES[option.name].bad[0]
    if option.name in ("stream",):
        bad = "a b"
    with pytest.raises(ValueError, match=option.name):
        parse_setting(option.name, bad)
    assert refusal(options={option.name: bad}).startswith("451 4.3.5")


@pytest.mark.parametrize("option", IN_HEADERS, ids=lambda each: each.name)
def test_repeated_values_join_or_the_first_counts(option: Option) -> None:
    case = CASES[option.name]
    given, value = case.good[0]
    twice = try_it(option, line(option.header, given) + line(option.name, case.again))
    if option.repeat is Repeat.UNION:
        assert value_of(option, twice) == tuple(dict.fromkeys((*value, *case.again_value)))
        assert twice.warnings == ()
    elif option.repeat is Repeat.MERGE:
        assert value_of(option, twice) == {**value, **case.again_value}
        assert twice.warnings == ()
    else:
        assert value_of(option, twice) == value
        said = f"X-SMTPeter-{option.name}: {option.name} was set by {header_of(option)} already; the first one counts"
        assert twice.warnings[0] == said
    same = try_it(option, line(option.header, given) * 2)
    assert value_of(option, same) == value
    assert not any("the first one counts" in each for each in same.warnings)


@pytest.mark.parametrize("option", IN_HEADERS, ids=lambda each: each.name)
def test_a_header_goes_before_a_property_and_force_before_all(option: Option) -> None:
    case = CASES[option.name]
    given, value = case.good[0]
    both = try_it(option, line(option.header, given), properties={option.name: case.again})
    assert value_of(option, both) == value
    assert f"property {option.name}: {option.name} is decided by header {header_of(option)}" in both.warnings
    if option.doors & DEFAULTS:
        name, kept = parse_setting(option.name, case.again)
        forced = try_it(option, line(option.header, given), policy=OptionPolicy(force={name: kept}))
        if option.name != "sandbox":  # the strictest holds
            assert value_of(option, forced) == case.again_value
            assert forced.sources[name] == "operator policy"
            assert f"header {header_of(option)}: {name} is decided by operator policy" in forced.warnings


@pytest.mark.parametrize("option", IN_HEADERS, ids=lambda each: each.name)
def test_operator_and_credential_may_forbid_an_option_or_one_value_of_it(option: Option) -> None:
    given, value = CASES[option.name].good[0]
    lines = line(option.header, given)
    forbid = OptionPolicy(forbid=(option.name,))
    said = f"550 5.7.1 option {option.name}: "
    assert refusal(lines, policy=forbid, known={"invoices": {}}, **credential(option)).startswith(said)
    mine = {**credential(option), "forbidden": frozenset({header_of(option).removeprefix("X-SMTPeter-")})}
    assert refusal(lines, known={"invoices": {}}, **mine).startswith(said)
    if isinstance(given, str) and isinstance(value, str | int | tuple) and not isinstance(value, bool):
        mine = {**credential(option), "forbidden": frozenset({f"{option.name}={given}"})}
        assert refusal(lines, known={"invoices": {}}, **mine).startswith(said)


@pytest.mark.parametrize("option", [each for each in OPTIONS if CASES[each.name].esmtp], ids=lambda each: each.name)
def test_an_esmtp_parameter_goes_before_the_header(option: Option) -> None:
    case = CASES[option.name]
    assert case.esmtp is not None
    parameters, mail, value = case.esmtp
    people = mail.get("recipients", (ANN,))
    rest = {key: each for key, each in mail.items() if key != "recipients"}
    alone = try_it(option, parameters=parameters, mail=rest, to=people)
    assert value_of(option, alone) == value
    assert alone.sources[option.name].startswith("ESMTP parameter ")
    both = try_it(option, line(option.header, case.again), parameters=parameters, mail=rest, to=people)
    assert value_of(option, both) == value
    assert both.sources[option.name].startswith("ESMTP parameter ")
    forbidden = OptionPolicy(forbid=(option.name,))
    assert refusal(parameters=parameters, mail=rest, to=people, policy=forbidden).startswith("550 5.7.1")
    forced = OptionPolicy(force={"priority": 4}) if option.name == "priority" else None
    if forced is not None:
        assert try_it(option, parameters=parameters, policy=forced).options.priority == 4


def test_a_bad_example_is_bad_for_a_reason_of_its_own() -> None:
    """So that none of them is refused for a missing grant, or as a conflict with the envelope."""
    for option in IN_HEADERS:
        for bad in CASES[option.name].bad:
            assert "grant" not in refusal(properties={option.name: bad}, **credential(option))


@pytest.mark.parametrize("name", ["transactional", "bulk", "receipts"])
def test_a_stream_brings_options_of_its_own(name: str) -> None:
    policy = OptionPolicy(streams={"receipts": Stream(options={"priority": 8, "require_tls": "must"})})
    got = ask(line("Stream", name), policy=policy)
    assert got.options.priority == {"transactional": 5, "bulk": 3, "receipts": 8}[name]
    assert got.sources.get("priority") in (None, f"stream {name}")
