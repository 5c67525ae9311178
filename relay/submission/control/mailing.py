"""The options of links, content, templates and consent together: what one stands for beside itself, what has no
effect, what excludes what.

In:  the options of a message while they are held against one another. Out: the same; or Refused.

Why so: what a message says of a way to unsubscribe is taken for the wish to have one; what a default says of it is
not, since it may be meant for one stream. Data by recipient make a copy for each, with To its own: everybody would
read all names there. Where a default says that recipients are preserved, To and Cc stay as they were written, as
SMTPeter's API has it, and contents differ by their data alone. Strict messages insist on data for everybody; others
get the data for all.
"""

from __future__ import annotations

from relay.model.address import printable
from relay.model.options import Archive, MergeError, MergeSyntax, OpenPixel, Unsubscribe
from relay.submission.control.options_consent import CONSENT_OPTIONS
from relay.submission.control.options_content import CONTENT_OPTIONS
from relay.submission.control.options_merge import MERGE_OPTIONS
from relay.submission.control.options_tracking import TRACKING_OPTIONS
from relay.submission.control.work import Work

_OURS = frozenset(each.name for each in (*TRACKING_OPTIONS, *CONTENT_OPTIONS, *MERGE_OPTIONS, *CONSENT_OPTIONS))
_IN_HEADERS = ("unsubscribe_url", "unsubscribe_mailto")
_IN_TEXT = ("unsubscribe_tag", "unsubscribe_html", "unsubscribe_text")
_WITH_HEADERS = (Unsubscribe.HEADERS, Unsubscribe.BOTH)


def settle_mailing(work: Work, strict: bool) -> None:
    """Raises Refused: 554 5.6.0 they contradict one another; 451 4.3.5 where only defaults do."""
    if _OURS.isdisjoint(work.answers):
        return
    _merge(work, strict)
    _template(work)
    _pixel(work)
    _unsubscribe(work)
    _kept(work)
    if work.asked("dedupe_campaign") and work.value("dedupe_campaign") and not work.value("campaign"):
        work.warn("dedupe_campaign", "there is no campaign, so it has no effect")


def _merge(work: Work, strict: bool) -> None:
    if work.value("merge_syntax") is MergeSyntax.NONE:
        for name in ("merge", "merge_global"):
            if work.asked(name):
                work.warn(name, "merge_syntax is none, so its data are not used")
    if "merge" not in work.answers:
        return
    data = work.fitted("merge")
    lacking = [each for each in work.recipients() if each not in data]
    if lacking and strict:
        text = f"merge has no data for {len(lacking)} recipients, as {printable(lacking[0])}"
        raise work.refuse("merge", text)
    work.put("merge", data)
    if work.value("preserve_recipients") and work.asked("preserve_recipients"):
        work.warn("preserve_recipients", "merge makes a copy for each recipient")
    preserved = work.value("preserve_recipients")
    if preserved is None or (preserved and work.asked("preserve_recipients")):
        work.imply("preserve_recipients", False, by="merge")


def _template(work: Work) -> None:
    for name in ("template_version", "template_block", "template_applied"):
        if work.asked(name) and not work.value("template"):
            work.warn(name, "there is no template, so it has no effect")
    if work.asked("merge_error_report") and work.value("merge_error") in (None, MergeError.REJECT):
        work.warn("merge_error_report", "a message that cannot be filled in is refused, so there is nobody to report")


def _pixel(work: Work) -> None:
    if "open_pixel_tag" in work.answers and "open_pixel" not in work.answers:
        work.imply("open_pixel", OpenPixel.TAG, by="open_pixel_tag")
    if work.value("open_pixel") is OpenPixel.TAG and not work.value("open_pixel_tag"):
        raise work.contradict(("open_pixel",), "open_pixel is tag, and there is no open_pixel_tag")


def _unsubscribe(work: Work) -> None:
    if "unsubscribe" not in work.answers:
        headers = next(filter(work.asked, _IN_HEADERS), "")
        text = next(filter(work.asked, _IN_TEXT), "")
        if headers or text:
            mode = Unsubscribe.BOTH if headers and text else Unsubscribe.HEADERS if headers else Unsubscribe.LINK
            work.imply("unsubscribe", mode, by=headers or text)
    if (
        work.asked("one_click")
        and work.value("one_click") is False
        and work.value("unsubscribe") in _WITH_HEADERS
        and not work.asked("unsubscribe")
    ):
        work.warn("one_click", "large receivers want mailings that can be unsubscribed from with one click")


def _kept(work: Work) -> None:
    """What a page shows has to be kept as long."""
    archive = work.value("archive")
    if archive in (Archive.NONE, Archive.HEADERS) and work.value("view_online"):
        raise work.contradict(("view_online", "archive"), f"view_online needs the content, and archive is {archive}")
    if archive is Archive.NONE and work.value("hosted_images"):
        raise work.contradict(("hosted_images", "archive"), "hosted_images keeps pictures, and archive is none")
