"""Accounts, credentials, domains and keys by command."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from relay.dns.records import DomainRecord, Purpose
from relay.store.sqlite import open_registry
from tests.cli.conftest import Cli
from tests.peers.dns import DnsServer


def test_an_account_is_made_listed_disabled_and_enabled(ready: Cli) -> None:
    ready("account", "add", "shop")
    assert {each["account"] for each in ready.json("account", "list")} == {"demo", "shop"}
    assert ready.json("account", "disable", "shop")["disabled"] is True
    assert ready.json("account", "enable", "shop")["disabled"] is False
    ready("account", "add", "shop", code=1)
    ready("account", "disable", "nobody", code=3)
    ready("account", "add", "a b", code=2)


def test_a_new_password_is_shown_once_and_kept_as_a_digest(ready: Cli) -> None:
    made = ready.json("credential", "add", "--account", "demo", "--note", "webshop")
    assert made["username"].startswith("demo-")
    registry = open_registry(ready.home / "var/registry.db")
    kept = registry.credential(made["username"])
    registry.close()
    assert PasswordHasher().verify(kept.password_hash, made["password"])
    listed = ready("credential", "list", "--json") + ready("credential", "list")
    assert made["username"] in listed
    assert made["password"] not in listed
    assert kept.password_hash not in listed


def test_the_account_may_be_left_out_where_there_is_one(ready: Cli) -> None:
    assert ready.json("credential", "add")["account"] == "demo"
    ready("account", "add", "shop")
    ready("credential", "add", code=2)
    assert "demo, shop" in ready.errors
    ready("credential", "add", "--account", "nobody", code=3)


def test_a_rotated_password_replaces_the_old_one(ready: Cli) -> None:
    made = ready.json("credential", "add")
    rotated = ready.json("credential", "rotate", made["username"])
    assert rotated["password"] != made["password"]
    ready("credential", "rotate", "nobody", code=3)


def test_a_relay_that_runs_tells_its_clients_the_rotated_password(ready: Cli) -> None:
    path = ready.home / "var/access.json"
    path.write_text(json.dumps({"host": "127.0.0.1", "username": "demo", "password": "old"}))
    other = ready.json("credential", "add")["username"]
    ready("credential", "rotate", other)
    assert json.loads(path.read_text())["password"] == "old"
    password = ready.json("credential", "rotate", "demo")["password"]
    assert json.loads(path.read_text()) == {"host": "127.0.0.1", "username": "demo", "password": password}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_domain_comes_with_a_challenge_and_keys(ready: Cli) -> None:
    added = ready.json("domain", "add", "Bücher.example", "--account", "demo")
    assert added["domain"] == "xn--bcher-kva.example"
    assert added["verified"] is None
    assert added["record"]["name"] == "_relay-challenge.xn--bcher-kva.example"
    assert added["record"]["value"].startswith("relay-verify=")
    assert {each["algorithm"] for each in ready.json("dkim", "list", "bücher.example")} == {
        "rsa-sha256",
        "ed25519-sha256",
    }
    ready("domain", "add", "bücher.example", code=1)
    assert "it is of account demo" in ready.errors
    ready("domain", "add", "nodot", code=2)
    ready("domain", "records", "unknown.example", code=3)


def test_a_bounce_host_that_is_none_is_told_by_the_name_of_its_option(ready: Cli) -> None:
    ready("domain", "add", "example.org")
    ready("domain", "set", "example.org", "--bounce-host", "bounces_1.example.org", code=2)
    assert (
        "--bounce-host: 'bounces_1.example.org' is no domain name: its labels have letters, digits and -"
        in " ".join(ready.errors.split())
    )


def test_forced_verification_is_recorded(ready: Cli) -> None:
    ready("domain", "add", "example.org")
    verified = ready.json("domain", "verify", "--force", "example.org")
    assert verified["verified_by"].startswith("hand (")
    registry = open_registry(ready.home / "var/registry.db")
    audit = registry.audits(1)[0]
    registry.close()
    assert audit["act"] == "domain verify --force"
    assert audit["detail"]["domain"] == "example.org"


def test_the_records_of_a_domain_fit_into_a_zone_file(ready: Cli) -> None:
    records = ready.json("domain", "records", "example.com")
    assert [each["value"].split()[0] for each in records] == [
        each["value"].split()[0] for each in records if each["type"] == "TXT"
    ]
    names = [each["name"] for each in records]
    assert "_dmarc.example.com" in names
    assert sum("._domainkey.example.com" in each for each in names) == 2
    for line in ready("domain", "records", "example.com").splitlines():
        if not line.startswith(";"):
            assert all(len(each) <= 255 for each in line.split('"')[1::2]), line


def test_keys_are_changed_in_two_steps(ready: Cli) -> None:
    before = {each["selector"] for each in ready.json("dkim", "list", "example.com")}
    made = {each["selector"] for each in ready.json("dkim", "rotate", "example.com")}
    assert len(made) == 2
    assert not made & before
    assert {each["selector"]: each["state"] for each in ready.json("dkim", "list", "example.com")} == {
        **dict.fromkeys(before, "active"),
        **dict.fromkeys(made, "pending"),
    }
    assert {each["selector"] for each in ready.json("dkim", "rotate", "example.com")} == made  # they still wait
    retired = ready.json("dkim", "rotate", "example.com", "--retire", "--force")
    assert {each["selector"] for each in retired} == before
    assert {each["state"] for each in retired} == {"retired"}
    assert {each["selector"] for each in ready.json("dkim", "record", "example.com")} == made
    assert ready.json("dkim", "rotate", "example.com", "--retire") == []
    ready("dkim", "record", "example.com", "nosuch", code=3)


def test_a_record_is_printed_whole_without_a_terminal(ready: Cli) -> None:
    lines = ready("dkim", "record", "example.com").splitlines()
    assert len(lines) == 2
    assert all("._domainkey.example.com. IN TXT " in each and "v=DKIM1" in each for each in lines)


@pytest.mark.parametrize("words", [("account", "list"), ("credential", "list"), ("domain", "list"), ("dkim", "list")])
def test_without_a_registry_the_error_says_what_to_do(cli: Cli, words: tuple[str, ...]) -> None:
    cli(*words, code=3)
    assert "relay init" in cli.errors


@pytest.fixture
def dns(ready: Cli) -> Iterator[DnsServer]:
    """A DNS server that the commands ask."""
    with DnsServer() as server:
        with (ready.home / "config/local.yaml").open("a") as config:
            config.write(f"dns: {{servers: ['{server.address}'], timeout: 2s}}\n")
        yield server


def test_a_domain_is_verified_once_its_challenge_is_published(ready: Cli, dns: DnsServer) -> None:
    record = ready.json("domain", "add", "example.org")["record"]
    ready("domain", "verify", "example.org", code=1)
    assert f'it should say "{record["value"]}"' in ready.errors
    dns.set(record["name"], "TXT", '"something else"')
    ready("domain", "verify", "example.org", code=1)
    assert 'says "something else"' in ready.errors
    dns.set(record["name"], "TXT", '"something else"', f'"{record["value"]}"')
    verified = ready.json("domain", "verify", "example.org")
    assert verified["verified_by"] == "dns"
    assert verified["verified"] is not None


def test_a_failure_of_dns_says_nothing_about_the_domain(ready: Cli, dns: DnsServer) -> None:
    ready("domain", "add", "example.org")
    dns.fail("*")
    ready("domain", "verify", "example.org", code=1)
    assert "DNS gave no answer" in ready.errors


def test_old_keys_are_retired_once_the_new_ones_are_published(ready: Cli, dns: DnsServer) -> None:
    before = {each["selector"] for each in ready.json("dkim", "list", "example.com")}
    ready("dkim", "rotate", "example.com")
    ready("dkim", "rotate", "example.com", "--retire", code=1)
    assert "not published yet" in ready.errors
    listed = ready.json("dkim", "list", "example.com")
    assert {each["state"] for each in listed if each["selector"] in before} == {"active"}
    assert {each["state"] for each in listed if each["selector"] not in before} == {"pending"}
    for record in ready.json("dkim", "record", "example.com"):
        dns.set(record["name"], "TXT", DomainRecord(Purpose.DKIM, record["name"], record["value"]).zone_data())
    retired = ready.json("dkim", "rotate", "example.com", "--retire")
    assert {each["selector"] for each in retired} == before
