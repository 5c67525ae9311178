"""Smarthost rules: which mail they fit. Pure.

In:  the domain of a forward-path, the domain of the reverse-path ("" for the null one). Out: whether a rule fits.

Patterns are `*` (everything, the null reverse-path and address literals included), a domain, or `*.example.net`
for what lies below a domain, at any depth, without the domain itself. They may be written in U-labels.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.config import RouteRule
from relay.model.address import ascii_domain


class Rule:
    def __init__(self, rule: RouteRule) -> None:
        self.rule = rule
        self._domains = Names(rule.domains)
        self._senders = Names(rule.senders)

    def fits(self, domain: str, sender: str) -> bool:
        return self._domains.match(domain) and self._senders.match(sender)


class Names:
    """Patterns of names."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [_pattern(each) for each in patterns]

    def match(self, name: str) -> bool:
        return bool(self._patterns) and _matches(self._patterns, name)


def _pattern(text: str) -> str:
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        return star + ascii_domain(name)
    except ValueError:
        return text.lower()  # "*", or an address literal


def _matches(patterns: Iterable[str], domain: str) -> bool:
    lower = domain.lower()
    return any(
        each in ("*", lower) or (each.startswith("*.") and lower.endswith(each[1:]) and len(lower) >= len(each))
        for each in patterns
    )
