"""A real DNS server for tests: UDP and TCP on one port of loopback, in a thread of its own.

    with DnsServer('''
        example.test            MX     10 mx.example.test.
        mx.example.test    60   A      127.0.0.1
        mx.example.test         AAAA   ::1
        www.example.test        CNAME  mx.example.test.
        example.test            TXT    "v=spf1 -all"
    ''') as server:
        config = Dns(servers=(server.address,))

A line is name, perhaps a TTL in seconds, type, data; comments begin with `;`. A zone may be a dict, too:
`{"example.test": {"MX": ["10 mx.example.test."]}}`. Names below a given one make it exist; everything else
is NXDOMAIN. Negative answers carry an SOA with `negative_ttl`. All may be changed while it runs, and by
name: an rcode, a delay, no answer at all, answers held until they are let go, truncation, or malformed
octets. Every question is counted. Because it has a thread and a loop of its own, subprocesses and blocking
tests can ask it as well.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 300
Zone = str | Mapping[str, Mapping[str, Sequence[str]]]


@dataclass(slots=True)
class Mood:
    """How the server treats questions for a name (and for one type, or all)."""

    rcode: str = ""  # "SERVFAIL", "REFUSED", ...
    seconds: float = 0.0  # answers come so late
    drop: bool = False
    truncate: bool = False  # over UDP: TC and nothing else
    malformed: bool = False
    bare: bool = False  # negative answers without SOA, aliases without their target
    referral: str = ""  # name of the server that it sends us to, as one that does not recurse
    held: asyncio.Event | None = None


class DnsServer:
    def __init__(self, zone: Zone = "", *, negative_ttl: int = TTL) -> None:
        self.negative_ttl = negative_ttl
        self.no_edns = False  # refuse EDNS with FORMERR, as servers from before it do
        self.questions: list[tuple[str, str, str]] = []  # name, type, "udp" or "tcp", in order of arrival
        self._records: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self._moods: dict[tuple[str, str], Mood] = {}
        self._lock = threading.RLock()
        self._asked = threading.Condition(self._lock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="dns-server", daemon=True)
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._udp, self._tcp = _sockets()
        self.port: int = self._udp.getsockname()[1]
        self.load(zone)

    @property
    def address(self) -> str:
        """As `dns.servers` takes it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> DnsServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the DNS server did not start within 10 s")

    def stop(self) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._udp.close()
        self._tcp.close()

    # What it knows

    def load(self, zone: Zone) -> None:
        """Add records to what is there."""
        for name, ttl, kind, data in _parse(zone):
            with self._lock:
                records = self._records.setdefault((name, kind), (ttl, []))[1]
                records.append(data)

    def set(self, name: str, kind: str, *data: str, ttl: int = TTL) -> None:
        """Replace the records of a name and type; without data there are none of that type."""
        with self._lock:
            self._records[_normal(name), kind.upper()] = ttl, list(data)

    def remove(self, name: str) -> None:
        """Forget a name and its moods: NXDOMAIN from now on, unless there are names below it."""
        with self._lock:
            for table in (self._records, self._moods):
                for key in [key for key in table if key[0] == _normal(name)]:
                    del table[key]

    # How it behaves; `kind` is a type of record, "*" all of them; `name` "*" all names

    def fail(self, name: str, rcode: str = "SERVFAIL", kind: str = "*") -> None:
        self._mood(name, kind, Mood(rcode=rcode))

    def delay(self, name: str, seconds: float, kind: str = "*") -> None:
        self._mood(name, kind, Mood(seconds=seconds))

    def drop(self, name: str, kind: str = "*") -> None:
        self._mood(name, kind, Mood(drop=True))

    def truncate(self, name: str, kind: str = "*") -> None:
        self._mood(name, kind, Mood(truncate=True))

    def garble(self, name: str, kind: str = "*") -> None:
        self._mood(name, kind, Mood(malformed=True))

    def strip(self, name: str, kind: str = "*") -> None:
        self._mood(name, kind, Mood(bare=True))

    def refer(self, name: str, server: str, kind: str = "*") -> None:
        self._mood(name, kind, Mood(referral=server))

    def hold(self, name: str, kind: str = "*") -> None:
        """Answer only when `behave` comes."""
        self._mood(name, kind, Mood(held=asyncio.Event()))

    def behave(self, name: str, kind: str = "*") -> None:
        """Be normal again, and let go what was held."""
        with self._lock:
            mood = self._moods.pop((_normal(name), kind), None)
        if mood is not None and mood.held is not None:
            self._loop.call_soon_threadsafe(mood.held.set)

    # What it was asked

    def count(self, name: str, kind: str = "*") -> int:
        with self._lock:
            return sum(each[0] == _normal(name) and kind in ("*", each[1]) for each in self.questions)

    @property
    def total(self) -> int:
        with self._lock:
            return len(self.questions)

    def wait_for(self, name: str, kind: str = "*", times: int = 1, seconds: float = 10.0) -> None:
        """Block until it was asked so often. From a coroutine: `await asyncio.to_thread(server.wait_for, ...)`."""
        with self._asked:
            if not self._asked.wait_for(lambda: self.count(name, kind) >= times, seconds):
                raise TimeoutError(f"{name} {kind} was asked {self.count(name, kind)} times, not {times}")

    # Inside

    def _mood(self, name: str, kind: str, mood: Mood) -> None:
        with self._lock:
            self._moods[_normal(name), kind] = mood

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        udp = self._loop.run_until_complete(
            self._loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=self._udp)
        )[0]
        tcp = self._loop.run_until_complete(asyncio.start_server(self._connection, sock=self._tcp))
        self._ready.set()
        self._loop.run_forever()
        udp.close()
        tcp.close()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    def spawn(self, transport: asyncio.DatagramTransport, data: bytes, peer: tuple[str, int]) -> None:
        task = self._loop.create_task(self._datagram(transport, data, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _datagram(self, transport: asyncio.DatagramTransport, data: bytes, peer: tuple[str, int]) -> None:
        reply = await self._reply(data, "udp")
        if reply is not None:
            transport.sendto(reply, peer)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = await self._reply(await reader.readexactly(length), "tcp")
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _reply(self, data: bytes, way: str) -> bytes | None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name, kind = _normal(question.name.to_text()), dns.rdatatype.to_text(question.rdtype)
        with self._asked:
            self.questions.append((name, kind, way))
            mood = self._mood_for(name, kind)
            self._asked.notify_all()
        if mood.held is not None:
            await mood.held.wait()
        if mood.seconds:
            await asyncio.sleep(mood.seconds)
        if mood.drop:
            return None
        reply = dns.message.make_response(query, recursion_available=True)
        if mood.malformed:
            return reply.to_wire()[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\xff"
        if mood.truncate and way == "udp":
            reply.flags |= dns.flags.TC
            return reply.to_wire()
        if self.no_edns and query.edns >= 0:
            reply.use_edns(False)
            reply.set_rcode(dns.rcode.FORMERR)
        elif mood.referral:
            reply.authority.append(dns.rrset.from_text(name + ".", TTL, "IN", "NS", mood.referral))
        elif mood.rcode:
            reply.set_rcode(dns.rcode.from_text(mood.rcode))
        else:
            with self._lock:
                self._answer(reply, name, kind, mood)
        try:
            return reply.to_wire(max_size=query.payload or 512 if way == "udp" else 65535)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()

    def _mood_for(self, name: str, kind: str) -> Mood:
        for key in ((name, kind), (name, "*"), ("*", kind), ("*", "*")):
            if key in self._moods:
                return self._moods[key]
        return Mood()

    def _answer(self, reply: dns.message.Message, name: str, kind: str, mood: Mood) -> None:
        seen: set[str] = set()
        while True:
            if found := self._rrset(name, kind):
                reply.answer.append(found)
                return
            alias = self._rrset(name, "CNAME")
            if alias is None:
                break
            reply.answer.append(alias)
            if name in seen or mood.bare:
                return
            seen.add(name)
            name = _normal(alias[0].to_text())
        if not any(known == name or known.endswith("." + name) for known, _ in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if not mood.bare:
            zone = name.rpartition(".")[2] + "."
            data = f"ns.{zone} hostmaster.{zone} 1 3600 600 86400 {self.negative_ttl}"
            reply.authority.append(dns.rrset.from_text(zone, TTL, "IN", "SOA", data))

    def _rrset(self, name: str, kind: str) -> dns.rrset.RRset | None:
        ttl, data = self._records.get((name, kind), (0, []))
        return dns.rrset.from_text_list(name + ".", ttl, "IN", kind, data) if data else None


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # its class does not say so on 3.11

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.spawn(self._transport, data, addr)


def _parse(zone: Zone) -> Iterator[tuple[str, int, str, str]]:
    if not isinstance(zone, str):
        for name, kinds in zone.items():
            for kind, values in kinds.items():
                for data in values:
                    yield _normal(name), TTL, kind.upper(), data
        return
    for line in zone.splitlines():
        words = line.partition(";")[0].split(maxsplit=2)
        if not words:
            continue
        ttl = TTL
        if words[1].isdigit():
            ttl = int(words[1])
            words = [words[0], *words[2].split(maxsplit=1)]
        yield _normal(words[0]), ttl, words[1].upper(), words[2]


def _normal(name: str) -> str:
    return name.lower().removesuffix(".")


def _sockets() -> tuple[socket.socket, socket.socket]:
    """One port, free for both."""
    for _ in range(50):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
        else:
            udp.setblocking(False)
            return udp, tcp
    raise RuntimeError("no port is free for both UDP and TCP")
