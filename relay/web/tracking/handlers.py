"""What becomes of a request with a token: by what the token is for.

In:  a token that one of our keys signed, and the request.
Out: an answer; and, for a GET, the event that tells of it, kept with others for a moment (`journal.py`).

What a HEAD asks for is answered like a GET and not counted: nobody has seen anything. A message that is no longer
kept, or a recipient who was erased, is 410; a store that cannot be read is 503.

Pictures: a mail program may keep one for a minute and then asks whether it has changed, so that looking at a mail
again counts, and scrolling does not. Where we cannot show one, the mail program is sent to where it lies, as without
us: tracking costs nobody a picture.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from relay.config.tracking import Tracking
from relay.http.client import Failed
from relay.model.clock import Clock
from relay.model.event import EventName
from relay.model.token import Purpose, Token
from relay.store.interface import NotFound, StoreDown, StoreFull, Tracked
from relay.transform.token import make
from relay.web.tracking import answers, pages, view
from relay.web.tracking.answers import Answer
from relay.web.tracking.asked import Asked
from relay.web.tracking.consent import said, wish_of
from relay.web.tracking.consents import Consents, TooOften
from relay.web.tracking.happened import happened
from relay.web.tracking.hosted import Hosted
from relay.web.tracking.journal import Journal
from relay.web.tracking.known import Known
from relay.web.tracking.pictures import Pictures
from relay.web.tracking.room import Room

CACHE = b"private, max-age=60"
PICTURES = frozenset({Purpose.IMAGE, Purpose.PIXEL, Purpose.ATTACHED})
FORM = 16 << 10  # octets of a form

Body = Callable[[int], Awaitable[bytes | None]]  # reads the request's body; None: more octets than that


@dataclass(slots=True)
class Handlers:
    known: Known
    journal: Journal
    pictures: Pictures
    hosted: Hosted
    consents: Consents
    settings: Tracking
    clock: Clock
    room: Room

    async def answer(self, token: Token, asked: Asked, body: Body) -> Answer:
        """For GET, HEAD and POST; POST is for unsubscribing alone."""
        try:
            tracked = self.known.remembered(token) or await self.known.tracked(token)
            if tracked.ended is not None and self.clock() - tracked.ended > self.settings.life:
                raise NotFound(f"{tracked.message} is past its life")
            if asked.method == "POST":
                return await self._wish(tracked, asked, body)
            return await _HANDLERS[token.purpose](self, token, tracked, asked)
        except NotFound:
            return answers.GONE_PICTURE if token.purpose in PICTURES else pages.EXPIRED
        except (StoreDown, StoreFull):
            return answers.EMPTY_PICTURE if token.purpose in PICTURES else pages.DOWN

    async def click(self, token: Token, tracked: Tracked, asked: Asked) -> Answer:
        target = _target(token, tracked)
        if not target:
            return pages.UNKNOWN
        await self._tell(EventName.CLICKED, tracked, asked, token.number)
        return answers.redirect(target)

    async def image(self, token: Token, tracked: Tracked, asked: Asked) -> Answer:
        target = _target(token, tracked)
        if not target:
            return answers.LOST_PICTURE
        await self._tell(EventName.OPENED, tracked, asked, token.number)
        if (own := await self.hosted.behind(target)) is not None:
            return answers.picture(*own, CACHE)
        try:
            picture = await self.pictures.get(target)
        except Failed:
            return answers.redirect(target)
        tag = picture.tag
        if tag.encode("ascii") in asked.headers.get(b"if-none-match", b""):
            return answers.unchanged(CACHE, tag)
        return answers.picture(picture.octets, picture.kind, CACHE, tag, instead=answers.redirect(target))

    async def pixel(self, _token: Token, tracked: Tracked, asked: Asked) -> Answer:
        await self._tell(EventName.OPENED, tracked, asked, None)
        return answers.EMPTY_PICTURE

    async def view(self, _token: Token, tracked: Tracked, _asked: Asked) -> Answer:
        _must_be_somebody(tracked)
        key = self.known.newest()

        def address(number: int) -> str:
            return "/" + make(key, Token(Purpose.ATTACHED, tracked.message, tracked.number, number)).decode("ascii")

        try:
            page = await self.known.content(tracked, lambda octets: view.page_of(octets, address))
        except NotFound:
            return pages.PRUNED
        if page is None:
            return pages.UNSHOWN
        kind = f"text/html; charset={page.charset}".encode("ascii")
        return answers.document(200, page.body, kind, view.POLICY.encode("ascii"))

    async def attached(self, token: Token, tracked: Tracked, _asked: Asked) -> Answer:
        _must_be_somebody(tracked)
        found = await self.known.content(tracked, lambda octets: view.picture_of(octets, token.number))
        return answers.picture(*found, CACHE) if found is not None else answers.LOST_PICTURE

    async def unsubscribe(self, _token: Token, tracked: Tracked, _asked: Asked) -> Answer:
        """The page; looking at it changes nothing, since scanners look at every link."""
        _must_be_somebody(tracked)
        return pages.consent(self.consents.standing(tracked))

    async def _wish(self, tracked: Tracked, asked: Asked, body: Body) -> Answer:
        _must_be_somebody(tracked)
        octets = await body(FORM)
        if octets is None:
            return pages.TOO_LARGE
        multipart = asked.headers.get(b"content-type", b"").lstrip().lower().startswith(b"multipart/")
        wish = wish_of(octets, multipart, tracked.options, lambda group: self.consents.off(tracked, group))
        if wish is None:
            return pages.UNREAD
        try:
            await self.consents.carry_out(tracked, asked, wish, self.settings.client_address)
        except TooOften:
            return pages.TOO_OFTEN
        standing = self.consents.standing(tracked)
        if wish.via == "one-click":
            return answers.text(200, f"{said(wish, standing.domain)}\n")
        return pages.consent(standing, said(wish, standing.domain))

    async def _tell(self, name: EventName, tracked: Tracked, asked: Asked, link: int | None) -> None:
        if asked.method != "GET" or tracked.erased:
            return
        what = happened(name, self.clock(), tracked, asked, self.settings.client_address, link)
        if not self.journal.offer(what):
            await self.journal.add(what)


_HANDLERS: Mapping[Purpose, Callable[[Handlers, Token, Tracked, Asked], Awaitable[Answer]]] = {
    Purpose.CLICK: Handlers.click,
    Purpose.IMAGE: Handlers.image,
    Purpose.PIXEL: Handlers.pixel,
    Purpose.VIEW: Handlers.view,
    Purpose.UNSUBSCRIBE: Handlers.unsubscribe,
    Purpose.ATTACHED: Handlers.attached,
}


def _target(token: Token, tracked: Tracked) -> str:
    """Where the link led before; "" where there is no such link, or it was none that we go to.

    Raises:
        NotFound: an erased person's alone, forgotten with what was sent.
    """
    if token.number >= len(tracked.targets):
        _must_be_somebody(tracked)
        return ""
    target = tracked.targets[token.number]
    return target if target[:8].lower().startswith(("http://", "https://")) else ""


def _must_be_somebody(tracked: Tracked) -> None:
    """Raises NotFound: the person was erased."""
    if tracked.erased:
        raise NotFound(f"{tracked.message}-{tracked.number} was erased")
