"""The host that links in mail of a domain lead to: set, looked up, told, and kept to one account."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from relay.cli.certificate import self_signed
from relay.cli.checks.tracking import certified
from relay.config import parse
from relay.manage.ours import ours, target
from relay.model.account import Domain
from relay.store.sqlite import open_registry
from tests.cli.conftest import CONFIG, Cli
from tests.cli.test_check_dns import asked, configure, server, told
from tests.cli.test_registry_commands import dns
from tests.peers.dns import DnsServer

__all__ = ["asked", "dns", "server"]  # fixtures

US, ELSEWHERE = "198.51.100.7", "198.51.100.99"
HOST = "clicks.example.com"


@pytest.fixture
def named(ready: Cli, dns: DnsServer) -> Cli:
    dns.set("relay.test", "A", US)
    return ready


def shown(cli: Cli, domain: str = "example.com") -> tuple[str, bool, bool]:
    found = cli.json("domain", "show", domain)
    return found["tracking_host"], found["tracking_https"], found["tracking_verified"] is not None


def test_a_host_is_used_once_it_leads_here(named: Cli, dns: DnsServer) -> None:
    named("domain", "tracking", "example.com", code=3)
    assert "relay domain tracking example.com clicks.example.com" in named.errors
    named("domain", "tracking", "example.com", "Clicks.example.com", code=1)
    assert f"{HOST} leads nowhere; it should have: {HOST}. IN CNAME relay.test." in named.errors
    assert shown(named) == (HOST, False, False)
    dns.set(HOST, "CNAME", "relay.test.")
    made = named.json("domain", "tracking", "example.com")
    assert (made["tracking_host"], made["tracking_verified"] is not None) == (HOST, True)
    assert HOST in named("domain", "list")


def test_its_addresses_may_be_ours_without_an_alias_but_none_may_be_anothers(named: Cli, dns: DnsServer) -> None:
    dns.set(HOST, "A", US, ELSEWHERE)
    named("domain", "tracking", "example.com", HOST, code=1)
    assert ELSEWHERE in named.errors
    dns.set(HOST, "A", US)
    assert named.json("domain", "tracking", "example.com", HOST, "--https")["tracking_https"] is True


def test_what_leads_here_stays_until_another_does(named: Cli, dns: DnsServer) -> None:
    dns.set(HOST, "A", US)
    named("domain", "tracking", "example.com", HOST, "--https")
    named("domain", "tracking", "example.com", "new.example.com", code=1)
    assert f"links lead to {HOST} as before" in named.errors
    assert shown(named) == (HOST, True, True)
    dns.set(HOST, "A", ELSEWHERE)
    named("domain", "tracking", "example.com", code=1)
    assert "links stay as they were" in named.errors
    assert shown(named) == (HOST, True, True)
    named("domain", "tracking", "example.com", "new.example.com", "--force", "--http")
    assert shown(named) == ("new.example.com", False, True)
    named("domain", "tracking", "example.com", "")
    assert shown(named) == ("", False, False)


def test_who_forced_a_host_is_recorded(named: Cli) -> None:
    named("domain", "tracking", "example.com", HOST, "--force")
    registry = open_registry(named.home / "var/registry.db")
    (newest,) = registry.audits(1)
    registry.close()
    assert newest["act"] == "domain tracking --force"
    assert newest["detail"] == {"domain": "example.com", "tracking_host": HOST, "tracking_https": False}


def test_a_host_serves_the_domains_of_one_account(named: Cli) -> None:
    named("account", "add", "other")
    named("domain", "add", "example.net", "--account", "demo")
    named("domain", "add", "example.org", "--account", "other")
    named("domain", "tracking", "example.com", HOST, "--force")
    named("domain", "tracking", "example.net", HOST, "--force")
    named("domain", "tracking", "example.org", HOST, "--force", code=1)
    assert "is the tracking host of example.com, which is of account demo" in named.errors
    assert shown(named, "example.org") == ("", False, False)


def test_the_records_of_a_domain_name_the_host(named: Cli) -> None:
    named("domain", "tracking", "example.com", HOST, "--force")
    found = {each["purpose"]: each for each in named.json("domain", "records", "example.com")}
    assert (found["tracking"]["name"], found["tracking"]["type"], found["tracking"]["value"]) == (
        HOST,
        "CNAME",
        "relay.test.",
    )
    assert f"{HOST}. IN CNAME relay.test.\n" in named("domain", "records", "example.com")


@pytest.mark.parametrize(
    ("base", "names", "leads"),
    [
        ("null", ["relay.test"], "relay.test"),
        ("https://clicks.relay.test", ["relay.test", "clicks.relay.test"], "clicks.relay.test"),
        ("http://127.0.0.1:8025", ["relay.test", "127.0.0.1"], "relay.test"),
    ],
)
def test_a_host_leads_to_where_links_of_others_do(base: str, names: list[str], leads: str) -> None:
    config = parse(f"{CONFIG}tracking: {{base: {base}}}\n")
    assert (ours(config), target(config)) == (names, leads)


def test_apply_sets_a_host_and_it_has_to_lead_here_again_once_it_changes(named: Cli) -> None:
    path = Path(named.home / "shop.yaml")

    def applied(host: str, https: bool) -> list[object]:
        domain = {"name": "example.org", "verified": True, "tracking_host": host, "tracking_https": https}
        path.write_text(json.dumps({"accounts": [{"name": "shop", "domains": [domain]}]}))
        changes: list[object] = named.json("apply", "shop.yaml")["changes"]
        return changes

    applied("Clicks.example.org", True)
    assert shown(named, "example.org") == ("clicks.example.org", True, False)
    named("domain", "tracking", "example.org", "clicks.example.org", "--force")
    assert applied("clicks.example.org", True) == []
    applied("clicks.example.org", False)
    assert shown(named, "example.org") == ("clicks.example.org", False, True)
    applied("other.example.org", False)
    assert shown(named, "example.org") == ("other.example.org", False, False)
    exported = named("apply", "--export")
    assert "tracking_host: other.example.org" in exported


def test_apply_gives_no_host_to_a_second_account(named: Cli) -> None:
    named("domain", "tracking", "example.com", HOST, "--force")
    path = Path(named.home / "shop.yaml")
    one = {"name": "shop", "domains": [{"name": "a.example", "tracking_host": HOST}]}
    path.write_text(json.dumps({"accounts": [one]}))
    named("apply", "shop.yaml", code=1)
    assert f"tracking_host {HOST} is of account demo" in named.errors
    both = [
        {"name": account, "domains": [{"name": f"{account}.example", "tracking_host": "x.a.example"}]}
        for account in ("shop", "else")
    ]
    path.write_text(json.dumps({"accounts": both}))
    named("apply", "shop.yaml", code=1)
    assert "tracking_host x.a.example is of account shop already" in named.errors


def test_check_tells_of_hosts_that_lead_elsewhere(asked: Cli, server: DnsServer) -> None:
    asked("domain", "tracking", "example.com", HOST, "--force")
    subject = f"tracking host {HOST}"
    assert told(asked, code=1)[subject] == ("fail", "leads nowhere: links in mail that was sent lead nowhere")
    server.load(f"{HOST} A {ELSEWHERE}")
    assert told(asked, code=1)[subject][1].startswith(f"leads to {ELSEWHERE}, and not to us")


def test_check_tells_of_a_host_that_is_not_used_yet(asked: Cli, server: DnsServer) -> None:
    asked("domain", "tracking", "example.com", HOST, code=1)
    subject = f"tracking host {HOST}"
    assert told(asked)[subject] == ("warn", "leads nowhere: it is not used yet")
    server.load(f"{HOST} A {US}")
    configure(asked, server, {})
    assert told(asked)[subject] == ("warn", "leads to us and is not used yet")
    asked("domain", "tracking", "example.com")
    assert told(asked)[subject] == ("ok", "leads to us")


def linked(host: str, *, https: bool = True) -> Domain:
    return Domain(
        name="example.com", account="demo", challenge="", created=0.0, tracking_host=host, tracking_https=https
    )


def found(data: Path, http: str, *domains: Domain) -> list[tuple[str, str]]:
    text = CONFIG.replace("./var", str(data)).replace("http: {port: 0}", f"http: {http}")
    return [(each.level.value, each.subject) for each in certified(parse(text), domains)]


@pytest.mark.parametrize("directory", ["", "directory: links, "])
def test_check_tells_of_https_hosts_without_a_certificate(tmp_path: Path, directory: str) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    chain, key = self_signed("clicks.example.net", time.time())
    (folder / "clicks.example.net.pem").write_bytes(chain)
    (folder / "clicks.example.net.key").write_bytes(key)
    http = f"{{https: {{{directory}port: 443}}}}" + ("" if directory else "\ntls: {directory: links}")
    hosts = [linked("clicks.example.net"), linked(HOST), linked("plain.example.com", https=False)]
    assert found(tmp_path, http, *hosts) == [
        ("fail", f"tracking host {HOST}"),
        ("ok", "tracking host clicks.example.net"),
    ]


def test_check_wants_https_spoken_by_somebody(tmp_path: Path) -> None:
    assert found(tmp_path, "{}", linked(HOST)) == [("warn", "http.https.port")]
    assert found(tmp_path, "{proxies: [10.0.0.0/8]}", linked(HOST)) == []
    assert found(tmp_path, "{}", linked(HOST, https=False)) == []


def test_check_looks_at_the_certificates_of_links_too(ready: Cli) -> None:
    text = CONFIG.replace("http: {port: 0}", "http: {port: 0, https: {port: 8443, directory: links}}")
    (ready.home / "config/local.yaml").write_text(text)
    assert told(ready, "--offline", code=1)["var/links"] == ("fail", "cannot be read: No such file or directory")
    (ready.home / "var/links").mkdir()
    assert told(ready, "--offline")["var/links"][0] == "warn"
    chain, key = self_signed("clicks.example.com", time.time())
    (ready.home / "var/links/clicks.example.com.pem").write_bytes(chain)
    (ready.home / "var/links/clicks.example.com.key").write_bytes(key)
    assert told(ready, "--offline")["var/links/clicks.example.com.pem"][0] == "ok"
