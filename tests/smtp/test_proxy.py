"""The PROXY header, read from octets."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.smtp.proxy import V2_OCTETS, Proxied, ProxyError, read_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 587\r\n"


def v2(command: int = 0x21, family: int = 0x11, body: bytes = b"", size: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if size is None else size) + body


def over_ipv4(tail: bytes = b"") -> bytes:
    return socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 40000, 587) + tail


def over_ipv6() -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    return ends + struct.pack("!HH", 40000, 587)


@pytest.mark.parametrize(
    ("header", "address", "port"),
    [
        (V1, "192.0.2.7", 40000),
        (b"PROXY TCP6 2001:DB8::7 2001:db8::1 65535 0\r\n", "2001:db8::7", 65535),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 1\r\n", "192.0.2.7", 1),
        (b"PROXY UNKNOWN\r\n", "", 0),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", 0),
        (v2(body=over_ipv4()), "192.0.2.7", 40000),
        (v2(body=over_ipv4(b"\x04\x00\x01x\x20\x00\x05hello")), "192.0.2.7", 40000),
        (v2(family=0x21, body=over_ipv6()), "2001:db8::7", 40000),
        (v2(command=0x20, family=0x00), "", 0),
        (v2(command=0x20, family=0x11, body=over_ipv4()), "", 0),
        (v2(family=0x00), "", 0),
        (v2(family=0x31, body=b"\0" * 216), "", 0),
        (v2(family=0x12, body=over_ipv4()), "", 0),
    ],
)
def test_a_header_names_the_client_or_nobody(header: bytes, address: str, port: int) -> None:
    expected = Proxied(len(header), address, port)
    assert read_header(header) == expected
    assert read_header(header + b"EHLO client\r\n") == expected
    for end in range(len(header)):
        assert read_header(header[:end]) is None, end


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO client\r\n",
        b"\x16\x03\x01",
        b"PROXZ",
        b"proxy TCP4",
        b"\r\n\r\n\0\r\nQUIX",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 587 \r\n",
        b"PROXY TCP4  192.0.2.7 198.51.100.1 40000 587\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 587\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 99999\r\n",
        b"PROXY TCP4 192.0.2.777 198.51.100.1 1 1\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1 1\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 1 1\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 1\n" + b"x" * 107,
        b"PROXY UNIX /a /b 1 1\r\n",
        b"PROXY \r\n",
        b"PROXY UNKNOWN" + b"x" * 107,
        v2(command=0x11, body=over_ipv4()),
        v2(command=0x2F, body=over_ipv4()),
        v2(body=over_ipv4()[:11]),
        v2(family=0x21, body=over_ipv4()),
        v2(size=V2_OCTETS + 1),
    ],
)
def test_what_can_become_no_header_is_refused_at_once(octets: bytes) -> None:
    with pytest.raises(ProxyError):
        read_header(octets)


@given(st.binary(max_size=200), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]))
def test_any_octets_are_a_header_or_none_or_incomplete(tail: bytes, head: bytes) -> None:
    try:
        found = read_header(head + tail)
    except ProxyError:
        return
    assert found is None or 0 < found.length <= len(head + tail)
