"""Conversations over a real socket, written as one writes them in a mail to a colleague.

    C: what the client says; lines in a row leave in one packet
    S: what it must hear, line by line; `...` at the end stands for any rest
    S+ a whole reply of any number of lines, each with this code
    -- tls        the client begins a TLS handshake
    -- closed     the server closes the connection
    -- send b'…'  octets as they are
    -- shut       the client shuts its sending side

The client is a blocking one in a thread, so that it shares no code and no event loop with the server.
"""

from __future__ import annotations

import ast
import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from relay.config import Auth, Limits, Listener, ListenerKind, Purpose
from relay.model.account import Login
from relay.model.clock import Clock, system_clock
from relay.model.envelope import Envelope, Parameters
from relay.model.reply import Refused, Reply
from relay.smtp.budget import Budget
from relay.smtp.door import Arrived, SessionInfo
from relay.smtp.listen import Server, listen

PASSWORDS = {"ann": "sécret", "bob": "plain"}
PATIENCE = 10.0  # seconds until a test gives up on a reply


@dataclass
class FakeDoor:
    """A small real Door: one user, everything else by attribute."""

    bound: Login | None = None  # what `auth: none` gives each session
    waits: bool = False  # before it lets anybody in
    recalled: set[tuple[str, str]] = field(default_factory=set)  # user names and passwords
    refuse_opened: Exception | None = None
    refuse_sender: Exception | None = None
    refuse_address: str = ""
    highest: int = 9  # priority
    fault: Exception | None = None  # raised by `message`
    gate: asyncio.Event | None = None  # `message` waits for it
    reached: asyncio.Event = field(default_factory=asyncio.Event)  # set when `message` is called
    taken: list[tuple[SessionInfo, Envelope, Arrived]] = field(default_factory=list)
    parameters: list[Parameters] = field(default_factory=list)  # of those taken
    inside: int = 0
    calls: int = 0

    def admits(self, session: SessionInfo) -> bool:
        self.inside += 1
        if self.waits:
            return False
        self._let_in(session)
        return True

    async def opened(self, session: SessionInfo) -> None:
        assert self.waits
        await asyncio.sleep(0)
        self._let_in(session)

    def _let_in(self, session: SessionInfo) -> None:
        self.calls += 1
        if self.refuse_opened is not None:
            raise self.refuse_opened
        session.login = self.bound

    def closed(self, session: SessionInfo) -> None:
        self.inside -= 1

    def recalls(self, session: SessionInfo, username: str, password: str) -> Login | None:
        return Login(account="demo", credential=username) if (username, password) in self.recalled else None

    async def login(self, session: SessionInfo, username: str, password: str) -> Login:
        await asyncio.sleep(0)
        if PASSWORDS.get(username) != password:
            raise Refused(535, "5.7.8", "Wrong user name or password")
        return Login(account="demo", credential=username)

    def mail(self, session: SessionInfo, reverse_path: str) -> None:
        if self.refuse_sender is not None:
            raise self.refuse_sender

    def priority(self, session: SessionInfo, asked: int) -> int:
        return min(asked, self.highest)

    def rcpt(self, session: SessionInfo, reverse_path: str, address: str) -> None:
        if self.refuse_address and address == self.refuse_address:
            raise Refused(550, "5.1.1", "No such mailbox")

    async def message(
        self, session: SessionInfo, envelope: Envelope, parameters: Parameters, arrived: Arrived
    ) -> Reply:
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.taken.append((session, envelope, arrived))
        self.parameters.append(parameters)
        return Reply(250, "2.0.0", f"Ok: queued as {len(self.taken)}")

    @property
    def content(self) -> bytes:
        """Of the only message taken."""
        assert len(self.taken) == 1
        return self.taken[0][2].octets


