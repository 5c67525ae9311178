"""The page at `/`: that the relay runs, how it fares, where to read on. No IO, no script, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from relay import __version__

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } code { background: #f2f2f2; padding: .1rem .3rem; border-radius: 3px }
.ok { color: #17692b } .degraded { color: #a33 }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd } code { background: #2a2a2a }
.ok { color: #6c6 } .degraded { color: #f88 } }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(
    hostname: str, ports: Sequence[tuple[str, int]], sandbox: bool, faults: Sequence[str], *, has_api: bool = True
) -> str:
    """`ports`: the SMTP listeners, by name."""
    api = '<p>Applications use the HTTP API: <a href="/v1/docs">/v1/docs</a>.</p>' if has_api else ""
    state = (
        '<p class="ok">All processes run.</p>'
        if not faults
        else f'<p class="degraded">Something needs a look:</p><ul>{_items(faults)}</ul>'
    )
    mode = (
        "<p>This is a sandbox: every message is processed, signed and kept, and nothing leaves.</p>"
        if sandbox
        else "<p>Mail is delivered to the recipients' mail servers.</p>"
    )
    listeners = _items(f"{name}: port {port}" for name, port in ports)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>relay on {escape(hostname)}</title>
<style>{_STYLE}</style></head>
<body>
<h1>relay {escape(__version__)} runs on {escape(hostname)}</h1>
{state}
{mode}
<p>SMTP clients connect to:</p>
<ul>{listeners}</ul>
<p>Go on with <code>relay send</code>, <code>relay events</code> and <code>relay explain ID</code>;
<code>relay --help</code> lists all commands, <code>README.md</code> tells the way from here to real delivery.
Monitoring reads <a href="/health">/health</a>.</p>
{api}
</body>
</html>
"""


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(each)}</li>" for each in texts)
