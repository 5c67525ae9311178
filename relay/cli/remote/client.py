"""The HTTP API as commands ask it: one request a connection, bounded in time and size.

In:  a `Place`; method, path, parameters, body.
Out: what it answered; or CommandError in the API's words, with the exit code that a local command would have had.

Redirects are not followed: the token is for the host it was given for. Proxies of the environment are not asked.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from relay.cli.frame import CommandError, ExitCode
from relay.cli.remote.place import TOKEN, Place

TIMEOUT = 120.0  # seconds without an octet; checks of DNS and of webhooks take the relay a while
LARGEST = 256 << 20  # octets of an answer that is kept in memory
PIECE = 1 << 16  # octets
LONGEST = 60_000  # octets of a request's target, which servers bound
_CODES = {401: ExitCode.REFUSED, 403: ExitCode.REFUSED, 404: ExitCode.NOT_FOUND, 410: ExitCode.NOT_FOUND}
_CODES |= dict.fromkeys((400, 413, 415, 422), ExitCode.USAGE) | {429: ExitCode.REFUSED}
T = TypeVar("T")


class Faulty(CommandError):
    """The API said no."""

    def __init__(self, message: str, code: ExitCode, status: int, retry: float = 0.0) -> None:
        super().__init__(message, code)
        self.status = status
        self.retry = retry  # seconds, where it said so


class _Unwritten(Exception):
    """An error of our output, which says nothing about the relay."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Answered:
    """What came: JSON mostly."""

    def __init__(self, status: int, media: str, octets: bytes) -> None:
        self.status = status
        self.media = media
        self.octets = octets

    def json(self) -> Any:
        """Raises CommandError: that is no relay."""
        try:
            return json.loads(self.octets)
        except (ValueError, RecursionError) as error:
            raise CommandError("what answered there speaks no API of a relay's", ExitCode.UNREACHABLE) from error


class Remote:
    """The API of one relay."""

    def __init__(self, place: Place) -> None:
        """Raises CommandError: there is no token."""
        if not place.token:
            raise CommandError(
                f"with what token? Say --token file:PATH or {TOKEN}; `relay token add` makes one", ExitCode.USAGE
            )
        self.place = place

    def get(self, path: str, /, **query: Any) -> Any:
        return self.ask("GET", path, query=query).json()

    def post(self, path: str, body: Any = None, /, **query: Any) -> Any:
        return self.ask("POST", path, query=query, body=body).json()

    def pages(self, path: str, name: str, limit: int | None = None, /, **query: Any) -> list[Any]:
        """All that a list has, or the first so many."""
        found: list[Any] = []
        after: Any = None
        while limit is None or len(found) < limit:
            most = 1000 if limit is None else min(1000, limit - len(found))
            page = self.get(path, **query, limit=most, after=after)
            found += page[name]
            after = page["next"]
            if not after:
                break
        return found if limit is None else found[:limit]

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        media: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """`body`: octets of `media`, or what becomes JSON. Raises CommandError."""
        octets = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()

        def whole(response: http.client.HTTPResponse) -> Answered:
            read = response.read(LARGEST + 1)
            if len(read) > LARGEST:
                raise CommandError(f"{self.place.url}: the answer is over {LARGEST >> 20} MiB")
            _must_be_whole(response)
            return Answered(response.status, response.headers.get_content_type(), read)

        sent = {**(headers or {}), **({"Content-Type": media} if octets is not None else {})}
        return self._exchange(method, self._target(path, query or {}), octets, sent, whole)

    def stream(self, path: str, write: Callable[[bytes], object], query: Mapping[str, Any]) -> None:
        """An answer of any size, piece by piece. Raises CommandError."""

        def copy(response: http.client.HTTPResponse) -> None:
            while piece := response.read(PIECE):
                try:
                    write(piece)
                except OSError as error:
                    raise _Unwritten(error) from error
            _must_be_whole(response)

        try:
            self._exchange("GET", self._target(path, query), None, {}, copy)
        except _Unwritten as error:
            raise error.cause from None

    def _target(self, path: str, query: Mapping[str, Any]) -> str:
        given = {name: value for name, value in query.items() if value is not None and value != []}
        plain = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
        target = f"{self.place.path}{path}" + (f"?{urlencode(plain, doseq=True)}" if plain else "")
        if len(target) > LONGEST:
            raise CommandError("that is too much for one request: name less at once", ExitCode.USAGE)
        return target

    def _exchange(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
        read: Callable[[http.client.HTTPResponse], T],
    ) -> T:
        from relay import __version__

        place = self.place
        sent = {
            **headers,
            "Authorization": f"Bearer {place.token}",
            "User-Agent": f"relay/{__version__}",
            "Connection": "close",
        }
        with _reached(place):
            connection = _connection(place)
            try:
                with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it read all
                    connection.request(method, target, body=body, headers=sent)
                response = connection.getresponse()
                if 200 <= response.status < 300:
                    return read(response)
                said = response.read(PIECE)
            finally:
                connection.close()
        raise _faulty(place, response, said)


