"""The PROXY header: whom a load balancer speaks for. No IO.

In:  the first octets of a connection.
Out: `Proxied` once the header is complete, None while it is not; ProxyError when it is none.

Standard: the PROXY protocol, versions 1 and 2 (HAProxy, 2020). `UNKNOWN` of version 1 and `LOCAL` of version 2 (a
balancer's own probe) name nobody: the connection is then its peer's own. What follows the addresses in version 2
(its TLVs) is skipped, and so are addresses of other families.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass

V1_OCTETS = 107  # with its CRLF, section 2.1
V2_OCTETS = 4096  # addresses and TLVs; a certificate's names may be among them
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD = struct.Struct("!12sBBH")
_V1 = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39}) ([0-9]{1,5}) ([0-9]{1,5})")
_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC, _TCP4, _TCP6 = 0x00, 0x11, 0x21


class ProxyError(ValueError):
    """This is no PROXY header."""


@dataclass(frozen=True, slots=True)
class Proxied:
    length: int  # octets of the header; what follows is the client's
    address: str = ""  # of the client; "" where the header names nobody
    port: int = 0


def read_header(octets: bytes) -> Proxied | None:
    """Read the header at the start of `octets`; None: more is needed.

    Raises:
        ProxyError: it can become no header.
    """
    if octets.startswith(_SIGNATURE[: len(octets)]):
        return _read_v2(octets)
    if octets.startswith(b"PROXY "[: len(octets)]):
        return _read_v1(octets)
    raise ProxyError("the connection does not begin with a PROXY header")


def _read_v1(octets: bytes) -> Proxied | None:
    end = octets.find(b"\r\n", 0, V1_OCTETS)
    if end < 0:
        if len(octets) >= V1_OCTETS:
            raise ProxyError(f"a header of version 1 is longer than {V1_OCTETS} octets")
        return None
    line = octets[:end]
    if line.split(b" ")[1] == b"UNKNOWN":
        return Proxied(end + 2)
    found = _V1.fullmatch(line)
    if found is None:
        raise ProxyError("a malformed header of version 1")
    family = 4 if found[1] == b"TCP4" else 6
    address, port = _address(found[2], family), int(found[4])
    _address(found[3], family)
    if max(port, int(found[5])) > 65535:
        raise ProxyError("a header of version 1 with a port above 65535")
    return Proxied(end + 2, address, port)


def _address(octets: bytes, family: int) -> str:
    try:
        address = ipaddress.ip_address(octets.decode())
    except ValueError:
        raise ProxyError("a header of version 1 without IP addresses") from None
    if address.version != family:
        raise ProxyError("a header of version 1 whose addresses are not of its family")
    return _spelled(address)


def _spelled(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address in its usual spelling; one of IPv4 that came in IPv6 in its own."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _read_v2(octets: bytes) -> Proxied | None:
    if len(octets) < _HEAD.size:
        return None
    _, command, family, size = _HEAD.unpack_from(octets)
    if command not in (_LOCAL, _PROXY):
        raise ProxyError(f"a header of version 2 with the unknown version and command {command:#04x}")
    if size > V2_OCTETS:
        raise ProxyError(f"a header of version 2 is longer than {V2_OCTETS} octets")
    length = _HEAD.size + size
    if len(octets) < length:
        return None
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return Proxied(length)
    width = 4 if family == _TCP4 else 16
    if size < 2 * width + 4:
        raise ProxyError("a header of version 2 is too short for its addresses")
    at = _HEAD.size
    address = ipaddress.ip_address(octets[at : at + width])
    (port,) = struct.unpack_from("!H", octets, at + 2 * width)
    return Proxied(length, _spelled(address), port)
