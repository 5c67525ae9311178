"""The keys of the configuration that concern what goes out: look-ups, next hops, egresses, delivery."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from relay.config.values import (
    Duration,
    Part,
    Pattern,
    Port,
    Secret,
    Server,
    host_name_or_none,
    ip_or_none,
)


class Dns(Part):
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


class Smarthost(Part):
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


class RouteRule(Part):
    """Mail that takes a smarthost instead of the MX; the first rule that fits wins."""

    name: str = Field(description="how logs and `relay explain` call it")
    domains: tuple[Pattern, ...] = Field(
        ("*",), description="recipient domains; `*` is all, `*.example.net` its subdomains"
    )
    senders: tuple[Pattern, ...] = Field(("*",), description="domains of the reverse-path, likewise")
    smarthost: Smarthost = Field(description="where it goes")


class Egress(Part):
    """Where mail leaves from."""

    name: str = Field("default", min_length=1, description="how logs, pools and `relay explain` call it")
    ipv4: Annotated[str, AfterValidator(ip_or_none(4))] = Field(
        "", description="local IPv4 address to bind; empty: the system's choice, or no IPv4 where `ipv6` is given"
    )
    ipv6: Annotated[str, AfterValidator(ip_or_none(6))] = Field(
        "", description="local IPv6 address to bind; empty: the system's choice, or no IPv6 where `ipv4` is given"
    )
    ehlo: Annotated[str, AfterValidator(host_name_or_none)] = Field(
        "", description="name in EHLO; must resolve to the address and back; empty: `hostname`"
    )


class Delivery(Part):
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
    pipeline_envelopes: tuple[Pattern, ...] = Field(
        (),
        description="next hops by name, as in `domains` of a route, that get the next envelope right behind a "
        "message instead of after its reply; one that cannot keep step gets none for a week",
    )
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
