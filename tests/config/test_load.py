"""The configuration says file, line, key and what is wrong, or is one frozen value."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from relay.config import Auth, ConfigError, Listener, ListenerKind, Purpose, load, parse, parse_duration, parse_size
from relay.submission.control.options_timing import LATEST

SMALLEST = """
hostname: relay.example.net
listeners:
  - name: submission
    port: 2525
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse(dedent(text), "relay.yaml")
    return raised.value.lines


def test_what_is_not_said_has_the_decided_default() -> None:
    config = parse(SMALLEST)
    assert config.listeners[0].kind is ListenerKind.STARTTLS
    assert config.listeners[0].auth is Auth.REQUIRED
    assert config.limits.size == 50 * 1024 * 1024
    assert config.limits.recipients == 1000
    assert config.limits.command_timeout == 300
    assert config.delivery.lifetime == 5 * 86400
    assert config.delivery.retry == (300, 600, 1200, 2400, 3600, 7200, 14400)
    assert (config.delivery.connections, config.delivery.messages_per_connection, config.delivery.idle) == (
        10,
        100,
        5,
    )
    assert not config.sandbox.enabled


def test_a_misspelt_key_names_file_line_and_the_nearest_name() -> None:
    lines = faults(SMALLEST + "limits:\n  recipient: 5\n")
    assert lines == ["relay.yaml, line 7: limits.recipient: no such key; did you mean recipients?"]


def test_a_misspelt_key_inside_a_list_is_found_too() -> None:
    lines = faults("hostname: a.example\nlisteners:\n  - name: x\n    prot: 25\n    port: 26\n")
    assert lines == ["relay.yaml, line 4: listeners.0 (x).prot: no such key; did you mean port?"]


def test_every_fault_is_told_at_once() -> None:
    lines = faults(SMALLEST + "limits: {recipients: 0, size: big}\ndelivery: {lifetime: 5 fortnights}\n")
    assert len(lines) == 3
    assert "relay.yaml, line 6: limits.size: expected something like 64KiB, 50MiB or 5GiB, not 'big'" in lines
    assert (
        "relay.yaml, line 7: delivery.lifetime: expected something like 30s, 5min, 4h or 7d, not '5 fortnights'"
        in lines
    )


def test_a_key_given_twice_is_refused() -> None:
    assert faults(SMALLEST + "hostname: other.example\n") == ["relay.yaml, line 6: hostname is given twice"]


@pytest.mark.parametrize("word", ["yes", "no", "on", "off"])
def test_yaml_1_1_booleans_are_words(word: str) -> None:
    config = parse(f"hostname: {word}\nlisteners: [{{name: {word}, port: 25}}]\n")
    assert config.hostname == word


def test_what_is_missing_is_named() -> None:
    assert faults("listeners: [{name: a, port: 25}]\n") == ["relay.yaml, line 1: hostname: is missing"]


def test_an_empty_file_and_a_list_are_told_apart_from_a_configuration() -> None:
    assert faults("") == [
        "relay.yaml, line 1: hostname: is missing",
        "relay.yaml, line 1: listeners: is missing",
    ]
    assert faults("- a\n") == ["relay.yaml: expected keys and values at the top"]


def test_broken_yaml_names_the_place() -> None:
    (line,) = faults("hostname: [a\nlisteners: x\n")
    assert line == ("relay.yaml, line 2: not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'")
    (line,) = faults("hostname: a\nlisteners: \x00\n")
    assert line == "relay.yaml, line 2: not YAML: special characters are not allowed"


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_nobody_opens_the_relay_to_the_world(network: str) -> None:
    door = f"{{name: x, port: 25, auth: none, credential: c, networks: ['{network}']}}"
    assert faults(f"hostname: a.example\nlisteners:\n  - {door}\n") == [
        "relay.yaml, line 3: listeners.0 (x).networks: would let in the whole Internet"
    ]


def test_an_open_door_needs_networks_and_a_credential() -> None:
    lines = faults("hostname: a.example\nlisteners: [{name: x, port: 25, auth: none}]\n")
    assert any("needs networks" in line for line in lines)
    assert any("needs the credential" in line for line in lines)


