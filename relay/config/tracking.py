"""The keys of the configuration that concern links of ours in mail: where they lead, how long they work, what is kept
of those who follow them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from relay.config.values import Duration, Network, Part, Size, host_name_or_none
from relay.model.address import is_ip


class ClientAddress(StrEnum):
    """How precisely events tell who opened, clicked or unsubscribed."""

    FULL = "full"
    NETWORK = "network"  # /24 of IPv4, /48 of IPv6
    NONE = "none"


def _base(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    plain = value.isascii() and value.isprintable() and " " not in value
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not (host and plain and bare):
        raise ValueError(f"expected something like https://clicks.example.net (no path), not {value[:80]!r}")
    if not is_ip(host):
        host_name_or_none(host)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


class Images(Part):
    """Pictures of messages that are tracked for opens: they are shown through us."""

    cache: Size = Field(256 << 20, description="octets of pictures kept on disk; the longest unused goes first")
    object: Size = Field(10 << 20, description="octets of one picture; a larger one is not shown through us")
    timeout: Duration = Field(10.0, description="longest wait for a picture from where it lies")
    keep: Duration = Field(
        86_400.0, description="a kept picture is shown this long before it is fetched anew; longer if that fails"
    )
    networks: tuple[Network, ...] = Field(
        (), description="private networks pictures may be fetched from; else only public addresses"
    )


class Tracking(Part):
    """Links of ours in mail: clicks, opens, unsubscribing, mail as a page."""

    base: Annotated[str, AfterValidator(_base)] | None = Field(
        None,
        description="where links lead for domains without a tracking host of their own, such as "
        "https://clicks.example.net; null: those cannot be tracked",
    )
    life: Duration = Field(
        15_552_000.0, description="how long links work, counted from when the mail was delivered, or ended otherwise"
    )
    client_address: ClientAddress = Field(
        ClientAddress.FULL,
        description="what events tell of who opened, clicked or unsubscribed: `full` address, its `network` "
        "(/24, IPv6 /48), or `none`",
    )
    client_address_keep: Duration = Field(
        2_592_000.0, description="how long the report database keeps those addresses; the events stay"
    )
    images: Images = Field(Images(), description="pictures shown through us")
    assets: Size = Field(5 << 30, description="octets of hosted pictures (option `hosted_images`); over it 452 4.3.1")
