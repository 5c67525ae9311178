"""What is said where a change cannot be made: at which property, and why. The doors put it in their own words."""

from __future__ import annotations


class Wrong(ValueError):
    """A value that cannot be."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field  # name of the property, as `quota.messages_hour`
        self.message = message


class Beyond(Exception):
    """More than who asks may give."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Unfit(Exception):
    """It is not in a state for that, or there are as many as there may be."""