def test_a_listener_where_nobody_could_log_in_is_refused() -> None:
    (line,) = faults("hostname: a.example\nlisteners: [{name: x, port: 25, kind: plain}]\n")
    assert "nobody could log in" in line


def test_two_listeners_of_one_name_are_refused() -> None:
    (line,) = faults("hostname: a.example\nlisteners: [{name: x, port: 25}, {name: x, port: 26}]\n")
    assert line == "relay.yaml, line 2: listeners.1 (x): the listener of line 2 has the same name"


def test_secrets_come_from_files_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("from-file\n")
    monkeypatch.setenv("SMARTHOST_PASSWORD", "from-environment")
    rule = "{{name: r, smarthost: {{host: mx.example, password: '{}'}}}}"
    text = SMALLEST + "delivery:\n  routes: [{}, {}]\n".format(
        rule.format(f"file:{tmp_path / 'password'}"), rule.format("env:SMARTHOST_PASSWORD")
    )
    passwords = [each.smarthost.password for each in parse(text).delivery.routes]
    assert passwords == ["from-file", "from-environment"]
    (line,) = faults(SMALLEST + "delivery:\n  routes: [" + rule.format("env:NOT_THERE_AT_ALL") + "]\n")
    assert "the environment has no NOT_THERE_AT_ALL" in line


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("5min", 300), ("1.5h", 5400), ("7d", 604800), (90, 90)]
)
def test_durations_carry_their_unit(text: str | int, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "octets"), [("64KiB", 65536), ("2MB", 2_000_000), (4096, 4096), ("1 GiB", 1 << 30)])
def test_sizes_carry_their_unit(text: str | int, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["-1s", "5 parsecs", "", True, "1:30", None])
def test_what_is_no_duration_says_what_one_looks_like(text: object) -> None:
    with pytest.raises(ValueError, match="30s, 5min, 4h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9" * 400, "9" * 5000 + "MiB"])
def test_a_size_that_nothing_can_hold_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="64KiB, 50MiB or 5GiB, not a number of"):
        parse_size(text)


def test_a_relay_without_listeners_is_refused() -> None:
    assert faults("hostname: a.example\nlisteners: []\n") == ["relay.yaml, line 2: listeners: at least one is needed"]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.yaml")


def test_the_configuration_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(SMALLEST).hostname = "other.example"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("limits: {recipients: many}", "limits.recipients: expected a whole number, not 'many'"),
        ("limits: {recipients: 1.5}", "limits.recipients: expected a whole number, not 1.5"),
        ("limits: {recipients: 0}", "limits.recipients: must be at least 1, not 0"),
        ("limits: {errors: }", "limits.errors: expected a whole number, not nothing"),
        ("processes: {workers: 999}", "processes.workers: must be at most 256, not 999"),
        ("limits: {hold: 400d}", "limits.hold: must be at most 366d, not 400d"),
        ("limits: {hold: 31622401}", "limits.hold: must be at most 366d, not 31622401s"),
        ("processes: {loop: fast}", "processes.loop: expected 'uvloop' or 'asyncio', not 'fast'"),
        ("sandbox: {enabled: perhaps}", "sandbox.enabled: expected true or false, not 'perhaps'"),
        ("sandbox: []", "sandbox: expected keys and values"),
        ("dns: {servers: 9.9.9.9}", "dns.servers: expected a list, not '9.9.9.9'"),
        ("delivery: {retry: []}", "delivery.retry: must not be empty"),
    ],
)
def test_what_a_value_should_have_been_is_said_in_plain_words(key: str, text: str) -> None:
    assert faults(f"{SMALLEST}{key}\n") == [f"relay.yaml, line 6: {text}"]


def test_mail_is_held_for_as_long_as_anything_is_scheduled() -> None:
    assert parse(f"{SMALLEST}limits: {{hold: 366d}}\n").limits.hold == LATEST


