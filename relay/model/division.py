"""How statistics are divided: words of commands and calls."""

from __future__ import annotations

from enum import StrEnum


class By(StrEnum):
    ACCOUNT = "account"
    TAG = "tag"
    CAMPAIGN = "campaign"
    DOMAIN = "domain"  # of the recipient
    SITE = "site"  # the set of MX hosts


class Per(StrEnum):
    HOUR = "hour"
    DAY = "day"  # UTC
    TOTAL = "total"
