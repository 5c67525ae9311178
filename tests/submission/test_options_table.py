"""Every option of the registry by every door: good, bad, forbidden, repeated and conflicting values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from relay.config import OptionPolicy
from relay.config.schema import Stream
from relay.model.account import OnInvalid
from relay.model.envelope import DeliverBy, Notify, Parameters, Recipient, Ret
from relay.model.options import NOTHING, Archive, RequireTls, Resolved, Sandbox, VerifyTls, Window, plain
from relay.submission.control.option import DEFAULTS, Door, Listed, Option, Repeat
from relay.submission.control.registry import BY_NAME, FAMILIES, GRANTS, OPTIONS, header_of, parse_setting
from tests.submission.options import ANN, DAY, EVERYTHING, NOW, ask, refusal
from tests.submission.options import field as line

SOON = "2026-09-22 08:00:00"
SOON_UNIX = 1_790_064_000.0
OFFICE = {"dow": "Mon-Fri", "tz": "Europe/Amsterdam", "start": "09:00", "end": "17:30"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """How an option is tried. Values are text or JSON; the first of `good` is used wherever one is enough."""

    good: tuple[tuple[Any, Any], ...]  # as written, and what `Options` has then
    bad: tuple[Any, ...]
    again: Any  # another good value
    again_value: Any
    denied: tuple[Any, str, Mapping[str, Any]] | None = (
        None  # a value, the text of its refusal, defaults it is held to
    )
    esmtp: tuple[Parameters, Mapping[str, Any], Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)  # what the credential has beside


def needs(name: str, grant: str) -> str:
    return f"550 5.7.1 option {name} needs grant {grant}"


CASES: Mapping[str, Case] = {
    "tags": Case(
        good=(("a, b;c", ("a", "b", "c")), (["a", "b"], ("a", "b")), ([1], ("1",))),
        bad=("has space", "x" * 256, ["a b"], {"a": 1}, [["a"]], ",".join(map(str, range(26)))),
        again="b, d",
        again_value=("b", "d"),
    ),
    "campaign": Case(
        good=(("spring", "spring"), (17, "17")), bad=("x" * 256, ["a"], True), again="b", again_value="b"
    ),
    "tenant": Case(
        good=(("customer-17", "customer-17"),),
        bad=("a/b", "a b", "x" * 65, ["a"], "-a"),
        again="b",
        again_value="b",
        denied=("customer-17", needs("tenant", "tenant"), {}),
    ),
    "stream": Case(
        good=(("bulk", "bulk"), ("transactional", "transactional")),
        bad=("a b", {"a": 1}, "nosuch"),
        again="transactional",
        again_value="transactional",
        extra={"allowed": {"stream": ("bulk", "transactional")}},
    ),
    "metadata": Case(
        good=(
            ('{"order": "4711", "n": 3}', {"order": "4711", "n": 3}),
            ("a=b, c = d=e", {"a": "b", "c": "d=e"}),
            ({"paid": True, "sum": 1.5, "none": None}, {"paid": True, "sum": 1.5}),
        ),
        bad=(
            "nothing",
            '{"a": {"b": 1}}',
            '{"a": 1, "a": 2}',
            '{"a": NaN}',
            "[1]",
            {"k" * 129: 1},
            {"a": "x" * 1001},
            {str(n): n for n in range(65)},
            {str(n): "x" * 990 for n in range(20)},
        ),
        again='{"n": 4, "m": 5}',
        again_value={"n": 4, "m": 5},
    ),
    "message_ref": Case(good=(("order 4711", "order 4711"),), bad=("x" * 256, {"a": 1}), again="b", again_value="b"),
    "idempotency_key": Case(
        good=(("k-1", "k-1"), ("x" * 256, "x" * 256)), bad=("x" * 257, [1]), again="b", again_value="b"
    ),
    "preset": Case(
        good=(("invoices", "invoices"),),
        bad=("a b", ["a"], "x" * 65),
        again="b",
        again_value="b",
        denied=("invoices", "550 5.7.1 preset invoices is not among those of this credential", {}),
    ),
    "send_at": Case(
        good=(
            (SOON, SOON_UNIX),
            ("2026-09-22T10:00:00+02:00", SOON_UNIX),
            ("2026-09-22T08:00:00Z", SOON_UNIX),
            ("Tue, 22 Sep 2026 08:00:00 GMT", SOON_UNIX),
            ("22 Sep 2026 10:00 +0200", SOON_UNIX),
            ("1790064000", SOON_UNIX),
            ("1790064000000", SOON_UNIX),
            (1_790_064_000, SOON_UNIX),
            ("+90m", NOW + 5400),
            ("in 2h", NOW + 7200),
        ),
        bad=("tomorrow", "2026-09-22", "2026-13-01 00:00:00", "1790", True, ["+1h"], "22 Foo 2026 08:00", "+x"),
        again="+3h",
        again_value=NOW + 3 * 3600,
        denied=("+8d", needs("send_at", "schedule-long"), {}),
        esmtp=(Parameters(hold_until=NOW + 600), {}, NOW + 600),
    ),
    "send_at_each": Case(
        good=(
            ({ANN: "+2h"}, {ANN: NOW + 7200}),
            (f"{ANN}=+2h", {ANN: NOW + 7200}),
            (f"{ANN}=Tue, 22 Sep 2026 08:00:00 GMT", {ANN: SOON_UNIX}),
        ),
        bad=("+2h", {ANN: "soon"}, {"nobody": "+2h"}, [1]),
        again={ANN: "+3h"},
        again_value={ANN: NOW + 3 * 3600},
        denied=({ANN: "+8d"}, needs("send_at_each", "schedule-long"), {}),
    ),
    "send_window": Case(
        good=(
            (OFFICE, (Window((0, 1, 2, 3, 4), "Europe/Amsterdam", 32_400.0, 63_000.0),)),
            (
                "2026-09-22T08:00:00Z/2026-09-22 09:00:00",
                (Window((), "", SOON_UNIX, SOON_UNIX + 3600),),
            ),
            (
                [{"dow": [5, 6], "tz": "UTC", "start": "22:00", "end": "06:00:00"}],
                (Window((5, 6), "UTC", 79_200.0, 21_600.0),),
            ),
        ),
        bad=(
            '{"dow":"Mon"}',
            {**OFFICE, "dow": "Funday"},
            {**OFFICE, "tz": "Mars/Olympus"},
            {**OFFICE, "tz": "../../etc/passwd"},
            {**OFFICE, "end": "25:00"},
            {**OFFICE, "end": "09:00"},
            {**OFFICE, "more": 1},
            "2026-09-22T09:00:00Z/2026-09-22T08:00:00Z",
            "+1h/+2h",
            "always",
            [OFFICE | {"start": f"{hour:02}:{minute}0"} for hour in range(9) for minute in range(3)],
        ),
        again={"dow": "Sun", "tz": "UTC", "start": "00:00", "end": "24:00"},
        again_value=(Window((6,), "UTC", 0.0, DAY),),
        denied=(
            "2026-10-22T08:00:00Z/2026-10-22T09:00:00Z",
            needs("send_window", "schedule-long"),
            {},
        ),
    ),
    "send_cancel_id": Case(good=(("batch 1", "batch 1"),), bad=("x" * 256, [1]), again="b", again_value="b"),
    "deliver_by": Case(
        good=((SOON, SOON_UNIX), ("+4h", NOW + 4 * 3600)),
        bad=("2026-10-23", "2020-01-01 00:00:00", "never", False),
        again="+3h",
        again_value=NOW + 3 * 3600,
        esmtp=(Parameters(by=DeliverBy(at=NOW + 900, give_up=True)), {}, NOW + 900),
    ),
    "deliver_within": Case(
        good=(
            ("4m", 240.0),
            ("1h30m", 5400.0),
            ("5400", 5400.0),
            ("PT1H30M", 5400.0),
            ("P1DT12H", 129_600.0),
            (90, 90.0),
            ("2 days", 2 * DAY),
        ),
        bad=("0", "-5", "P1Y", "5 fortnights", "400d", True, "PT", [5]),
        again="3h",
        again_value=10_800.0,
    ),
    "max_attempts": Case(
        good=(("3", 3), (5, 5)),
        bad=("0", "101", "three", True, 1.5),
        again="4",
        again_value=4,
        denied=("4", needs("max_attempts", "route"), {"max_attempts": 3}),
    ),
    "retry_schedule": Case(
        good=(("300, 5m,1h", (300.0, 300.0, 3600.0)), ([60, 120], (60.0, 120.0))),
        bad=("0", "8d", ",".join(["60"] * 51), "soon"),
        again="60",
        again_value=(60.0,),
        denied=("60", needs("retry_schedule", "route"), {}),
    ),
    "priority": Case(
        good=(("7", 7), ("low", 2), ("High", 7), (3, 3), ("urgent", 9)),
        bad=("10", "-1", "highest", "5.5", [1]),
        again="2",
        again_value=2,
        denied=("8", needs("priority", "priority-high"), {}),
        esmtp=(Parameters(priority=-9), {}, 0),
    ),
    "require_tls": Case(
        good=(("must", RequireTls.MUST), ("yes", RequireTls.MUST), (True, RequireTls.MUST)),
        bad=("perhaps", 2, ["must"]),
        again="may",
        again_value=RequireTls.MAY,
        denied=("may", needs("require_tls", "tls-relax"), {"require_tls": "must"}),
    ),
    "verify_tls": Case(
        good=(("required", VerifyTls.REQUIRED), ("NONE", VerifyTls.NONE)),
        bad=("maybe", True),
        again="none",
        again_value=VerifyTls.NONE,
        denied=("none", needs("verify_tls", "tls-relax"), {}),
    ),
    "dkim": Case(
        good=(("off", False), (False, False)),
        bad=("perhaps", 2),
        again="on",
        again_value=True,
        denied=("off", needs("dkim", "dkim-off"), {}),
    ),
    "dkim_key": Case(
        good=(("s2026", "s2026"), ("Example.COM, S1", "example.com,s1")),
        bad=("a b", "-", "example,s1,s2", ["s1"]),
        again="s3",
        again_value="s3",
        denied=("example.org,s1", needs("dkim_key", "dkim"), {}),
    ),
    "dkim_extra": Case(
        good=(
            ("example.org,s1; example.net,s2", ("example.org,s1", "example.net,s2")),
            (["example.org,s1"], ("example.org,s1",)),
        ),
        bad=("s1", "example.org", ";".join(f"example.org,s{n}" for n in range(6))),
        again="example.org,s9",
        again_value=("example.org,s9",),
        denied=("example.org,s1", needs("dkim_extra", "dkim"), {}),
    ),
    "pool": Case(
        good=(("marketing", "marketing"),),
        bad=("a b", "x" * 65),
        again="b",
        again_value="b",
        denied=("marketing", needs("pool", "route"), {}),
    ),
    "source_ip": Case(
        good=(("192.0.2.1, 2001:DB8::1", ("192.0.2.1", "2001:db8::1")), (["192.0.2.1"], ("192.0.2.1",))),
        bad=("192.0.2", "example.com", [1.5], ",".join(f"192.0.2.{n}" for n in range(51))),
        again="192.0.2.9",
        again_value=("192.0.2.9",),
        denied=("192.0.2.1", needs("source_ip", "source-ip"), {}),
    ),
    "envelope_from": Case(
        good=(("b@example.com", "b@example.com"), ("<>", ""), ("Bounces <b@Example.com>", "b@example.com")),
        bad=("nobody", "a@example.com, b@example.com", ["a@example.com"], 5),
        again="c@example.com",
        again_value="c@example.com",
        denied=("b@example.com", needs("envelope_from", "envelope"), {}),
    ),
    "return_path_domain": Case(
        good=(("Bounces.example.com", "bounces.example.com"),),
        bad=("localhost", "a b.com", "192.0.2.1", "[192.0.2.1]"),
        again="b.example.com",
        again_value="b.example.com",
        denied=("bounces.example.com", needs("return_path_domain", "envelope"), {}),
    ),
    "track_bounces": Case(good=(("TRUE ", True), ("1", True)), bad=("perhaps", 2), again="no", again_value=False),
    "dsn_notify": Case(
        good=(
            ("never", Notify.NEVER),
            ("SUCCESS,failure", Notify.SUCCESS | Notify.FAILURE),
            (["DELAY"], Notify.DELAY),
        ),
        bad=("NEVER,DELAY", "always", 7),
        again="DELAY",
        again_value=Notify.DELAY,
        esmtp=(
            Parameters(notified=frozenset({ANN})),
            {"recipients": (Recipient(address=ANN, notify=Notify.NEVER),)},
            Notify.NEVER,
        ),
    ),
    "dsn_ret": Case(
        good=(("full", Ret.FULL), ("HDRS", Ret.HDRS), ("headers", Ret.HDRS)),
        bad=("some", True),
        again="HDRS",
        again_value=Ret.HDRS,
        esmtp=(Parameters(ret=True), {"ret": Ret.FULL}, Ret.FULL),
    ),
    "dsn_envid": Case(
        good=(("batch-17", "batch-17"),),
        bad=("grün", "x" * 101, "+" * 34, ["a"]),
        again="b",
        again_value="b",
        esmtp=(Parameters(), {"envid": "QQ314159"}, "QQ314159"),
    ),
    "dsn_orcpt": Case(
        good=(
            ("old@example.net", {ANN: "rfc822;old@example.net"}),
            ("x400;/c=nl/", {ANN: "x400;/c=nl/"}),
            ({ANN: "rfc822;old@example.net"}, {ANN: "rfc822;old@example.net"}),
        ),
        bad=("x" * 501, {"nobody": "a@example.net"}, {ANN: ["a"]}, True),
        again={ANN: "rfc822;other@example.net"},
        again_value={ANN: "rfc822;other@example.net"},
    ),
    "recipients": Case(
        good=(("Bob <bob@Example.net>, c@example.net", ("bob@example.net", "c@example.net")),),
        bad=("nobody", ",", "a@b@c", [1], "a@example.net; b@example.net"),
        again="d@example.net",
        again_value=("d@example.net",),
        denied=("bob@example.net", needs("recipients", "recipients"), {}),
    ),
    "preserve_recipients": Case(good=(("no", False), (False, False)), bad=("x",), again="yes", again_value=True),
    "extra_cc": Case(
        good=(("cc@example.org", ("cc@example.org",)), (["cc@example.org"], ("cc@example.org",))),
        bad=("nobody", {"a": 1}),
        again="dd@example.org",
        again_value=("dd@example.org",),
        denied=("cc@example.org", needs("extra_cc", "recipients"), {}),
    ),
    "extra_bcc": Case(
        good=(("cc@example.org", ("cc@example.org",)),),
        bad=("nobody", 5),
        again="dd@example.org",
        again_value=("dd@example.org",),
        denied=("cc@example.org", needs("extra_bcc", "recipients"), {}),
    ),
    "bcc_archive": Case(
        good=(("vault@example.org", ("vault@example.org",)),),
        bad=("nobody",),
        again="dd@example.org",
        again_value=("dd@example.org",),
        denied=("vault@example.org", needs("bcc_archive", "archive-copy"), {}),
    ),
    "archive": Case(
        good=(("none", Archive.NONE), ("Headers", Archive.HEADERS)),
        bad=("some", True),
        again="full",
        again_value=Archive.FULL,
        denied=("none", needs("archive", "archive-off"), {}),
    ),
    "retention": Case(
        good=(("30d", 30 * DAY), ("0", 0.0)),
        bad=("367d", "ever", -1),
        again="10d",
        again_value=10 * DAY,
        denied=("20d", needs("retention", "archive-off"), {"retention": 30 * DAY}),
    ),
    "sandbox": Case(
        good=(
            ("accept", Sandbox.ACCEPT),
            ("Bounce:Hard", Sandbox.HARD),
            (True, Sandbox.ACCEPT),
            ("hold", Sandbox.HOLD),
        ),
        bad=("bounce", "maybe", 5),
        again="validate",
        again_value=Sandbox.VALIDATE,
    ),
    "keep_message_id": Case(good=(("off", False),), bad=("x", 7), again="on", again_value=True),
    "strip_headers": Case(
        good=(("X-Mailer, X-In-*", ("x-mailer", "x-in-*")), (["Comments"], ("comments",))),
        bad=(
            "From",
            "Message-ID",
            "mess*",
            "*",
            "DKIM-Signature",
            "dk*",
            "Content-*",
            "X-*-Y",
            "a b",
            "c*",
            "list-u*",
        ),
        again="x-b",
        again_value=("x-b",),
        denied=("Comments", needs("strip_headers", "strip-mid"), {}),
    ),
    "control_headers": Case(good=(("strip", None),), bad=("x",), again="on", again_value=None),
    "on_invalid": Case(good=(("reject", None), ("Warn", None)), bad=("x",), again="warn", again_value=None),
}
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
        assert twice.warnings == (said,)
    same = try_it(option, line(option.header, given) * 2)
    assert (value_of(option, same), same.warnings) == (value, ())


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
