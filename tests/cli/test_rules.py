"""What credentials, accounts, domains and presets may say, set and shown by command."""

from __future__ import annotations

from typing import Any

import pytest

from relay.model.account import Credential
from relay.store.sqlite import open_registry
from tests.cli.conftest import Cli
from tests.cli.test_registry_commands import dns
from tests.peers.dns import DnsServer

__all__ = ["dns"]  # a fixture


def kept(cli: Cli, username: str) -> Credential:
    registry = open_registry(cli.home / "var/registry.db")
    try:
        return registry.credential(username)
    finally:
        registry.close()


def test_a_credential_is_made_with_all_its_rules_and_shows_them(ready: Cli) -> None:
    ready("preset", "add", "receipts", "--option", "tags=receipt")
    made = ready.json(
        *("credential", "add", "--username", "app", "--option", "tags=invoice,paid", "--option", "Max-Attempts=3"),
        *(
            "--grant",
            "source-ip",
            "--grant",
            "schedule_long",
            "--allow",
            "source_ip=192.0.2.7",
            "--forbid",
            "sandbox",
        ),
        *("--forbid", "priority=9", "--preset", "Receipts", "--lifetime", "1d", "--quota", "messages-hour=1000"),
        *("--quota", "bytes-day=2GiB", "--over", "delay", "--on-invalid", "warn", "--refuse-suppressed", "--sandbox"),
    )
    shown = ready.json("credential", "show", "APP")
    assert {**shown, "password": made["password"]} == made
    assert shown["options"] == {"tags": ["invoice", "paid"], "max_attempts": 3}
    assert shown["grants"] == ["schedule-long", "source-ip"]
    assert shown["allowed"] == {"source_ip": ["192.0.2.7"]}
    assert shown["forbidden"] == ["priority=9", "sandbox"]
    assert shown["presets"] == ["receipts"]
    assert shown["lifetime"] == 86_400
    assert shown["quota"] == {"messages_hour": 1000, "bytes_day": 2 << 30, "over": "delay"}
    assert (shown["on_invalid"], shown["refuse_suppressed"], shown["sandbox"]) == ("warn", True, True)
    text = ready("credential", "show", "app")
    for line in ("option tags", "invoice, paid", "quota messages-hour", "allowed source_ip"):
        assert line in text
    assert "argon2" not in text


def test_only_what_is_named_changes(ready: Cli) -> None:
    ready(
        "credential",
        "add",
        "--username",
        "app",
        "--option",
        "tags=a",
        "--grant",
        "tenant",
        "--quota",
        "messages-day=5",
    )
    before = kept(ready, "app")
    ready("credential", "set", "app", "--option", "campaign=spring")
    after = kept(ready, "app")
    assert after.options == {"tags": ["a"], "campaign": "spring"}
    assert (after.grants, after.quota, after.password_hash) == (before.grants, before.quota, before.password_hash)
    ready("credential", "set", "app", "--unset", "tags", "--revoke", "tenant", "--quota", "messages-day=none")
    gone = ready.json("credential", "show", "app")
    assert (gone["options"], gone["grants"], gone["quota"]) == ({"campaign": "spring"}, [], {})


