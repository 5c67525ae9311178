"""Options together: precedence, contradictions, deadlines, the sandbox, and what clients send in practice."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from relay.config import Limits, OptionPolicy
from relay.config.schema import Stream
from relay.model.account import ControlHeaders, OnInvalid
from relay.model.envelope import NO_PARAMETERS, DeliverBy, Notify, Parameters, Recipient, Ret
from relay.model.options import NOTHING_ASKED, Archive, RequireTls, Resolved, Sandbox
from relay.model.reply import Refused
from relay.submission.control.layers import priority
from relay.submission.control.policy import policy_faults
from relay.submission.control.registry import GRANTS, LATER, OPTIONS, find, header_of, later, nearest, parse_setting
from tests.submission.options import ANN, BOB, DAY, EVERYTHING, NOW, ask, controls, field, refusal

HOUR = 3600.0


# What is asked nowhere costs nothing.


def test_a_message_that_asks_for_nothing_gets_the_one_value_that_says_so() -> None:
    assert ask() is NOTHING_ASKED
    assert ask("X-SMTPeter-Tags:\r\nSubject: x\r\n") is NOTHING_ASKED
    assert ask(properties={}) is NOTHING_ASKED
    assert ask(**EVERYTHING) is NOTHING_ASKED
    assert ask(policy=OptionPolicy(forbid=("tags",), streams={"a": Stream(options={"priority": 1})})) is NOTHING_ASKED


def test_a_warning_alone_is_kept() -> None:
    got = ask("X-SMTPeter-Nonsense: 1\r\n", on_invalid=OnInvalid.WARN)
    assert got.sources == {}
    assert got.warnings == ("X-SMTPeter-Nonsense: no such control header; `relay options` lists them; left out",)


# What clients send: values as they come through libraries and gateways.


@pytest.mark.parametrize(
    ("lines", "name", "value"),
    [
        ("x-smtpeter-trackbounces: TRUE \r\n", "track_bounces", True),
        ('X-SMTPeter-Track-Bounces: "yes";\r\n', "track_bounces", True),
        ("X-SMTPeter-MaxDeliverTime: 2026-09-22 08:00:00\r\n", "deliver_by", 1_790_064_000.0),
        ("x-smtpeter-tags: a, b,,a\r\n", "tags", ("a", "b")),
        ('X-SMTPeter-Options: {"campaign": "my_awes\r\n ome"}\r\n', "campaign", "my_awes ome"),
        ('X-SMTPeter-Options: {"campaign":\r\n\t"x"}\r\n', "campaign", "x"),
        ("X-SMTPeter-Metadata: =?UTF-8?Q?{=22a=22:=22=C4=99=22}?=\r\n", "metadata", {"a": "ę"}),
        ("X-SMTPeter-Metadata: =?UTF-8?Q?{=22a=22:?=\r\n =?UTF-8?Q?=22b=22}?=\r\n", "metadata", {"a": "b"}),
        ("X-SMTPeter-Options: {&quot;tags&quot;: [&quot;a&quot;]}\r\n", "tags", ("a",)),
        ('X-SMTPeter-Options: {"tags": ["a\x07b"]}\r\n', "tags", ("ab",)),
        ("X-SMTPeter-Options: base64:eyJ0YWdz\r\n IjpbImEiXX0=\r\n", "tags", ("a",)),
        ("X-SMTPeter-Options: =?utf-8?B?eyJ0YWdzIjpbImEiXX0=?=\r\n", "tags", ("a",)),
        ('X-SMTPeter-Options: {"tags": ["a"]}\r\nX-SMTPeter-Options: {"Tags": "b"}\r\n', "tags", ("a", "b")),
        ("X-SMTPeter-Metadata-Order-Id: 4711\r\n", "metadata", {"order-id": "4711"}),
        ('X-SMTPeter-Metadata-a: 1\r\nX-SMTPeter-Metadata: {"a": 2, "b": 3}\r\n', "metadata", {"a": 2, "b": 3}),
        ("X-SMTPeter-Metadata_shop: n l\r\n", "metadata", {"shop": "n l"}),
        ("X-SMTPeter-NoArchive: true\r\n", "archive", Archive.NONE),
        ("X-SMTPeter-No-Archive: no\r\n", "archive", Archive.FULL),
        ("X-SMTPeter-Test: 1\r\n", "sandbox", Sandbox.ACCEPT),
        ("X-SMTPeter-Test: bounce:soft\r\n", "sandbox", Sandbox.SOFT),
        ('X-SMTPeter-Dsn: {"notify": "NEVER", "ret": "FULL"}\r\n', "dsn_ret", Ret.FULL),
        ('X-SMTPeter-Options: {"dsn": {"notify": ["DELAY"], "envid": "e"}}\r\n', "dsn_notify", Notify.DELAY),
        ('X-SMTPeter-Options: {"options": null}\r\n', "tags", ()),
        ("X-SMTPeter-Window: base64:" + base64.b64encode(
            b'{"dow":"Sat-Mon","tz":"UTC","start":"9:00","end":"10:00"}').decode() + "\r\n", "send_window", None),
    ],
)  # fmt: skip
def test_values_are_read_as_clients_write_them(lines: str, name: str, value: Any) -> None:
    if '"options": null' in lines:
        assert refusal(lines).startswith("554 5.6.0 X-SMTPeter-Options, options: no such control header")
        return
    got = getattr(ask(lines, **EVERYTHING).options, name)
    if name == "send_window":
        assert got[0].days == (0, 5, 6)
    else:
        assert got == value


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ("x-smtpeter-tags: has space\r\n", "554 5.6.0 x-smtpeter-tags: a tag has no white space"),
        ('X-SMTPeter-Window: {"dow":"Mon"}\r\n', "554 5.6.0 X-SMTPeter-Window: a window needs dow, tz"),
        ("X-SMTPeter-MaxDeliverTime: 2016-10-23\r\n", "554 5.6.0 X-SMTPeter-MaxDeliverTime: expected a time such as"),
        ("X-SMTPeter-MaxDeliverTime: 2016-10-23 00:00:00\r\n", "the deadline is past"),
        ("X-SMTPeter-Campaign: =?utf-8?Q?x=0D=0ABcc:_a@b.nl?=\r\n", "a value has no NUL, CR or LF in it"),
        ("X-SMTPeter-Metadata-a: =?utf-8?Q?x=00?=\r\n", "a value has no NUL, CR or LF in it"),
        ('X-SMTPeter-Options: {"campaign": "x\\r\\nBcc: a@b.nl"}\r\n', "a value has no NUL, CR or LF in it"),
        ('X-SMTPeter-Options: {"x\\u0000": 1}\r\n', "a value has no NUL in it"),
        ('X-SMTPeter-Options: {"campaign": "a\\nb"}\r\n', "a value has no NUL, CR or LF in it"),
        ('X-SMTPeter-Options: {"campaign": "\\ud800"}\r\n', "half a character"),
        ("X-SMTPeter-Options: {tags: a}\r\n", "554 5.6.0 X-SMTPeter-Options: no JSON: "),
        ("X-SMTPeter-Options: [1]\r\n", "554 5.6.0 X-SMTPeter-Options: expected a JSON object"),
        ('X-SMTPeter-Options: {"tags": "a", "tags": "b"}\r\n', "the name 'tags' stands twice"),
        ('X-SMTPeter-Options: {"priority": Infinity}\r\n', "Infinity is no number of JSON"),
        ('X-SMTPeter-Options: {"priority": 1e999}\r\n', "1e999 is no number a computer holds"),
        ('X-SMTPeter-Options: {"send_at": 1' + "0" * 308 + "}\r\n", "0 is no number a computer holds"),
        ('X-SMTPeter-Retries: [1' + "0" * 5000 + "]\r\n", "0 is no number a computer holds"),
        ("X-SMTPeter-Options: " + "[" * 60_000 + "\r\n", "JSON is nested more than 8 deep"),
        ("X-SMTPeter-Options: {" + '"\\' * 30_000 + "\r\n", "554 5.6.0 X-SMTPeter-Options: no JSON"),
        ('X-SMTPeter-Options: {"a": [' + "1," * 20_001 + "1]}\r\n", "JSON has more than 20,000 names and items"),
        ('X-SMTPeter-Options: {"tag": "a"}\r\n', "X-SMTPeter-Options, tag: no such control header; the nearest is"),
        ('X-SMTPeter-Options: {"dsn": {"notif": "x"}}\r\n', "notif: not known there; notify, ret, envid, orcpt are"),
        ("X-SMTPeter-Options: base64:####\r\n", "what stands behind base64: is no UTF-8 text in base64"),
        ("X-SMTPeter-Dsn: NEVER\r\n", "554 5.6.0 X-SMTPeter-Dsn: no JSON"),
        ("X-SMTPeter-Metadata-: x\r\n", "a key of metadata that is empty"),
        ("X-SMTPeter-Tenant: x\r\n", "550 5.7.1 option tenant needs grant tenant (header X-SMTPeter-Tenant)"),
        ("X-SMTPeter-ControlHeaders: pass\r\n", "control_headers is set on the credential, not by a message"),
        ("X-SMTPeter-Tags: a b\r\nX-SMTPeter-Priority: x\r\n", "a b (and 1 more)"),
        ("X-SMTPeter-StripHeaders: To\r\n", "554 5.6.0 X-SMTPeter-StripHeaders: to is never taken out"),
        ("X-SMTPeter-StripHeaders: t*\r\n", "X-SMTPeter-StripHeaders: to is never taken out; t* would"),
    ],
)  # fmt: skip
def test_faults_are_told_with_the_header_and_what_is_wrong(lines: str, reply: str) -> None:
    assert reply in refusal(lines)


def test_too_much_is_refused_before_it_is_read() -> None:
    assert refusal("X-SMTPeter-Options: " + "{" * 70_000 + "\r\n").startswith("552 5.3.4 X-SMTPeter-Options: over")
    assert refusal("X-SMTPeter-Tags: a\r\n" * 501).startswith("552 5.3.4 the control headers are over the limit")


@pytest.mark.parametrize("name", LATER)
def test_what_is_not_done_here_is_refused_by_name_with_the_reason_whatever_its_value(name: str) -> None:
    for value in ("true", "false", "0"):
        said = refusal(field(name.replace("_", "-"), value))
        assert said.endswith(f"{name} is not done here: {LATER[name]}")
        assert said.startswith("554 5.6.0 X-SMTPeter-")
    assert refusal(properties={name: False}).endswith(f"{name} is not done here: {LATER[name]}")
    assert find(name) is None
    assert later(name.upper()) == name


def test_a_misspelt_name_is_told_the_nearest() -> None:
    assert "the nearest is X-SMTPeter-Priority" in refusal(field("Priorty", "1"))
    assert "the nearest is deliver_within" in refusal(properties={"delivr_within": "1h"})
    for option in OPTIONS:
        near = nearest(option.name + "x")
        assert near is not None
        assert near.name[:3] == option.name[:3]


def test_control_headers_that_are_stripped_or_passed_ask_for_nothing() -> None:
    lines = field("Nonsense", "x") + field("Priority", "9")
    assert ask(lines, control_headers=ControlHeaders.STRIP) is NOTHING_ASKED
    assert ask(lines, control_headers=ControlHeaders.PASS) is NOTHING_ASKED


# on_invalid.


def test_a_message_makes_on_invalid_stricter_and_never_laxer() -> None:
    lines = field("Tags", "a b")
    assert refusal(field("OnInvalid", "ignore") + lines).startswith("554")
    assert refusal(field("OnInvalid", "reject") + lines, on_invalid=OnInvalid.IGNORE).startswith("554")
    assert refusal(lines + field("Strict", "true"), on_invalid=OnInvalid.IGNORE).startswith("554")
    assert ask(lines + field("Strict", "no"), on_invalid=OnInvalid.IGNORE) is NOTHING_ASKED
    assert len(ask(lines + field("OnInvalid", "warn"), on_invalid=OnInvalid.IGNORE).warnings) == 1
    assert refusal(properties={"tags": "a b", "strict": True}, on_invalid=OnInvalid.IGNORE).startswith("554")


def test_a_value_that_would_inject_a_field_is_refused_whatever_on_invalid_says() -> None:
    lines = "X-SMTPeter-Tags: =?utf-8?Q?a=0D=0ABcc:_b?=\r\n"
    assert refusal(lines, on_invalid=OnInvalid.IGNORE).startswith("554 5.6.0")


# Who decides.


def test_each_voice_goes_before_the_next() -> None:
    voices: list[dict[str, Any]] = [
        {"policy": OptionPolicy(force={"priority": 0})},
        {"parameters": Parameters(priority=-9 + 2)},
        {"lines": field("Priority", "2")},
        {"properties": {"priority": 3}},
        {"known": {"p": {"priority": 4}}, "options": {"preset": "p"}},
        {"options": {"stream": "bulk"}},
        {"options": {"priority": 6}},
        {"domain": {"priority": 7}},
        {"account": {"priority": 8}},
        {"policy": OptionPolicy(defaults={"priority": 9})},
    ]
    sources = [
        "operator policy",
        "ESMTP parameter MT-PRIORITY",
        "header X-SMTPeter-Priority",
        "property priority",
        "preset p",
        "stream bulk",
        "credential crm",
        "domain example.com",
        "account shop",
        "relay defaults",
    ]
    values = [0, 1, 2, 3, 4, 3, 6, 7, 8, 9]
    for first in range(len(voices)):
        given: dict[str, Any] = {}
        for voice in voices[first:]:
            for key, value in voice.items():
                if key == "options":
                    given["options"] = {**value, **given.get("options", {})}
                elif key == "policy" and "policy" in given:
                    given["policy"] = OptionPolicy(force=given["policy"].force, defaults=value.defaults)
                else:
                    given.setdefault(key, value)
        got = ask(given.pop("lines", ""), **given)
        assert (got.options.priority, got.sources["priority"]) == (values[first], sources[first])


def test_what_comes_with_a_preset_or_a_stream_needs_no_grant() -> None:
    known = {"vip": {"stream": "fast", "pool": "gold"}}
    policy = OptionPolicy(streams={"fast": Stream(options={"priority": 9})})
    got = ask(field("Preset", "VIP"), known={"VIP": known["vip"]}, policy=policy, presets=frozenset({"vip"}))
    assert (got.options.pool, got.options.stream, got.options.priority) == ("gold", "fast", 9)
    assert got.sources["stream"] == "preset VIP"
    assert refusal(field("Priority", "9"), policy=policy).endswith("(header X-SMTPeter-Priority)")


def test_presets_and_streams_nobody_made_are_refused() -> None:
    assert refusal(field("Preset", "x"), presets=frozenset({"x"})).startswith("554 5.6.0 the account has no preset x")
    assert refusal(options={"preset": "x"}).startswith("451 4.3.5 the account has no preset x (credential crm)")
    said = refusal(field("Stream", "x"))
    assert said == "554 5.6.0 no stream is called x (header X-SMTPeter-Stream); there are bulk, transactional"
    assert refusal(account={"stream": "x"}).startswith("451 4.3.5 no stream is called x")


def test_the_case_of_a_stream_does_not_count() -> None:
    policy = OptionPolicy(streams={"Receipts": Stream(options={"priority": 7})})
    got = ask(field("Stream", "RECEIPTS"), policy=policy)
    assert (got.options.stream, got.options.priority) == ("receipts", 7)


def test_a_transactional_stream_may_be_pinned_off() -> None:
    forbidden = frozenset({"stream=transactional"})
    assert refusal(field("Stream", "transactional"), forbidden=forbidden).startswith("550 5.7.1 option stream")
    assert ask(field("Stream", "bulk"), forbidden=forbidden).options.priority == 3
    said = refusal(field("SendAt", "+1h"), forbidden=frozenset({"send_at"}))
    assert said == "550 5.7.1 option send_at: this credential may not ask for it (header X-SMTPeter-SendAt)"


def test_asking_for_what_holds_anyway_needs_no_grant() -> None:
    held = {"priority": 9, "dkim": False, "verify_tls": "none", "archive": "none", "retention": DAY}
    for name, value in held.items():
        assert ask(properties={name: value}, options=held).sources[name] == f"property {name}"


def test_a_list_allows_names_patterns_domains_and_networks() -> None:
    mine: dict[str, Any] = {
        "grants": frozenset(GRANTS),
        "allowed": {
            "recipients": ("example.net", "boss@example.org"),
            "source_ip": ("192.0.2.0/28",),
            "tenant": ("shop-*",),
        },
    }
    for name, value in (("Recipients", "Ann@example.net, boss@example.org"), ("SourceIp", "192.0.2.15")):
        assert ask(field(name, value), **mine) is not NOTHING_ASKED
    assert ask(field("Tenant", "SHOP-1"), **mine).options.tenant == "shop-1"
    for name, value in (("Recipients", "a@sub.example.net"), ("SourceIp", "192.0.2.16"), ("Tenant", "shop")):
        assert "is not on the list of this credential" in refusal(field(name, value), **mine)


def test_lists_of_forbidden_options_that_nobody_can_read_put_mail_off() -> None:
    assert refusal(field("Tags", "a"), forbidden=frozenset({"tagz"})).startswith("451 4.3.5 the list of forbidden")
    assert refusal(field("Tags", "a"), policy=OptionPolicy(forbid=("priority=x",))).startswith("451 4.3.5")


def test_a_policy_is_checked_before_a_message_meets_it() -> None:
    assert list(policy_faults(OptionPolicy(force={"require_tls": "must"}, forbid=("tags", "priority=9")))) == []
    faults = list(
        policy_faults(
            OptionPolicy(
                defaults={"prioritee": 1},
                force={"send_at": "+1h", "max_attempts": 0},
                forbid=("nothing", "priority=10"),
                streams={"a": Stream(options={"stream": "b", "tags": "x y"})},
            )
        )
    )
    assert [each.partition(": ")[0] for each in faults] == [
        "options.defaults",
        "options.force",
        "options.force",
        "options.streams.a.options",
        "options.streams.a.options",
        "options.forbid",
        "options.forbid",
    ]
    assert "the nearest is priority" in faults[0]


# The sandbox.


@pytest.mark.parametrize(
    ("default", "asked", "holds"),
    [
        ("accept", "off", Sandbox.ACCEPT),
        ("accept", "hold", Sandbox.ACCEPT),
        ("hold", "off", Sandbox.HOLD),
        ("hold", "bounce:hard", Sandbox.HARD),
        ("off", "hold", Sandbox.HOLD),
        ("accept", "bounce:click", Sandbox.CLICK),
        ("bounce:hard", "accept", Sandbox.ACCEPT),
    ],
)
def test_a_message_never_loosens_a_sandbox(default: str, asked: str, holds: Sandbox) -> None:
    for given in ({"options": {"sandbox": default}}, {"account": {"sandbox": default}}):
        got = ask(field("Sandbox", asked), **given)  # type: ignore[arg-type]
        assert got.options.sandbox is holds
        loosened = got.sources["sandbox"] != "header X-SMTPeter-Sandbox"
        assert len(got.warnings) == loosened
    assert ask(field("Sandbox", asked), policy=OptionPolicy(force={"sandbox": default})).options.sandbox in (
        holds,
        Sandbox(default),
    )


def test_no_layer_loosens_the_sandbox_of_another() -> None:
    got = ask(
        policy=OptionPolicy(force={"sandbox": "off"}), options={"sandbox": "hold"}, account={"sandbox": "accept"}
    )
    assert (got.options.sandbox, got.sources["sandbox"]) == (Sandbox.ACCEPT, "account shop")


# Times.


def test_a_time_past_is_now() -> None:
    got = ask(field("SendAt", "2020-01-01 00:00:00"))
    assert got.options.send_at is None
    assert got.warnings == ("header X-SMTPeter-SendAt: past, so it is sent at once",)
    assert ask(parameters=Parameters(hold_until=NOW - 2.0)).warnings == ()  # it took that long to come


def test_send_at_and_send_at_each_exclude_one_another() -> None:
    lines = field("SendAtEach", {ANN: "+1h"})
    said = refusal(field("SendAt", "+1h") + lines)
    assert said == "554 5.6.0 header X-SMTPeter-SendAtEach: send_at and send_at_each exclude one another"
    assert refusal(lines, parameters=Parameters(hold_until=NOW + 60)).startswith("554 5.6.0")


def test_send_at_each_fits_recipients_in_any_case_and_tells_of_the_others() -> None:
    people = ("Ann@example.net", "ann@example.net", BOB)
    lines = field("SendAtEach", {"ANN@example.net": "+1h", "ann@EXAMPLE.net": "+2h", "eve@example.net": "+3h"})
    got = ask(lines, to=people)
    assert got.options.send_at_each == {"Ann@example.net": NOW + HOUR, "ann@example.net": NOW + 2 * HOUR}
    assert got.warnings == (
        "header X-SMTPeter-SendAtEach: eve@example.net is no recipient, so send_at_each of it is left out",
        "header X-SMTPeter-SendAtEach: send_at_each has no time for 1 recipients, as bob@example.net: sent at once",
    )
    assert refusal(lines + field("Strict", "yes"), to=people).startswith("554 5.6.0 header X-SMTPeter-SendAtEach")


def test_a_year_ahead_is_the_end() -> None:
    mine: dict[str, Any] = {"grants": frozenset({"schedule-long"})}
    assert ask(field("SendAt", "+365d"), **mine).options.send_at == NOW + 365 * DAY
    assert refusal(field("SendAt", "2029-01-01 00:00:00"), **mine).endswith("more than a year ahead")
    assert refusal(field("SendAt", "+7d2m")).startswith("550 5.7.1 option send_at needs grant schedule-long")
    assert ask(field("SendAt", "+7d")).options.send_at == NOW + 7 * DAY


def test_a_window_that_is_over_is_refused() -> None:
    said = refusal(field("Window", "2026-09-20T08:00:00Z/2026-09-20T09:00:00Z"))
    assert said.endswith("the window is past")


@pytest.mark.parametrize(
    "other",
    [
        "2026-09-20T08:00:00Z/2026-09-20T09:00:00Z",
        {"dow": ",", "tz": "UTC", "start": "08:00", "end": "09:00"},
        {"dow": "Mon", "tz": "UTC", "start": "00:00", "end": "24:00"},
    ],
)
def test_no_other_window_hides_one_that_is_late(other: Any) -> None:
    soon, late, last = (f"2026-{day}T08:00:00Z/2026-12-30T09:00:00Z" for day in ("09-22", "10-20", "12-29"))
    assert len(ask(field("Window", [other, soon])).options.send_window) == 2
    said = refusal(field("Window", [other, late]))
    assert said.startswith("550 5.7.1 option send_window needs grant schedule-long")
    granted: dict[str, Any] = {"grants": frozenset({"schedule-long"})}
    assert len(ask(field("Window", [other, last]), **granted).options.send_window) == 2
    far = last.replace("2026", "2028")
    assert refusal(field("Window", [other, far]), **granted).endswith("more than a year ahead")


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"])
def test_no_time_is_behind_the_end_of_the_calendar(time: str) -> None:
    assert "no such time: it is after the year 9999" in refusal(field("MaxDeliverTime", time))


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (field("MaxDeliverTime", "2026-09-21 14:13:19"), "the deadline is past"),
        (field("MaxDeliverTime", "+1h") + field("SendAt", "+1h"), "not after the time it is to be sent"),
        (field("MaxDeliverTime", "+1h") + field("SendAtEach", {ANN: "+2h"}), "not after the time it is to be sent"),
    ],
)
def test_a_deadline_lies_ahead_and_after_the_time_of_sending(lines: str, text: str) -> None:
    assert text in refusal(lines)
    assert refusal(lines).startswith("554 5.6.0")


def test_a_deadline_is_cut_to_the_lifetime_of_the_credential_and_not_refused() -> None:
    got = ask(field("DeliverWithin", "2d"), lifetime=DAY)
    assert got.options.deliver_within == DAY
    assert got.warnings == ("header X-SMTPeter-DeliverWithin: cut to the 24 hours of this credential",)
    assert ask(field("MaxDeliverTime", "+5d"), lifetime=DAY).options.deliver_by == NOW + 5 * DAY  # `plan` cuts it
    long = ask(field("DeliverWithin", "2d"), lifetime=DAY, grants=frozenset({"deadline-long"}))
    assert (long.options.deliver_within, long.warnings) == (2 * DAY, ())
    assert ask(options={"deliver_within": "3d"}, lifetime=DAY).options.deliver_within == DAY


def test_the_stronger_voice_names_the_deadline() -> None:
    default = {"deliver_within": "1d"}
    got = ask(field("MaxDeliverTime", "+3d"), options=default)
    assert (got.options.deliver_by, got.options.deliver_within) == (NOW + 3 * DAY, None)
    got = ask(field("DeliverWithin", "2h"), parameters=Parameters(by=DeliverBy(at=NOW + HOUR, give_up=True)))
    assert (got.options.deliver_by, got.options.deliver_within) == (NOW + HOUR, None)
    assert got.warnings == ("header X-SMTPeter-DeliverWithin: deliver_within is decided by ESMTP parameter BY",)
    both = ask(field("MaxDeliverTime", "+3d") + field("DeliverWithin", "2h")).options
    assert (both.deliver_by, both.deliver_within) == (NOW + 3 * DAY, 2 * HOUR)


def test_by_with_mode_n_sets_no_deadline() -> None:
    assert ask(parameters=Parameters(by=DeliverBy(at=NOW + HOUR, give_up=False))) is not None
    assert ask(parameters=Parameters(by=DeliverBy(at=NOW + HOUR, give_up=False))).options.deliver_by is None


def test_mt_priority_covers_all_of_ours_and_keeps_its_order() -> None:
    ours = [priority(each) for each in range(-9, 10)]
    assert ours == sorted(ours)
    assert set(ours) == set(range(10))
    assert (ours[0], ours[9], ours[18]) == (0, 5, 9)
    assert refusal(parameters=Parameters(priority=9)).startswith(
        "550 5.7.1 option priority needs grant priority-high"
    )


# People.


def test_recipients_take_the_place_of_one_rcpt_only() -> None:
    lines = field("Recipients", "c@example.net")
    assert ask(lines, **EVERYTHING).options.recipients == ("c@example.net",)
    said = refusal(lines, to=(ANN, BOB), **EVERYTHING)
    assert said == "554 5.6.0 header X-SMTPeter-Recipients: not with 2 RCPT; give one, or leave it out"
    assert refusal(lines, to=(ANN, BOB)).startswith("550 5.7.1")  # what one may not ask is told first


def test_recipients_of_options_count_to_the_limit() -> None:
    lines = field("Bcc", "c@example.net") + field("ArchiveTo", "d@example.net")
    assert ask(lines, limits=Limits(recipients=3), **EVERYTHING).options.extra_bcc == ("c@example.net",)
    said = refusal(lines, limits=Limits(recipients=2), **EVERYTHING)
    assert said.startswith("554 5.5.3 3 recipients with those of options; a message has at most 2")


def test_orcpt_of_rcpt_goes_before_that_of_a_header() -> None:
    people = (Recipient(address=ANN, original="rfc822;a@old.example"), Recipient(address=BOB))
    lines = field("DsnOrcpt", {ANN: "x@old.example", BOB: "b@old.example", "eve@example.net": "e@old.example"})
    got = ask(lines, to=people)
    assert got.options.dsn_orcpt == {BOB: "rfc822;b@old.example"}
    assert got.warnings == (
        "header X-SMTPeter-DsnOrcpt: eve@example.net is no recipient, so dsn_orcpt of it is left out",
        f"header X-SMTPeter-DsnOrcpt: ORCPT of {ANN} goes before it",
    )
    assert "one original recipient for 2 recipients" in refusal(field("DsnOrcpt", "x@old.example"), to=(ANN, BOB))


def test_notify_of_some_recipients_leaves_the_header_to_the_others() -> None:
    people = (Recipient(address=ANN, notify=Notify.NEVER), Recipient(address=BOB))
    got = ask(field("DsnNotify", "DELAY"), to=people, parameters=Parameters(notified=frozenset({ANN})))
    assert (got.options.dsn_notify, got.sources["dsn_notify"]) == (Notify.DELAY, "header X-SMTPeter-DsnNotify")


# What is hardly meant.


def test_doubtful_pairs_are_told_of() -> None:
    got = ask(field("RequireTLS", "must") + field("VerifyTLS", "none"), **EVERYTHING)
    assert got.options.require_tls is RequireTls.MUST
    assert got.warnings == ("header X-SMTPeter-VerifyTLS: TLS is required, but any certificate will do",)
    got = ask(field("TrackBounces", "no"), mail={"reverse_path": ""})
    assert got.warnings == ("header X-SMTPeter-TrackBounces: with an empty reverse-path, nobody hears of bounces",)
    assert ask(field("TrackBounces", "no")).warnings == ()


def test_a_sender_does_not_decide_how_many_warnings_are_kept() -> None:
    lines = field("SendAtEach", {f"u{number}@example.net": "+1h" for number in range(1000)} | {ANN: "+1h"})
    got = ask(lines)
    assert len(got.warnings) == 20
    assert got.warnings[-1] == "and 981 more warnings like these"


def test_many_unknown_names_are_told_as_fast_as_few() -> None:
    names = {f"unknwon{number}": 1 for number in range(3000)}
    begin = time.perf_counter()
    got = ask(field("Options", names), on_invalid=OnInvalid.WARN)
    assert len(got.warnings) == 20
    assert time.perf_counter() - begin < 2.0  # with the nearest of each it takes ten seconds


def test_a_name_that_stands_twice_is_found_at_once_among_thousands() -> None:
    names = "{" + "".join(f'"{number:x}":0,' for number in range(6500)) + '"1963":0}'
    begin = time.perf_counter()
    with pytest.raises(Refused, match="the name '1963' stands twice"):
        ask(field("Options", names) * 14)
    assert time.perf_counter() - begin < 2.0  # each compared with each takes five seconds


def test_an_option_names_ten_thousand_people_at_most() -> None:
    people = [[f"{number}-{each}@e.example" for number in range(2600)] for each in range(4)]
    lines = "".join(field("Recipients", each) for each in people)
    with pytest.raises(Refused, match="X-SMTPeter-Recipients: at most 10,000 addresses, not 10,400"):
        ask(lines, **EVERYTHING)
    times = "".join(
        field("SendAtEach", dict.fromkeys(each[at : at + 1300], "+1h")) for each in people for at in (0, 1300)
    )
    with pytest.raises(Refused, match="X-SMTPeter-SendAtEach: at most 10,000 addresses"):
        ask(times)


# Settings kept for later.


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("Priority", "high", ("priority", 7)),
        ("retries", "5m, 1h", ("retry_schedule", [300.0, 3600.0])),
        ("no-archive", "yes", ("archive", "none")),
        ("tags", "a b", None),
        ("DsnNotify", "never", ("dsn_notify", ["NEVER"])),
        ("metadata", "a=b", ("metadata", {"a": "b"})),
        ("metadata", {"a": float("nan")}, None),
        ("control_headers", "strip", ("control_headers", "strip")),
        ("strict", "true", ("on_invalid", "reject")),
        ("window", json.dumps({"dow": "Sun", "tz": "UTC", "start": "1:00", "end": "2:00"}),
         ("send_window", [{"days": [6], "zone": "UTC", "start": 3600.0, "end": 7200.0}])),
        ("envelope_from", "<>", ("envelope_from", "")),
        ("campaign", " ", None),
        ("send_at", "+1h", None),
        ("track_clicks", "true", ("track_clicks", "html")),
        ("images", "hosted", ("hosted_images", True)),
        ("smarthost", "true", None),
    ],
)  # fmt: skip
def test_a_setting_is_kept_under_its_name_in_types_of_json(name: str, text: Any, kept: Any) -> None:
    if kept is None:
        with pytest.raises(ValueError, match=name):
            parse_setting(name, text)
        return
    assert parse_setting(name, text) == kept
    assert parse_setting(*kept) == kept


def test_settings_that_stand_on_the_credential_itself_are_no_defaults() -> None:
    assert "stands on the credential itself" in refusal(options={"control_headers": "strip"})


def test_controls_keep_the_fields_to_take_out() -> None:
    found = controls("Subject: a\r\n" + field("Tags", "a") + "X-Other: b\r\n" + field("Options", {"ref": "r"}))
    assert [each.name for each in found.fields] == [b"x-smtpeter-tags", b"x-smtpeter-options"]
    assert found.values == {"tags": ("a",), "message_ref": "r"}
    assert found.sources["message_ref"] == "header X-SMTPeter-Options, ref"


def test_what_a_session_gives_with_nothing_asked_is_the_constant() -> None:
    """The fast path compares by identity."""
    assert ask(parameters=NO_PARAMETERS) is NOTHING_ASKED
    assert ask(parameters=Parameters()) == Resolved()


def test_header_names_are_told_as_the_documentation_spells_them() -> None:
    assert [header_of(each) for each in OPTIONS if each.name in ("send_window", "deliver_by")] == [
        "X-SMTPeter-Window",
        "X-SMTPeter-MaxDeliverTime",
    ]
    with pytest.raises(Refused):
        ask(field("Wndow", "x"))


@pytest.mark.parametrize(
    "default",
    [
        {"options": {"envelope_from": "bounces@example.com"}},
        {"account": {"envelope_from": "bounces@example.com"}},
        {"policy": OptionPolicy(force={"envelope_from": "bounces@example.com"})},
    ],
)
def test_no_default_puts_a_reverse_path_where_nobody_wants_a_bounce(default: Any) -> None:
    assert ask(**default).options.envelope_from == "bounces@example.com"
    automatic = ask(mail={"reverse_path": ""}, **default)
    assert (automatic.options.envelope_from, automatic.warnings) == (None, ())


def test_a_message_itself_may_put_a_reverse_path_in_place_of_the_null_one() -> None:
    line = field("EnvelopeFrom", "bounces@example.com")
    asked = ask(line, mail={"reverse_path": ""}, grants=frozenset({"envelope"}))
    assert asked.options.envelope_from == "bounces@example.com"
