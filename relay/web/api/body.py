"""The body of a request: taken in bounded, decompressed bounded, read as what it says it is.

In:  pieces of octets, the Content-Type and Content-Encoding, the row of the call.
Out: a `Spool`, and what is in it: a Struct, a mapping, a list; or Problem.

    pieces -> gunzip -> spool (memory, then a file) -> weighed -> JSON or form -> the shape of the row

What is large waits for its turn before it is read into memory, and is read in a thread. Who sends no Content-Type
gets what the first octet says: `{` or `[` is JSON, anything else a form. So does who says that it is a form: curl and
PHP's curl say so of every text they are given, and no form of ours begins so.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from relay.web.api import weight
from relay.web.api.call import FORM, JSON, Body
from relay.web.api.forms import read_form
from relay.web.api.misfit import misfit
from relay.web.api.problem import Problem
from relay.web.api.spool import Spool

Receive = Callable[[], Awaitable[dict[str, Any]]]

SILENCE = 30.0  # seconds without an octet of a body
PACE = 100  # least octets a second, counted once a body took longer than `GRACE`
GRACE = 60.0  # seconds
LARGE = 256 << 10  # octets that are read in a thread
_ANY_JSON = re.compile(r"application/(?:[a-z0-9.+-]*\+)?json")


class Gone(Exception):
    """The client went away."""


async def take(receive: Receive, headers: Mapping[str, str], limit: int, directory: Path) -> Spool:
    """All of a body. The caller closes the spool. Raises Problem; Gone; OSError: the disk is full."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        text = f"Content-Encoding: expected gzip or identity, not {encoding[:40]!r}"
        raise Problem("bad_encoding", text, headers={"Accept-Encoding": "gzip"})
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    unpack = _Gunzip(limit) if encoding == "gzip" else None
    spool = Spool(directory)
    try:
        await _fill(spool, receive, unpack, limit)
    except BaseException:
        spool.close()
        raise
    return spool


async def _fill(spool: Spool, receive: Receive, unpack: _Gunzip | None, limit: int) -> None:
    begun = asyncio.get_running_loop().time()
    came, more = 0, True
    while more:
        try:
            async with asyncio.timeout(SILENCE):
                message = await receive()
        except TimeoutError as error:
            raise Problem("bad_request", f"nothing of the body came for {SILENCE:g} s") from error
        if message["type"] == "http.disconnect":
            raise Gone
        piece, more = message.get("body", b""), message.get("more_body", False)
        came += len(piece)
        if spool.size + (0 if unpack else len(piece)) > limit or came > limit:
            raise too_large(limit)
        if unpack is not None:
            for part in unpack.add(piece):
                spool.add(part)
                await asyncio.sleep(0)  # a piece may hold a thousand times as much, and others wait
        elif piece:
            spool.add(piece)
        took = asyncio.get_running_loop().time() - begun
        if more and took > GRACE and came < PACE * took:
            raise Problem("bad_request", f"the body comes with less than {PACE} octets a second")
    if unpack is not None:
        unpack.end()


def too_large(limit: int) -> Problem:
    return Problem("too_large", f"the body is over the limit of {limit:,} octets")


class _Gunzip:
    """Decompresses piece by piece, to so many octets at most."""

    PIECE = 64 << 10

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._gunzip = zlib.decompressobj(wbits=31)

    def add(self, piece: bytes) -> Iterator[bytes]:
        """What is in it, part by part. Raises Problem."""
        try:
            while piece:
                part = self._gunzip.decompress(piece, self.PIECE)
                self._left -= len(part)
                if self._left < 0:
                    raise too_large(self._limit)
                yield part
                if self._gunzip.eof:
                    if self._gunzip.unused_data:
                        raise Problem("bad_encoding", "something follows the gzip stream of the body")
                    break
                piece = self._gunzip.unconsumed_tail
        except zlib.error as error:
            raise Problem("bad_encoding", "the body is no gzip stream, though Content-Encoding says so") from error

    def end(self) -> None:
        if not self._gunzip.eof:
            raise Problem("bad_encoding", "the gzip stream of the body is cut off")


def media_type(headers: Mapping[str, str]) -> str:
    """The Content-Type in lower case, without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def accepts(body: Body, media: str) -> bool:
    if not media or media in body.types:
        return True
    return JSON in body.types and bool(_ANY_JSON.fullmatch(media))


def weigh(body: Body, media: str, spool: Spool) -> int:
    """Octets of memory that `decode` and its value take, about. Raises Problem: it is more than is read."""
    with spool.view() as octets:
        if _is_form(body, media, octets):
            return weight.of_form(octets)
        try:
            return weight.of_json(octets)
        except ValueError as error:
            raise Problem("too_large", f"the body has {error}, which is the most that is read") from None


def decode(body: Body, media: str, spool: Spool) -> Any:
    """What is in it, in the shape of the row. Raises Problem."""
    with spool.view() as octets:
        return _form(body, bytes(octets)) if _is_form(body, media, octets) else _json(body, octets)


def _is_form(body: Body, media: str, octets: bytes | bytearray | memoryview) -> bool:
    if media not in ("", FORM) or FORM not in body.types:
        return media == FORM
    return JSON not in body.types or bytes(octets[:64]).lstrip()[:1] not in (b"{", b"[")


def _json(body: Body, octets: bytes | bytearray | memoryview) -> Any:
    try:
        value = _decoder(_typed(body)).decode(octets)
    except msgspec.ValidationError as error:
        raise misfit(str(error), _typed(body)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Problem("bad_json", f"the body is no JSON: {text}") from error
    return _checked(body, value)


def _form(body: Body, octets: bytes) -> Any:
    try:
        value = read_form(octets)
    except ValueError as error:
        raise Problem("bad_form", f"the body is no form: {error}") from error
    wanted = _typed(body)
    if wanted is Any:
        return _checked(body, value)
    try:
        return msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise misfit(str(error), wanted) from error


def _typed(body: Body) -> Any:
    return Any if isinstance(body.shape, Mapping) else body.shape


def _checked(body: Body, value: Any) -> Any:
    """A schema's own type: an object, or a list."""
    if isinstance(body.shape, Mapping):
        wanted = body.shape.get("type", "object")
        if not isinstance(value, list if wanted == "array" else dict):
            raise Problem("bad_json", f"expected {'a list' if wanted == 'array' else 'an object'} as the body")
    return value


@lru_cache(maxsize=256)
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted)
