"""One question to one server, over UDP and, where the reply was cut off, over TCP.

In:  a query, a server, seconds.
Out: its reply, checked to be one to this query; or Unanswered, with why.

Standards: RFC 1035 section 4.2, RFC 5452 (a port of its own and a random id for each question), RFC 6891
(EDNS), RFC 7766 (TCP).

Why so: only dnspython's messages are used. Its own sockets (dns.asyncquery) are not connected, so a server
that is down costs the whole time-out instead of one ICMP message; and they load what DNS over HTTPS needs.
"""

from __future__ import annotations

import asyncio
import struct

import dns.exception
import dns.flags
import dns.message

from relay.dns.servers import Server

PAYLOAD = 1232  # octets over UDP; more would be sent in fragments (DNS flag day 2020)


class Unanswered(Exception):
    """This server gave no reply that can be used. Another may."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def ask(server: Server, query: dns.message.Message, seconds: float) -> dns.message.Message:
    """The server's reply, whatever its rcode.

    Raises:
        Unanswered: time-out, no connection, or a reply that cannot be read.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _udp(server, query) or await _tcp(server, query)
    except TimeoutError as error:
        raise Unanswered("timed out") from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Unanswered(f"cannot be reached ({_reason(error)})") from error


async def _udp(server: Server, query: dns.message.Message) -> dns.message.Message | None:
    """None: the reply was cut off."""
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[dns.message.Message | None] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Datagram(query, reply), remote_addr=(server.address, server.port)
    )
    try:
        transport.sendto(query.to_wire())
        return await reply
    finally:
        transport.close()


class _Datagram(asyncio.DatagramProtocol):
    def __init__(self, query: dns.message.Message, reply: asyncio.Future[dns.message.Message | None]) -> None:
        self._query = query
        self._reply = reply

    def datagram_received(self, data: bytes, addr: tuple[str | bytes, int]) -> None:
        # What is not an answer to this query is not looked at: it may be forged, and the true one still comes.
        if self._reply.done() or len(data) < 12 or data[:2] != struct.pack("!H", self._query.id):
            return
        try:
            message = dns.message.from_wire(data, raise_on_truncation=True)
            if self._query.is_response(message):
                self._reply.set_result(message)
        except dns.message.Truncated:
            self._reply.set_result(None)
        except (dns.exception.DNSException, ValueError) as error:
            self._reply.set_exception(Unanswered(f"malformed reply ({type(error).__name__})"))

    def error_received(self, exc: Exception) -> None:
        self._fail(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("closed"))

    def _fail(self, error: Exception) -> None:
        if not self._reply.done():
            self._reply.set_exception(error)


async def _tcp(server: Server, query: dns.message.Message) -> dns.message.Message:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        wire = query.to_wire()
        writer.write(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        data = await reader.readexactly(length)
    finally:
        writer.transport.abort()  # no lingering: a half-open server must not hold us
    try:
        message = dns.message.from_wire(data)
    except (dns.exception.DNSException, ValueError) as error:
        raise Unanswered(f"malformed reply ({type(error).__name__})") from error
    if not query.is_response(message) or message.flags & dns.flags.TC:
        raise Unanswered("malformed reply (not one to our question)")
    return message


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
