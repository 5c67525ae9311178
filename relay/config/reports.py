"""The keys of the configuration that concern reports: those others send us, and those people ask for."""

from __future__ import annotations

from pydantic import Field

from relay.config.values import Duration, Part, Size


class Reports(Part):
    """Aggregate reports of DMARC that others send us, at `dmarc@` the bounce host of a verified domain."""

    keep: Duration = Field(7_776_000.0, description="how long one is kept")
    bytes: Size = Field(1 << 30, description="octets of all of them on disk, packed; over it 452 4.3.1")
    count: int = Field(100_000, ge=0, description="reports at once; over it 452 4.3.1")
    daily: int = Field(2000, ge=0, description="reports to one address in a day; over it 452 4.7.1")


class DataRequests(Part):
    """All that is known of an address, put together for whom it belongs to."""

    keep: Duration = Field(604_800.0, description="how long a request and what it found are kept")
    size: Size = Field(100_000_000, description="octets of contents in one; what does not fit is named and left out")
    bytes: Size = Field(1 << 30, description="octets of all of them; over it a request fails")
    count: int = Field(100, ge=1, description="requests of an account at once; over it 429")
