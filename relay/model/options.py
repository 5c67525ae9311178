"""The options of a message: what the client asked for, once every door has been heard.

One frozen value, whatever the door: control headers, ESMTP parameters or REST properties. The
registry of options (names, grammar, permissions, help) is `relay/submission/control/registry.py`;
a field stands here for every option it knows, under the option's name. A default here says "nobody asked".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum, StrEnum
from operator import attrgetter
from typing import Any

from relay.model.envelope import Notify, Ret
from relay.model.light import light

NORMAL_PRIORITY = 5  # of 0 to 9


class RequireTls(StrEnum):
    MAY = "may"
    MUST = "must"  # no clear text, whatever certificate


class VerifyTls(StrEnum):
    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"  # a certificate that names the host, or no delivery


class Archive(StrEnum):
    """What is kept of a content after its last recipient ended."""

    FULL = "full"
    HEADERS = "headers"
    NONE = "none"


class Sandbox(StrEnum):
    """What becomes of a message that is a test; all but `off` and `hold` never leave the relay."""

    OFF = "off"
    HOLD = "hold"  # wait for an operator's release, then leave
    ACCEPT = "accept"  # processed fully, kept, ends as delivered
    VALIDATE = "validate"  # processed fully, kept, ends there
    HARD = "bounce:hard"  # as `accept`, but ends so
    SOFT = "bounce:soft"
    DEFER = "bounce:defer"
    COMPLAINT = "bounce:complaint"
    OPEN = "bounce:open"
    CLICK = "bounce:click"


class TrackClicks(StrEnum):
    """Which links lead by way of us."""

    OFF = "off"
    HTML = "html"
    TEXT = "text"
    ALL = "all"


class OpenPixel(StrEnum):
    """Where a picture of one pixel goes that tells that a message was opened."""

    AUTO = ""  # only where the message has no picture that would tell
    BOTTOM = "bottom"
    TOP = "top"
    TAG = "tag"  # in place of a mark in the text


class MergeSyntax(StrEnum):
    """Which placeholders are expanded."""

    AUTO = ""  # ours, where there are data for them or a template
    SMTPETER = "smtpeter"
    NONE = "none"


class MergeError(StrEnum):
    """What becomes of a message whose template cannot be filled in."""

    REJECT = "reject"  # all of it
    DELIVER = "deliver"  # with an empty place for what fails
    DROP = "drop"  # the recipient concerned gets none


class Unsubscribe(StrEnum):
    """How a recipient is offered to be taken from the list."""

    OFF = "off"
    HEADERS = "headers"  # List-Unsubscribe and List-Unsubscribe-Post
    LINK = "link"  # in the text
    BOTH = "both"


class Bypass(StrEnum):
    """Suppressions that do not count for a message, by their cause."""

    UNSUBSCRIBE = "unsubscribe"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    GROUP = "group"  # an unsubscribe from one group of mail
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which attempts may be made: every week on some days, or once.

    Weekly: `days` (0 is Monday) from `start` to `end` seconds after midnight in `zone`; `end` before `start` goes
    over midnight, into the next day. Once: `zone` is "", and `start` to `end` are unix seconds.
    """

    days: tuple[int, ...]
    zone: str  # IANA name
    start: float
    end: float


