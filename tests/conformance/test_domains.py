"""Rows 35 to 38: sender domains, what DNS says of them, and signatures."""

from __future__ import annotations

import re
from email import message_from_bytes

import dkim

from tests.conformance.stage import BOUNCES, CLICKS, Stage, headers, message
from tests.e2e.world import HOME_DOMAIN


def record(line: str) -> tuple[str, str, str]:
    """Name, type and data of a zone file line, in one piece."""
    found = re.match(r"\s*(\S+)\. IN (\S+) (.*)", line)
    assert found is not None, line
    name, kind, data = found.groups()
    return name, kind, data.strip("() ")


def records(it: Stage, domain: str) -> list[tuple[str, str, str]]:
    lines = it.relay.cli("domain", "records", domain).decode().splitlines()
    return [record(line) for line in lines if " IN " in line]


def publish(it: Stage, found: list[tuple[str, str, str]]) -> None:
    for name, kind, data in found:
        it.internet.dns.set(name, kind, data)


def test_row_35_a_domain_is_approved_by_a_txt_record_and_has_settings(it: Stage) -> None:
    it.relay.cli("domain", "add", "shop.test", "--account", "demo")
    assert it.relay.ask("domain", "show", "shop.test")["verified"] is None
    assert it.say(message(sender="me@shop.test"), it.somebody(), sender="me@shop.test")[0] == 550
    it.relay.cli("domain", "verify", "shop.test", code=1)
    challenge = records(it, "shop.test")[0]
    assert challenge[0].endswith(".shop.test") and challenge[1] == "TXT"
    publish(it, [challenge])
    it.relay.cli("domain", "verify", "shop.test")
    it.send(message(sender="me@shop.test"), sender="me@shop.test")
    it.relay.cli("domain", "set", "shop.test", "--bounce-host", "bounces.shop.test")
    it.internet.dns.set("clicks.shop.test", "CNAME", "relay.test.")
    it.internet.dns.set("relay.test", "A", "127.0.0.1")
    it.relay.cli("domain", "tracking", "shop.test", "clicks.shop.test", "--https")
    shown = it.relay.ask("domain", "show", "shop.test")
    assert shown["verified"] and shown["verified_by"] == "dns"
    assert (shown["bounce_host"], shown["tracking_host"]) == ("bounces.shop.test", "clicks.shop.test")
    assert shown["tracking_https"] is True
    assert {"example.com", "shop.test"} <= {each["domain"] for each in it.relay.ask("domain", "list")}


def test_row_36_without_a_sender_domain_nothing_is_sent_and_the_answer_says_what_to_do(it: Stage) -> None:
    code, reply = it.say(message(sender="me@stranger.test"), it.somebody())
    assert code == 550 and reply.startswith("5.7.1 From: stranger.test")
    assert "relay domain add stranger.test" in reply
    assert it.say(message(), it.somebody(), sender="me@stranger.test")[0] == 550
    below = message(sender=f"news@letters.{HOME_DOMAIN}")  # who has the domain has what is below it
    assert it.say(below, it.somebody())[0] == 250


def test_row_37_the_records_that_are_advised_are_all_that_a_check_wants(it: Stage) -> None:
    it.relay.cli("domain", "add", "advised.test", "--account", "demo")
    advised = records(it, "advised.test")
    names = {name for name, _, _ in advised}
    assert {"_dmarc.advised.test", "advised.test"} <= names
    assert sum("._domainkey.advised.test" in each for each in names) == 2
    assert f"{CLICKS}" in {name for name, kind, _ in records(it, HOME_DOMAIN) if kind == "CNAME"}
    assert (BOUNCES, "MX", "10 relay.test.") in records(it, HOME_DOMAIN)
    before = status(it, "advised.test")
    assert any("not verified" in each for each in before)
    publish(it, advised)
    it.relay.cli("domain", "verify", "advised.test")
    assert status(it, "advised.test") == []


def status(it: Stage, domain: str) -> list[str]:
    """What `relay check` has against a domain."""
    said = it.relay.cli("check", code=1).decode().splitlines()
    return [each for each in said if domain in each and each.startswith(("warn", "fail"))]


def test_row_38_signatures_are_made_last_over_what_leaves(it: Stage) -> None:
    content = message(
        "TrackClicks: true",
        "InlineCSS: true",
        html='<style>p{color:red}</style><p><a href="https://a.example/">A</a>',
    )
    arrived = it.delivered(content)
    it.internet.check_signatures(arrived)
    algorithms = {re.search(r"a=([\w-]+)", each)[1] for each in headers(arrived, "DKIM-Signature")}  # type: ignore[index]
    assert algorithms == {"rsa-sha256", "ed25519-sha256"}
    assert all(f"d={HOME_DOMAIN};" in each for each in headers(arrived, "DKIM-Signature"))
    below = it.delivered(message(sender=f"news@letters.{HOME_DOMAIN}"))  # aligned in the relaxed way
    it.internet.check_signatures(below)


def test_row_38_keys_change_in_steps_and_each_message_has_a_signature_that_passes(it: Stage) -> None:
    it.relay.cli("domain", "add", "turning.test", "--account", "demo")
    it.relay.cli("domain", "verify", "turning.test", "--force")

    def selectors() -> set[str]:
        arrived = it.delivered(message(sender="me@turning.test"), sender="me@turning.test")
        assert dkim.DKIM(arrived).verify(dnsfunc=it.internet.text)
        return {re.search(r"s=(\w+)", each)[1] for each in headers(arrived, "DKIM-Signature")}  # type: ignore[index]

    publish(it, [each for each in records(it, "turning.test") if "_domainkey" in each[0]])
    old = selectors()
    it.relay.cli("dkim", "rotate", "turning.test")
    it.relay.cli("dkim", "rotate", "turning.test", "--retire", code=1)  # not published yet
    publish(it, [each for each in records(it, "turning.test") if "_domainkey" in each[0]])
    it.relay.cli("dkim", "rotate", "turning.test", "--retire")
    new = it.wait(lambda: set() if (found := selectors()) & old else found, "mail under new keys alone")
    assert len(new) == len(old) == 2
    assert message_from_bytes(message())["Subject"] == "Hello"