def test_a_secret_that_is_no_text_is_not_repeated() -> None:
    (line,) = faults(SMALLEST + "delivery: {routes: [{name: r, smarthost: {host: mx.example, password: 123456}}]}\n")
    assert line == (
        "relay.yaml, line 6: delivery.routes.0 (r).smarthost.password: expected text; put quotes around it"
    )


@pytest.mark.parametrize(
    "name", ["192.0.2.1", "'[192.0.2.1]'", "a_b.example", "-a.example", "a..b", "''", "bücher.example"]
)
def test_what_is_no_host_name_is_refused(name: str) -> None:
    (line,) = faults(f"hostname: {name}\nlisteners: [{{name: x, port: 25}}]\n")
    assert line.startswith("relay.yaml, line 1: hostname: expected a host name such as relay.example.net")
    if name != "''":
        (line,) = faults(SMALLEST + f"delivery: {{egress: {{ehlo: {name}}}}}\n")
        assert line.startswith("relay.yaml, line 6: delivery.egress.ehlo: expected a host name")


@pytest.mark.parametrize(
    ("one", "other"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("'::1'", "'0:0:0:0:0:0:0:1'"), ("'::1'", "'::'")],
)
def test_two_that_listen_at_one_place_are_refused_with_both_lines(one: str, other: str) -> None:
    text = f"""\
        hostname: a.example
        listeners:
          - {{name: x, address: {one}, port: 2525}}
          - {{name: y, address: {other}, port: 2525}}
        http:
          address: {other}
          port: 2525
    """
    assert faults(text) == [
        "relay.yaml, line 4: listeners.1 (y): port 2525 is taken by the listener of line 3 (x)",
        "relay.yaml, line 7: http: port 2525 is taken by the listener of line 3 (x)",
        "relay.yaml, line 7: http: port 2525 is taken by the listener of line 4 (y)",
    ]


def test_places_that_differ_may_be_listened_at() -> None:
    doors = [("127.0.0.1", 25), ("127.0.0.2", 25), ("::1", 25), ("127.0.0.1", 0), ("127.0.0.1", 0)]
    listed = ", ".join(f"{{name: n{n}, address: '{a}', port: {p}}}" for n, (a, p) in enumerate(doors))
    assert len(parse(f"hostname: a.example\nlisteners: [{listed}]\n").listeners) == 5


@pytest.mark.parametrize(
    "pattern", ["exa*mple.net", "*example.net", "*.", "", "a b", "me@example.net", ".example.net", "a.*"]
)
def test_what_is_no_pattern_of_domains_is_refused(pattern: str) -> None:
    for key in ("domains", "senders"):
        rule = f"{{name: r, smarthost: {{host: mx.example}}, {key}: ['{pattern}']}}"
        (line,) = faults(SMALLEST + f"delivery: {{routes: [{rule}]}}\n")
        assert line.startswith(f"relay.yaml, line 6: delivery.routes.0 (r).{key}.0: expected *, a domain such as")


@pytest.mark.parametrize(
    "pattern", ["*", "*.example.net", "example.net", "bücher.example", "_a.example", "[192.0.2.1]"]
)
def test_patterns_of_domains_are_taken_as_they_are_written(pattern: str) -> None:
    rule = f"{{name: r, smarthost: {{host: mx.example}}, domains: ['{pattern}']}}"
    assert parse(SMALLEST + f"delivery: {{routes: [{rule}]}}\n").delivery.routes[0].domains == (pattern,)


