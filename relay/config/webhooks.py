"""The keys of the configuration that concern webhooks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from relay.config.values import Duration, Network, Part, Port, Size, host_name_or_none


class Webhooks(Part):
    """Telling others of events, over HTTP."""

    allow: tuple[Network, ...] = Field(
        (),
        description="networks of receivers of our own: their addresses may be private, at any port, also without "
        "TLS; all other private addresses are refused",
    )
    plain_http: bool = Field(False, description="public receivers may be asked without TLS, too")
    ports: tuple[Port, ...] = Field((80, 443), description="ports of public receivers; empty: any")
    timeout: Duration = Field(15.0, gt=0, description="for one request with all its steps")
    at_once: int = Field(4, ge=1, le=64, description="requests under way to one webhook")
    waiting: int = Field(
        1_000_000, ge=1, description="events that wait for one webhook at most; later ones are not kept for it"
    )
    dead_keep: Duration = Field(2_592_000.0, description="how long events that were given up may be replayed")
    dead_bytes: Size = Field(256 << 20, description="octets of them at most; the oldest goes first")
    domain: Annotated[str, AfterValidator(host_name_or_none)] = Field(
        "",
        description="domain under whose `_domainkey` the keys of SMTPeter's signatures are published; "
        "empty: `hostname`",
    )
