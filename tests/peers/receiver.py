"""A real SMTP receiver that misbehaves on request.

In:  a `Behaviour`: what to offer, and what to do at which step instead of the usual.
Out: every message with its envelope, byte for byte (dots undoubled, nothing else touched), and every session
     with the commands it saw.

It runs in threads of its own, so that relays in this process or in others can talk to it; or as a process:
`python -m tests.peers.receiver --port 2600 --behaviour FILE.json --store DIR`, which reads the file again for
each connection, prints a line of JSON with its port, and stores `N.json` and `N.eml`.

Steps are `connect greeting ehlo helo starttls handshake auth mail rcpt rcpt:ADDRESS data content dot rset quit`.
What a step does is a reply ("451 4.3.0 not now", lines parted by "\\n") or one of these words, or a list of
them, one taken each time, and after the last everything is as usual:

    ok       the usual
    drop     close the connection (at `content`: after the first octets of the message; at `dot`: when all of
             the message has come, and before the answer; at `handshake`: instead of it)
    take     at `dot`: store the message, and close the connection without an answer
    silent   say nothing, until the other side gives up
    junk     a line that is no reply        garbage  octets of no meaning
    endless  continuation lines without end  long     a line without end

or one of the tricks of `tricks.py`: raw, drip, reset, half, alert, notify, slurp.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import datetime
import json
import signal
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import trustme

from tests.peers.tricks import TRICKS, answers

Doing = str | list[str]


@dataclass(kw_only=True)
class Behaviour:
    """JSON types only. Durations are seconds."""

    on: dict[str, Doing] = field(default_factory=dict)  # step -> what to do there
    delay: dict[str, float] = field(default_factory=dict)  # step -> wait before the answer
    trickle: float = 0.0  # wait before each octet of each answer
    greylist: bool = False  # the first RCPT of each sender and recipient: 451 4.7.1
    messages: int = 0  # after this many in a session, MAIL is answered 421 and the connection closed
    recipients: int = 0  # of a message; over it 452 4.5.3
    forgetful: bool = False  # what came behind the final dot before the answer to it is thrown away
    starttls: bool = True
    certificate: str = "good"  # good, wrong (another name), expired
    implicit_tls: bool = False
    pipelining: bool = True
    eight_bit: bool = True
    utf8: bool = True
    dsn: bool = False
    size: int | None = 0  # None: not offered
    login: list[str] | None = None  # user name and password: AUTH is offered, and MAIL demands it
    name: str = "receiver.example"


@dataclass(frozen=True, kw_only=True)
class Received:
    sender: str
    recipients: tuple[str, ...]
    parameters: tuple[str, ...]  # of MAIL
    content: bytes
    session: int
    tls: bool


@dataclass(kw_only=True)
class Session:
    number: int
    client: str = ""  # address it came from
    commands: list[str] = field(default_factory=list)
    messages: int = 0
    tls: bool = False
    login: str = ""
    pipelined: bool = False  # commands came before the answer to the one before them
    ahead: int = 0  # messages with commands right behind their final dot
    done: bool = False


class _Closed(Exception):
    """The session is over."""


@lru_cache
def authority() -> trustme.CA:
    """Who signs all receivers' certificates in this process."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@lru_cache
