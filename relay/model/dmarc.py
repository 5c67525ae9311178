"""An aggregate report of DMARC, as far as we look into it: who tells whom of how much mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OTHERS: Final = "*"  # domains in From that are not told apart


@dataclass(frozen=True, slots=True)
class Sending:
    """Mail with one domain in its From field."""

    domain: str  # or `OTHERS`
    messages: int
    failed_spf: int  # neither aligned nor passed, as DMARC counts it (`policy_evaluated`)
    failed_dkim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    organization: str  # its name; where it has none, the domain it writes from
    email: str
    reporter: str  # domain of the organization, lower case
    id: str
    begin: float
    end: float
    domain: str  # whose policy it is about, A-labels, lower case
    policy: str  # none, quarantine, reject, or what it said
    sendings: tuple[Sending, ...]

    @property
    def messages(self) -> int:
        return sum(each.messages for each in self.sendings)
