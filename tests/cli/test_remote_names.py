"""Domains, keys and webhooks of a relay elsewhere, over its API."""

from __future__ import annotations

from tests.cli.conftest import Elsewhere
from tests.peers.hook import receiver


def test_a_domain_is_added_proved_and_removed(elsewhere: Elsewhere) -> None:
    added = elsewhere.json("domain", "add", "Far.example")
    record = added["record"]
    assert (added["domain"], record["name"]) == ("far.example", "_relay-challenge.far.example")
    said = elsewhere("domain", "add", "far.example")
    assert f'_relay-challenge.far.example. IN TXT "{record["value"]}"' in said
    elsewhere("domain", "verify", "far.example", code=1)
    assert record["value"] in elsewhere.errors
    elsewhere.dns.set("_relay-challenge.far.example", "TXT", f'"{record["value"]}"')
    assert elsewhere.json("domain", "verify", "far.example")["verified"] is True
    assert "far.example" in elsewhere("domain", "add", "far.example"), "one that is approved is shown"
    assert elsewhere.there_json("domain", "show", "far.example")["verified_by"] == "dns"
    assert "far.example" in [each["domain"] for each in elsewhere.json("domain", "list")]
    assert elsewhere("domain", "show", "far.example").startswith("domain ")
    elsewhere("domain", "remove", "far.example")
    elsewhere("domain", "show", "far.example", code=3)
    elsewhere("domain", "verify", "far.example", code=3)
    elsewhere("domain", "add", "no domain", code=2)
    elsewhere("domain", "verify", "far.example", "--force", code=2)
    assert elsewhere.errors.startswith("relay: --force: is for the relay's own machine")


def test_hosts_of_a_domain_are_kept_and_used_once_dns_leads_them_here(elsewhere: Elsewhere) -> None:
    elsewhere.dns.set("relay.test", "A", "192.0.2.10")
    elsewhere("domain", "set", "example.com", "--bounce-host", "bounces.example.com")
    elsewhere("domain", "bounces", "example.com", code=1)
    assert "bounces.example.com does not lead to the relay yet" in elsewhere.errors
    elsewhere("domain", "tracking", "example.com", "clicks.example.com", "--https", code=1)
    assert "it is kept, and not used yet" in elsewhere.errors
    assert "clicks.example.com (not used yet)" in elsewhere("domain", "list")
    elsewhere.dns.set("bounces.example.com", "MX", "10 relay.test.")
    elsewhere.dns.set("clicks.example.com", "A", "192.0.2.10")
    assert elsewhere.json("domain", "bounces", "example.com")["bounce_verified"] is True
    shown = elsewhere.json("domain", "tracking", "example.com")
    assert (shown["tracking_verified"], shown["tracking_https"]) == (True, True)
    assert elsewhere.json("domain", "tracking", "example.com", "")["tracking_host"] == ""
    elsewhere("domain", "tracking", "example.com", code=3)
    assert elsewhere.json("domain", "set", "example.com", "--bounce-host", "")["bounce_host"] == ""
    elsewhere("domain", "bounces", "example.com", code=3)


def test_records_of_a_domain_are_zone_lines_and_its_standing_is_told(elsewhere: Elsewhere) -> None:
    lines = elsewhere("domain", "records", "example.com").splitlines()
    local = elsewhere.there("domain", "records", "example.com").splitlines()
    keys = [each for each in local if "._domainkey." in each]
    assert keys
    assert set(keys) <= set(lines)
    assert {each["type"] for each in elsewhere.json("domain", "records", "example.com")} >= {"TXT"}
    told = elsewhere.json("domain", "status", "example.com", code=1)
    assert (told["dkim"], told["validation"]) == ("error", "ok")
    assert "is not published" in elsewhere("domain", "status", "example.com", code=1)


