"""Messages that were sent, read back in parts: addresses, texts, header, attachments; and their contents deleted.

In:  the id of a submission or of a recipient.
Out: what left, as it left: links and pictures as they were rewritten, in UTF-8.

Why so: `html` is `text/html`, as SMTPeter's older pages have it and as its name says; everything that came from a
message is served so that a browser runs nothing of it and takes it for nothing else. A call that finds no text, no
html or no envelope answers with an empty body, since "there is none" is what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from relay.model.account import Scope
from relay.model.event import EventName
from relay.report.search import history
from relay.web.api import kept, parts
from relay.web.api.answers import answer, text
from relay.web.api.call import TEXT, Answer, Asked, Call, Param, Shown
from relay.web.api.parts import File, Parts
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY: Final = "Stored messages"
HTML: Final = "text/html; charset=utf-8"
ID: Final = Param(
    name="id",
    help="of a submission, or of a recipient, who may have a content of his own",
    example="0r2k9v1m00000001-1",
)
WHICH: Final = Param(
    name="which",
    help="its rank, from 0; or its name, or its Content-ID. Digits are a rank first, and a name where there is no "
    "such rank",
    example="0",
)
# Nothing in it runs, loads or is sent, and it is of no origin.
_SAFE: Final = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
_SILENT: Final = (
    "SMTPeter does not say how long messages are kept: here as the operator sets it (`retention.contents`), and "
    "after that the answer is 410."
)


class FileListed(msgspec.Struct):
    rank: int
    name: str
    type: str
    size: int  # octets


class Embedded(FileListed):
    cid: str


# --- addresses --------------------------------------------------------------------------------------------


async def recipient(services: Services, asked: Asked) -> Answer:
    found = await services.threaded(kept.look, services.data, asked.caller.account, asked.path["id"])
    archives = found.message.resolved.options.bcc_archive if found.whole else ()
    return text("\n".join(each.address for each in found.recipients if each.address not in archives))


async def envelope(services: Services, asked: Asked) -> Answer:
    return text(await services.threaded(_envelope, services.data, asked.caller.account, asked.path["id"]))


def _envelope(data: Path, account: str, id: str) -> str:
    found = kept.look(data, account, id)
    for each in history(data, found.message.id):
        if each.event.name is EventName.RECEIVED:
            if each.event.data.get("pathless"):
                return ""
            break
    return found.message.envelope.reverse_path


# --- texts ------------------------------------------------------------------------------------------------


async def plain(services: Services, asked: Asked) -> Answer:
    return text(await _part(services, asked, lambda found: found.text), headers=_SAFE)


async def html(services: Services, asked: Asked) -> Answer:
    return text(await _part(services, asked, lambda found: found.html), media=HTML, headers=_SAFE)


async def headers(services: Services, asked: Asked) -> Answer:
    def work() -> str:
        return parts.header_text(kept.read(services.data, asked.caller.account, asked.path["id"])[1])

    return text(await services.threaded(work))


async def _part(services: Services, asked: Asked, choose: Callable[[Parts], str]) -> str:
    def work() -> str:
        return choose(parts.read(kept.read(services.data, asked.caller.account, asked.path["id"])[1]))

    return await services.threaded(work)


# --- files ------------------------------------------------------------------------------------------------


async def attachments(services: Services, asked: Asked) -> Answer:
    def work(content: bytes) -> Any:
        files = parts.read(content).attachments
        return [FileListed(rank, each.name, each.type, len(each.octets(content))) for rank, each in enumerate(files)]

    return answer(await _of_content(services, asked, work))


async def embeds(services: Services, asked: Asked) -> Answer:
    def work(content: bytes) -> Any:
        files = parts.read(content).embeds
        return [
            Embedded(rank, each.name, each.type, len(each.octets(content)), each.cid)
            for rank, each in enumerate(files)
        ]

    return answer(await _of_content(services, asked, work))


async def attachment(services: Services, asked: Asked) -> Answer:
    return await _file(services, asked, lambda found: found.attachments)


async def embed(services: Services, asked: Asked) -> Answer:
    return await _file(services, asked, lambda found: found.embeds)


async def _file(services: Services, asked: Asked, choose: Callable[[Parts], Sequence[File]]) -> Answer:
    def work(content: bytes) -> Answer:
        files = choose(parts.read(content))
        found = parts.find(files, asked.path["which"])
        if found is None:
            known = "there are none" if not files else f"there are {len(files)}, with ranks from 0"
            raise Problem("not_found", f"there is no such file in {asked.path['id']}: {known}", field="which")
        disposition = f"attachment; filename*=UTF-8''{quote(found.name or 'file', safe='')}"
        return Answer(
            body=found.octets(content), media=found.type, headers={**_SAFE, "Content-Disposition": disposition}
        )

    answered: Answer = await _of_content(services, asked, work)
    return answered


async def _of_content(services: Services, asked: Asked, work: Callable[[bytes], Any]) -> Any:
    def run() -> Any:
        return work(kept.read(services.data, asked.caller.account, asked.path["id"])[1])

    return await services.threaded(run)


# --- rows -------------------------------------------------------------------------------------------------


def _row(
    name: str,
    path: str,
    handler: Callable[[Services, Asked], Any],
    summary: str,
    help: str,
    shown: Shown,
    params: tuple[Param, ...] = (ID,),
    codes: tuple[str, ...] = ("not_found", "gone", "unavailable"),
) -> Call:
    return Call(
        method="GET",
        path=path,
        name=name,
        family=FAMILY,
        summary=summary,
        help=help + (_SILENT if "gone" in codes else ""),
        scope=Scope.READ,
        handler=handler,
        params=params,
        answers=(shown,),
        codes=codes,
        smtpeter=True,
    )


_HEADER = "Subject: Hi\r\nFrom: Shop <me@example.com>\r\nTo: ann@example.net\r\n"
_LISTED_SHOWN = Shown(
    help="the files in their order, each with its size in octets",
    example=[{"rank": 0, "name": "invoice.pdf", "type": "application/pdf", "size": 20480}],
    shape=list[FileListed],
)
_EMBEDDED_SHOWN = Shown(
    help="the files in their order, each with its size in octets and its Content-ID without angle brackets",
    example=[{"rank": 0, "name": "logo.png", "type": "image/png", "size": 2048, "cid": "logo@example.com"}],
    shape=list[Embedded],
)
_FILE_SHOWN = Shown(
    help="the file, decoded; as a download, whatever its type",
    media="*/*",
    headers={"Content-Disposition": "attachment, with the file's name"},
)

CALLS: tuple[Call, ...] = (
    _row(
        "recipient",
        "/recipient/{id}",
        recipient,
        "Whom a message went to",
        "The address a message was sent to; of a submission with several recipients all of them, one a line. ",
        Shown(help="the address", example="ann@example.net", media=TEXT),
    ),
    _row(
        "envelope",
        "/envelope/{id}",
        envelope,
        "The envelope sender a message came with",
        "The reverse-path as the client gave it; empty where it gave none. SMTPeter's text says both, the original "
        "one and that it is normally changed: this is the original one. ",
        Shown(help="the address, or nothing", example="bounces@example.com", media=TEXT),
    ),
    _row(
        "text",
        "/text/{id}",
        plain,
        "The text of a message",
        "The text/plain body as it left, in UTF-8; empty where there is none. ",
        Shown(help="the text, or nothing", example="Hello.\r\n", media=TEXT),
    ),
    _row(
        "html",
        "/html/{id}",
        html,
        "The html of a message",
        "The text/html body as it left, links and pictures rewritten, in UTF-8; empty where there is none. "
        "SMTPeter's sources say text/plain and text/html; this is text/html, with a Content-Security-Policy under "
        "which nothing in it runs or is loaded. ",
        Shown(help="the html, or nothing", example="<p>Hello.</p>\r\n", media=HTML),
    ),
    _row(
        "headers",
        "/headers/{id}",
        headers,
        "The header of a message",
        "All header fields as they left, with their folds. Control fields are gone from it. ",
        Shown(help="the fields", example=_HEADER, media=TEXT),
    ),
    _row(
        "header",
        "/header/{id}",
        headers,
        "The header of a message, by its other name",
        "The same as `/headers`. ",
        Shown(help="the fields", example=_HEADER, media=TEXT),
    ),
    _row(
        "attachments",
        "/attachments/{id}",
        attachments,
        "The attachments of a message",
        "Every part that is no text of the message and not embedded in its html. SMTPeter does not show the shape of "
        "this list. ",
        _LISTED_SHOWN,
    ),
    _row(
        "attachment",
        "/attachments/{id}/{which}",
        attachment,
        "An attachment",
        "The file itself. A browser saves it and runs nothing of it. ",
        _FILE_SHOWN,
        (ID, WHICH),
    ),
    _row(
        "embeds",
        "/embeds/{id}",
        embeds,
        "What is embedded in the html of a message",
        "Every part that the html names by its Content-ID, or that has one and is not marked as an attachment. ",
        _EMBEDDED_SHOWN,
    ),
    _row(
        "embed",
        "/embeds/{id}/{which}",
        embed,
        "An embedded file",
        "The file itself. A browser saves it and runs nothing of it. ",
        _FILE_SHOWN,
        (ID, WHICH),
    ),
)
