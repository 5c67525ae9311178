"""`relay check` finds what would keep mail from being sent or believed."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from asyncio import run
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.cli.certificate import self_signed
from relay.config import Retention, Sandbox
from relay.store.running import Running
from relay.store.sqlite import open_queue, shard_directory
from relay.store.sqlite.layout import LOCK
from tests.cli.conftest import CONFIG, Cli
from tests.tools import ROOT


def findings(cli: Cli, code: int = 0) -> dict[str, tuple[str, str]]:
    """Subject -> level and text, of what is not in order."""
    report = cli.json("check", "--offline", code=code)
    assert report["ok"] is (code == 0)
    told = [each for each in report["findings"] if each["level"] != "ok"]
    return {
        each["subject"]: (each["level"], "; ".join(filter(None, (each["text"], each["advice"])))) for each in told
    }


def configure(cli: Cli, more: Mapping[str, Any]) -> None:
    tree = yaml.safe_load(CONFIG)
    (cli.home / "config/local.yaml").write_text(yaml.safe_dump({**tree, **more}))


def test_a_relay_that_was_just_made_has_warnings_at_most(ready: Cli) -> None:
    assert findings(ready) == {"sandbox.enabled": ("warn", "is set: nothing leaves this relay")}
    assert ready("check", "--offline").startswith("warn: sandbox.enabled is set")
    assert re.search(r"config/local\.yaml: 0 failures, 1 warning, \d+ in order\n$", ready("check", "--offline"))
    assert "ok: var is closed to others\n" in ready("check", "--offline", "--verbose")


KEYS = {"dns.servers", "delivery.mx_port", "delivery.allow_private", "tls.ca_file"}


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
    found = {key: each for key, each in findings(ready).items() if key in KEYS}
    assert set(found) == KEYS
    assert {level for level, _ in found.values()} == {"warn"}


def test_an_api_that_other_machines_reach_in_clear_text_only_is_warned_of(ready: Cli) -> None:
    configure(ready, {"http": {"address": "0.0.0.0", "port": 0}})
    level, text = findings(ready)["http.address"]
    assert level == "warn" and "http.https" in text
    for more in ({"proxies": ["192.0.2.1"]}, {"https": {"port": 0, "address": "127.0.0.1"}}, {"address": "::1"}):
        configure(ready, {"http": {"address": "0.0.0.0", "port": 0, **more}})
        assert "http.address" not in findings(ready)


def test_options_in_the_configuration_that_do_not_exist_are_failures(ready: Cli) -> None:
    configure(ready, {"options": {"force": {"priorty": 3}, "streams": {"a": {"options": {"tags": "x y"}}}}})
    found = findings(ready, code=1)
    assert found["options.force"][1].startswith("cannot be used: priorty: no such option; the nearest is priority")
    assert found["options.streams.a.options"][0] == "fail"


def test_defaults_that_name_what_is_not_there_are_failures(ready: Cli) -> None:
    configure(ready, {"options": {"streams": {"News": {"options": {"tags": ["n"]}}}, "defaults": {"pool": "far"}}})
    ready("preset", "add", "receipts", "--option", "stream=news")
    ready("account", "set", "demo", "--option", "preset=Receipts")
    ready("credential", "set", "demo", "--option", "stream=nesw")
    ready("domain", "set", "example.com", "--option", "dkim_key=s9")
    ready("preset", "add", "far", "--option", "source_ip=192.0.2.9")
    ready("preset", "add", "named", "--option", "dkim_key=s7")
    ready("preset", "add", "past", "--option", "send_window=2020-01-01T08:00:00Z/2020-01-01T18:00:00Z")
    ready("preset", "add", "signed", "--option", "dkim_extra=example.com,s8")
    found = findings(ready, code=1)
    del found["sandbox.enabled"]
    assert {subject: level for subject, (level, _) in found.items()} == dict.fromkeys(
        (
            *("options.defaults", "credential demo", "domain example.com"),
            *("preset far of demo", "preset named of demo", "preset signed of demo"),
            "preset past of demo",
        ),
        "fail",
    )
    assert "no stream is called nesw; there are bulk, news, transactional" in found["credential demo"][1]
    assert found["credential demo"][1].endswith("take it away: relay credential set demo --unset stream")
    assert "no pool is called far; there are none" in found["options.defaults"][1]
    assert "example.com has no active key s9" in found["domain example.com"][1]
    assert "example.com has no active key s8" in found["preset signed of demo"][1]
    assert "no domain has an active key s7" in found["preset named of demo"][1]
    assert "send_window, which was over at 2020-01-01T18:00:00.000Z: " in found["preset past of demo"][1]
    assert "192.0.2.9 is no address of an egress" in found["preset far of demo"][1]


def test_a_listener_whose_credential_cannot_be_used_is_a_failure(ready: Cli) -> None:
    open_door = {"port": 0, "kind": "plain", "auth": "none", "networks": ["127.0.0.0/8"]}
    listeners = [{"name": name, "credential": name, **open_door} for name in ("App", "demo", "off")]
    configure(ready, {"listeners": listeners})
    ready("credential", "add", "--username", "off")
    ready("credential", "disable", "off")
    found = findings(ready, code=1)
    del found["sandbox.enabled"]
    assert found == {
        "listeners.App.credential": (
            "fail",
            "is App, which is not there: nobody is let in; relay credential add --username App",
        ),
        "listeners.off.credential": ("fail", "is off, which is disabled, or its account is: nobody is let in"),
    }


def test_without_init_there_is_nothing_to_start_with(cli: Cli) -> None:
    found = findings(cli, code=1)
    for name in ("registry.db", "tls/cert.pem", "tls/key.pem"):
        assert found[f"var/{name}"][0] == "fail"
        assert "relay init" in found[f"var/{name}"][1]


def test_a_key_that_does_not_belong_to_the_certificate_is_an_error(ready: Cli) -> None:
    _, other = self_signed("relay.test", datetime.now(UTC).timestamp())
    (ready.home / "var/tls/key.pem").write_bytes(other)
    level, text = findings(ready, code=1)["var/tls/cert.pem"]
    assert level == "fail"
    assert "does not work with var/tls/key.pem" in text


@pytest.mark.parametrize(("age", "level", "word"), [(3651, "fail", "expired"), (3645, "warn", "expires")])
def test_the_end_of_a_certificate_is_told_in_time(ready: Cli, age: int, level: str, word: str) -> None:
    made = datetime.now(UTC) - timedelta(days=age)
    chain, key = self_signed("relay.test", made.timestamp())
    (ready.home / "var/tls/cert.pem").write_bytes(chain)
    (ready.home / "var/tls/key.pem").write_bytes(key)
    said = findings(ready, code=1 if level == "fail" else 0)["var/tls/cert.pem"]
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
    assert findings(ready)["var"] == ("warn", "can be entered by others (mode 0750); chmod 700 it")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_are_warned_of(ready: Cli) -> None:
    os.chown(ready.home / "var/registry.db", 65534, -1)
    level, text = findings(ready)["var/registry.db"]
    assert level == "warn"
    assert "chown -R root var" in text


def test_every_active_key_must_sign_so_that_another_program_verifies_it(ready: Cli) -> None:
    selectors = [each["selector"] for each in ready.json("dkim", "list")]
    spoil(ready.home / "var/registry.db", selectors[0])
    found = findings(ready, code=1)
    assert found[f"DKIM key {selectors[0]} of example.com"][0] == "fail"
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


def test_a_port_that_somebody_else_has_fails_and_ours_does_not(ready: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        configure(ready, {"listeners": [{"name": "in", "port": port}], "http": {"port": 0}})
        assert "somebody listens there" in findings(ready, code=1)["listeners.in"][1]
        with Running(ready.home / "var"):
            (ready.home / "var/access.json").write_text(json.dumps({"ports": {"in": port}}))
            (ready.home / "var/access.json").chmod(0o600)
            said = subprocess.run(
                [sys.executable, "-m", "relay", "check", "--offline", "-v", "--config", "config/local.yaml"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                cwd=ready.home,
                capture_output=True,
                text=True,
                timeout=60,
            ).stdout
    assert f"ok: listeners.in is open at port {port}, by the relay that runs (process {os.getpid()})" in said


def test_an_address_that_is_not_of_this_machine_fails_for_listeners_and_for_egress(ready: Cli) -> None:
    configure(
        ready,
        {
            "listeners": [{"name": "in", "address": "192.0.2.1", "port": 2525}],
            "delivery": {"egress": {"name": "out", "ipv4": "203.0.113.9"}},
        },
    )
    found = findings(ready, code=1)
    assert found["listeners.in"][0] == "fail"
    assert "cannot leave from 203.0.113.9" in found["egress out"][1]


def test_a_disk_with_less_room_than_mail_needs_fails(ready: Cli) -> None:
    configure(ready, {"retention": {"min_free": "900000GiB"}})
    assert "no mail is taken" in findings(ready, code=1)["disk of var"][1]


def test_a_disk_on_which_sqlite_opens_nothing_is_told_of_all_the_same(ready: Cli) -> None:
    configure(ready, {"retention": {"min_free": "900000GiB"}})
    (ready.home / "var/registry.db-wal").mkdir()
    found = findings(ready, code=1)
    assert "no mail is taken" in found["disk of var"][1]
    assert found["var/registry.db"][1].startswith("cannot be opened: ")
    assert "cannot be looked at: var/registry.db cannot be opened" in found["registry"][1]


def test_a_database_that_is_damaged_is_named_with_what_can_be_done(ready: Cli) -> None:
    ready("suppress", "add", "ann@example.net")
    overwrite(ready.home / "var/suppressions.db", at=4096)
    (ready.home / "var/idempotency.db").write_bytes(b"nothing of the kind" * 100)
    found = findings(ready, code=1)
    level, text = found["var/suppressions.db"]
    assert (level, text[:12]) == ("fail", "is damaged: ")
    assert "put the one of a backup in its place" in text
    assert "then mail goes again to every address that was suppressed" in text
    assert "is damaged: " in found["var/idempotency.db"][1]
    assert "what clients hand in again with an idempotency_key is sent twice" in found["var/idempotency.db"][1]


def test_a_database_that_is_no_file_is_named(ready: Cli) -> None:
    (ready.home / "var/suppressions.db").mkdir()
    assert "no file that this user may read" in findings(ready, code=1)["var/suppressions.db"][1]


def overwrite(path: Path, at: int) -> None:
    """Write over a page, as a bad disk may."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 4096)


