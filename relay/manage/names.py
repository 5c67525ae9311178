"""Names of domains and hosts as people write them. Pure.

In:  what somebody typed. Out: A-labels in lower case, or ValueError with words for a reply.

Why so: a domain's hosts (of bounces, of links) should share its organisation, or receivers that align names (RFC 7489
section 3.1) do not take them for its own. Which labels are an organisation's is known to lists of public suffixes
alone, and these grow stale; and a host is used once DNS leads it to us, which nobody but its owner can make it do. So
two names are of one organisation when they share their last two labels, or three below a country that sells names at
the third level: a rule that is wrong now and then costs an alignment and opens nothing.
"""

from __future__ import annotations

import idna

from relay.model.address import printable

_SECOND = frozenset(
    {"ac", "co", "com", "ed", "edu", "gob", "gouv", "gov", "gv", "id", "ltd", "me", "mil", "ne", "net", "nhs", "nom"}
    | {"or", "org", "plc", "police", "sch"}
)


def plain(name: str) -> str:
    """A domain with at least two labels. Raises ValueError."""
    try:
        found = idna.encode(name.strip().rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        why = "its labels have letters, digits and -" if name.isascii() else printable(str(error))
        raise ValueError(f"{printable(name)!r} is no domain name: {why}") from error
    if "." not in found:
        raise ValueError(f"{printable(name)!r} is no domain name: it has no dot")
    return found


def organisation(name: str) -> str:
    """The part that stands for an organisation: `example.com` of `news.example.com`, `a.co.uk` of `b.a.co.uk`."""
    labels = name.split(".")
    third = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND
    return ".".join(labels[-3 if third else -2 :])


def kindred(host: str, domain: str) -> bool:
    """Whether a host may serve a domain: it is of the same organisation."""
    return organisation(host) == organisation(domain)
