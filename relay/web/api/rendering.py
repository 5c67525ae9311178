"""Documents as the calls answer with them: in one of six formats, with values filled in where there are some.

In:  a ResponsiveEmail document, a format, values by name.
Out: an `Answer`; or a Problem whose `field` is a JSON pointer into the document.

Why so: values are filled in where any are given, as SMTPeter has it, and what only a message that is sent can say
(`{$recipient}`, `{$webversion}`, ...) has a value for show, unless one is given. `json` is the source
itself, and takes none. Pages are served so that no script of theirs runs in the name of this host.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from relay.manage.documents import Unfetched, rendered, written
from relay.manage.letters import letter
from relay.manage.templates import SHOWN
from relay.model.address import printable
from relay.model.template import Format
from relay.submission.tuning.memory import Memory
from relay.transform.headers import read_header
from relay.transform.merge import TemplateError, compile
from relay.transform.merge.message import prepare
from relay.transform.responsive import DocumentError, Rendered, needed
from relay.web.api.answers import WARNINGS, answer, text, warned
from relay.web.api.call import TEXT, Answer, Param, Shown
from relay.web.api.problem import Problem
from relay.web.api.services import Services

HTML: Final = "text/html; charset=utf-8"
MIME: Final = "message/rfc822"
DEPTH: Final = 100  # of JSON within a form or a text
REMEMBERED: Final = 16 << 20  # octets of rendered documents, a process
_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:"
_SAFE: Final = {"Content-Security-Policy": _POLICY}


FORMAT: Final = Param(
    name="format",
    help="`json`: the document; `html`: the page for mail programs; `webversion`: the page for browsers; `mime`: the "
    "whole message, pictures on the web; `embedded`: the whole message with its pictures; `text`: the plain text",
    example="html",
    choices=tuple(Format),
)
FILLING: Final = (
    "Further parameters of the query are values for placeholders, `?name=Ann` for `{$name}`; without any, "
    "placeholders stay as they are written. `recipient`, `envelope`, `webversion`, `unsubscribe` and `content` have "
    "values for show where others are given."
)
FETCHING: Final = (
    "What `feed` and `import` show is fetched: 10 things of 1 MiB within 10 seconds; so are pictures that do not say "
    "how wide they are. `embedded` fetches 50 pictures "
    "of 5 MiB, 10 MiB and 10 seconds for all; one that does not come stays on the web, and `X-Warnings` says so."
)
REMARKS: Final = {WARNINGS: "what is odd about the document, in a line; absent where nothing is"}
PAGE: Final = Shown(help="`html`, `webversion`: the page", media=HTML, example="<!DOCTYPE html>...", headers=REMARKS)
LETTER: Final = Shown(
    help="`mime`, `embedded`: the message; CRLF at the end of its lines",
    media=MIME,
    example="From: Shop <shop@example.com>\r\nSubject: News\r\nMIME-Version: 1.0\r\n...",
    headers=REMARKS,
)
PLAIN: Final = Shown(help="`text`: the plain text", media=TEXT, example="Hello {$name}!\n", headers=REMARKS)


async def shown(services: Services, document: Mapping[str, Any], form: Format, values: Mapping[str, Any]) -> Answer:
    """Raises Problem."""
    if form is Format.JSON:
        if values:
            name = printable(next(iter(values)), 60)
            raise Problem("bad_parameter", f"{name}: json is the source, into which nothing is filled", field=name)
        return answer(document)
    source = {name: value for name, value in document.items() if name != "id"}
    with faults():
        made = await made_of(services, source, web=form is Format.WEBVERSION)
        if form in (Format.MIME, Format.EMBEDDED):
            async with services.fetching:
                embed = form is Format.EMBEDDED
                found = await letter(services.http, services.threaded, made, services.clock(), embed=embed)
            octets = await services.threaded(_filled_letter, found.octets, values)
            return Answer(body=octets, media=MIME, headers=warned((*made.warnings, *found.remarks)))
        said = made.text if form is Format.TEXT else made.html
        filled = await services.threaded(_filled, said, values)
    if form is Format.TEXT:
        return text(filled, headers=warned(made.warnings))
    return text(filled, media=HTML, headers={**warned(made.warnings), **_SAFE})


@dataclass(frozen=True, slots=True)
class Looked:
    """What can be said of a document without fetching anything."""

    fetches: bool  # feeds or imports are in it
    made: Rendered | None  # where nothing of elsewhere is in it


async def look(services: Services, document: Mapping[str, Any], *, web: bool = False) -> Looked:
    """Remembered, since one document is mostly used for many messages. Raises DocumentError."""
    return await services.threaded(_looked, document, web)


async def made_of(services: Services, document: Mapping[str, Any], *, web: bool = False) -> Rendered:
    """Raises DocumentError, Unfetched."""
    if (made := (await look(services, document, web=web)).made) is not None:
        return made
    return await rendered(services.http, services.threaded, services.fetching, document, web=web)


def _looked(document: Mapping[str, Any], web: bool) -> Looked:
    def make() -> Looked:
        needs = needed(document)
        return Looked(any(each.required for each in needs), None if needs else written(document, web=web))

    try:
        octets = msgspec.json.encode(document)
    except (ValueError, TypeError, RecursionError):  # it is no JSON: the renderer says what is wrong
        return make()
    return _memory.get((blake2b(octets, digest_size=16).digest(), web), make)


def _octets(looked: Looked) -> int:
    made = looked.made
    if made is None:
        return 100
    attached = sum(len(each.data) for each in made.fields.attachments)
    return 2000 + 4 * (len(made.html) + len(made.text)) + attached


_memory: Memory[Looked] = Memory(REMEMBERED, _octets)


def _filled(source: str, values: Mapping[str, Any]) -> str:
    """Raises TemplateError."""
    return compile(source).render(_with_usual(values)) if values else source


def _filled_letter(octets: bytes, values: Mapping[str, Any]) -> bytes:
    """Raises TemplateError."""
    return prepare(read_header(octets)).render(_with_usual(values)) if values else octets


def _with_usual(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**SHOWN, **values}


@contextmanager
def faults(at: str = "") -> Iterator[None]:
    """What is wrong with a document, as a Problem; `at`: the property the document is in, "" for the whole body."""
    try:
        yield
    except DocumentError as error:
        raise Problem("bad_value", f"{at}{error}", field=f"{at}{error.path}") from error
    except Unfetched as error:
        raise Problem("fetch", f"{at}{error}", field=f"{at}{error.path}") from error
    except TemplateError as error:
        raise Problem("unacceptable", str(error), field=at) from error


def document_of_text(given: str, field: str) -> dict[str, Any]:
    """A document that came as a text in JSON. Raises Problem."""
    try:
        found = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise Problem("bad_value", f"{field}: no JSON: {error}", field=field) from error
    if not isinstance(found, dict):
        raise Problem("bad_value", f"{field}: expected an object in JSON", field=field)
    return found


def document_of_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a request: the body; of a form that has nothing else, its field `json`. Raises Problem."""
    if len(body) == 1 and isinstance(given := body.get("json"), str):
        return document_of_text(given, "json")
    return dict(body)
