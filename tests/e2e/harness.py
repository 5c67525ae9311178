"""The real program as a process: configured, initialised, started, asked by its own commands, stopped or killed.

Everything lies under a directory of the test's own; ports are the system's choice and are read from
`access.json`. Nothing here sleeps and hopes: waits end with a condition or with a deadline, and then say what
the relay printed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from relay.model.event import WORDS
from relay.store.sqlite import existing_shards, open_reader, shard_directory

PROGRAM = [sys.executable, "-m", "relay"]
ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds until a condition counts as never coming true; the machine may be busy
_T = TypeVar("_T")


def listeners(**more: Any) -> list[dict[str, Any]]:
    """What config/local.yaml has, on ports of the system's choice."""
    common = {"address": "127.0.0.1", "port": 0, "trusted": ["127.0.0.0/8"], **more}
    return [
        {"name": "submission", "kind": "starttls", **common},
        {"name": "starttls", "kind": "starttls", **common},
        {"name": "tls", "kind": "tls", **common},
    ]


class Relay:
    """One relay with its data directory, through as many starts as a test likes."""

    program: Sequence[str] = PROGRAM  # what `start` runs; commands are always the relay's own
    inherited: Sequence[int] = ()  # descriptors that it gets besides

    def __init__(self, home: Path, config: Mapping[str, Any]) -> None:
        self.home = home
        self.data = home / "var"
        self.config = home / "relay.yaml"
        self.log = home / "relay.log"
        self.process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)
        self.configure(config)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the configuration; a running relay takes notice at SIGHUP."""
        full = {
            "hostname": "relay.test",
            "data": str(self.data),
            "listeners": listeners(),
            "http": {"address": "127.0.0.1", "port": 0},
            "processes": {"workers": 1},
            **config,
        }
        self.config.write_text(yaml.safe_dump(full))

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "RELAY_CONFIG": str(self.config), "PYTHONUNBUFFERED": "1"}

    def init(self) -> None:
        self.cli("init")

    def start(self) -> None:
        """Start, and return once all listeners answer."""
        assert self.process is None, "it runs already"
        (self.data / "access.json").unlink(missing_ok=True)  # a killed relay's: the new one has yet to answer
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "serve", "--config", str(self.config)],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.inherited,
                start_new_session=True,  # a group of its own, so that the test can kill all of it
            )
        self.wait(lambda: (self.data / "access.json").exists() or self._ended(), "access.json")
        assert not self._ended(), f"the relay ended with {self.process.poll()}:\n{self.printed}"

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self, seconds: float = 12.0) -> int:
        """SIGTERM, and its exit code."""
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._kill(process)
            raise AssertionError(f"SIGTERM did not end it in {seconds} s:\n{self.printed}") from None

    def kill(self) -> None:
        """SIGKILL to every process at once, as a power cut would."""
        if self.process is not None:
            process, self.process = self.process, None
            self._kill(process)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    @property
    def printed(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def access(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "access.json").read_text())
        return found

    @property
    def authority(self) -> Path:
        return self.data / "tls/cert.pem"

    def port(self, listener: str = "submission") -> int:
        return int(self.access["ports"][listener])

    def cli(self, *words: str, code: int = 0, stdin: bytes = b"") -> bytes:
        """A command of the relay; its standard output."""
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=self.home,
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        said = done.stderr.decode(errors="replace")
        assert done.returncode == code, (
            f"relay {' '.join(words)}: {done.returncode}, not {code}\n{said}{self.printed}"
        )
        return done.stdout

    def ask(self, *words: str, code: int = 0) -> Any:
        """A command's JSON."""
        return json.loads(self.cli(*words, "--json", code=code))

    def message(self, message_id: str) -> bytes:
        return self.cli("message", message_id)

    def events(self, message_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("events", "--id", message_id)
        return found

    def session(self, listener: str = "submission") -> smtplib.SMTP:
        """An SMTP session that is logged in. Close it with `with`."""
        context = ssl.create_default_context(cafile=str(self.authority))
        access = self.access
        if listener == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(access["host"], self.port("tls"), context=context, timeout=30)
        else:
            client = smtplib.SMTP(access["host"], self.port(listener), timeout=30)
            client.starttls(context=context)
        client.login(access["username"], access["password"])
        return client

    def submit(self, content: bytes, to: Sequence[str], sender: str = "me@example.com") -> str:
        """Hand in a message over SMTP; its id."""
        with self.session() as client:
            code, reply = client.mail(sender)
            assert code == 250, reply
            for address in to:
                code, reply = client.rcpt(address)
                assert code == 250, reply
            code, reply = client.data(content)
            assert code == 250, reply
        return queue_id(reply.decode())

    def wait(self, condition: Callable[[], _T], what: str, seconds: float = PATIENCE) -> _T:
        """Ask again until the answer is true; what it was."""
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            assert time.monotonic() < deadline, f"{what} did not come in {seconds} s:\n{self.printed}"
            time.sleep(0.05)
        return answer

    def wait_for_state(self, message_id: str, *states: str) -> list[dict[str, Any]]:
        """Wait until every recipient of a message is in one of these states; their queue entries."""

        def reached() -> list[dict[str, Any]] | None:
            options = [word for each in ALL_STATES for word in ("--state", each)]
            entries = [
                each for each in self.ask("queue", *options, "--limit", "10000") if each["id"].startswith(message_id)
            ]
            return entries if entries and all(each["state"] in states for each in entries) else None

        found = self.wait(reached, f"{message_id} {' or '.join(states)}")
        assert found is not None
        return found


ALL_STATES = ("queued", "flight", "held", "delivered", "failed", "expired", "suppressed", "cancelled")


def queue_id(reply: str) -> str:
    """The id in `Ok: queued as ID`."""
    assert "queued as " in reply, reply
    return reply.partition("queued as ")[2].split()[0]


@contextlib.contextmanager
def running(home: Path, config: Mapping[str, Any]) -> Iterator[Relay]:
    """A relay that is initialised and started; killed at the end if the test did not stop it."""
    relay = Relay(home, config)
    relay.init()
    try:
        relay.start()
        yield relay
    except BaseException:
        sys.stdout.write(relay.printed)
        raise
    finally:
        relay.kill()
    assert strange_words(relay.data) == set()


def strange_words(data: Path) -> set[str]:
    """Words in the journals' events that no page of the handbook tells of."""
    found: set[str] = set()
    for shard in existing_shards(data):
        with contextlib.closing(open_reader(shard_directory(data, shard), shard)) as reader:
            after = 0
            while entries := reader.journal(after, 1000):
                found.update(word for entry in entries for word in entry.event.data)
                after = entries[-1].seq
    return found - WORDS.keys()