def test_a_clock_behind_our_own_files_fails(ready: Cli) -> None:
    later = time.time() + 3600
    os.utime(ready.home / "var/registry.db", (later, later))
    level, text = findings(ready, code=1)["clock"]
    assert level == "fail"
    assert "registry.db was written 3" in text


def test_a_shard_without_owner_fails_while_the_relay_runs(ready: Cli) -> None:
    directory = shard_directory(ready.home / "var", 0)
    queue = run(open_queue(directory, 0, Retention(), Sandbox(), time.time))
    run(queue.close())
    assert "shard 0" not in findings(ready)
    program = "import sys, pathlib; from relay.store.running import Running\nwith Running(pathlib.Path('var')): "
    with subprocess.Popen(
        [sys.executable, "-c", f"{program}print('held', flush=True), sys.stdin.read()"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ready.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "held\n"
        assert "has no owner, though the relay runs" in findings(ready, code=1)["shard 0"][1]
        with open(directory / LOCK, "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert "shard 0" not in findings(ready)
        keeper.communicate("", timeout=10)


def test_the_directory_of_certificates_is_looked_at_pair_by_pair(ready: Cli) -> None:
    configure(ready, {"tls": {"directory": "names"}})
    assert "cannot be read" in findings(ready, code=1)["var/names"][1]
    home = ready.home / "var/names"
    (home / "mail.example.net").mkdir(parents=True)
    assert "holds no certificate" in findings(ready)["var/names"][1]
    chain, _ = self_signed("mail.example.net", time.time())
    (home / "mail.example.net/fullchain.pem").write_bytes(chain)
    assert "is not there" in findings(ready, code=1)["var/names/mail.example.net/privkey.pem"][1]


def test_a_chain_in_the_wrong_order_is_warned_of(ready: Cli) -> None:
    chain, key = self_signed("relay.test", time.time())
    other, _ = self_signed("other.test", time.time())
    (ready.home / "var/tls/cert.pem").write_bytes(chain + other)
    (ready.home / "var/tls/key.pem").write_bytes(key)
    level, text = findings(ready)["var/tls/cert.pem"]
    assert level == "warn"
    assert "is not issued by the one that follows" in text
