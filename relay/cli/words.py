"""What a shell is offered where a word of the registry of options comes: options, grants.

In:  the beginning of the word. Out: the words it may become; `NAME=` where a value follows.
"""

from __future__ import annotations


def option_names(incomplete: str) -> list[str]:
    from relay.submission.control.registry import OPTIONS

    return [each.name for each in OPTIONS if each.name.startswith(incomplete)]


def option_equals(incomplete: str) -> list[str]:
    """For NAME=VALUE."""
    return [f"{name}=" for name in option_names(incomplete)]


def grants(incomplete: str) -> list[str]:
    from relay.submission.control.registry import GRANTS

    return [each for each in GRANTS if each.startswith(incomplete)]
