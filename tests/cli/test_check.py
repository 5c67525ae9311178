"""`relay check` finds what would keep mail from being sent or believed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.cli.certificate import self_signed
from tests.cli.conftest import CONFIG, Cli


def findings(cli: Cli, code: int = 0) -> dict[str, tuple[str, str]]:
    """Subject -> level and text."""
    report = cli.json("check", code=code)
    assert report["ok"] is (code == 0)
    return {each["subject"]: (each["level"], each["text"]) for each in report["findings"]}


def configure(cli: Cli, more: Mapping[str, Any]) -> None:
    tree = yaml.safe_load(CONFIG)
    (cli.home / "config/local.yaml").write_text(yaml.safe_dump({**tree, **more}))


def test_a_relay_that_was_just_made_has_warnings_at_most(ready: Cli) -> None:
    assert findings(ready) == {"sandbox.enabled": ("warning", "is set: nothing leaves this relay")}
    assert ready("check").endswith("config/local.yaml: 0 errors, 1 warning\n")


def test_settings_that_are_for_tests_are_warned_of(ready: Cli) -> None:
    configure(
        ready,
        {
            "dns": {"servers": ["127.0.0.1:5353"]},
            "delivery": {"mx_port": 2600, "allow_private": True},
            "tls": {"ca_file": "ca.pem"},
            "sandbox": {"enabled": False},
        },
    )
    found = findings(ready)
    assert set(found) == {"dns.servers", "delivery.mx_port", "delivery.allow_private", "tls.ca_file"}
    assert {level for level, _ in found.values()} == {"warning"}


def test_without_init_there_is_nothing_to_start_with(cli: Cli) -> None:
    found = findings(cli, code=1)
    for name in ("registry.db", "tls/cert.pem", "tls/key.pem"):
        assert found[f"var/{name}"][0] == "error"
        assert "relay init" in found[f"var/{name}"][1]


def test_a_key_that_does_not_belong_to_the_certificate_is_an_error(ready: Cli) -> None:
    _, other = self_signed("relay.test", datetime.now(UTC).timestamp())
    (ready.home / "var/tls/key.pem").write_bytes(other)
    level, text = findings(ready, code=1)["var/tls/cert.pem"]
    assert level == "error"
    assert "does not work with var/tls/key.pem" in text


@pytest.mark.parametrize(("age", "level", "word"), [(3651, "error", "expired"), (3645, "warning", "expires")])
def test_the_end_of_a_certificate_is_told_in_time(ready: Cli, age: int, level: str, word: str) -> None:
    made = datetime.now(UTC) - timedelta(days=age)
    chain, key = self_signed("relay.test", made.timestamp())
    (ready.home / "var/tls/cert.pem").write_bytes(chain)
    (ready.home / "var/tls/key.pem").write_bytes(key)
    said = findings(ready, code=1 if level == "error" else 0)["var/tls/cert.pem"]
    assert said[0] == level
    assert said[1].startswith(word)


def test_secrets_that_others_can_read_are_an_error(ready: Cli) -> None:
    (ready.home / "var/tls/key.pem").chmod(0o644)
    assert "chmod 600" in findings(ready, code=1)["var/tls/key.pem"][1]
    (ready.home / "var/tls/key.pem").chmod(0o600)
    (ready.home / "var").chmod(0o755)
    (ready.home / "var/secrets.json").chmod(0o640)
    assert "chmod 600" in findings(ready, code=1)["var/secrets.json"][1]


def test_data_that_others_can_enter_is_warned_of(ready: Cli) -> None:
    (ready.home / "var").chmod(0o750)
    assert findings(ready)["var"] == ("warning", "can be entered by others (mode 0750); chmod 700 it")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_are_warned_of(ready: Cli) -> None:
    os.chown(ready.home / "var/registry.db", 65534, -1)
    level, text = findings(ready)["var/registry.db"]
    assert level == "warning"
    assert "chown -R root var" in text


def test_every_active_key_must_sign_so_that_another_program_verifies_it(ready: Cli) -> None:
    selectors = [each["selector"] for each in ready.json("dkim", "list")]
    spoil(ready.home / "var/registry.db", selectors[0])
    found = findings(ready, code=1)
    assert found[f"DKIM key {selectors[0]} of example.com"][0] == "error"
    assert f"DKIM key {selectors[1]} of example.com" not in found


def spoil(path: Path, selector: str) -> None:
    """Publish another key than the one that signs."""
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("pragma table_info(dkim_key)")]
        assert "public_base64" in columns
        (other,) = connection.execute(
            "select public_base64 from dkim_key where selector <> ?", (selector,)
        ).fetchone()
        connection.execute("update dkim_key set public_base64 = ? where selector = ?", (other, selector))


def test_a_verified_domain_without_a_key_is_an_error(ready: Cli) -> None:
    with sqlite3.connect(ready.home / "var/registry.db") as connection:
        connection.execute("update dkim_key set state = 'retired'")
    assert "relay dkim make example.com" in findings(ready, code=1)["example.com"][1]
