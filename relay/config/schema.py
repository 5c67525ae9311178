"""The keys of the configuration, each with its type, default and a sentence.

Those of clients stand in `inbound.py`, those of what goes out in `outbound.py`; all come together here. The
descriptions are the documentation: `relay/handbook/configuration.md` is made from them.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from relay.config.inbound import Http, Limits, Listener, Tls
from relay.config.outbound import Delivery, Dns
from relay.config.reports import DataRequests, Reports
from relay.config.tracking import Tracking
from relay.config.values import Duration, HostName, Part, Size
from relay.config.webhooks import Webhooks


class Sandbox(Part):
    """Keeping mail instead of sending it."""

    enabled: bool = Field(False, description="nothing leaves this relay; every message is processed, signed and kept")
    keep: Duration = Field(604_800.0, description="how long a captured message is kept")
    bytes: Size = Field(5 << 30, description="octets kept at most; the oldest goes first")


class Retention(Part):
    """How long we remember."""

    contents: Duration = Field(604_800.0, description="contents, after their last recipient ended")
    returns: Duration = Field(
        5_184_000.0,
        description="who sent a message and to whom, without its contents, after it left under a return path of "
        "ours; what comes back later is refused",
    )
    events: Duration = Field(7_776_000.0, description="events in the report database")
    counts: Duration = Field(34_560_000.0, description="hourly counts of events; they name no recipient")
    min_free: Size = Field(256 << 20, description="octets left free on the disk; under it 452 4.3.1")


class Processes(Part):
    """Workers and their keeper."""

    workers: int = Field(0, ge=0, le=256, description="mail workers; 0 is one a core")
    hang: Duration = Field(30.0, description="a worker whose event loop is silent this long is replaced")
    drain: Duration = Field(8.0, description="at SIGTERM, work under way may take this long")
    loop: Literal["uvloop", "asyncio"] = Field("uvloop", description="event loop of the workers")


class LogFormat(StrEnum):
    KEYVALUE = "keyvalue"
    JSON = "json"


class Log(Part):
    """One line an event, on standard error."""

    format: LogFormat = Field(LogFormat.KEYVALUE, description="`keyvalue` or `json`")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="of what is not an event")


class LongLines(StrEnum):
    ENCODE = "encode"
    PASS = "pass"  # noqa: S105
    REFUSE = "refuse"


class Content(Part):
    """What is done to content beyond what a message asks for."""

    long_lines: LongLines = Field(
        LongLines.ENCODE,
        description="text with lines over 998 octets: `encode` (quoted-printable), `pass`, `refuse` (554 5.6.0)",
    )
    hide_client: bool = Field(True, description="leave the client's address and name out of our Received field")


class Stream(Part):
    """A class of mail, which a message names with the option `stream`."""

    options: dict[str, Any] = Field(
        {}, description="options of its mail, by name, where neither the message nor its preset says otherwise"
    )


class OptionPolicy(Part):
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


class Config(Part):
    """The whole configuration."""

    hostname: HostName = Field(
        description="this relay's name in EHLO, Received and Message-ID; should resolve, with matching PTR"
    )
    data: Path = Field(Path("var"), description="directory of queue, registry and keys")
    listeners: tuple[Listener, ...] = Field(description="where SMTP clients connect")
    http: Http = Field(Http(), description="the HTTP application")
    tracking: Tracking = Field(Tracking(), description="links of ours in mail")
    webhooks: Webhooks = Field(Webhooks(), description="telling others of events, over HTTP")
    tls: Tls = Field(Tls(), description="certificates")
    limits: Limits = Field(Limits(), description="what one client may take")
    dns: Dns = Field(Dns(), description="look-ups")
    delivery: Delivery = Field(Delivery(), description="how mail goes out")
    sandbox: Sandbox = Field(Sandbox(), description="keeping mail instead of sending it")
    content: Content = Field(Content(), description="what is done to content")
    options: OptionPolicy = Field(OptionPolicy(), description="what the operator says of the options of messages")
    retention: Retention = Field(Retention(), description="how long we remember")
    reports: Reports = Field(Reports(), description="aggregate reports of DMARC that others send us")
    data_requests: DataRequests = Field(DataRequests(), description="what people may ask to know of themselves")
    processes: Processes = Field(Processes(), description="workers")
    log: Log = Field(Log(), description="what is written about it all")
    bounces: Path | None = Field(
        None, description="file of rules for what comes back (see feedback.md); default: the rules that are shipped"
    )

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

    @property
    def web_certificates(self) -> Path | None:
        """The directory of those of links over https."""
        own = self.http.https.directory
        return self.data / own if own is not None else self.certificates

    @property
    def acme(self) -> Path | None:
        """The webroot of an ACME client."""
        return self.data / self.http.acme if self.http.acme is not None else None