@light(frozen=True, slots=True, kw_only=True)
class Options:
    # Classification and data: never seen by the recipient.
    tags: tuple[str, ...] = ()  # labels for search and statistics
    campaign: str = ""
    tenant: str = ""
    stream: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON scalars, most of them text
    message_ref: str = ""
    idempotency_key: str = ""
    preset: str = ""
    # Timing. Times are unix seconds, durations seconds.
    send_at: float | None = None
    send_at_each: Mapping[str, float] = field(default_factory=dict)  # by recipient's address
    send_window: tuple[Window, ...] = ()
    send_cancel_id: str = ""
    deliver_by: float | None = None
    deliver_within: float | None = None  # counted from the first attempt's time
    max_attempts: int | None = None
    retry_schedule: tuple[float, ...] = ()
    priority: int = NORMAL_PRIORITY  # 0 to 9
    # Transport.
    require_tls: RequireTls = RequireTls.MAY
    verify_tls: VerifyTls = VerifyTls.OPPORTUNISTIC
    dkim: bool = True
    dkim_key: str = ""  # `selector` or `domain,selector`
    dkim_extra: tuple[str, ...] = ()  # each `domain,selector`
    pool: str = ""
    source_ip: tuple[str, ...] = ()
    # Envelope and reports.
    envelope_from: str | None = None  # "" is the null reverse-path
    return_path_domain: str = ""
    track_bounces: bool = False
    dsn_notify: Notify | None = None
    dsn_ret: Ret | None = None
    dsn_envid: str = ""
    dsn_orcpt: Mapping[str, str] = field(default_factory=dict)  # `addr-type;address` by address; "" is the only one
    recipients: tuple[str, ...] = ()
    preserve_recipients: bool = True
    extra_cc: tuple[str, ...] = ()
    extra_bcc: tuple[str, ...] = ()
    bcc_archive: tuple[str, ...] = ()
    # Keeping, testing, content.
    archive: Archive = Archive.FULL
    retention: float | None = None  # seconds a content is kept after its last recipient ended
    sandbox: Sandbox = Sandbox.OFF
    keep_message_id: bool = True
    strip_headers: tuple[str, ...] = ()  # names or globs, lower case
    # Links, opens, campaigns.
    track_clicks: TrackClicks = TrackClicks.OFF
    track_opens: bool = False
    open_pixel: OpenPixel = OpenPixel.AUTO
    open_pixel_tag: str = ""
    prevent_scam: bool = False  # leave a link alone whose label is the link
    track_domain: str = ""
    track_strip_query: bool = False  # in what is told of links
    utm: Mapping[str, str] = field(default_factory=dict)  # by source, medium, campaign, term, content
    utm_domains: tuple[str, ...] = ()  # whose links get them; none: all
    # Content.
    inline_css: bool = False
    hosted_images: bool = False
    auto_text: bool = False
    auto_html: bool = False
    footer_text: str = ""
    footer_html: str = ""
    view_online: bool = False
    # Templates and data.
    template: str = ""
    template_version: int | None = None
    template_block: str = "content"  # the variable by which a template has the message's own text
    template_applied: bool = False  # the message was made of the template before it came: its own text stays
    merge_global: Mapping[str, Any] = field(default_factory=dict)
    merge: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by recipient's address
    merge_syntax: MergeSyntax = MergeSyntax.AUTO
    merge_error: MergeError = MergeError.REJECT
    merge_error_report: str = ""
    # Lists and consent.
    unsubscribe: Unsubscribe = Unsubscribe.OFF
    unsubscribe_url: str = ""
    unsubscribe_mailto: str = ""  # an address, `?subject=...` may follow
    one_click: bool = True
    unsubscribe_tag: str = ""  # a mark in the text that the link takes the place of
    unsubscribe_html: str = ""
    unsubscribe_text: str = ""
    suppression_group: str = ""  # lower case; "" is all mail
    suppression_groups_shown: tuple[str, ...] = ()
    bypass: tuple[Bypass, ...] = ()
    list_id: str = ""  # `list.example.com`, or `Name <list.example.com>`
    feedback_id: str = ""  # up to three fields, parted by colons
    dedupe_campaign: bool = False
    webhook_url: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The options that differ from their default, in JSON's types."""
        if self is NOTHING:
            return {}
        told = zip(_NAMES, _values(self), _DEFAULTS, strict=True)
        return {name: plain(value) for name, value, usual in told if value is not usual and value != usual}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Options:
        """The reverse of `as_dict`; options of a later version are left out."""
        return cls(**{name: _typed(name, value) for name, value in given.items() if name in _NAMES})


def plain(value: Any) -> Any:
    """An option's value in JSON's types: enumerations by their value, `Notify` as a list of its names."""
    if isinstance(value, Notify):
        return [each.name for each in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY) if each in value] or ["NEVER"]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Window):
        return {"days": list(value.days), "zone": value.zone, "start": value.start, "end": value.end}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


def _notify(names: Any) -> Notify:
    wanted = Notify.NEVER
    for name in names:
        wanted |= Notify[name]
    return wanted


def _bypass(causes: Any) -> tuple[Bypass, ...]:
    return tuple(map(Bypass, causes))


def _windows(given: Any) -> tuple[Window, ...]:
    return tuple(Window(tuple(each["days"]), each["zone"], each["start"], each["end"]) for each in given)


_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "require_tls": RequireTls,
    "verify_tls": VerifyTls,
    "dsn_notify": _notify,
    "dsn_ret": Ret,
    "archive": Archive,
    "sandbox": Sandbox,
    "send_window": _windows,
    "track_clicks": TrackClicks,
    "open_pixel": OpenPixel,
    "merge_syntax": MergeSyntax,
    "merge_error": MergeError,
    "unsubscribe": Unsubscribe,
    "bypass": _bypass,
}


def _typed(name: str, value: Any) -> Any:
    make = _TYPES.get(name)
    if make is not None and value is not None:
        return make(value)
    return tuple(value) if isinstance(value, list) else value


NOTHING = Options()
_NAMES = tuple(each.name for each in fields(Options))
_values = attrgetter(*_NAMES)
_DEFAULTS: tuple[Any, ...] = _values(NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Options with their provenance, and what was worth a warning on the way."""

    options: Options = NOTHING
    sources: Mapping[str, str] = field(default_factory=dict)  # option -> "header X-SMTPeter-Tags"
    warnings: tuple[str, ...] = ()


NOTHING_ASKED = Resolved()
