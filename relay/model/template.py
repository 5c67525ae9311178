"""A template that is kept under a name: what a message is made from that asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VERSIONS = 20  # of a template that are kept, the newest among them
NAME = 64  # characters


class Part(StrEnum):
    """What a message is given by it."""

    SUBJECT = "subject"
    HTML = "html"
    TEXT = "text"


class Format(StrEnum):
    """What a template may be looked at as; all but the document are rendered from it."""

    JSON = "json"
    HTML = "html"
    WEBVERSION = "webversion"
    MIME = "mime"
    EMBEDDED = "embedded"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One version of it. Its texts are in the template language; an empty one leaves the message's own in place."""

    account: str
    name: str  # unique in the account; compared without regard to case
    created: float  # of this version
    subject: str = ""
    html: str = ""
    text: str = ""
    document: str = ""  # ResponsiveEmail JSON that the texts are rendered from; "": they are written by hand
    note: str = ""  # for people who look at the versions
    id: int = 0  # the relay's number for all versions of it; 0: not kept yet
    version: int = 0  # from 1, one more with each change