def test_keys_and_their_records_are_shown_and_made_on_the_machine_alone(elsewhere: Elsewhere) -> None:
    [key] = elsewhere.json("dkim", "list", "example.com")
    assert (key["domain"], key["algorithm"], key["custom"]) == ("example.com", "rsa", False)
    assert key in elsewhere.json("dkim", "list")
    assert key["selector"] in elsewhere("dkim", "list")
    assert elsewhere("dkim", "record", "example.com", key["selector"]) == elsewhere.there(
        "dkim", "record", "example.com", key["selector"]
    )
    both = {each["selector"] for each in elsewhere.json("dkim", "record", "example.com")}
    assert both == {each["selector"] for each in elsewhere.there_json("dkim", "record", "example.com")}
    elsewhere("dkim", "record", "example.com", "nix", code=3)
    elsewhere("dkim", "list", "nobody.example", code=3)
    elsewhere("dkim", "make", "example.com", code=2)
    assert elsewhere.errors.startswith("relay: `relay dkim make` is done on the relay's own machine")


def test_a_webhook_is_added_checked_changed_tried_and_removed(elsewhere: Elsewhere) -> None:
    with receiver() as there:
        made = elsewhere.json("webhook", "add", there.url(), "--events", "delivered,failed", "--note", "far")
        ident = made["id"]
        assert made["secret"].startswith("whsec_")
        assert made["found"] == "it answered webhook.test with 200"
        changed = elsewhere.json("webhook", "set", ident, "--events", "bounced", "--batched", "--deferred-every", "3")
        assert (changed["events"], changed["batched"], changed["deferred_every"]) == (["bounced"], True, 3)
        assert changed["note"] == "far"
        assert elsewhere.json("webhook", "test", ident, "--event", "bounced")["status"] == 200
        there.status = 500
        elsewhere("webhook", "test", ident, code=1)
        assert ident in [each["id"] for each in elsewhere.json("webhook", "list")]
        assert ident in elsewhere("webhook", "list")
        assert elsewhere.json("webhook", "show", ident)["state"] == "ok"
        assert elsewhere("webhook", "show", ident).startswith("id ")
        assert elsewhere.json("webhook", "disable", ident, "--reason", "rebuilt")["disabled"] == "rebuilt"
        elsewhere("webhook", "replay", ident, "--since", "1h")
        assert "is disabled" in elsewhere.errors
        assert elsewhere.json("webhook", "enable", ident)["disabled"] is None
        assert elsewhere.json("webhook", "replay", ident) == {"id": ident, "replayed": 0}
        assert elsewhere.json("webhook", "dead", ident, "--since", "2h", "--event", "bounced") == []
        assert elsewhere.json("webhook", "log", ident, "--limit", "5") == []
        rotated = elsewhere("webhook", "rotate", ident, "--now")
        assert made["secret"] not in rotated
        assert "Note the secret now" in elsewhere.errors
    elsewhere("webhook", "test", ident, code=1)
    elsewhere("webhook", "remove", ident)
    elsewhere("webhook", "show", ident, code=3)


def test_a_webhook_that_is_not_proved_says_what_to_do(elsewhere: Elsewhere) -> None:
    with receiver() as there:
        made = elsewhere.json("webhook", "add", there.url(), "--shape", "smtpeter", "--events", "bounce")
        elsewhere("webhook", "set", made["id"], "--url", there.url("/other"))
        assert f"Put a file {made['check_file']} there that says " in elsewhere.errors
        assert "its signatures are checked by " in elsewhere.errors
        [result] = [each for each in elsewhere.json("webhook", "check", code=1) if each["id"] == made["id"]]
        assert result["passed"] is False
        said = elsewhere.errors
        assert said == ""
        text = elsewhere.json("webhook", "show", made["id"])["check_text"]
        there.files[f"/{made['check_file']}"] = text.encode()
        assert elsewhere("webhook", "check", made["id"]).startswith(f"{made['id']}: ")
    elsewhere("webhook", "remove", made["id"])
    elsewhere("webhook", "add", "nonsense", code=2)
    elsewhere("webhook", "add", "https://example.com/x", "--trust", code=2)
    assert elsewhere.errors.startswith("relay: --trust: is for the relay's own machine")
    elsewhere("webhook", "key", code=2)