def server_context(certificate: str, names: tuple[str, ...]) -> ssl.SSLContext:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    made = authority().issue_cert(
        *(("wrong.example",) if certificate == "wrong" else names),
        not_before=past - datetime.timedelta(days=9) if certificate == "expired" else None,
        not_after=past if certificate == "expired" else None,
        key_type=trustme.KeyType.ECDSA,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.configure_cert(context)
    return context


class Receiver:
    """Listens until closed. `behaviour` may be replaced at any time; sessions look at it at every step."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        names: tuple[str, ...] = ("localhost", "127.0.0.1"),
        refresh: Callable[[], Behaviour] | None = None,
        keep: Callable[[int, Received], None] | None = None,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.names = names
        self.messages: list[Received] = []
        self.sessions: list[Session] = []
        self._refresh = refresh
        self._keep = keep
        self._told: Counter[str] = Counter()
        self._seen: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.ended = threading.Event()
        self._listener = socket.create_server((address, port), backlog=128)
        self.address, self.port = self._listener.getsockname()[:2]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.ended.set()
        _shut(self._listener)  # closing alone would not wake the thread that accepts
        with self._changed:
            for sock in self._open:
                _shut(sock)
            self._changed.notify_all()
        for thread in (self._accepting, *self._threads):
            thread.join(5)

    def wait_for(self, what: Callable[[Receiver], bool], seconds: float = 10.0) -> None:
        """Until `what` holds. Raises TimeoutError, telling what there is."""
        with self._changed:
            if not self._changed.wait_for(lambda: what(self), seconds):
                raise TimeoutError(f"{len(self.messages)} messages, sessions: {self.sessions}")

    def wait(self, messages: int, seconds: float = 10.0) -> list[Received]:
        """The messages, once there are so many."""
        self.wait_for(lambda it: len(it.messages) >= messages, seconds)
        return list(self.messages)

    async def until(self, what: Callable[[Receiver], bool], seconds: float = 10.0) -> None:
        """`wait_for`, while the event loop goes on."""
        await asyncio.to_thread(self.wait_for, what, seconds)

    async def arrived(self, messages: int, seconds: float = 10.0) -> list[Received]:
        """`wait`, while the event loop goes on."""
        return await asyncio.to_thread(self.wait, messages, seconds)

    def heard(self, command: str) -> list[str]:
        """All commands of all sessions that begin like this."""
        return [line for each in self.sessions for line in each.commands if line.startswith(command)]

    # What sessions use.

    def doing(self, *steps: str) -> str:
        """What to do at the first of these steps that has something to do; "ok" if none has."""
        with self._changed:
            for step in steps:
                given = self.behaviour.on.get(step, "ok")
                if isinstance(given, list):
                    number = self._told[step]
                    self._told[step] += 1
                    given = given[number] if number < len(given) else "ok"
                if given != "ok":
                    return given
        return "ok"

    def first_time(self, sender: str, recipient: str) -> bool:
        with self._changed:
            new = (sender, recipient) not in self._seen
            self._seen.add((sender, recipient))
            return new

    def store(self, received: Received) -> None:
        with self._changed:
            self.messages.append(received)
            if self._keep is not None:
                self._keep(len(self.messages), received)
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            if self._refresh is not None:
                self.behaviour = self._refresh()
            with self._changed:
                self._open.add(sock)
                session = Session(number=len(self.sessions), client=peer[0])
                self.sessions.append(session)
                self._threads = [each for each in self._threads if each.is_alive()]
                thread = threading.Thread(target=self._serve, args=(sock, session), daemon=True)
                self._threads.append(thread)
                self._changed.notify_all()
            thread.start()

    def _serve(self, sock: socket.socket, session: Session) -> None:
        talk = _Talk(self, sock, session)
        try:
            talk.run()
        except (_Closed, OSError):
            pass
        finally:
            with self._changed:
                self._open.discard(sock)
                session.done = True
                self._changed.notify_all()
            _shut(talk.sock)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was faster
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


class _Talk:
    """One session."""

    def __init__(self, owner: Receiver, sock: socket.socket, session: Session) -> None:
        self.owner = owner
        self.sock = sock
        self.session = session
        self._buffer = b""
        self._sender: str | None = None
        self._parameters: tuple[str, ...] = ()
        self._recipients: list[str] = []

    @property
    def ways(self) -> Behaviour:
        return self.owner.behaviour

    def run(self) -> None:
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if (doing := self.owner.doing("connect")) != "ok":
            self._do("connect", doing)
        if self.ways.implicit_tls:
            self._handshake()
        if not self._act("greeting", f"220 {self.ways.name} ESMTP"):
            self._linger()
        while True:
            line = self._line()
            with self.owner._changed:
                self.session.commands.append(line)
                self.session.pipelined = self.session.pipelined or bool(self._buffer)
                self.owner._changed.notify_all()
            verb, _, rest = line.partition(" ")
            handler: Callable[[str], None] | None = getattr(self, f"_{verb.lower()}", None)
            if handler is None or not verb.isalpha():
                self._say("500 5.5.2 no such command")
            else:
                handler(rest)

    # Commands.

    def _ehlo(self, _: str) -> None:
        ways = self.ways
        offers = [
            ways.name,
            *(["PIPELINING"] if ways.pipelining else []),
            *(["8BITMIME"] if ways.eight_bit else []),
            *(["SMTPUTF8"] if ways.utf8 else []),
            *(["DSN"] if ways.dsn else []),
            *([f"SIZE {ways.size}"] if ways.size is not None else []),
            *(["STARTTLS"] if ways.starttls and not self.session.tls else []),
            *(["AUTH PLAIN LOGIN"] if ways.login else []),
            "ENHANCEDSTATUSCODES",
        ]
        self._act("ehlo", "250 " + "\n".join(offers))

    def _helo(self, _: str) -> None:
        self._act("helo", f"250 {self.ways.name}")

    def _starttls(self, _: str) -> None:
        if self._act("starttls", "220 2.0.0 go ahead"):
            self._handshake()

    def _handshake(self) -> None:
        doing = self.owner.doing("handshake")
        if doing != "ok":
            self._do("handshake", doing)
        self.sock = server_context(self.ways.certificate, self.owner.names).wrap_socket(self.sock, server_side=True)
        with self.owner._changed:
            self.owner._open.add(self.sock)
        self.session.tls = True
        self._buffer = b""

    def _auth(self, rest: str) -> None:
        kind, _, initial = rest.partition(" ")
        try:
            if kind.upper() == "PLAIN":
                _, user, password = base64.b64decode(initial or self._ask("334 ")).decode().split("\0")
            else:
                user = base64.b64decode(initial or self._ask("334 VXNlcm5hbWU6")).decode()
                password = base64.b64decode(self._ask("334 UGFzc3dvcmQ6")).decode()
        except ValueError:
            self._say("501 5.5.2 cannot decode")
            return
        right = self.ways.login == [user, password]
        if self._act("auth", "235 2.7.0 welcome" if right else "535 5.7.8 wrong"):
            self.session.login = user

    def _ask(self, challenge: str) -> str:
        self._say(challenge)
        return self._line()

    def _mail(self, rest: str) -> None:
        if self.ways.messages and self.session.messages >= self.ways.messages:
            self._say("421 4.7.0 too many messages in this session")
            raise _Closed
        if self.ways.login and not self.session.login:
            self._say("530 5.7.0 authentication required")
            return
        path, *parameters = rest.removeprefix("FROM:").split(" ")
        if self._act("mail", "250 2.1.0 sender ok"):
            self._sender, self._parameters, self._recipients = path.strip("<>"), tuple(parameters), []

    def _rcpt(self, rest: str) -> None:
        address = rest.removeprefix("TO:<").partition(">")[0]
        if self._sender is None:
            self._say("503 5.5.1 MAIL first")
        elif self.ways.recipients and len(self._recipients) >= self.ways.recipients:
            self._say("452 4.5.3 too many recipients")
        elif self.ways.greylist and self.owner.first_time(self._sender, address):
            self._say("451 4.7.1 greylisted, try again in 300 seconds")
        elif self._act(f"rcpt:{address}", "250 2.1.5 recipient ok", "rcpt"):
            self._recipients.append(address)

    def _data(self, _: str) -> None:
        if not self._recipients:
            self._say("554 5.5.1 no valid recipients")
            return
        if not self._act("data", "354 go ahead"):
            return
        if (doing := self.owner.doing("content")) != "ok":
            self._buffer += self.sock.recv(100)
            self._do("content", doing)
        content = self._content()
        self.session.ahead += bool(self._buffer)
        if self.ways.forgetful:
            self._buffer = b""
        received = Received(
            sender=self._sender or "",
            recipients=tuple(self._recipients),
            parameters=self._parameters,
            content=content,
            session=self.session.number,
            tls=self.session.tls,
        )
        self._sender, self._recipients = None, []
        self._act("dot", "250 2.0.0 taken", before=lambda: self._take(received))

    def _take(self, received: Received) -> None:
        self.session.messages += 1
        self.owner.store(received)

    def _rset(self, _: str) -> None:
        self._sender, self._recipients = None, []
        self._act("rset", "250 2.0.0 forgotten")

    def _noop(self, _: str) -> None:
        self._say("250 2.0.0 nothing done")

    def _quit(self, _: str) -> None:
        self._act("quit", "221 2.0.0 bye")
        raise _Closed

    # How answers are given.

    def _act(self, step: str, usual: str, *others: str, before: Callable[[], None] | None = None) -> bool:
        """Answer as the behaviour says; whether it was the usual. `before` is done before a usual answer."""
        wait = max(self.ways.delay.get(each, 0.0) for each in (step, *others))
        if wait and self.owner.ended.wait(wait):
            raise _Closed
        doing = self.owner.doing(step, *others)
        if doing == "ok":
            if before is not None and usual.startswith("2"):
                before()
            self._say(usual)
            return usual[0] in "23"
        if before is not None and (doing == "take" or answers(doing).startswith("2")):
            before()
        self._do(step, doing)
        return answers(doing)[0] in "23"

    def _do(self, step: str, doing: str) -> None:
        if doing in ("drop", "take"):
            raise _Closed
        trick = TRICKS.get(doing.partition(" ")[0])
        if trick is not None:
            if not trick(self.sock, doing.partition(" ")[2], self.owner.ended):
                raise _Closed
            return
        if doing == "silent":
            self._linger()
        elif doing == "junk":
            self._send(b"what do you want?\r\n")
        elif doing == "garbage":
            self._send(bytes(range(1, 256)) * 8)
            raise _Closed
        elif doing == "endless":
            self._flood(b"250-and there is more\r\n" * 100)
        elif doing == "long":
            self._flood(b"250-and so on " * 100)
        else:
            self._say(doing)
            if doing.startswith("421"):
                raise _Closed
            if step == "greeting" and not doing.startswith("220"):
                self._linger()

    def _flood(self, piece: bytes) -> None:
        for _ in range((10 << 20) // len(piece)):
            self.sock.sendall(piece)
        self._linger()

    def _linger(self) -> None:
        """Nothing more from us; until the other side closes."""
        while self.sock.recv(65536):
            pass
        raise _Closed

    def _say(self, reply: str) -> None:
        code, _, text = reply.partition(" ")
        *first, last = text.split("\n")
        self._send("".join([*(f"{code}-{line}\r\n" for line in first), f"{code} {last}\r\n"]).encode())

    def _send(self, octets: bytes) -> None:
        if not self.ways.trickle:
            self.sock.sendall(octets)
            return
        for octet in octets:
            if self.owner.ended.wait(self.ways.trickle):
                raise _Closed
            self.sock.sendall(bytes((octet,)))

    def _line(self) -> str:
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    def _content(self) -> bytes:
        """Up to CRLF.CRLF and nothing else; doubled dots undone."""
        content = bytearray(b"\r\n" + self._buffer)
        start = 0
        while (end := content.find(b"\r\n.\r\n", start)) < 0:
            start = max(0, len(content) - 4)
            self._buffer = b""
            self._more()
            content += self._buffer
        self._buffer = bytes(content[end + 5 :])
        return bytes(content[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:]

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise _Closed
        self._buffer += data


def behaviour_of(given: Mapping[str, Any]) -> Behaviour:
    """Raises TypeError for a key that is none."""
    return Behaviour(**given)


def main() -> None:
    parser = argparse.ArgumentParser(description="an SMTP receiver that misbehaves on request")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", action="append", help="name or address in its certificate")
    parser.add_argument("--behaviour", type=Path, help="JSON, read again for each connection")
    parser.add_argument("--store", type=Path, help="directory for what arrives")
    parser.add_argument("--ca", type=Path, help="where to write the authority's certificate")
    given = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})

    def refresh() -> Behaviour:
        return behaviour_of(json.loads(given.behaviour.read_text())) if given.behaviour else Behaviour()

    def keep(number: int, received: Received) -> None:
        if given.store is not None:
            facts = {key: value for key, value in asdict(received).items() if key != "content"}
            (given.store / f"{number}.eml").write_bytes(received.content)
            (given.store / f"{number}.json").write_text(json.dumps(facts))

    if given.ca is not None:
        authority().cert_pem.write_to_path(str(given.ca))
    names = tuple(given.name or ("localhost", given.address))
    with Receiver(refresh(), address=given.address, port=given.port, names=names, refresh=refresh, keep=keep) as it:
        print(json.dumps({"address": it.address, "port": it.port}), flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
