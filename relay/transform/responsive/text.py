"""The plain text of a document, piece by piece; what it says is a template as the page is."""

from __future__ import annotations

from relay.transform.autotext import html_to_text
from relay.transform.responsive.placeholders import held, neutral


def page_text(page: str) -> str:
    """Of markup, with its placeholders; a brace that a reference stands for is one."""
    return held(page, lambda shown: neutral(html_to_text(shown.encode()) or "")).strip("\n")


def labelled(label: str, url: str) -> str:
    """A link as a text says it: `label <url>`."""
    shown = url.removeprefix("mailto:").removeprefix("tel:") if "?" not in url[:8] else ""
    if not label or not shown:
        return label or (f"<{shown}>" if shown else "")
    return label if label.strip() in (url, shown) else f"{label} <{shown}>"