@dataclass
class Stage:
    """A running server, its door, and how to talk to it."""

    server: Server
    door: FakeDoor
    budget: Budget
    client_tls: ssl.SSLContext | None

    def client(self) -> Client:
        return Client(self.server.port, self.client_tls)

    async def play(self, script: str) -> None:
        def talk() -> None:
            with self.client() as client:
                client.play(script)

        await asyncio.to_thread(talk)

    async def settled(self) -> None:
        """Wait until no session is left and everything was given back."""
        await until(lambda: self.server.sessions == 0)
        assert (self.door.inside, self.budget.open, self.budget.held) == (0, 0, 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for belongs to the server
            await asyncio.sleep(0.002)


OPEN = Listener(
    name="test",
    port=0,
    kind=ListenerKind.PLAIN,
    auth=Auth.NONE,
    networks=("127.0.0.0/8", "::1/128"),
    credential="demo",
)
CLEAR = Listener(name="test", port=0, kind=ListenerKind.PLAIN, auth_without_tls=True, networks=("127.0.0.0/8",))
STARTTLS = Listener(name="test", port=0, kind=ListenerKind.STARTTLS)
TLS = Listener(name="test", port=0, kind=ListenerKind.TLS)
RETURNS = Listener(name="test", port=0, purpose=Purpose.RETURNS)


@asynccontextmanager
async def stage(
    listener: Listener = OPEN,
    *,
    door: FakeDoor | None = None,
    limits: Limits | None = None,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    clock: Clock = system_clock,
) -> AsyncIterator[Stage]:
    """A server on the loopback; `tls` is its context and the client's."""
    limits = limits or Limits()
    door = door or FakeDoor()
    if listener.auth is Auth.NONE and listener.purpose is Purpose.SUBMISSION and door.bound is None:
        door.bound = Login(account="demo", credential="demo")
    budget = Budget(limits.memory, limits.sessions)
    sock = socket.create_server((listener.address, 0))
    server = await listen(sock, listener, limits, "mx.example", door, tls[0] if tls else None, budget, clock)
    try:
        yield Stage(server, door, budget, tls[1] if tls else None)
    finally:
        await server.drain(0.0)


class Client:
    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._tls = tls
        self._heard = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.sock.close()

    def secure(self) -> None:
        assert self._tls is not None
        assert self._heard == b""
        self.sock = self._tls.wrap_socket(self.sock, server_hostname="mx.example")

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def line(self) -> str:
        while b"\r\n" not in self._heard:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError(f"the server closed the connection; left: {self._heard!r}")
            self._heard += more
        line, self._heard = self._heard.split(b"\r\n", 1)
        return line.decode()

    def reply(self) -> str:
        """The last line of the next reply."""
        while (line := self.line())[3:4] == "-":
            pass
        return line

    def ask(self, text: str) -> str:
        self.send(text.encode() + b"\r\n")
        return self.reply()

    def closed(self) -> bool:
        """Whether the server closes now and says nothing more."""
        try:
            rest = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            rest = b""
        assert self._heard + rest == b""
        return True

    def play(self, script: str) -> None:
        packet = b""
        for line in [*script.split("\n"), "--"]:
            who, _, text = line.lstrip().partition(" ")
            if not who:
                continue
            if who == "C:":
                packet += text.encode() + b"\r\n"
                continue
            if packet:
                self.send(packet)
                packet = b""
            if who == "S:":
                heard = self.line()
                fits = heard.startswith(text[:-3]) if text.endswith("...") else heard == text
                assert fits, f"expected {text!r}, heard {heard!r}"
            elif who == "S+":
                self._whole(text)
            elif who == "--":
                self._act(text)
            else:
                raise AssertionError(f"not a line of a script: {line!r}")

    def _whole(self, code: str) -> None:
        while True:
            heard = self.line()
            assert heard.startswith(code), f"expected a reply {code}, heard {heard!r}"
            if heard[3:4] != "-":
                return

    def _act(self, text: str) -> None:
        act, _, octets = text.partition(" ")
        if act == "tls":
            self.secure()
        elif act == "closed":
            assert self.closed()
        elif act == "shut":
            self.sock.shutdown(socket.SHUT_WR)
        elif act == "send":
            self.send(ast.literal_eval(octets))
        else:
            assert act == "", text
