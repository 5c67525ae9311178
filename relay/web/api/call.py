"""What a call of the API is, what it is asked, what it answers. Values only.

In:  the rows that the modules of `calls/` are made of.
Out: the same, for the door that serves them, the OpenAPI document, the try-out page and the handbook.

A row says everything about its call: routing, scope, parameters, the shape of the body, every answer with an example
and every code of a fault. What is not in the row, the door does not let through; so no page can lack it.

Why so: shapes of bodies are `msgspec.Struct`s where they are plain, since one definition then decodes, checks and
documents; SMTPeter's own bodies come in too many forms for that, so their rows bring a JSON Schema, and their
handlers read the mapping themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from relay.model.account import Scope, Token

if TYPE_CHECKING:
    from relay.web.api.services import Services
    from relay.web.api.spool import Spool

JSON = "application/json"  # bare, without a charset: SMTPeter's clients compare the whole of it
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain; charset=utf-8"
CSV = "text/csv; charset=utf-8"
XML = "application/xml"


class Kind(StrEnum):
    """Of a parameter's value."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"  # true, false, 1, 0
    DATE = "date"  # YYYY-MM-DD


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """A parameter of the path, the query or the header."""

    name: str
    help: str
    example: str
    kind: Kind = Kind.STRING
    required: bool = False
    choices: tuple[str, ...] = ()
    default: Any = None
    least: int | None = None
    most: int | None = None
    many: bool = False  # it may come several times, and its value is a list; of the query


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a call takes as its body.

    `shape` is a `msgspec.Struct` (the handler gets one), or a JSON Schema (the handler gets a mapping), or None for
    octets of another kind (the handler gets `asked.spool`).
    """

    help: str
    shape: Any = None
    example: Any = None
    types: tuple[str, ...] = (JSON, FORM)
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An answer as the documentation shows it."""

    help: str
    status: int = 200
    example: Any = None  # of JSON the value, of anything else the text
    shape: Any = None  # a type msgspec can describe, or a JSON Schema; None: any JSON, or no JSON at all
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)  # name -> what it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    token: Token
    address: str  # of the client
    peer: str  # its address and port
    tls: str = ""  # protocol; "" in clear text

    @property
    def account(self) -> str:
        return self.token.account

    @property
    def who(self) -> str:
        """For the audit."""
        return f"token {self.token.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, read and allowed."""

    caller: Caller
    at: float
    version: int  # 1 or 2, of the path
    path: Mapping[str, str]  # parameters by name, decoded
    query: Mapping[str, Any]  # those of the row, as their kinds have them, defaults filled in; those of an open query
    headers: Mapping[str, str]  # names in lower case
    body: Any = None  # of the row's shape; None: there was none
    spool: Spool | None = None  # the octets of a body without a shape
    base: str = ""  # `https://relay.example.com/v1`, as the client called us: for Location
    key: str = ""  # Idempotency-Key, for calls that make a submission: its namespace is the account's
    replay: bool = False  # this key was used for exactly this request before, and its answer is not known any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`body`: octets, or an iterator of them, which is run in a thread; JSON is made by `answer()`."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    final: bool = True  # False: the same request with the same Idempotency-Key is carried out again


Handler = Callable[["Services", Asked], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    method: str  # GET, POST, PUT, PATCH, DELETE
    path: str  # behind `/v1`: `/dkimkey/{name}/{selector}`; `{tags*}` at the end takes the rest
    name: str  # its operationId, unique: `send`, `domain_post`; its test is `test_<name>...`
    family: str  # heading in documentation
    summary: str  # a few words
    help: str  # sentences: what it does, what SMTPeter's text leaves open
    scope: Scope
    handler: Handler
    params: tuple[Param, ...] = ()  # of the path, each in order
    query: tuple[Param, ...] = ()
    headers: tuple[Param, ...] = ()
    open_query: bool = False  # further parameters are taken as they are
    body: Body | None = None
    answers: tuple[Shown, ...] = ()
    codes: tuple[str, ...] = ()  # of `problem.CODES`, beyond those every call has (tokens, limits, reading of bodies)
    once: bool = False  # takes an Idempotency-Key
    smtpeter: bool = False  # SMTPeter has it
    deprecated: bool = False
    only_v1: bool = False  # ours: it has no `/v2`
