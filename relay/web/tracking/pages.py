"""Pages of ours for people who follow links in mail: plain English, no script, nothing from elsewhere. No IO.

In:  what is to be said.
Out: `Answer`s.

They work without JavaScript, in any window, with a keyboard and with a screen reader. What they name of the mail's
recipient is the first letter of the address and its domain: enough to know one's own, too little for whom a mail was
passed on to.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from relay.web.tracking.answers import Answer, page

_STYLE = """
body { font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } fieldset { border: 1px solid #999; border-radius: 6px; margin: 0 0 1rem }
label { display: block; padding: .3rem 0 } input { width: 1.1rem; height: 1.1rem }
button { font: inherit; padding: .5rem 1rem; border: 1px solid #555; border-radius: 6px }
button { background: #f2f2f2; color: #222 }
.said { border-left: 4px solid #17692b; padding-left: .7rem }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd }
button { background: #2a2a2a; color: #ddd; border-color: #999 } .said { border-color: #6c6 } }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a recipient gets of a sender's mail."""

    domain: str  # the sender's
    address: str  # the recipient's
    all_off: bool  # none at all
    groups: Sequence[tuple[str, bool]]  # each kind of mail that is shown, and whether it is wanted


def consent(standing: Standing, said: str = "") -> Answer:
    """The page to choose what mail one gets. `said`: what was done just now."""
    domain = escape(standing.domain)
    done = f'<p class="said" role="status">{escape(said)}</p>' if said else ""
    body = [done, f"<p>This is about mail from <b>{domain}</b> to {escape(masked(standing.address))}.</p>"]
    if standing.all_off:
        body.append("<p>You get no more of it.</p>")
        body.append(_form("back", f"Get mail from {standing.domain} again"))
    elif standing.groups:
        boxes = "".join(_box(name, wanted) for name, wanted in standing.groups)
        body.append(
            f'<form method="post"><input type="hidden" name="act" value="save"><fieldset>'
            f"<legend>What do you want to get?</legend>{boxes}</fieldset>"
            f"<p><button>Save</button></p></form>"
        )
        body.append(_form("all", f"Unsubscribe from all mail of {standing.domain}"))
    else:
        body.append("<p>Do you want to get no more of it?</p>")
        body.append(_form("all", "Unsubscribe"))
    return _page(200, "Unsubscribe", "".join(body))


def masked(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}\u2026@{domain}"


def _form(act: str, label: str) -> str:
    return (
        f'<form method="post"><input type="hidden" name="act" value="{act}">'
        f"<p><button>{escape(label)}</button></p></form>"
    )


def _box(name: str, wanted: bool) -> str:
    checked = " checked" if wanted else ""
    return f'<label><input type="checkbox" name="group" value="{escape(name)}"{checked}> {escape(name)}</label>'


def _page(status: int, title: str, body: str, *more: tuple[bytes, bytes]) -> Answer:
    text = (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main>\n<h1>{escape(title)}</h1>\n{body}\n</main></body>\n</html>\n"
    )
    return page(status, text, POLICY, *more)


def plain(status: int, title: str, said: str, *more: tuple[bytes, bytes]) -> Answer:
    return _page(status, title, f"<p>{escape(said)}</p>", *more)


UNKNOWN = plain(
    404, "Not found", "There is nothing here. If a link in a mail led you here, it was changed on its way."
)
EXPIRED = plain(410, "No longer here", "This link was in a mail that was sent a long time ago, and works no more.")
PRUNED = plain(410, "No longer here", "This message is not kept any more, so it cannot be shown.")
UNSHOWN = plain(404, "Nothing to show", "There is nothing in this message that a page could show.")
UNREAD = plain(400, "Not understood", "Nothing was changed. Please go back and try again.")
TOO_LARGE = plain(413, "Too much", "Nothing was changed: that was more than this page asks for.")
TOO_OFTEN = plain(429, "Too often", "Mail was taken back often enough for today. Please try again tomorrow.")
DOWN = plain(503, "Not now", "That did not work just now. Please try again in a minute.", (b"retry-after", b"60"))
