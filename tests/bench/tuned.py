"""What options that change a message cost: the newsletter with each of them, beside the same without it.

Why so: ratios are of CPU, which others on the machine disturb least. In "seen" only the Message-ID differs from
message to message, as in a mailing sent one by one; in "first" the text differs as well, so that nothing that was
worked out can be used again. The mailing goes to a thousand in one message, beside a thousand messages to one each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tests.bench import letter
from tests.bench.goal import CPU, RELAY, Goal
from tests.bench.job import APART, TURN
from tests.bench.load import Load, Traffic
from tests.bench.system import PLAIN, System
from tests.bench.traffic import Bench, Figures

READERS = tuple(f"m{each:04d}@example.net" for each in range(1000))
CLICKS = "X-SMTPeter-TrackClicks: html"
OPENS = "X-SMTPeter-TrackOpens: yes"
CSS = "X-SMTPeter-InlineCSS: yes"
AUTO_TEXT = "X-SMTPeter-AutoText: yes"
UNSUBSCRIBE = "X-SMTPeter-Unsubscribe: both"
FOOTER = "X-SMTPeter-FooterHtml: <p>Example Ltd, 1 High Street, Exampleton</p>"
UTM = "X-SMTPeter-Utm: source=newsletter, medium=email, campaign=spring-2026"
HOSTED = "X-SMTPeter-Images: hosted"
DATA = 'X-SMTPeter-MergeGlobal: {"firstname": "Ann"}'
_CLICKED, _OPENED = {"CLICK": letter.LINKS}, {"IMAGE": letter.IMAGES}
_BOTH = {**_CLICKED, **_OPENED}
_LEFT = {"UNSUBSCRIBE": 2}  # in its field, and at the end of the html


def _row(
    name: str,
    title: str,
    *fields: str,
    content: str = letter.LETTER,
    beside: str = letter.LETTER,
    fresh: bool = False,
    goal: float | None = None,
    **more: Any,
) -> Traffic:
    """One of the newsletter with these fields, beside one without them."""
    plain: Mapping[str, Any] = {"content": beside, "fresh": fresh}
    return Traffic(
        name=name,
        title=f"{title}, over without",
        door=PLAIN,
        job={**plain, "content": content, "fields": fields, "changed": True, **more},
        goal=Goal(figure=CPU, cpu_ms=goal),
        systems=(RELAY,),
        pair=plain,
        stretch=0.5,
    )


_ALL = (CLICKS, OPENS, CSS, AUTO_TEXT, UNSUBSCRIBE, FOOTER, UTM, HOSTED, DATA)
SEEN = _row("seen", "clicks, opens, css; seen before", CLICKS, OPENS, CSS, goal=4, tokens=_BOTH)
FIRST = _row("first", "clicks, opens, css; each new", CLICKS, OPENS, CSS, fresh=True, goal=8, tokens=_BOTH)
SINGLE: tuple[Traffic, ...] = (
    _row("clicks", "track_clicks", CLICKS, tokens=_CLICKED, undo=True),
    _row("opens", "track_opens", OPENS, tokens=_OPENED, undo=True),
    _row("tracked", "clicks and opens", CLICKS, OPENS, tokens=_BOTH, undo=True),
    _row("trackednew", "clicks and opens, each new", CLICKS, OPENS, tokens=_BOTH, undo=True, fresh=True),
    _row("css", "inline_css", CSS),
    _row("cssnew", "inline_css, each new", CSS, fresh=True),
    _row("autotext", "auto_text", AUTO_TEXT),
    _row("autotextnew", "auto_text, each new", AUTO_TEXT, fresh=True),
    _row("unsubscribe", "unsubscribe: both", UNSUBSCRIBE, tokens=_LEFT),
    _row("footer", "footer_html", FOOTER),
    _row("utm", "utm", UTM),
    _row("hosted", "hosted_images, two", HOSTED, content=letter.PICTURES, beside=letter.PICTURES),
    _row("template", "template and data", *letter.DATA_FIELDS, content=letter.DATA),
    _row(
        "all",
        "all of these at once",
        *_ALL,
        content=letter.PICTURES,
        beside=letter.PICTURES,
        tokens={**_BOTH, **_LEFT, "UNSUBSCRIBE": 3},
    ),
)


_A_COPY = Goal(figure=CPU, goal=1, least=1.5)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """One message to a thousand, beside a thousand messages; figures are per copy."""

    name: str = "mailing"
    title: str = "one message to 1,000, clicks and opens, over 1,000"
    systems: tuple[str, ...] = (RELAY,)
    goal: Goal = _A_COPY

    def run(self, bench: Bench, system: System, seconds: float, number: int) -> Figures:
        count = max(1, round(seconds / 3))
        common = {"content": letter.LETTER, "recipients": READERS, "fields": (CLICKS, OPENS), "changed": True}
        common |= {"tokens": _BOTH, "undo": True}
        one = {"copies": APART, "connections": 1, "messages": count}
        single = {"copies": TURN, "messages": count * len(READERS)}
        peaks: dict[str, int] = {}
        made: dict[str, Figures] = {}
        for words in (one, single) if number % 2 else (single, one):
            copies = str(words["copies"])
            system.group.forget_peaks()
            load = Traffic(name=self.name, title="", door=PLAIN, job={**common, **words}, stretch=20)
            made[copies] = load.run(bench, system, seconds, number)
            peaks[copies] = system.group.peak()
        figures, pair = made[APART], made[TURN]
        figures.pair = pair
        figures.faults += pair.faults
        figures.more = {"largest": peaks[APART], "largest of single": peaks[TURN], "copies": count * len(READERS)}
        return figures


WARM: tuple[Traffic, ...] = (
    # Modules of options are loaded when they are first asked for.
    _row("warm", "warm", CLICKS, OPENS, CSS, AUTO_TEXT, fresh=True),
)
QUICK_TUNED: tuple[Load, ...] = (SEEN, FIRST)
TUNED: tuple[Load, ...] = (*SINGLE, SEEN, FIRST, Mailing())
