"""What an operator says of the HTTP API."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from relay.config.values import Network, Part

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class Api(Part):
    """The HTTP API, under `/v1`: over https, or from this machine itself."""

    enabled: bool = Field(True, description="false: it is not there")
    rate: int = Field(
        120_000,
        ge=0,
        description="requests a minute of a token that has no rate of its own; over it 429; 0: any number",
    )
    cors: tuple[str, ...] = Field(
        (), description="origins whose pages may call it from a browser: `https://app.example.com`; none by default"
    )

    networks: tuple[Network, ...] = Field(
        (),
        description="private networks that what a request names by URL (attachments, feeds, pictures) may be fetched "
        "from; else only public addresses",
    )

    @field_validator("cors")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not _ORIGIN.fullmatch(each):
                raise ValueError(f"must be origins such as https://app.example.com, not {each!r}")
        return value
