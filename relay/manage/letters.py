"""A rendered document as a whole message, to be looked at or sent by others: pictures on the web, or carried along.

In:  what the renderer made, the guarded client for HTTP, the time for Date.
Out: octets with CRLF line ends, placeholders still in them; and remarks.

Pictures are fetched: `PICTURES` of them, `EACH` octets each, `ALL` octets with the attachments, within `SECONDS`. One
that does not come stays on the web, with a remark, since the message is whole either way; an attachment that does
not come is an error.

Why so: the message is built as one that is sent, so what is shown here is what arrives. It has no Message-ID: whoever
sends it may do so more than once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final
from urllib.parse import unquote, urlsplit

from relay.http.client import Client, Failed, Failure, Response
from relay.manage.documents import REDIRECTS, Threads, Unfetched
from relay.model.clock import rfc5322
from relay.transform.compose import fields
from relay.transform.compose.bodies import encoded
from relay.transform.compose.mailboxes import read_mailboxes, written
from relay.transform.compose.message import OCTETS, Attachment, message
from relay.transform.html.embedding import embedding
from relay.transform.responsive import Attachment as Wanted
from relay.transform.responsive import DocumentError, Fields, Rendered

PICTURES: Final = 50
EACH: Final = 5 << 20  # octets of a picture or attachment
ALL: Final = 10 << 20  # octets of all of them
SECONDS: Final = 10.0  # for all of them
AT_ONCE: Final = 4


async def letter(client: Client, threaded: Threads, made: Rendered, at: float, *, embed: bool) -> Letter:
    """`at`: for Date; `embed`: with its pictures. Raises DocumentError, Unfetched."""
    work = _Work(client)
    attachments = [await work.attachment(threaded, each) for each in made.fields.attachments]
    html = made.html
    if embed and html:
        page = await threaded(embedding, html)
        names: dict[str, str] = {}
        for url, response in await work.pictures(page.urls):
            picture = await threaded(_picture, url, response)
            names[url] = picture.content_id
            attachments.append(picture)
        html = await threaded(page.page, names)
    octets = await threaded(message, header(made.fields, at), made.text or None, html or None, attachments)
    return Letter(octets, tuple(work.remarks))


@dataclass(frozen=True, slots=True)
class Letter:
    octets: bytes = field(repr=False)
    remarks: tuple[str, ...] = ()


def header(given: Fields, at: float) -> list[bytes]:
    """Its fields, each with its CRLF. Raises DocumentError."""
    people = (
        ("From", "/from", [given.from_]),
        ("To", "/to", given.to),
        ("Cc", "/cc", given.cc),
        ("Reply-To", "/replyTo", [given.reply_to]),
    )
    found = [fields.listed(name, _people(texts, path)) for name, path, texts in people if any(texts)]
    if given.subject:
        found.append(fields.field("Subject", given.subject))
    found.append(fields.field("Date", rfc5322(at)))
    found += [fields.field(name, value) for name, value in given.headers if value]
    return found


def _people(texts: Sequence[str], path: str) -> list[str]:
    """Mailboxes as they stand in a field; one whose address is made of constructs stands as it was written."""
    found: list[str] = []
    for text in texts:
        try:
            found += [written(each) for each in read_mailboxes(text)]
        except ValueError as error:
            if "{" not in text:
                raise DocumentError(path, str(error)) from None
            found.append(text)
    return found


class _Work:
    """What is fetched for one message."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._left = ALL
        self._end = asyncio.get_running_loop().time() + SECONDS
        self._turn = asyncio.Semaphore(AT_ONCE)
        self.remarks: list[str] = []

    async def attachment(self, threaded: Threads, wanted: Wanted) -> Attachment:
        """Raises Unfetched."""
        octets, kind, name = wanted.data, wanted.type, wanted.name
        if wanted.url:
            try:
                response = await self._get(wanted.url)
            except Failed as failed:
                raise Unfetched(f"{wanted.path}/url", failed.text) from None
            octets, kind = response.body, _type(response)
            name = name or _name(wanted.url)
        return Attachment(type=kind or OCTETS, name=name, body=await threaded(encoded, octets))

    async def pictures(self, urls: Sequence[str]) -> list[tuple[str, Response]]:
        """Those that came."""
        if len(urls) > PICTURES:
            self.remarks.append(f"there are {len(urls)} pictures; the first {PICTURES} are embedded")
        answers = await asyncio.gather(*(self._shown(url) for url in urls[:PICTURES]))
        return [(url, each) for url, each in zip(urls, answers, strict=False) if each is not None]

    async def _shown(self, url: str) -> Response | None:
        try:
            response = await self._get(url)
        except Failed as failed:
            self.remarks.append(f"a picture stays on the web: {failed.text}")
            return None
        if not _type(response).startswith("image/"):
            self.remarks.append(f"{url[:200]} is no picture, so it is not embedded")
            return None
        return response

    async def _get(self, url: str) -> Response:
        """Raises Failed."""
        async with self._turn:
            seconds = self._end - asyncio.get_running_loop().time()
            if seconds <= 0:
                raise Failed(Failure.TIMEOUT, f"it did not come within the {SECONDS:g} s for all of them")
            response = await self._client.get(url, limit=EACH, timeout=seconds, redirects=REDIRECTS)
        self._left -= len(response.content())
        if self._left < 0:
            raise Failed(Failure.TOO_LARGE, f"what belongs to the message is over {ALL >> 20} MiB together")
        return response


def _picture(url: str, response: Response) -> Attachment:
    digest = blake2b(url.encode(), digest_size=12).hexdigest()
    return Attachment(
        type=_type(response),
        name=_name(url),
        body=encoded(response.body),
        inline=True,
        content_id=f"{digest}@pictures.invalid",
    )


def _type(response: Response) -> str:
    """Without parameters; "" where it says none that can stand in a field."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    main, slash, sub = kind.partition("/")
    plain = all(each.isascii() and (each.isalnum() or each in "-+._") for each in main + sub)
    return kind if slash and main and sub and plain and main not in ("multipart", "message") else ""


def _name(url: str) -> str:
    """The last part of the path, if it is fit for a file."""
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return name if name.isprintable() and len(name) <= 100 and "\\" not in name else ""