def test_lists_are_taken_back_value_by_value_or_whole(ready: Cli) -> None:
    ready("credential", "add", "--username", "app", "--allow", "pool=a", "--allow", "pool=b", "--allow", "tenant=x")
    ready("credential", "set", "app", "--disallow", "pool=a", "--disallow", "tenant")
    assert kept(ready, "app").allowed == {"pool": ("b",)}
    ready("credential", "set", "app", "--disallow", "pool=zzz", code=2)
    ready("credential", "set", "app", "--forbid", "sandbox", "--no-sandbox")
    ready("credential", "set", "app", "--permit", "sandbox")
    assert kept(ready, "app").forbidden == frozenset()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--option", "tgas=a"), "the nearest is tags"),
        (("--option", "tags"), "OPTION=VALUE"),
        (("--option", "max_attempts=many"), "max_attempts"),
        (("--unset", "tags"), "no default for tags"),
        (("--grant", "schedule-lon"), "did you mean schedule-long?"),
        (("--revoke", "tenant"), "does not have tenant"),
        (("--allow", "tags=a"), "no list of allowed values"),
        (("--allow", "source_ip=192.0.2.999"), "expected an IP address or a network, not '192.0.2.999'"),
        (("--forbid", "priority=lots"), "priority"),
        (("--preset", "none-such"), "has no preset"),
        (("--quota", "message-hour=1"), "did you mean messages-hour?"),
        (("--quota", "messages-hour=-1"), "at least 0"),
        (("--quota", "bytes-hour=much"), "a size"),
        (("--lifetime", "soon"), "--lifetime"),
        (("--over", "wait"), "refuse"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_like_it_and_nothing_is_kept(
    ready: Cli, words: tuple[str, ...], said: str
) -> None:
    before = kept(ready, "demo")
    ready("credential", "set", "demo", "--note", "changed", *words, code=2)
    assert said in ready.errors
    assert kept(ready, "demo") == before


def test_accounts_have_defaults_and_quotas_too(ready: Cli) -> None:
    ready("account", "set", "demo", "--option", "stream=bulk", "--quota", "recipients-day=10", "--over", "delay")
    shown = ready.json("account", "show", "demo")
    assert shown["options"] == {"stream": "bulk"}
    assert shown["quota"] == {"recipients_day": 10, "over": "delay"}
    ready("account", "set", "nobody", "--option", "stream=bulk", code=3)


def test_presets_are_made_changed_listed_and_removed(ready: Cli) -> None:
    ready("preset", "add", "receipts", "--option", "tags=receipt", "--option", "priority=7")
    ready("preset", "add", "receipts", code=1)
    ready("preset", "set", "RECEIPTS", "--option", "tags=paid", "--unset", "priority")
    assert ready.json("preset", "show", "receipts")["options"] == {"tags": ["paid"]}
    assert [each["preset"] for each in ready.json("preset", "list")] == ["receipts"]
    ready("credential", "set", "demo", "--preset", "receipts")
    ready("preset", "remove", "receipts", code=1)
    assert "demo" in ready.errors
    ready("credential", "set", "demo", "--without-preset", "receipts")
    ready("preset", "remove", "receipts")
    ready("preset", "show", "receipts", code=3)


def test_a_bounce_host_is_used_once_its_mx_leads_here(ready: Cli, dns: DnsServer) -> None:
    ready("domain", "bounces", "example.com", code=3)
    shown = ready.json(
        "domain", "set", "example.com", "--bounce-host", "Bounces.example.com", "--option", "track_bounces=true"
    )
    assert (shown["bounce_host"], shown["bounce_verified"]) == ("bounces.example.com", None)
    assert shown["options"] == {"track_bounces": True}
    dns.set("bounces.example.com", "MX", "10 elsewhere.example.")
    ready("domain", "bounces", "example.com", code=1)
    assert "elsewhere.example" in ready.errors
    assert "IN MX 10 relay.test." in ready.errors
    assert "bounces.example.com. IN MX 10 relay.test.\n" in ready("domain", "records", "example.com")
    found = {each["purpose"]: each for each in ready.json("domain", "records", "example.com")}
    assert (found["bounce-mx"]["type"], found["bounce-spf"]["value"]) == ("MX", "v=spf1 a:relay.test -all")
    dns.set("bounces.example.com", "MX", "10 elsewhere.example.", "20 relay.test.")
    assert ready.json("domain", "bounces", "example.com")["bounce_verified"]
    changed = ready.json("domain", "set", "example.com", "--bounce-host", "other.example.com")
    assert changed["bounce_verified"] is None
    assert ready.json("domain", "bounces", "example.com", "--force")["bounce_verified"]


def test_who_changed_what_is_recorded(ready: Cli) -> None:
    ready("credential", "set", "demo", "--grant", "any-sender")
    registry = open_registry(ready.home / "var/registry.db")
    audit: Any = registry.audits(1)[0]
    registry.close()
    assert audit["act"] == "credential set"
    assert audit["detail"] == {"username": "demo", "grants": ["any-sender"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("account", "set", "demo", "--option", "pool=far"),
            "account demo has the default pool, and no pool is called",
        ),
        (("domain", "set", "example.com", "--option", "dkim_key=s9"), "example.com has no active key s9"),
        (("credential", "set", "demo", "--option", "preset=gone"), "and the account has no preset gone"),
        (("credential", "set", "demo", "--option", "template=gone"), "and the account has no template gone"),
        (("account", "set", "demo", "--option", "webhook_url=https://x.example/"), "no webhook https://x.example/"),
        (
            ("account", "set", "demo", "--option", "track_domain=c.example.com"),
            "verified tracking host c.example.com",
        ),
        (("account", "set", "demo", "--option", "merge_error_report=a@gone.example"), "of no verified domain"),
        (
            ("credential", "add", "--username", "app", "--option", "stream=x"),
            "credential app has the default stream,",
        ),
        (("preset", "add", "far", "--option", "source_ip=192.0.2.9"), "192.0.2.9 is no address of an egress"),
    ],
)
def test_a_default_with_which_no_mail_is_taken_is_set_and_warned_of(
    ready: Cli, words: tuple[str, ...], said: str
) -> None:
    ready(*words)
    assert ready.errors.startswith("warning: ")
    assert said in ready.errors
    assert f"take it away: relay {words[0]} set " in ready.errors


def test_a_default_that_holds_is_no_word_worth(ready: Cli) -> None:
    ready("preset", "add", "receipts", "--option", "tags=receipt")
    ready("preset", "set", "receipts", "--option", "stream=bulk")
    ready("credential", "set", "demo", "--option", "preset=Receipts")
    assert ready.errors == ""


def test_a_file_is_applied_with_a_warning_for_each_default_that_names_nothing(ready: Cli) -> None:
    options = "{pool: far, send_window: '2020-01-01T08:00:00Z/2020-01-01T18:00:00Z'}"
    (ready.home / "a.yaml").write_text(f"accounts: [{{name: shop, options: {options}}}]\n")
    ready("apply", "a.yaml", "--dry-run")
    assert ready.errors == ""
    ready("apply", "a.yaml")
    assert ready.errors.count("warning: account shop has the default ") == 2
    assert "send_window, which was over at 2020-01-01T18:00:00.000Z" in ready.errors


def test_the_switches_of_a_login_are_set_by_the_names_they_have_in_headers(ready: Cli) -> None:
    switches = ("trackclicks=on", "trackopens=true", "preventscam=yes", "trackbounces=no", "inlinecss=1")
    options = [word for each in (*switches, "images=hosted") for word in ("--option", each)]
    ready("credential", "set", "demo", *options)
    assert kept(ready, "demo").options == {
        "track_clicks": "html",
        "track_opens": True,
        "prevent_scam": True,
        "track_bounces": False,
        "inline_css": True,
        "hosted_images": True,
    }
    shown = ready("credential", "show", "demo")
    assert all(name in shown for name in ("track_clicks", "track_opens", "prevent_scam", "hosted_images"))
    ready("credential", "set", "demo", "--unset", "images", "--unset", "track-clicks")
    assert kept(ready, "demo").options.keys() == {"track_opens", "prevent_scam", "track_bounces", "inline_css"}