def test_a_listener_for_returns_needs_neither_auth_nor_networks() -> None:
    (listener,) = parse("hostname: a.example\nlisteners: [{name: x, port: 25, purpose: returns}]\n").listeners
    assert (listener.purpose, listener.auth) == (Purpose.RETURNS, Auth.NONE)
    again = Listener.model_validate_json(listener.model_dump_json())
    assert again == listener


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("auth: required", "auth: purpose returns has no AUTH; leave it out"),
        ("auth_without_tls: true", "auth_without_tls: purpose returns has no AUTH; leave it out"),
        ("credential: crm", "credential: purpose returns takes mail for our return paths only; leave it out"),
        ("trusted: [192.0.2.0/24]", "trusted: purpose returns has no AUTH that could fail; leave it out"),
        ("kind: tls", "kind: mail servers begin without TLS; purpose returns is starttls or plain"),
    ],
)
def test_a_listener_for_returns_says_what_it_has_no_use_for(key: str, text: str) -> None:
    (line,) = faults(f"hostname: a.example\nlisteners: [{{name: x, port: 25, purpose: returns, {key}}}]\n")
    assert line == f"relay.yaml, line 2: listeners.0 (x).{text}"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("purpose: inbox", "purpose: expected 'submission' or 'returns', not 'inbox'"),
        ("minimum_tls: '1.1'", "minimum_tls: expected '1.2' or '1.3', not '1.1'"),
        (
            "minimum_tls: '1.3', kind: plain, purpose: returns",
            "minimum_tls: kind plain has no TLS",
        ),
        ("proxy: [0.0.0.0/0]", "proxy: would let the whole Internet name any address as its own"),
        ("limits: {recipients: 0}", "limits.recipients: must be at least 1, not 0"),
        ("limits: {received: 5}", "limits.received: no such key"),
        ("limits: {sizes: 5}", "limits.sizes: no such key; did you mean size?"),
    ],
)
def test_what_is_wrong_with_a_listener_is_said_in_plain_words(key: str, text: str) -> None:
    (line,) = faults(f"hostname: a.example\nlisteners: [{{name: x, port: 25, {key}}}]\n")
    assert line == f"relay.yaml, line 2: listeners.0 (x).{text}"


def test_a_listener_has_the_limits_of_all_but_for_its_own() -> None:
    text = "hostname: a.example\nlisteners: [{name: x, port: 25, limits: {size: 1MiB, errors: 3, line: 0}}]\n"
    config = parse(text)
    held = config.listeners[0].held_to(config.limits)
    assert (held.size, held.errors, held.line, held.recipients) == (1 << 20, 3, 0, 1000)
    assert parse(SMALLEST).listeners[0].held_to(config.limits) is config.limits


def egresses(text: str) -> str:
    return f"{SMALLEST}delivery:\n{text}"


def test_mail_leaves_from_the_egresses_its_pool_and_its_source_addresses_allow() -> None:
    delivery = parse(
        egresses("""
  egress: {name: main, ipv4: 192.0.2.1}
  egresses:
    - {name: one, ipv4: 192.0.2.2, ipv6: "2001:DB8:0::2", ehlo: one.example.net}
    - {name: two, ipv4: 192.0.2.3}
  pools:
    bulk: [two, one]
""")
    ).delivery
    assert delivery.egress_names() == ("main",)
    assert delivery.egress_names("bulk") == ("one", "two")
    assert delivery.egress_names("bulk", ("2001:db8::2",)) == ("one",)
    assert delivery.egress_names(addresses=("192.0.2.1", "192.0.2.3")) == ("main", "two")
    assert delivery.egress_names("bulk", ("192.0.2.1",)) == ()
    assert delivery.egress_names("gone") == ()
    assert delivery.pool_exists("bulk")
    assert not delivery.pool_exists("two")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("  egresses: [{name: one}, {name: one}]", "two egresses are called 'one'"),
        ("  egresses: [{ipv4: 192.0.2.2}]", "two egresses are called 'default'"),
        ("  pools: {bulk: []}", "the pool 'bulk' names no egress"),
        ("  pools: {bulk: [one]}", "the pool 'bulk' names 'one', but the egresses are default"),
        ("  egress: {ipv4: '2001:db8::1'}", "expected an IPv4 address, not '2001:db8::1'"),
        ("  egress: {ipv6: here}", "expected an IPv6 address, not 'here'"),
    ],
)
def test_an_egress_or_pool_that_cannot_be_is_refused(text: str, why: str) -> None:
    (line,) = faults(egresses(text))
    assert line.endswith(why)
