"""The keys of the configuration that concern clients: listeners, HTTP, certificates, and what a client may take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from relay.config.api import Api
from relay.config.values import Duration, Network, Part, Port, Size, TlsFile
from relay.model.spelling import duration_text

LONGEST_HOLD = 366 * 86_400.0  # seconds; nothing is scheduled later, so no more may be offered


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


class ListenerLimits(Part):
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
    pace: Size | None = Field(None, description="least octets a second of a message; default: as in `limits`")
    session_timeout: Duration | None = Field(None, description="longest life of a session; default: as in `limits`")
    line: Size | None = Field(None, description="octets of a line of content; default: as in `limits`")


class Listener(Part):
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


class Https(Part):
    """Links of ours and the API over https, without a proxy in front; hosts of links show nothing else."""

    address: str = Field("127.0.0.1", description="IP address to bind; `::` and `0.0.0.0` mean all")
    port: Port | None = Field(None, description="TCP port, such as 443; null: none")
    directory: Path | None = Field(
        None,
        description="certificates by the name a client asks for, laid out as those of `tls.directory`, which is the "
        "default; relative to `data`. Who asks for none of them gets `tls.certificate`",
    )
    minimum_tls: Literal["1.2", "1.3"] = Field("1.2", description="oldest version of TLS that is spoken here")


class Http(Part):
    """The HTTP application."""

    address: str = Field("127.0.0.1", description="IP address to bind")
    port: Port = Field(8025, description="TCP port")
    https: Https = Field(Https(), description="links of ours, and the API, over https")
    api: Api = Field(Api(), description="the HTTP API")
    proxies: tuple[Network, ...] = Field(
        (), description="proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody else's are"
    )
    acme: Path | None = Field(
        None,
        description="directory that an ACME client (certbot, lego, acme.sh) calls webroot: files of its "
        "`.well-known/acme-challenge` are served; relative to `data`",
    )


class Tls(Part):
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


class Limits(Part):
    """What one client may take."""

    size: Size = Field(50 << 20, description="octets of a message, advertised as SIZE (RFC 1870); over it 552 5.3.4")
    recipients: int = Field(1000, ge=1, description="recipients of a message; over it 452 4.5.3")
    sessions: int = Field(1000, ge=1, description="sessions at once, in the machine; over it 421 4.3.2")
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
    pace: Size = Field(
        100,
        description="least octets a second of a message, counted once it took longer than `data_timeout`; "
        "slower ones 421 4.4.2; 0 is no limit",
    )
    session_timeout: Duration = Field(14_400.0, description="longest life of a session; then 421 4.4.2")
    proxy_timeout: Duration = Field(5.0, description="longest wait for a whole PROXY header; then the end")
    line: Size = Field(64 << 10, description="octets of a line of content; over it 500 5.6.0")
    received: int = Field(50, ge=1, description="Received fields before a message counts as looping: 554 5.4.6")
    auth_failures: int = Field(10, ge=1, description="failed AUTH of one address and user name before a ban")
    auth_window: Duration = Field(900.0, description="the time in which those failures are counted")
    auth_ban: Duration = Field(900.0, description="how long a ban lasts")
    returned: int = Field(100, ge=1, description="messages to one of our return paths in a day; over it 452 4.7.1")
    hold: Duration = Field(
        604_800.0,
        description="longest HOLDFOR and HOLDUNTIL (FUTURERELEASE, RFC 4865), 366 days at most; over it 501 5.5.4",
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

    @field_validator("hold")
    @classmethod
    def _no_longer_than_anything(cls, value: float) -> float:
        if value > LONGEST_HOLD:
            raise ValueError(f"must be at most {duration_text(LONGEST_HOLD)}, not {duration_text(value)}")
        return value
