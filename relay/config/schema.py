"""The keys of the configuration, each with its type, default and a sentence.

The descriptions are the documentation: `relay/handbook/configuration.md` is made from them.

A duration is a number with a unit (`500ms`, `30s`, `5min`, `4h`, `7d`) or a bare number of seconds; a size
is octets with an optional unit (`KiB`, `MiB`, `GiB`, or `kB`, `MB`, `GB`). A secret may stand outside: in a file,
the environment, or with the service manager (`outside.py`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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
    return float(found[1]) * units[found[2].lower()]


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


def _ip_or_none(version: int) -> Callable[[str], str]:
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


def _host_name_or_none(value: str) -> str:
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


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListenerKind(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"


class Auth(StrEnum):
    REQUIRED = "required"
    NONE = "none"


class Purpose(StrEnum):
    SUBMISSION = "submission"
    RETURNS = "returns"


class ListenerLimits(_Part):
    """What one client may take at this listener, where that is not as `limits` has it."""

    size: Size | None = Field(None, description="octets of a message; default: as in `limits`")
    recipients: int | None = Field(
        None, ge=1, description="recipients of a message; default: as in `limits`, and 10 with `purpose: returns`"
    )
    sessions_per_address: int | None = Field(
        None, ge=1, description="sessions at once from one address, in the machine; default: as in `limits`"
    )
    messages_per_session: int | None = Field(
        None, ge=1, description="messages in one session; default: as in `limits`"
    )
    errors: int | None = Field(
        None, ge=1, description="refused commands since a session's last message; default: as in `limits`"
    )
    command_timeout: Duration | None = Field(None, description="longest wait for a command; default: as in `limits`")
    data_timeout: Duration | None = Field(
        None, description="longest silence inside a message; default: as in `limits`"
    )
    session_timeout: Duration | None = Field(None, description="longest life of a session; default: as in `limits`")
    line: Size | None = Field(None, description="octets of a line of content; default: as in `limits`")


class Listener(_Part):
    """Where SMTP clients connect."""

    name: str = Field(description="how logs, `access.json` and `relay check` call it")
    address: str = Field("127.0.0.1", description="IP address to bind; `::` and `0.0.0.0` mean all")
    port: Port = Field(description="TCP port")
    purpose: Purpose = Field(
        Purpose.SUBMISSION,
        description="`submission` for our clients, or `returns` for bounces that come back to our return paths, "
        "from any host and without AUTH",
    )
    kind: ListenerKind = Field(
        ListenerKind.STARTTLS,
        description="`starttls` (plain at first), `tls` (from the first octet, RFC 8314) or `plain` (no TLS at all)",
    )
    auth: Auth = Field(
        Auth.REQUIRED,
        description="`required`, or `none` for clients of `networks`, who act as `credential`; "
        "with `purpose: returns` always `none`",
    )
    auth_without_tls: bool = Field(
        False, description="offer AUTH in clear text to clients of `networks`; nobody else is let in then"
    )
    networks: tuple[Network, ...] = Field(
        (), description="who may connect; empty means anybody; needed for `auth: none` and `auth_without_tls`"
    )
    credential: str = Field(
        "", description="with `auth: none`: the credential whose account, domains and options apply"
    )
    trusted: tuple[Network, ...] = Field((), description="networks that are never banned for failed AUTH")
    minimum_tls: Literal["1.2", "1.3"] = Field("1.2", description="oldest version of TLS that is spoken here")
    proxy: tuple[Network, ...] = Field(
        (),
        description="load balancers, which must begin with a PROXY header (version 1 or 2) and then speak for the "
        "client it names; nobody else may",
    )
    limits: ListenerLimits = Field(ListenerLimits(), description="what is not as in `limits`")

    @model_validator(mode="before")
    @classmethod
    def _returns_need_no_auth(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and tree.get("purpose") == Purpose.RETURNS:
            limits = tree.get("limits", {})
            if isinstance(limits, dict):  # a report goes to one return path; more are rare
                limits = {"recipients": 10, **limits}
            return {"auth": Auth.NONE, **tree, "limits": limits}
        return tree

    def held_to(self, limits: Limits) -> Limits:
        """`limits` as they are at this listener."""
        own = self.limits.model_dump(exclude_none=True)
        return limits.model_copy(update=own) if own else limits


class Http(_Part):
    """The HTTP application."""

    address: str = Field("127.0.0.1", description="IP address to bind")
    port: Port = Field(8025, description="TCP port")


class Tls(_Part):
    """Certificates, ours and those we trust."""

    certificate: TlsFile = Field(
        Path("tls/cert.pem"), description="our chain, PEM; relative to `data`, or `credential:NAME`"
    )
    key: TlsFile = Field(
        Path("tls/key.pem"), description="its private key, PEM, mode 0600; relative to `data`, or `credential:NAME`"
    )
    directory: Path | None = Field(
        None,
        description="more certificates, for clients that ask for another name (SNI): `NAME.pem` with `NAME.key`, or "
        "`NAME/fullchain.pem` with `NAME/privkey.pem`; relative to `data`",
    )
    ca_file: Path | None = Field(
        None, description="authorities next hops are checked against, PEM; default: the system's. For tests"
    )


class Limits(_Part):
    """What one client may take."""

    size: Size = Field(50 << 20, description="octets of a message, advertised as SIZE (RFC 1870); over it 552 5.3.4")
    recipients: int = Field(1000, ge=1, description="recipients of a message; over it 452 4.5.3")
    sessions: int = Field(1000, ge=1, description="sessions at once a worker; over it 421 4.3.2")
    sessions_per_address: int = Field(
        50, ge=1, description="sessions at once from one address, in the machine; over it 421 4.7.0"
    )
    messages_per_session: int = Field(10_000, ge=1, description="messages in one session; over it 421 4.7.0")
    errors: int = Field(20, ge=1, description="refused commands since a session's last message before 421 4.7.0")
    command_timeout: Duration = Field(
        300.0, description="longest wait for a command (RFC 5321 section 4.5.3.2.7); then 421 4.4.2"
    )
    data_timeout: Duration = Field(
        180.0, description="longest silence inside a message (RFC 5321 section 4.5.3.2.5); then 421 4.4.2"
    )
    session_timeout: Duration = Field(14_400.0, description="longest life of a session; then 421 4.4.2")
    proxy_timeout: Duration = Field(5.0, description="longest wait for a whole PROXY header; then the end")
    line: Size = Field(64 << 10, description="octets of a line of content; over it 500 5.6.0")
    received: int = Field(50, ge=1, description="Received fields before a message counts as looping: 554 5.4.6")
    auth_failures: int = Field(10, ge=1, description="failed AUTH of one address and user name before a ban")
    auth_window: Duration = Field(900.0, description="the time in which those failures are counted")
    auth_ban: Duration = Field(900.0, description="how long a ban lasts")
    hold: Duration = Field(
        604_800.0, description="longest HOLDFOR and HOLDUNTIL (FUTURERELEASE, RFC 4865); over it 501 5.5.4"
    )
    deliver_by: Duration = Field(
        60.0, description="shortest BY= that may return a message (DELIVERBY, RFC 2852); under it 555 5.5.4"
    )
    memory: Size = Field(512 << 20, description="octets of contents in memory at once a worker; over it 452 4.3.1")
    copies: Size = Field(
        128 << 20,
        description="octets of all copies of a message whose recipients get one each (`preserve_recipients: false`); "
        "over it 552 5.3.4",
    )
    idempotency: Duration = Field(
        86_400.0, description="how long an `idempotency_key` stands for the message that was taken with it"
    )


class Dns(_Part):
    """Look-ups."""

    servers: tuple[Server, ...] = Field(
        (), description="resolvers as `address` or `address:port`; default: the system's"
    )
    timeout: Duration = Field(10.0, description="for one question with all its retries")
    cache: int = Field(10_000, ge=0, description="answers kept in memory a worker")
    min_ttl: Duration = Field(5.0, description="an answer is kept at least this long")
    max_ttl: Duration = Field(3600.0, description="and at most this long")


class SmarthostTls(StrEnum):
    NONE = "none"
    MAY = "may"
    STARTTLS = "starttls"
    TLS = "tls"


class Smarthost(_Part):
    """A next hop of our choice."""

    host: str = Field(description="name or IP address; its address is looked up, no MX")
    port: Port = Field(587, description="TCP port")
    tls: SmarthostTls = Field(
        SmarthostTls.STARTTLS,
        description="`starttls` and `tls` demand a valid certificate, `may` takes what it gets, `none` asks for none",
    )
    username: str = Field("", description="for AUTH; empty: none")
    password: Secret = Field(
        "", description="for AUTH; `file:PATH`, `credential:NAME` or `env:NAME` keep it out of this file"
    )


class RouteRule(_Part):
    """Mail that takes a smarthost instead of the MX; the first rule that fits wins."""

    name: str = Field(description="how logs and `relay explain` call it")
    domains: tuple[Pattern, ...] = Field(
        ("*",), description="recipient domains; `*` is all, `*.example.net` its subdomains"
    )
    senders: tuple[Pattern, ...] = Field(("*",), description="domains of the reverse-path, likewise")
    smarthost: Smarthost = Field(description="where it goes")


class Egress(_Part):
    """Where mail leaves from."""

    name: str = Field("default", min_length=1, description="how logs, pools and `relay explain` call it")
    ipv4: Annotated[str, AfterValidator(_ip_or_none(4))] = Field(
        "", description="local IPv4 address to bind; empty: the system's choice, or no IPv4 where `ipv6` is given"
    )
    ipv6: Annotated[str, AfterValidator(_ip_or_none(6))] = Field(
        "", description="local IPv6 address to bind; empty: the system's choice, or no IPv6 where `ipv4` is given"
    )
    ehlo: Annotated[str, AfterValidator(_host_name_or_none)] = Field(
        "", description="name in EHLO; must resolve to the address and back; empty: `hostname`"
    )


class Delivery(_Part):
    """How mail goes out."""

    lifetime: Duration = Field(432_000.0, description="the mail is returned after this long")
    delay_warning: Duration = Field(14_400.0, description="the sender is told once of mail that waits this long")
    retry: tuple[Duration, ...] = Field(
        (300.0, 600.0, 1200.0, 2400.0, 3600.0, 7200.0, 14_400.0),
        min_length=1,
        description="waits between attempts; the last one repeats",
    )
    jitter: float = Field(0.2, ge=0, lt=1, description="each wait is longer or shorter by up to this share")
    connections: int = Field(10, ge=1, description="connections to a site at once, in the machine")
    messages_per_connection: int = Field(100, ge=1, description="messages before a connection is closed")
    recipients_per_message: int = Field(100, ge=1, description="recipients in one transaction; RFC 5321 promises 100")
    idle: Duration = Field(5.0, description="a connection without work is kept this long")
    connect_timeout: Duration = Field(30.0, description="TCP connection to one address")
    mx_port: Port = Field(25, description="port of MX hosts; another one only for tests")
    allow_private: bool = Field(
        False, description="deliver to private and loopback addresses; for tests (a smarthost may have one anyway)"
    )
    ipv6: bool = Field(True, description="use IPv6 addresses")
    flight: int = Field(2000, ge=1, description="recipients in memory at once a worker")
    dead_host: Duration = Field(120.0, description="a host that cannot be reached is left alone this long")
    egress: Egress = Field(Egress(), description="where mail leaves from that names neither pool nor address")
    egresses: tuple[Egress, ...] = Field((), description="more places where mail may leave from, each with its name")
    pools: dict[str, tuple[str, ...]] = Field(
        {},
        description="names of egresses under a name, which the option `pool` asks for; its mail is spread over them",
    )
    routes: tuple[RouteRule, ...] = Field((), description="smarthost rules")

    @model_validator(mode="after")
    def _egresses_fit(self) -> Self:
        names = [each.name for each in self.every_egress]
        twice = next((each for each in names if names.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"two egresses are called {twice!r}")
        for pool, members in self.pools.items():
            if not members:
                raise ValueError(f"the pool {pool!r} names no egress")
            stranger = next((each for each in members if each not in names), None)
            if stranger is not None:
                raise ValueError(f"the pool {pool!r} names {stranger!r}, but the egresses are {', '.join(names)}")
        return self

    @property
    def every_egress(self) -> tuple[Egress, ...]:
        return (self.egress, *self.egresses)

    def pool_exists(self, name: str) -> bool:
        return name in self.pools

    def egress_names(self, pool: str = "", addresses: Collection[str] = ()) -> tuple[str, ...]:
        """The egresses mail may leave from that asks for a pool, for source addresses, or for both.

        Without a pool the addresses may be of any egress; without both it is the default one. Empty: there is no
        such pool, or no egress of it is bound to one of the addresses (in the usual spelling of each).
        """
        if not pool and not addresses:
            return (self.egress.name,)
        members = self.pools.get(pool, ()) if pool else [each.name for each in self.every_egress]
        return tuple(
            each.name
            for each in self.every_egress
            if each.name in members and (not addresses or each.ipv4 in addresses or each.ipv6 in addresses)
        )


class Sandbox(_Part):
    """Keeping mail instead of sending it."""

    enabled: bool = Field(False, description="nothing leaves this relay; every message is processed, signed and kept")
    keep: Duration = Field(604_800.0, description="how long a captured message is kept")
    bytes: Size = Field(5 << 30, description="octets kept at most; the oldest goes first")


class Retention(_Part):
    """How long we remember."""

    contents: Duration = Field(604_800.0, description="contents, after their last recipient ended")
    returns: Duration = Field(
        5_184_000.0,
        description="who sent a message and to whom, without its contents, after it left under a return path of "
        "ours; what comes back later is refused",
    )
    events: Duration = Field(7_776_000.0, description="events in the report database")
    min_free: Size = Field(256 << 20, description="octets left free on the disk; under it 452 4.3.1")


class Processes(_Part):
    """Workers and their keeper."""

    workers: int = Field(0, ge=0, le=256, description="mail workers; 0 is one a core")
    hang: Duration = Field(30.0, description="a worker whose event loop is silent this long is replaced")
    drain: Duration = Field(8.0, description="at SIGTERM, work under way may take this long")
    loop: Literal["uvloop", "asyncio"] = Field("uvloop", description="event loop of the workers")


class LogFormat(StrEnum):
    KEYVALUE = "keyvalue"
    JSON = "json"


class Log(_Part):
    """One line an event, on standard error."""

    format: LogFormat = Field(LogFormat.KEYVALUE, description="`keyvalue` or `json`")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="of what is not an event")


class LongLines(StrEnum):
    ENCODE = "encode"
    PASS = "pass"  # noqa: S105
    REFUSE = "refuse"


class Content(_Part):
    """What is done to content beyond what a message asks for."""

    long_lines: LongLines = Field(
        LongLines.ENCODE,
        description="text with lines over 998 octets: `encode` (quoted-printable), `pass`, `refuse` (554 5.6.0)",
    )
    hide_client: bool = Field(True, description="leave the client's address and name out of our Received field")


class Stream(_Part):
    """A class of mail, which a message names with the option `stream`."""

    options: dict[str, Any] = Field(
        {}, description="options of its mail, by name, where neither the message nor its preset says otherwise"
    )


class OptionPolicy(_Part):
    """What the operator says of the options of messages. See the page on options."""

    defaults: dict[str, Any] = Field(
        {}, description="options by name, where no message, credential, domain or account says otherwise"
    )
    force: dict[str, Any] = Field({}, description="options by name, whatever anybody else says")
    forbid: tuple[str, ...] = Field(
        (), description="options no message may set, or values of one as `option=value`; else 550 5.7.1"
    )
    streams: dict[str, Stream] = Field(
        {},
        description="classes of mail by name, beside or in place of the built-in `transactional` and `bulk` "
        "(which has priority 3)",
    )


class Config(_Part):
    """The whole configuration."""

    hostname: HostName = Field(
        description="this relay's name in EHLO, Received and Message-ID; should resolve, with matching PTR"
    )
    data: Path = Field(Path("var"), description="directory of queue, registry and keys")
    listeners: tuple[Listener, ...] = Field(description="where SMTP clients connect")
    http: Http = Field(Http(), description="the HTTP application")
    tls: Tls = Field(Tls(), description="certificates")
    limits: Limits = Field(Limits(), description="what one client may take")
    dns: Dns = Field(Dns(), description="look-ups")
    delivery: Delivery = Field(Delivery(), description="how mail goes out")
    sandbox: Sandbox = Field(Sandbox(), description="keeping mail instead of sending it")
    content: Content = Field(Content(), description="what is done to content")
    options: OptionPolicy = Field(OptionPolicy(), description="what the operator says of the options of messages")
    retention: Retention = Field(Retention(), description="how long we remember")
    processes: Processes = Field(Processes(), description="workers")
    log: Log = Field(Log(), description="what is written about it all")

    @property
    def certificate(self) -> Path:
        return self.data / self.tls.certificate

    @property
    def key(self) -> Path:
        return self.data / self.tls.key

    @property
    def certificates(self) -> Path | None:
        """The directory of those for other names."""
        return self.data / self.tls.directory if self.tls.directory is not None else None
