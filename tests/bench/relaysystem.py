"""relay as a system under test: from this checkout, in its own processes, at the shipped defaults.

Set is only what a test must set: a data directory, listeners on ports of the system's choice, and a smarthost route
without TLS to the sink, so that no DNS is asked. `relay init` makes account, certificate and keys as for everybody;
so mail is signed twice, with rsa-2048 and with ed25519, where OpenDKIM signs once. Added are a domain with an rsa
key alone, example.org, and a credential whose mail is not signed (option `dkim: off`); the plain listener acts as
`demo`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from relay.model.account import LinkKey
from relay.store.sqlite import open_registry
from tests.bench import letter
from tests.bench.accounting import Group, until
from tests.bench.ends import ROOT
from tests.bench.links import BASE
from tests.bench.system import API, PLAIN, SECURE, UNSIGNED, Door

PROGRAM = [sys.executable, "-m", "relay"]
_BARE = "bare"  # user name of the credential whose mail is not signed
_PASSWORD = "bench-password-of-no-value"


class RelaySystem:
    name = "relay"

    def __init__(
        self,
        home: Path,
        sink: int,
        certificate: tuple[Path, Path],
        workers: int = 0,
        routes: Sequence[Mapping[str, Any]] = (),
        checkout: Path = ROOT,
    ) -> None:
        """Args:
        sink: port of 127.0.0.1 all mail goes to.
        certificate: the server's certificate and key.
        workers: 0 is the default, one a core.
        checkout: where the program lies.
        routes: further smarthost routes, which go before the one to the sink.
        """
        self.home = home
        self.checkout = checkout
        self.data = home / "var"
        self.group = Group(self.name)
        self.process: subprocess.Popen[bytes] | None = None
        self.doors: dict[str, Door] = {}
        self.web = 0  # port of HTTP
        self.records: dict[bytes, bytes] = {}
        listener = {"address": "127.0.0.1", "port": 0, "trusted": ["127.0.0.0/8"]}
        plain = {"kind": "plain", "auth": "none", "networks": ["127.0.0.0/8"], "credential": "demo"}
        self.settings: dict[str, Any] = {
            "hostname": "relay.test",
            "data": str(self.data),
            "listeners": [
                {"name": "submission", "kind": "starttls", **listener},
                {"name": "plain", **plain, **listener},
            ],
            "tls": {"certificate": str(certificate[0]), "key": str(certificate[1])},
            "http": {"address": "127.0.0.1", "port": 0},
            "tracking": {"base": BASE},
            "delivery": {
                "routes": [
                    *map(dict, routes),
                    {"name": "sink", "smarthost": {"host": "127.0.0.1", "port": sink, "tls": "none"}},
                ],
            },
            **({"processes": {"workers": workers}} if workers else {}),
        }
        home.mkdir(parents=True, exist_ok=True)
        (home / "relay.yaml").write_text(yaml.safe_dump(self.settings))

    def start(self) -> None:
        """Initialise and start it; return once every listener answers."""
        self.prepare()
        self.launch()

    def prepare(self) -> None:
        """Initialise it, and make what the doors need."""
        self._cli("init")
        (self.home / "password").write_text(_PASSWORD)
        bare = {"username": _BARE, "password": f"file:{self.home / 'password'}", "options": {"dkim": "off"}}
        demo = self._demo()
        demo["domains"] = [*demo["domains"], {"name": "example.org", "verified": True, "dkim": ["rsa"]}]
        accounts = {"accounts": [{**demo, "credentials": [{"username": "demo"}, bare]}]}
        (self.home / "accounts.yaml").write_text(yaml.safe_dump(accounts))
        self._cli("apply", str(self.home / "accounts.yaml"))
        (self.home / "letter.html").write_text(letter.template())
        self._cli("template", "put", letter.TEMPLATE, "--html", str(self.home / "letter.html"))
        self.records = {
            name: value
            for domain in ("example.com", "example.org")
            for name, value in _records(self._cli("dkim", "record", domain)).items()
        }

    def _demo(self) -> dict[str, Any]:
        exported = yaml.safe_load(self._cli("apply", "--export"))
        found: dict[str, Any] = next(each for each in exported["accounts"] if each["name"] == "demo")
        return found

    def launch(self) -> None:
        """Start what is initialised; return once every listener answers."""
        access = self.data / "access.json"
        access.unlink(missing_ok=True)
        with (self.home / "relay.log").open("ab") as log:
            self.process = process = subprocess.Popen(
                self.group.command([*PROGRAM, "serve", "--config", str(self.home / "relay.yaml")]),
                cwd=self.home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.group.add(process.pid)
        until(lambda: access.exists() or process.poll() is not None, "relay's access.json", 60)
        if process.poll() is not None:
            raise RuntimeError(f"relay ended with {process.poll()}: {(self.home / 'relay.log').read_text()[-2000:]}")
        told = json.loads(access.read_text())
        ports = told["ports"]
        self.web = int(ports["http"])
        self.doors = {
            PLAIN: Door(port=ports["plain"]),
            SECURE: Door(port=ports["submission"], username=told["username"], password=told["password"]),
            UNSIGNED: Door(port=ports["submission"], username=_BARE, password=_PASSWORD),
            API: Door(port=self.web, token=told["token"]),
        }

    def stop(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self.group.close()

    def link_keys(self) -> Sequence[LinkKey]:
        registry = open_registry(self.data / "registry.db")
        try:
            return registry.link_keys()
        finally:
            registry.close()

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.checkout), "RELAY_CONFIG": str(self.home / "relay.yaml")}

    def _cli(self, *words: str) -> str:
        done = subprocess.run(
            [*PROGRAM, *words], cwd=self.home, env=self._environment, capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"relay {' '.join(words)}: {done.stderr}")
        return done.stdout


def _records(zone: str) -> dict[bytes, bytes]:
    """TXT records from zone file lines."""
    found = {}
    for line in zone.splitlines():
        if " IN TXT " in line:
            name, _, rest = line.partition(" IN TXT ")
            found[name.strip().encode()] = "".join(re.findall(r'"([^"]*)"', rest)).encode()
    return found