def name(text: str) -> str:
    """A segment of a path."""
    return quote(text, safe="@")


def _must_be_whole(response: http.client.HTTPResponse) -> None:
    """`read(size)` says nothing of an end that came too soon. Raises IncompleteRead."""
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def _connection(place: Place) -> http.client.HTTPConnection:
    if not place.tls:
        return http.client.HTTPConnection(place.host, place.port, timeout=TIMEOUT)
    try:
        context = ssl.create_default_context(cafile=str(place.authority) if place.authority else None)
    except (OSError, ssl.SSLError) as error:
        raise CommandError(f"--ca-file: {place.authority}: {error}", ExitCode.USAGE) from error
    return http.client.HTTPSConnection(place.host, place.port, timeout=TIMEOUT, context=context)


@contextmanager
def _reached(place: Place) -> Iterator[None]:
    """What fails between here and there, as CommandError."""
    from relay.cli.possession import told

    where = f"{place.host}:{place.port}"
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        hint = "name the authority of the server's certificate with --ca-file PATH"
        raise CommandError(f"{where}: TLS failed: {error}\n{hint}", ExitCode.UNREACHABLE) from error
    except ssl.SSLError as error:
        raise CommandError(f"{where}: TLS failed: {error}", ExitCode.UNREACHABLE) from error
    except http.client.HTTPException as error:
        said = str(error) or type(error).__name__
        raise CommandError(f"{where}: that is no answer over HTTP: {said}", ExitCode.UNREACHABLE) from error
    except OSError as error:
        raise CommandError(f"no relay answers at {where}: {told(error)}", ExitCode.UNREACHABLE) from error


def _faulty(place: Place, response: http.client.HTTPResponse, said: bytes) -> CommandError:
    status = response.status
    try:
        told = json.loads(said)["error"]
        message, reply = str(told["message"]), str(told["reply"])
    except (ValueError, TypeError, KeyError, RecursionError):
        text = f"{place.url}: {status} {response.reason}: what answered there speaks no API of a relay's"
        return CommandError(text, ExitCode.UNREACHABLE)
    retry = response.headers.get("Retry-After", "")
    seconds = float(retry) if retry.isascii() and retry.isdigit() else 0.0
    code = ExitCode.REFUSED if reply else _CODES.get(status, ExitCode.FAILED)
    again = f"; try again in {retry} s" if seconds and status in (429, 503) else ""
    return Faulty(f"{reply or message}{again}", code, status, seconds)


_place: ContextVar[Place | None] = ContextVar("place", default=None)


def use(place: Place) -> None:
    """Commands from now on are for that relay."""
    _place.set(place)


def remote() -> Remote:
    """The relay this command is for. Raises CommandError: there is no token."""
    found = _place.get()
    assert found is not None, "a remote command without a place"
    return Remote(found)
