"""What options make of a message: decided here, worked on elsewhere.

In:  the resolved options with their provenance, the domain the message speaks for, where its links may lead.
Out: a `Tuning`, or None where the message stays as it is; or Refused.

Why so: what a message itself asks for and cannot have is refused, and what a default asks for is left out with a
warning: an operator who has set no host for links yet must not lose all mail of a login that tracks clicks. So are
the switches that applications written for SMTPeter name in every request, where there always is a host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from relay.model.account import LinkKey, ReturnKey
from relay.model.light import light
from relay.model.options import NOTHING, MergeError, MergeSyntax, OpenPixel, Options, TrackClicks, Unsubscribe
from relay.model.reply import Refused
from relay.model.template import Template
from relay.submission.bounces import ASKED
from relay.submission.control.option import Door
from relay.submission.tuning.compose import Work
from relay.submission.tuning.defaults import defaults
from relay.transform.listheaders import Wanted, wanted
from relay.transform.rules import Pixel, Rules

_SWITCHES = frozenset({"track_clicks", "track_opens", "hosted_images"})  # SMTPeter's, of its REST API
VIEW_MARK = "{$webversion}"
UNSUBSCRIBE_MARK = "{$unsubscribe}"
_PIXELS = {
    OpenPixel.AUTO: Pixel.NEEDED,
    OpenPixel.BOTTOM: Pixel.BOTTOM,
    OpenPixel.TOP: Pixel.TOP,
    OpenPixel.TAG: Pixel.TAG,
}
# Options that change a content; without any of them there is nothing to do.
_CHANGING = (
    *("track_clicks", "track_opens", "utm", "inline_css", "hosted_images", "auto_text", "auto_html"),
    *("footer_text", "footer_html", "view_online", "template", "merge_global", "merge", "merge_syntax"),
    *("unsubscribe", "list_id", "feedback_id"),
)
_IDLE = {each: getattr(NOTHING, each) for each in _CHANGING}


@light(frozen=True, slots=True, kw_only=True)
class Merging:
    """Whose placeholders are filled in, and with what."""

    template: Template | None
    template_id: int = 0  # number of the stored template that the message is of, also where it was applied before
    block: str = "content"
    shared: Mapping[str, Any]
    own: Mapping[str, Mapping[str, Any]]  # by recipient's address
    error: MergeError = MergeError.REJECT


@light(frozen=True, slots=True, kw_only=True)
class Tuning:
    work: Work
    base: str = ""  # where our links lead: https://clicks.example.com
    key: LinkKey | None = None  # signs the tokens in them; there is one where there may be any
    return_key: ReturnKey | None = None  # signs addresses to unsubscribe by; likewise
    merging: Merging | None = None
    lists: Wanted | None = None
    auto_text: bool = False
    auto_html: bool = False
    hosted_images: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def template_id(self) -> int:
        """Number of the stored template; 0: there is none."""
        return self.merging.template_id if self.merging is not None else 0

    @property
    def links(self) -> bool:
        """Whether links of ours may come into it, which differ by recipient."""
        rules = self.work.rules
        return bool(self.base) and (
            rules.clicks_html
            or rules.clicks_text
            or rules.opens
            or bool(rules.view_marker or rules.unsubscribe_marker)
            or (self.lists is not None and self.lists.unsubscribe and not self.lists.url)
        )

    @property
    def long(self) -> bool:
        """Whether its work may take long for a small message, or waits for the disk."""
        return self.hosted_images or self.work.inline_css or self.merging is not None

    @property
    def personal(self) -> bool:
        """Whether recipients may get contents of their own."""
        return self.links or self.return_key is not None or self.merging is not None


def tuning(
    options: Options,
    sources: Mapping[str, str],
    *,
    domain: str,
    base: str | None,
    account: str,
    hostname: str,
    template: Callable[[str, str, int | None], Template | None],
    key: Callable[[], LinkKey],
    mail_host: str,
    return_key: Callable[[], ReturnKey],
) -> Tuning | None:
    """`domain`: of the author; `base`: where links of ours lead, None: nowhere; `hostname`: the relay's;
    `template`: the one of an account, name and version; `key`: the newest; `mail_host`: where bounces of
    the domain come back to us, "": nowhere; `return_key`: the newest for addresses there.

    Raises:
        Refused: 554 5.6.0 the message asks for links of ours, and there is no host for them; or for no template.
        StoreDown: there is no key, and none can be made.
    """
    if options is NOTHING or all(getattr(options, each) == _IDLE[each] for each in _IDLE):
        return None
    wish = _Wish(options, sources, domain, base, mail_host)
    rules = wish.rules()
    lists = wish.lists(account, hostname)
    merging = _merging(options, account, template)
    hosted = wish.needing("hosted_images", options.hosted_images)
    idle = not (options.auto_text or options.auto_html or hosted or options.inline_css or rules.rewrites)
    if idle and merging is None and lists is None and not wish.warnings:
        return None
    found = Tuning(
        work=Work(rules, options.inline_css),
        base=base or "",
        merging=merging,
        lists=lists,
        auto_text=options.auto_text,
        auto_html=options.auto_html,
        hosted_images=hosted,
        warnings=tuple(wish.warnings),
    )
    if lists is not None and lists.unsubscribe and lists.mail_host and not lists.mailto:
        found = replace(found, return_key=return_key())
    return replace(found, key=key()) if found.links else found


class _Wish:
    """Reads the options of one message."""

    def __init__(
        self, options: Options, sources: Mapping[str, str], domain: str, base: str | None, mail_host: str
    ) -> None:
        self._options = options
        self._sources = sources
        self._domain = domain
        self._base = base
        self._mail_host = mail_host
        self.warnings: list[str] = []
        self._unsubscribe = self._mode()

    def needing(self, name: str, wanted: bool) -> bool:
        """Whether something that needs a host for links is done. Raises Refused."""
        if not wanted or self._base:
            return wanted
        text = (
            f"{name}: there is no host for links in mail of {self._domain}; `relay domain tracking {self._domain} "
            f"clicks.{self._domain}` sets one"
        )
        source = self._sources.get(name, "")
        if source.startswith(ASKED) and not (name in _SWITCHES and source.startswith(Door.PROPERTY)):
            raise Refused(554, "5.6.0", text)
        self.warnings.append(f"{text}; left out")
        return False

    def rules(self) -> Rules:
        options = self._options
        clicks = options.track_clicks
        tracked = self.needing("track_clicks", clicks is not TrackClicks.OFF)
        opens = self.needing("track_opens", options.track_opens)
        view = self.needing("view_online", options.view_online)
        link = self._unsubscribe in (Unsubscribe.LINK, Unsubscribe.BOTH)
        merged, mark = merges(options), options.unsubscribe_tag or UNSUBSCRIBE_MARK
        return Rules(
            base=(self._base or "").encode(),
            clicks_html=tracked and clicks in (TrackClicks.HTML, TrackClicks.ALL),
            clicks_text=tracked and clicks in (TrackClicks.TEXT, TrackClicks.ALL),
            prevent_scam=tracked and options.prevent_scam,
            opens=opens,
            pixel=_PIXELS[options.open_pixel] if opens else Pixel.NEEDED,
            pixel_tag=options.open_pixel_tag if opens else "",
            utm=tuple(options.utm.items()),
            utm_domains=options.utm_domains if options.utm else (),
            footer_html=options.footer_html,
            footer_text=options.footer_text,
            view_online=view,
            view_marker=VIEW_MARK if view or (merged and self._base) else "",
            unsubscribe=link,
            unsubscribe_marker=mark if link or (merged and self._base) else "",
            unsubscribe_html=options.unsubscribe_html if link else "",
            unsubscribe_text=options.unsubscribe_text if link else "",
            unsubscribe_url=options.unsubscribe_url if link else "",
            skip=frozenset({options.unsubscribe_url} - {""}),
        )

    def lists(self, account: str, hostname: str) -> Wanted | None:
        options = self._options
        headers = self._unsubscribe in (Unsubscribe.HEADERS, Unsubscribe.BOTH)
        if not (headers or options.list_id or options.feedback_id):
            return None
        options = replace(options, unsubscribe=self._unsubscribe)
        base = (self._base or "").encode()
        return wanted(options, base=base, account=account, hostname=hostname, mail_host=self._mail_host)

    def _mode(self) -> Unsubscribe:
        """How unsubscribing is offered, as far as there is a place for it."""
        options = self._options
        mode = options.unsubscribe
        if mode is Unsubscribe.OFF or options.unsubscribe_url or self._base:
            return mode
        headers = mode in (Unsubscribe.HEADERS, Unsubscribe.BOTH)
        if headers and (options.unsubscribe_mailto or self._mail_host):
            return Unsubscribe.HEADERS
        self.needing("unsubscribe", True)
        return Unsubscribe.OFF


def merges(options: Options) -> bool:
    """Whether there are placeholders to be filled in."""
    if options.template:
        return True
    if options.merge_syntax is MergeSyntax.NONE:
        return False
    return bool(options.merge_global or options.merge or options.merge_syntax is MergeSyntax.SMTPETER)


def _merging(
    options: Options, account: str, look_up: Callable[[str, str, int | None], Template | None]
) -> Merging | None:
    if not merges(options):
        return None
    template, number, shared = None, 0, options.merge_global
    if options.template:
        template = look_up(account, options.template, options.template_version)
        if template is None:
            version = "" if options.template_version is None else f" in version {options.template_version}"
            text = f"template: account {account} has no template {options.template}{version}"
            raise Refused(554, "5.6.0", f"{text}; `relay template list` names them")
        number = template.id
        if options.template_applied:
            template = None
        elif usual := defaults(template.document):
            shared = {**usual, **shared}
    return Merging(
        template=template,
        template_id=number,
        block=options.template_block,
        shared=shared,
        own=options.merge,
        error=options.merge_error,
    )
