"""A request to the API before a handler sees it: path, query, token, form, and a body in pieces, perhaps compressed.

Properties: a value or a Problem that names what is wrong in a line; a form that is written out again is the same; a
path leads back to itself; no body comes to more octets than its limit, and what was compressed is what it was.
"""

from __future__ import annotations

import gzip
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from relay.model.clock import iso
from relay.web.api import body, routes, tokens
from relay.web.api.call import FORM, JSON, Body, Kind
from relay.web.api.forms import DEPTH, read_form
from relay.web.api.moments import moment
from relay.web.api.once import fingerprint
from relay.web.api.past import day, past
from relay.web.api.place import place_of
from relay.web.api.problem import CODES, Problem
from relay.web.api.query import read_query, split
from relay.web.api.table import CALLS
from tests.fuzz.target import Source, Target, cut, run

NOW = 1_790_000_000.0
LIMIT = 4096  # octets of a body
SAID = 2000  # characters of a fault
HERE = Path(tempfile.gettempdir())
ROUTES = routes.Routes(CALLS)
BODIES: list[Body] = [each.body for each in CALLS if each.body is not None and each.body.shape is not None]


def well_said(problem: Problem) -> None:
    """A fault goes out as JSON, is no novel, and its fields of HTTP are such."""
    assert CODES[problem.code][0] == problem.status != 500
    said = msgspec.json.decode(msgspec.json.encode(problem.body()))
    assert said["error"]["message"] == problem.message != ""
    assert len(problem.message) + len(problem.field) < SAID, problem.message
    assert all(each.isascii() and each.isprintable() for each in problem.headers.values())


# --- forms ------------------------------------------------------------------------------------------------


def check_form(octets: bytes) -> None:
    try:
        found = read_form(octets)
    except ValueError as error:
        assert str(error) and len(str(error)) < SAID
        return
    pairs = list(_flat(found))
    assert len(pairs) <= octets.count(b"&") + 1
    assert all(len(keys) <= DEPTH for keys, _ in pairs)
    written = b"&".join(_written(keys) + b"=" + quote(text, safe="").encode() for keys, text in pairs)
    assert read_form(written) == found
    if b"[" not in octets and b"%5" not in octets:
        plain = parse_qsl(octets.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="strict")
        if octets.isascii():
            assert found == dict(plain)


def _flat(value: Any, *keys: str) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield keys, value
        return
    assert value or not keys
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _flat(each, *keys, str(key))


def _written(keys: tuple[str, ...]) -> bytes:
    first, *more = keys
    return quote("".join((first, *(f"[{each}]" for each in more))), safe="").encode()


# --- path, query, token -----------------------------------------------------------------------------------


def check_asked(octets: bytes) -> None:
    source = Source(octets)
    path, authorization = source.line().decode("latin-1"), source.line().decode("latin-1")
    found = _found(path)
    try:
        query = split(source.rest)
    except Problem as problem:
        well_said(problem)
        return
    with suppress(Problem):
        assert isinstance(tokens.given(authorization, query), str)
    pairs = [(name, each) for name, texts in query.items() for each in texts]
    assert fingerprint(pairs, JSON, b"") == fingerprint(pairs[::-1], f"{JSON}; charset=utf-8", b"")
    for call in found.calls.values() if found is not None else CALLS[::16]:
        try:
            values = read_query(call, query)
        except Problem as problem:
            well_said(problem)
            continue
        for each in call.query:
            given = values[each.name]
            if each.kind is Kind.INTEGER and given is not None and each.name in query:
                assert each.least is None or given >= each.least
                assert each.most is None or given <= each.most
    for text in (each for texts in query.values() for each in texts):
        _check_times(text)


def _found(path: str) -> routes.Found | None:
    try:
        found = ROUTES.find(path)
    except Problem as problem:
        well_said(problem)
        return None
    if found is None:
        return None
    for call in found.calls.values():
        assert len(routes.names(call)) == len(found.values)
    again = re.sub(r"\{[^}]*\}", "%s", call.path) % tuple(quote(each, safe="") for each in found.values)
    assert ROUTES.find(again) == found
    return found


