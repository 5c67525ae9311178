"""The kinds of values a configuration has: what is written in the file to what the program uses.

A duration is a number with a unit (`500ms`, `30s`, `5min`, `4h`, `7d`) or a bare number of seconds; a size
is octets with an optional unit (`KiB`, `MiB`, `GiB`, or `kB`, `MB`, `GB`). A secret may stand outside: in a file,
the environment, or with the service manager (`outside.py`).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relay.config import outside

_UNITS = {"": 1.0, "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {
    "": 1,
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
}
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def _measure(value: Any, units: dict[str, float] | dict[str, int], example: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected something like {example}, not {value!r}")
    found = _NUMBER.fullmatch(str(value))
    if found is None or found[2].lower() not in units:
        raise ValueError(f"expected something like {example}, not {value!r}")
    number = float(found[1]) * units[found[2].lower()]
    if math.isinf(number):
        raise ValueError(f"expected something like {example}, not a number of {len(found[1])} digits")
    return number


def parse_duration(value: Any) -> float:
    """Seconds of `5min`, `4h`, `30`. Raises ValueError."""
    return _measure(value, _UNITS, "30s, 5min, 4h or 7d")


def parse_size(value: Any) -> int:
    """Octets of `50MiB`, `2GB`, `4096`. Raises ValueError."""
    return int(_measure(value, _SIZES, "64KiB, 50MiB or 5GiB"))


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))


def _address_port(value: str) -> str:
    host, _, port = value.rpartition(":") if value.count(":") == 1 or "]:" in value else (value, "", "53")
    ipaddress.ip_address(host.strip("[]"))
    if not 0 < int(port) < 65536:
        raise ValueError("a port is 1 to 65535")
    return value


_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # RFC 1123 section 2.1
_DOMAIN_LABEL = re.compile(r"[\w](?:[\w-]{0,61}[\w])?")  # in U-labels, too, and underscores as there are


def _host_name(value: str) -> str:
    labels = value.split(".")
    if len(value) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError(
            f"expected a host name such as relay.example.net (letters, digits and -; no address), not {value[:60]!r}"
        )
    return value


def ip_or_none(version: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not value:
            return value
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            raise ValueError(f"expected an IPv{version} address, not {value[:60]!r}") from None
        if address.version != version:
            raise ValueError(f"expected an IPv{version} address, not {value[:60]!r}")
        return str(address)

    return check


def host_name_or_none(value: str) -> str:
    return _host_name(value) if value else value


def _pattern(value: str) -> str:
    name = value.removeprefix("*.")
    literal = value.startswith("[") and value.endswith("]")
    if value == "*" or literal or (len(name) <= 253 and all(map(_DOMAIN_LABEL.fullmatch, name.split(".")))):
        return value
    raise ValueError(f"expected *, a domain such as example.net, or *.example.net, not {value[:60]!r}")


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Secret = Annotated[str, BeforeValidator(outside.secret)]
TlsFile = Annotated[Path, BeforeValidator(outside.path)]
Network = Annotated[str, AfterValidator(_network)]
Server = Annotated[str, AfterValidator(_address_port)]
HostName = Annotated[str, AfterValidator(_host_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
