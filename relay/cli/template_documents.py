"""ResponsiveEmail documents on the command line: read, fetched for, rendered.

In:  a file with a document, or a stored template. Out: the parts that are kept of it; a format of it as octets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from relay.cli.frame import CommandError
from relay.cli.templates import object_of
from relay.model.clock import system_clock
from relay.model.template import Format

if TYPE_CHECKING:
    from relay.config import Config
    from relay.http.client import Client
    from relay.model.template import Template
    from relay.transform.responsive import Rendered

P = ParamSpec("P")
T = TypeVar("T")


def parts_of(config: Config, file: Path) -> dict[str, Any]:
    """What a template keeps of the document in that file. Raises CommandError."""
    document = object_of(file)
    document.pop("id", None)
    document.pop("name", None)  # the command names it
    made = _asked(config, lambda client: _rendered(client, document))
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return {"subject": made.subject, "html": made.html, "text": made.text, "document": text}


def shown(config: Config, template: Template, form: Format) -> bytes:
    """As `GET /template/ID/FORMAT` has it. Raises CommandError."""
    from relay.manage.letters import letter
    from relay.manage.templates import document_of

    document = document_of(template)
    if form is Format.JSON:
        return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"
    del document["id"]

    async def work(client: Client) -> bytes:
        made = await _rendered(client, document, web=form is Format.WEBVERSION)
        if form in (Format.MIME, Format.EMBEDDED):
            embed = form is Format.EMBEDDED
            return (await letter(client, _here, made, system_clock(), embed=embed)).octets
        return (made.text if form is Format.TEXT else made.html).encode()

    return _asked(config, work)


async def _rendered(client: Client, document: dict[str, Any], *, web: bool = False) -> Rendered:
    from relay.manage.documents import rendered

    return await rendered(client, _here, nullcontext(), document, web=web)


async def _here(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """A command has nobody who would have to wait."""
    return work(*given, **named)


def _asked(config: Config, work: Callable[[Client], Awaitable[T]]) -> T:
    from relay.http.client import Client
    from relay.http.guard import Guard
    from relay.manage.documents import Unfetched
    from relay.transform.responsive import DocumentError

    async def run() -> T:
        client = Client(Guard(allow=config.http.api.networks, plain=True))
        try:
            return await work(client)
        finally:
            await client.close()

    try:
        return asyncio.run(run())
    except (DocumentError, Unfetched, ValueError) as error:
        raise CommandError(str(error)) from error
