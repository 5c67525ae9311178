"""The commands, run in this process in a directory of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from relay.cli.app import run
from tests.e2e.harness import Relay, running
from tests.peers.dns import DnsServer

T = TypeVar("T")

CONFIG = """\
hostname: relay.test
data: ./var
listeners:
  - {name: submission, port: 0}  # any: nobody who runs a relay on this machine is in the way
http: {port: 0}
sandbox: {enabled: true}
"""


@dataclass
class Cli:
    """Calls a command and checks how it ended."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0) -> str:
        self.capsys.readouterr()
        ended = run(words)
        said = self.capsys.readouterr()
        assert ended == code, f"relay {' '.join(words)}: {ended}, not {code}\n{said.out}{said.err}"
        self.errors = said.err
        return said.out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """In an empty directory with a configuration, and nothing else yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["relay"])  # hints name the program as it was called
    for name in ("RELAY_CONFIG", "RELAY_URL", "RELAY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/local.yaml").write_text(CONFIG)
    (tmp_path / "var").mkdir(mode=0o700)
    return Cli(tmp_path, capsys)


@pytest.fixture
def ready(cli: Cli) -> Cli:
    """After `relay init`."""
    cli("init")
    return cli


@dataclass
class Elsewhere:
    """Commands of this process against a relay that runs, over its API."""

    relay: Relay
    dns: DnsServer
    cli: Cli

    def __call__(self, *words: str, code: int = 0) -> str:
        return self.cli(*words, code=code)

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))

    def there(self, *words: str) -> str:
        """The same on the relay's own machine."""
        return self.cli("--url", "", *words)

    def there_json(self, *words: str) -> Any:
        return json.loads(self.there(*words, "--json"))

    @property
    def errors(self) -> str:
        return self.cli.errors

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.relay.port('http')}"

    def eventually(self, look: Callable[[], T], what: str) -> T:
        """Statistics and events are up to two seconds behind."""
        return self.relay.wait(look, what)


@pytest.fixture(scope="session")
def running_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relay, DnsServer]]:
    """One relay for all tests of remote commands; each uses names of its own."""
    with DnsServer() as dns:
        config = {
            "sandbox": {"enabled": True},
            "webhooks": {"allow": ["127.0.0.0/8"]},
            "dns": {"servers": [dns.address]},
        }
        with running(tmp_path_factory.mktemp("elsewhere"), config) as relay:
            yield relay, dns


@pytest.fixture
def elsewhere(
    running_relay: tuple[Relay, DnsServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Elsewhere:
    """In an empty directory, with RELAY_URL and RELAY_TOKEN of a relay that runs."""
    relay, dns = running_relay
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["relay"])
    monkeypatch.setenv("RELAY_CONFIG", str(relay.config))
    monkeypatch.setenv("RELAY_URL", f"http://127.0.0.1:{relay.port('http')}")
    monkeypatch.setenv("RELAY_TOKEN", relay.access["token"])
    return Elsewhere(relay, dns, Cli(tmp_path, capsys))
