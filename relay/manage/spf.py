"""Further mechanisms of a domain's SPF record: others who send for it. Pure.

In:  those there are, and those to add, by name. Out: all of them, or `Wrong`, which names the mechanism.

Why so: receivers make ten look-ups for a record and then give up on it (RFC 7208 section 4.6.4), which costs all mail
of the domain, and our own name is one of them. More than nine others are refused here; what an `include` leads to is
counted by no one but receivers, and shows in the status of the domain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relay.dns.spf import COUNTED, LOOKUPS, mechanism, mechanism_name
from relay.manage.wrong import Wrong

MOST = 40  # mechanisms
OCTETS = 1000  # of all of them in the record; answers over that leave UDP, and some receivers lose them


def added(before: Sequence[str], more: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Those of `more` that are not there yet come behind. Raises Wrong."""
    found = list(before)
    last = ""
    for name, values in more.items():
        for value in values:
            last = name
            try:
                text = mechanism(name, value)
            except ValueError as error:
                raise Wrong(name, str(error)) from error
            if text not in found:
                found.append(text)
    if len(found) > MOST:
        raise Wrong(last, f"a record has {MOST} further mechanisms at most")
    if sum(map(len, found)) + len(found) > OCTETS:
        raise Wrong(last, f"a record has {OCTETS:,} characters of further mechanisms at most")
    if sum(mechanism_name(each) in COUNTED for each in found) > LOOKUPS - 1:
        text = f"receivers make {LOOKUPS} look-ups for a record, and one is ours: {LOOKUPS - 1} may be of others"
        raise Wrong(last, f"{text} ({', '.join(sorted(COUNTED))})")
    return tuple(found)
