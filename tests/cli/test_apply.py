"""The registry is made what a file says, and no more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from argon2 import PasswordHasher

from relay.store.sqlite import SqliteRegistry, open_registry
from tests.cli.conftest import Cli

SHOP = """\
accounts:
  - name: shop
    options: {stream: bulk}
    quota: {recipients_day: 50000, bytes_day: 2GiB, over: delay}
    presets:
      - {name: receipts, options: {tags: [receipt], priority: 7}}
    domains:
      - name: Bücher.example
        verified: true
        dkim: [ed25519]
        options: {track_bounces: true}
    credentials:
      - username: shop-app
        password: file:password
        note: the webshop
        grants: [schedule-long, source-ip]
        allowed: {source_ip: [192.0.2.7]}
        forbidden: [sandbox, "priority=9"]
        presets: [receipts]
        lifetime: 1d
        options: {tags: "a, b", metadata: {shop: "7"}}
        quota: {messages_hour: 1000}
      - username: shop-web
        sandbox: true
"""


@pytest.fixture
def shop(ready: Cli) -> Cli:
    (ready.home / "shop.yaml").write_text(SHOP)
    (ready.home / "password").write_text("correct horse\n")
    return ready


def registry(cli: Cli) -> SqliteRegistry:
    return open_registry(cli.home / "var/registry.db")


def snapshot(cli: Cli) -> Any:
    opened = registry(cli)
    try:
        return opened.accounts(), opened.credentials(), opened.domains(), opened.keys(), opened.presets()
    finally:
        opened.close()


def test_a_file_is_applied_once_and_a_second_run_changes_nothing(shop: Cli) -> None:
    done = shop.json("apply", "shop.yaml")
    assert list(done["passwords"]) == ["shop-web"]
    opened = registry(shop)
    app = opened.credential("shop-app")
    assert PasswordHasher().verify(app.password_hash, "correct horse")
    assert PasswordHasher().verify(opened.credential("shop-web").password_hash, done["passwords"]["shop-web"])
    assert app.options == {"tags": ["a", "b"], "metadata": {"shop": "7"}}
    assert (app.lifetime, sorted(app.presets), app.quota.messages_hour) == (86_400, ["receipts"], 1000)
    assert opened.account("shop").quota.bytes_day == 2 << 30
    domain = opened.domain("xn--bcher-kva.example")
    assert domain.verified is not None
    assert "relay apply" in domain.verified_by
    assert [each.algorithm.value for each in opened.keys(domain.name)] == ["ed25519-sha256"]
    assert opened.preset("shop", "receipts").options == {"tags": ["receipt"], "priority": 7}
    opened.close()
    before = snapshot(shop)
    assert shop.json("apply", "shop.yaml") == {"dry_run": False, "changes": [], "passwords": {}}
    assert "nothing to change" in shop("apply", "shop.yaml")
    assert snapshot(shop) == before


def test_a_dry_run_shows_what_would_change_and_writes_nothing(shop: Cli) -> None:
    before = snapshot(shop)
    shown = shop("apply", "shop.yaml", "--dry-run")
    assert snapshot(shop) == before
    for line in (
        "+ account shop",
        "+ credential shop-app",
        "    grants: (none) -> schedule-long, source-ip",
        "changes to make",
    ):
        assert line in shown
    assert "correct horse" not in shown


def test_a_change_in_the_file_is_a_change_of_that_alone(shop: Cli) -> None:
    shop("apply", "shop.yaml")
    (shop.home / "shop.yaml").write_text(
        SHOP.replace("priority: 7", "priority: 6").replace("lifetime: 1d", "lifetime: 2d")
    )
    changed = shop.json("apply", "shop.yaml")["changes"]
    assert changed == [
        {"sign": "~", "what": "preset receipts of shop", "details": ["options priority: 7 -> 6"]},
        {"sign": "~", "what": "credential shop-app", "details": ["lifetime: 1d -> 2d"]},
    ]
    (shop.home / "password").write_text("new")
    assert shop.json("apply", "shop.yaml")["changes"] == [
        {"sign": "~", "what": "credential shop-app", "details": ["password: changed"]}
    ]
    opened = registry(shop)
    assert PasswordHasher().verify(opened.credential("shop-app").password_hash, "new")
    opened.close()


def test_what_the_file_does_not_name_stays_unless_it_is_pruned(shop: Cli) -> None:
    shop("apply", "shop.yaml")
    shop("dkim", "make", "bücher.example", "--algorithm", "rsa")
    assert shop.json("apply", "shop.yaml")["changes"] == []
    pruned = shop.json("apply", "shop.yaml", "--prune", "--dry-run")["changes"]
    assert [(each["sign"], each["what"].split()[0]) for each in pruned] == [
        ("-", "key"),
        ("-", "credential"),
        ("-", "domain"),
        ("-", "account"),
    ]
    shop("apply", "shop.yaml", "--prune")
    opened = registry(shop)
    assert opened.credential("demo").disabled
    assert opened.account("demo").disabled
    assert [each.name for each in opened.domains()] == ["xn--bcher-kva.example"]
    opened.close()
    assert shop.json("apply", "shop.yaml", "--prune")["changes"] == []


def test_an_export_is_a_file_that_changes_nothing(shop: Cli) -> None:
    shop("apply", "shop.yaml")
    exported = shop("apply", "--export")
    assert "argon2" not in exported
    assert "PRIVATE" not in exported
    (shop.home / "exported.yaml").write_text(exported)
    assert {each["name"] for each in yaml.safe_load(exported)["accounts"]} == {"demo", "shop"}
    assert shop.json("apply", "exported.yaml", "--prune", "--dry-run")["changes"] == []


def test_an_export_and_a_dry_run_have_times_and_windows_in_words(shop: Cli) -> None:
    window = '{"dow": "Mon-Fri", "tz": "UTC", "start": "09:00", "end": "17:30"}'
    (shop.home / "shop.yaml").write_text(
        SHOP.replace("{stream: bulk}", f"{{retention: 30d, send_window: '{window}'}}")
    )
    (told,) = (
        each["details"]
        for each in shop.json("apply", "shop.yaml", "--dry-run")["changes"]
        if each["what"] == "account shop"
    )
    assert {"options retention: (none) -> 30d", f"options send_window: (none) -> {window}"} <= set(told)
    shop("apply", "shop.yaml")
    exported = shop("apply", "--export")
    (account,) = (each for each in yaml.safe_load(exported)["accounts"] if each["name"] == "shop")
    assert account["options"]["retention"] == "30d"
    assert account["options"]["send_window"] == [{"dow": "Mon-Fri", "tz": "UTC", "start": "09:00", "end": "17:30"}]
    assert next(each for each in account["credentials"] if each["username"] == "shop-app")["lifetime"] == "1d"
    (shop.home / "exported.yaml").write_text(exported)
    assert shop.json("apply", "exported.yaml", "--prune", "--dry-run")["changes"] == []


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("lifetime:", "lifetme:", "lifetme", "did you mean lifetime?"),
        ("stream: bulk", "steam: bulk", "steam", "nearest is stream"),
        ("over: delay", "over: wait", "wait", "over"),
        ("2GiB", "lots", "lots", "a size"),
        ("[schedule-long, source-ip]", "[schedule-lon]", "schedule-lon", "did you mean schedule-long?"),
        ("allowed: {source_ip", "allowed: {tags", "allowed", "no list of allowed values"),
        ("[192.0.2.7]", "[192.0.2.300]", "allowed", "expected an IP address or a network, not '192.0.2.300'"),
        ("presets: [receipts]", "presets: [receipt]", "presets: [receipt]", "no preset"),
        ("password: file:password", "password: hunter2", "hunter2", "file:PATH"),
        ("password: file:password", "password: file:nowhere", "nowhere", "nowhere"),
        ("Bücher.example", "nodot", "nodot", "no dot"),
        ("username: shop-web", "username: SHOP-APP", "SHOP-APP", "is there already"),
        ("note: the webshop", "note: a\n        note: b", "note: b", "given twice"),
        ("  - name: shop", "  - name: demo", "username: shop-app", "credential shop-app is of account shop"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_line_and_nothing_is_written(
    shop: Cli, old: str, new: str, at: str, said: str
) -> None:
    text = SHOP.replace(old, new, 1)
    line = text[: text.index(at)].count("\n") + 1
    if "demo" in new:
        shop("apply", "shop.yaml")
    (shop.home / "wrong.yaml").write_text(text)
    before = snapshot(shop)
    shop("apply", "wrong.yaml", code=1)
    assert any(f"line {line}:" in each and said in each for each in shop.errors.splitlines()), shop.errors
    assert "hunter2" not in shop.errors
    assert snapshot(shop) == before


def test_a_bounce_host_that_changes_has_to_lead_here_again(shop: Cli) -> None:
    path = Path(shop.home / "shop.yaml")
    path.write_text(SHOP.replace("dkim: [ed25519]", "dkim: []\n        bounce_host: b.example.com"))
    shop("apply", "shop.yaml")
    shop("domain", "bounces", "bücher.example", "--force")
    assert shop.json("apply", "shop.yaml")["changes"] == []
    path.write_text(SHOP.replace("dkim: [ed25519]", "dkim: []\n        bounce_host: c.example.com"))
    shop("apply", "shop.yaml")
    assert shop.json("domain", "show", "bücher.example")["bounce_verified"] is None


def test_without_a_file_it_says_what_to_give(shop: Cli) -> None:
    shop("apply", code=2)
    shop("apply", "none.yaml", code=3)
    shop("apply", "shop.yaml", "--export", code=2)


def test_the_example_of_the_handbook_is_a_file_that_can_be_applied(
    ready: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "relay/handbook/operating.md").read_text()
    example = page.partition("```yaml\naccounts:")[2].partition("```")[0]
    monkeypatch.setenv("SHOP_PASSWORD", "correct horse")
    text = "accounts:" + example.replace("file:/run/secrets/shop-app", "env:SHOP_PASSWORD")
    text = text.replace("example.com", "shop.example")  # the other one is the demo's
    (ready.home / "example.yaml").write_text(text)
    assert ready.json("apply", "example.yaml")["passwords"] == {}
    assert ready.json("apply", "example.yaml")["changes"] == []
    assert ready.json("credential", "show", "shop-app")["lifetime"] == 86_400


def test_a_file_that_came_out_empty_prunes_nothing(shop: Cli) -> None:
    shop("apply", "shop.yaml")
    (shop.home / "shop.yaml").write_text("accounts: []\n")
    for more in ((), ("--dry-run",)):
        shop("apply", "shop.yaml", "--prune", *more, code=4)
        assert "names no account" in shop.errors
    opened = registry(shop)
    assert not opened.account("shop").disabled
    assert len(opened.domains()) > 1
    opened.close()
    assert shop.json("apply", "shop.yaml")["changes"] == []