def _check_times(text: str) -> None:
    try:
        at = past("x", text, NOW)
        assert at is None or iso(at)
    except Problem as problem:
        well_said(problem)
    reads: tuple[Callable[[], object], ...] = (
        lambda: moment("x", text),
        lambda: day("x", text),
        lambda: place_of(text),
    )
    for read in reads:
        try:
            read()
        except Problem as problem:
            well_said(problem)


# --- body -------------------------------------------------------------------------------------------------


def check_body(octets: bytes) -> None:
    source = Source(octets)
    way, shape = source.byte() % 3, source.of(BODIES)
    media = source.of((JSON, FORM, ""))
    plain = source.rest
    sent = gzip.compress(plain * 40, mtime=0) if way == 2 else plain
    sizes = bytes([plain[0], 200]) if plain else b""
    spool = None
    try:
        spool = run(_taken(sent, sizes, way > 0))
        assert spool.size <= LIMIT
        if way != 1:
            assert spool.octets() == (plain * 40 if way == 2 else plain)
        value = body.decode(shape, media, spool)
    except Problem as problem:
        well_said(problem)
        if spool is None:
            assert way == 1 or len(plain) * (40 if way else 1) > LIMIT
        return
    finally:
        if spool is not None:
            spool.close()
    if isinstance(shape.shape, type):
        again = msgspec.json.encode(value)
        assert msgspec.json.encode(msgspec.json.decode(again, type=shape.shape)) == again


async def _taken(sent: bytes, sizes: bytes, zipped: bool) -> Any:
    pieces = cut(sent, sizes) or [b""]
    messages = [{"type": "http.request", "body": each, "more_body": True} for each in pieces]
    messages[-1]["more_body"] = False

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return await body.take(receive, {"content-encoding": "gzip"} if zipped else {}, LIMIT, HERE)


def work_form(octets: bytes) -> None:
    with suppress(ValueError):
        read_form(octets)


def work_asked(octets: bytes) -> None:
    with suppress(Problem):
        ROUTES.find(octets[:8000].decode("latin-1"))
    with suppress(Problem):
        read_query(CALLS[0], split(octets))


_FORM = (
    b"a=", b"&", b"=", b"[]", b"[b]", b"[0]", b"[1]", b"[", b"]", b"%5B", b"%5D", b"%", b"%00", b"%FF", b"+",
    b"%C3%BC", b"a[]=x&", b"a[0]=x&", b"a[1][c]=y&", b"a[b][]=z&", b"a[007]=1&", b"[" * 12,
)  # fmt: skip
_ASKED = (
    b"\0", b"/", b"%2F", b"%", b"%C3%BC", b"%FF", b"..", b"?", b"&", b"=", b"Bearer ", b"Basic ", b"YTpi", b"OmI=",
    b"access_token=", b"limit=", b"after=", b"since=", b"until=", b"format=", b"dry_run=1", b"2026-01-31",
    b"T12:00:00Z", b"0001-01-01", b"9999-12-31", b"T00:00:00-23:59", b"T00:00:00%2B23:59", b"7d", b"1e9y", b"-1",
    b"0", b"999999999999999999", b"\xc3\xbc", b"\xff",
    *sorted({each.path.split("{")[0].encode() for each in CALLS}),
    *sorted({f"{param.name}=".encode() for each in CALLS for param in each.query}),
)  # fmt: skip
_BODY = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"1", b"-1.5e3", b"1" * 50, b"\\ud800", b"\\u00fc",
    b"\xff", b"[" * 200, gzip.compress(b"{}", mtime=0), gzip.compress(bytes(5000), mtime=0), b"\x1f\x8b\x08\0",
    *sorted({f'"{name}":'.encode() for each in BODIES if isinstance(each.shape, type)
             for name in getattr(each.shape, "__struct_fields__", ())}),
    *(msgspec.json.encode(each.example)[:600] for each in BODIES if each.example is not None),
    *(b"\0%c\0" % place for place, each in enumerate(BODIES) if isinstance(each.shape, type)),
    *_FORM,
)  # fmt: skip

TARGETS = (
    Target(examples=200, name="form", check=check_form, words=_FORM, work=work_form, head=b"a="),
    Target(examples=200, name="asked", check=check_asked, words=_ASKED, work=work_asked, head=b"/"),
    Target(examples=200, name="body", check=check_body, words=_BODY),
)
