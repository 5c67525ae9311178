"""The files in systemd/ are right by systemd's own measure, and `make install` puts everything where they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from relay.config import load
from tests.tools import ROOT, tool

SYSTEMD = ROOT / "systemd"
EXPOSED = 1.5  # at most; what remains is that it talks to the Internet, and takes ports below 1024


def analyze(*words: str, ok: bool = True) -> str:
    done = subprocess.run([tool("systemd-analyze"), "--no-pager", *words], capture_output=True, text=True, timeout=60)
    if ok:
        assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def test_the_units_say_nothing_that_systemd_does_not_know(tmp_path: Path) -> None:
    for name in ("relay.service", "relay.socket"):
        text = (SYSTEMD / name).read_text().replace("/opt/relay/venv/bin/relay", "/bin/true")
        (tmp_path / name).write_text(text)
    assert analyze("verify", "--man=no", *(str(each) for each in tmp_path.iterdir())) == ""


def test_the_service_is_shut_in_as_far_as_it_goes() -> None:
    said = analyze("security", "--offline=true", str(SYSTEMD / "relay.service"))
    found = re.search(r"Overall exposure level for relay\.service: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= EXPOSED, said


def test_what_the_socket_unit_tells_to_leave_out_of_the_service_is_less_still(tmp_path: Path) -> None:
    advice = re.findall(r"^#     (\w+=.*)$", (SYSTEMD / "relay.socket").read_text(), re.MULTILINE)
    assert {"AmbientCapabilities=", "CapabilityBoundingSet=", "PrivateUsers=yes"} < set(advice)
    service = (SYSTEMD / "relay.service").read_text()
    extra = "\n".join(each for each in advice if not each.startswith("Requires"))
    (tmp_path / "relay.service").write_text(service.replace("[Install]", f"{extra}\n\n[Install]"))
    said = analyze("security", "--offline=true", str(tmp_path / "relay.service"))
    found = re.search(r"Overall exposure level for relay\.service: ([0-9.]+)", said)
    assert found
    assert float(found[1]) < 1.2, said


def test_the_sockets_are_those_of_the_shipped_configuration() -> None:
    asked = re.findall(r"^ListenStream=(.*):(\d+)$", (SYSTEMD / "relay.socket").read_text(), re.MULTILINE)
    config = load(ROOT / "config/relay.yaml")
    assert sorted(asked) == sorted((each.address, str(each.port)) for each in config.listeners)


def test_the_relay_is_done_before_systemd_loses_patience() -> None:
    service = (SYSTEMD / "relay.service").read_text()
    patience = re.search(r"^TimeoutStopSec=(\d+)$", service, re.MULTILINE)
    assert patience
    assert load(ROOT / "config/relay.yaml").processes.drain + 5 < int(patience[1])


def test_user_and_directory_are_made_as_the_unit_needs_them(tmp_path: Path) -> None:
    users = (SYSTEMD / "relay.sysusers").read_text()
    assert re.search(r'^u relay - ".*" /var/lib/relay$', users, re.MULTILINE)
    target = tmp_path / "root"
    (target / "etc").mkdir(parents=True)
    place = target / "usr/lib/sysusers.d/relay.conf"
    place.parent.mkdir(parents=True)
    place.write_text(users)
    done = subprocess.run(
        [tool("systemd-sysusers"), f"--root={target}", "relay.conf"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^relay:x:\d+:\d+:.*:/var/lib/relay:", (target / "etc/passwd").read_text(), re.MULTILINE)
    place = target / "usr/lib/tmpfiles.d/relay.conf"
    place.parent.mkdir(parents=True)
    place.write_text((SYSTEMD / "relay.tmpfiles").read_text())
    words = [tool("systemd-tmpfiles"), "--create", f"--root={target}", "relay.conf"]
    done = subprocess.run(words, capture_output=True, text=True)
    made = target / "var/lib/relay"
    if not made.is_dir() or done.returncode:
        pytest.skip(f"only root may give directories away: {done.stderr.strip()}")
    assert made.stat().st_mode & 0o777 == 0o700


def make(target: Path, *words: str) -> str:
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            *words,
            f"DESTDIR={target}",
            "PREFIX=/srv/relay",
            f"PYTHON={sys.executable}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_install_puts_everything_in_its_place_and_uninstall_takes_it_away(tmp_path: Path) -> None:
    target = tmp_path / "root"
    make(target, "install")
    program = target / "srv/relay/venv/bin/relay"
    assert program.read_text().startswith("#!/srv/relay/venv/bin/python")
    assert (target / "usr/local/bin/relay").readlink() == Path("/srv/relay/venv/bin/relay")
    service = (target / "usr/local/lib/systemd/system/relay.service").read_text()
    assert "ExecStart=/srv/relay/venv/bin/relay serve --config /etc/relay/relay.yaml\n" in service
    for page in re.findall(r"file:///srv/relay/(\S+)", service):
        assert (target / "srv/relay" / page).exists()
    assert str(tmp_path) not in service

    python = target / "srv/relay/venv/bin/python"
    words = [str(python), "-I", "-m", "relay", "check", "--json", "--config", str(target / "etc/relay/relay.yaml")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert '"findings"' in done.stdout, done.stderr  # it runs, and finds that nothing was made yet
    completes = target / "usr/local/share/bash-completion/completions/relay"
    assert subprocess.run(["bash", "-n", completes], check=False).returncode == 0
    assert "relay" in completes.read_text()

    mine = target / "etc/relay/relay.yaml"
    mine.write_text(yaml.safe_dump({"hostname": "mine.example"}))
    make(target, "install")
    assert "mine.example" in mine.read_text()

    make(target, "uninstall")
    assert [each for each in target.rglob("*") if not each.is_dir()] == [mine]
