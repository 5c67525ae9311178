"""ResponsiveEmail: documents rendered, and kept nowhere.

Why so: the service that rendered documents beside SMTPeter had these calls, without `text`; it is here for whoever
wants to see what the plain text will be. They ask for no more than to read, since nothing is sent or changed.
"""

from __future__ import annotations

from typing import Final

from relay.model.account import Scope
from relay.model.template import Format
from relay.web.api.call import Answer, Asked, Body, Call, Shown
from relay.web.api.calls.templates_change import DOCUMENT, SCHEMA
from relay.web.api.rendering import FETCHING, FILLING, LETTER, PAGE, PLAIN, document_of_body, shown
from relay.web.api.services import Services

FAMILY: Final = "ResponsiveEmail"
_BODY: Final = Body(
    help="a ResponsiveEmail document",
    shape=SCHEMA,
    example={name: value for name, value in DOCUMENT.items() if name != "id"},
)
_SAID: Final = {
    Format.HTML: ("Render a page for mail programs", PAGE),
    Format.WEBVERSION: ("Render a page for browsers", PAGE),
    Format.MIME: ("Make a message, pictures on the web", LETTER),
    Format.EMBEDDED: ("Make a message with its pictures", LETTER),
    Format.TEXT: ("Render a plain text", PLAIN),
}


async def convert(services: Services, asked: Asked, form: Format) -> Answer:
    document = document_of_body(asked.body)
    document.pop("id", None)  # as GET /template/ID shows one
    return await shown(services, document, form, asked.query)


async def html(services: Services, asked: Asked) -> Answer:
    return await convert(services, asked, Format.HTML)


async def webversion(services: Services, asked: Asked) -> Answer:
    return await convert(services, asked, Format.WEBVERSION)


async def mime(services: Services, asked: Asked) -> Answer:
    return await convert(services, asked, Format.MIME)


async def embedded(services: Services, asked: Asked) -> Answer:
    return await convert(services, asked, Format.EMBEDDED)


async def text(services: Services, asked: Asked) -> Answer:
    return await convert(services, asked, Format.TEXT)


_HANDLERS: Final = {
    Format.HTML: html,
    Format.WEBVERSION: webversion,
    Format.MIME: mime,
    Format.EMBEDDED: embedded,
    Format.TEXT: text,
}


def _call(form: Format) -> Call:
    summary, answer = _SAID[form]
    shown_as: Shown = answer
    return Call(
        method="POST",
        path=f"/{form}",
        name=f"convert_{form}",
        family=FAMILY,
        summary=summary,
        help=f"Of a ResponsiveEmail document; nothing is kept. {FILLING} {FETCHING}",
        scope=Scope.READ,
        handler=_HANDLERS[form],
        open_query=True,
        body=_BODY,
        answers=(shown_as,),
        codes=("bad_value", "unacceptable", "fetch"),
        smtpeter=form is not Format.TEXT,
    )


CALLS: tuple[Call, ...] = tuple([_call(form) for form in _HANDLERS])
