"""ResponsiveEmail documents with what they show of elsewhere: fetched, rendered.

In:  a document, the guarded client for HTTP, and whoever runs work in a thread.
Out: what the renderer makes of it; `DocumentError`, or `Unfetched`, which names the property at fault.

At most `FETCHES` feeds and imports are fetched for a document, and `EXTRAS` of what it can do without, of `OCTETS`
each, and within `SECONDS` together; what an imported document imports counts, too.

Why so: feeds and imports are fetched anew each time a document is rendered, when it is sent above all, since a feed
is there for its news. What is stored beside a template is rendered when it is stored, for those who send with it by a
header field, where nobody would wait for other servers. A required part that cannot be fetched is an error and not a
gap: a newsletter without its articles is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from relay.http.client import Client, Failed, Failure
from relay.transform.jsonpatch import pointer
from relay.transform.merge import TemplateError, compile
from relay.transform.responsive import DocumentError, Need, Rendered, needed, render

FETCHES: Final = 10  # feeds and imports
EXTRAS: Final = 50  # pictures that do not say how wide they are, and the like
OCTETS: Final = 1 << 20  # of each
MEASURED: Final = 256 << 10  # octets of a picture that are kept: its size stands near its beginning
SECONDS: Final = 10.0  # of all together
REDIRECTS: Final = 3

_NOTHING: Final[Mapping[str, bytes]] = {}

Turn = AbstractAsyncContextManager[Any]  # a semaphore
P = ParamSpec("P")
T = TypeVar("T")


class Threads(Protocol):
    """Runs something in a thread."""

    async def __call__(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T: ...


class Unfetched(Exception):
    """Something the document needs could not be fetched. `path`: JSON pointer of the property that names it."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}")
        self.path = path


async def rendered(
    client: Client, threaded: Threads, turn: Turn, document: Mapping[str, Any], *, web: bool = False
) -> Rendered:
    """`turn`: held while something is fetched; `web`: as a page online, not as a mail.

    Raises DocumentError, Unfetched.
    """
    fetched, failed = await _gathered(client, threaded, turn, document)
    made = await threaded(written, document, web=web, fetched=fetched)
    return replace(made, warnings=(*made.warnings, *failed.values())) if failed else made


def written(document: Mapping[str, Any], *, web: bool = False, fetched: Mapping[str, bytes] = _NOTHING) -> Rendered:
    """`render`, with faults of the language told where they are. Raises DocumentError."""
    try:
        return render(document, web=web, fetched=fetched)
    except DocumentError as error:
        raise _located(document, error) from error


async def _gathered(
    client: Client, threaded: Threads, turn: Turn, document: Mapping[str, Any]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """What there is by URL, and what is said of what is not there. Raises DocumentError, Unfetched."""
    fetched: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    asked = {True: 0, False: 0}
    clock = asyncio.get_running_loop().time
    left = SECONDS
    while True:
        needs = await threaded(needed, document, fetched)
        wanted: dict[str, Need] = {}
        for need in needs:
            if need.url in failed or need.url in wanted:
                continue
            asked[need.required] += 1
            if asked[need.required] <= (FETCHES if need.required else EXTRAS):
                wanted[need.url] = need
            elif need.required:
                raise Unfetched(need.path, f"a document fetches at most {FETCHES} feeds and imports")
            else:
                failed[need.url] = f"{need.path}: over {EXTRAS} pictures; the page is made without its size"
        if not wanted:
            return fetched, failed
        async with turn:
            begun = clock()
            answers = await asyncio.gather(*(_fetch(client, each, left) for each in wanted.values()))
            left -= clock() - begun
        for need, answer in zip(wanted.values(), answers, strict=True):
            if isinstance(answer, bytes):
                fetched[need.url] = answer
            elif need.required:
                raise Unfetched(need.path, answer.text)
            else:
                failed[need.url] = f"{need.path}: {answer.text}; the page is made without it"


async def _fetch(client: Client, need: Need, left: float) -> bytes | Failed:
    if left <= 0:
        return Failed(Failure.TIMEOUT, f"what the document shows did not come within {SECONDS:g} s together")
    try:
        found = (await client.get(need.url, limit=OCTETS, timeout=left, redirects=REDIRECTS)).content()
        return found if need.required else found[:MEASURED]
    except Failed as failed:
        return failed


def _located(document: Mapping[str, Any], error: DocumentError) -> DocumentError:
    """A fault of the language in the page, told as one of the text of the document that has it.

    Blocks and branches may reach over several texts, so only the page as a whole can be compiled; the text that has
    the same fault by itself is the one to look at.
    """
    if error.path != "/content":
        return error
    for path, source in _texts(document.get("content"), error.path):
        try:
            compile(source)
        except TemplateError as fault:
            if fault.what in error.what:
                return DocumentError(path, str(fault))
    return error


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """All texts with their pointers. The renderer has seen to how deep they lie."""
    if isinstance(value, str):
        if "{" in value:
            yield path, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(each, path + pointer((name,)))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _texts(each, path + pointer((place,)))
