"""What every row is tried on: one relay that runs, a small Internet around it, and its tracking side over HTTP.

In:  content as a client hands it in, over SMTP submission with STARTTLS and AUTH.
Out: what arrived at the recipient's server; answers of the tracking side; events.

Every test has recipients of its own, so that one relay can serve all of them.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import os
import re
import smtplib
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar, cast
from unittest import mock
from urllib.parse import urlsplit

from relay.cli.app import run
from tests.e2e.harness import Relay, listeners, queue_id
from tests.e2e.world import HOME_DOMAIN, World, world
from tests.peers.receiver import Behaviour, Received

SENDER = f"me@{HOME_DOMAIN}"
CLICKS = f"clicks.{HOME_DOMAIN}"
BOUNCES = f"bounces.{HOME_DOMAIN}"
TAKES, REFUSES, BUSY, TRACES = "takes.example", "refuses.example", "busy.example", "traces.example"
_T = TypeVar("_T")


class Near(Relay):
    """A relay whose commands run in this process: the same code, without a Python to start for each."""

    def cli(self, *words: str, code: int = 0, stdin: bytes = b"") -> bytes:
        with ThreadPoolExecutor(1) as apart:  # where no event loop of a test's or a browser's runs
            ended, out, said = apart.submit(self._run, words, stdin).result(60)
        assert ended == code, f"relay {' '.join(words)}: {ended}, not {code}\n{said}{self.printed}"
        return out

    def _run(self, words: Sequence[str], stdin: bytes) -> tuple[int, bytes, str]:
        out, said = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        given = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(said),
            mock.patch.object(sys, "stdin", given),
            mock.patch.dict(os.environ, self.environment),
        ):
            ended = run(words)
            out.flush()
        return ended, out.buffer.getvalue(), said.getvalue()


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tracking side said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def location(self) -> str:
        return self.headers["location"]


@dataclass(slots=True)
class Sent:
    """A message that was taken, and who it was for."""

    id: str
    to: tuple[str, ...]
    reply: str


@dataclass(slots=True)
class Stage:
    internet: World
    demo: Login
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def relay(self) -> Any:
        return self.internet.relay

    def somebody(self, domain: str = TAKES) -> str:
        """An address nobody else uses."""
        return f"r{next(self._numbers)}@{domain}"

    def credential(self, *words: str) -> Login:
        """A further login of the account demo, made with these options."""
        made = self.relay.ask("credential", "add", "--account", "demo", *words)
        return Login(made["username"], made["password"])

    @contextmanager
    def session(self, login: Login | None = None, listener: str = "submission") -> Iterator[smtplib.SMTP]:
        login = login or self.demo
        with smtplib.SMTP("127.0.0.1", self.relay.port(listener), timeout=30) as client:
            client.starttls(context=self.tls())
            client.login(login.username, login.password)
            yield client

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.relay.authority))

    def say(
        self,
        content: bytes,
        *to: str,
        login: Login | None = None,
        sender: str = SENDER,
        mail: Sequence[str] = (),
        rcpt: Sequence[str] = (),
    ) -> tuple[int, str]:
        """The relay's answer to a message, or to the first command it refuses."""
        with self.session(login) as client:
            code, reply = client.mail(sender, list(mail))
            for each in to:
                if code == 250:
                    code, reply = client.rcpt(each, list(rcpt))
            if code == 250:
                code, reply = client.data(content)
        return code, reply.decode()

    def send(self, content: bytes, *to: str, **more: Any) -> Sent:
        """Hand in a message that must be taken; to somebody new where nobody is named."""
        named = to or (self.somebody(),)
        code, reply = self.say(content, *named, **more)
        assert code == 250, reply
        return Sent(queue_id(reply), named, reply)

    def arrived(self, sent: Sent, to: str = "") -> Received:
        """What the recipient's server got."""
        address = to or sent.to[0]
        receiver = self.internet.receivers[address.partition("@")[2]]

        def mine(it: Any) -> list[Received]:
            return [each for each in it.messages if address in each.recipients]

        receiver.wait_for(lambda it: bool(mine(it)), 30)
        return mine(receiver)[0]

    def delivered(self, content: bytes, *to: str, **more: Any) -> bytes:
        """Hand in and wait; what arrived, as octets."""
        return self.arrived(self.send(content, *to, **more)).content

    def state(self, sent: Sent, *states: str) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.relay.wait_for_state(sent.id, *states))

    def events(self, sent: Sent, *names: str, many: int = 1) -> list[dict[str, Any]]:
        """Events of these names, once there are so many."""

        def found() -> list[dict[str, Any]]:
            all_of_it = self.relay.events(sent.id)
            fit = [each for each in all_of_it if each["event"] in names]
            return fit if len(fit) >= many else []

        return cast(list[dict[str, Any]], self.relay.wait(found, f"{names} of {sent.id}"))

    def wait(self, condition: Callable[[], _T], what: str) -> _T:
        return cast(_T, self.relay.wait(condition, what))

    def http(self, url: str, method: str = "GET", body: str = "", host: str = "", **headers: str) -> Answer:
        """Ask the tracking side as the DNS of its hosts would have it, as a person's browser."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", self.relay.port("http"), timeout=30)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        sent = {"Host": host or parts.netloc, "User-Agent": PERSON, **form, **headers}
        try:
            connection.request(method, target, body.encode() if body else None, sent)
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): text for name, text in got.getheaders()}, got.read())
        finally:
            connection.close()


PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def message(*control: str, html: str = "", text: str = "", subject: str = "Hello", sender: str = SENDER) -> bytes:
    """Control fields (`TrackClicks: true`) before a message of one part, or of two alternatives."""
    made = EmailMessage(policy=policy.SMTP)
    made["From"], made["To"], made["Subject"] = sender, f"list@{HOME_DOMAIN}", subject
    if text or not html:
        made.set_content(text or "Hello.\n")
    if html:
        (made.add_alternative if text else made.set_content)(html, subtype="html")
    head = "".join(f"X-SMTPeter-{line}\r\n" for line in control)
    return head.encode() + made.as_bytes()


def part(content: bytes, kind: str = "text/html") -> str:
    """The first part of this type, as text."""
    for each in message_from_bytes(content, policy=policy.default).walk():
        if each.get_content_type() == kind:
            found = each.get_content()
            assert isinstance(found, str)
            return found
    raise AssertionError(f"no {kind} in\n{content.decode(errors='replace')}")


def headers(content: bytes, name: str) -> list[str]:
    """The values of a header field, unfolded."""
    return [re.sub(r"\r?\n(?=[ \t])", "", each) for each in message_from_bytes(content).get_all(name, [])]


def links(html: str, attribute: str = "href") -> list[str]:
    """Values of an attribute, as they stand."""
    return re.findall(rf'{attribute}="([^"]*)"', html)


@contextmanager
def stage(home: Path) -> Iterator[Stage]:
    behaviours: dict[str, Behaviour | None] = {
        HOME_DOMAIN: Behaviour(),
        TAKES: Behaviour(),
        REFUSES: Behaviour(on={"rcpt": "550 5.1.1 no such mailbox"}),
        BUSY: Behaviour(on={"rcpt": "450 4.2.1 mailbox busy"}),
        TRACES: Behaviour(dsn=True),
    }
    returns = {"name": "returns", "address": "127.0.0.1", "port": 0, "purpose": "returns"}
    third = {**listeners()[0], "name": "third"}
    config: dict[str, Any] = {
        "listeners": [*listeners(), third, returns],
        "webhooks": {"allow": ["127.0.0.0/8"]},
        "http": {"address": "127.0.0.1", "port": 0, "api": {"networks": ["127.0.0.0/8"]}},
        "tracking": {"images": {"networks": ["127.0.0.0/8"]}},
    }
    with world(home, behaviours, config, Near) as made:
        made.dns.set(BOUNCES, "MX", "10 relay.test.")
        made.dns.set(CLICKS, "CNAME", "relay.test.")
        made.relay.cli("domain", "set", HOME_DOMAIN, "--bounce-host", BOUNCES)
        made.relay.cli("domain", "bounces", HOME_DOMAIN)
        made.relay.cli("domain", "tracking", HOME_DOMAIN, CLICKS, "--https", "--force")
        access = made.relay.access
        yield Stage(made, Login(access["username"], access["password"]))
