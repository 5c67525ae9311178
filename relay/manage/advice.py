"""The records a domain should have in DNS: as names that lead to us, or as addresses of ours.

In:  a domain, its keys, the configuration, the time; what stands for us in DNS, where that was looked up.
Out: the records.

Why so: names are what we advise, since they follow us when an address changes, and whoever cannot have them (an apex
takes no CNAME, a company allows no foreign names) publishes addresses. Keys are TXT records in both: we serve no DNS,
so there is no record of ours for a CNAME to lead to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from relay.config import Config
from relay.dns import dmarc
from relay.dns.records import DomainRecord, wanted
from relay.manage.keys import record, to_publish
from relay.manage.ours import Places, target
from relay.model.account import DkimKey, Domain

NOWHERE = Places()


def advised(
    domain: Domain,
    keys: Sequence[DkimKey],
    config: Config,
    now: float,
    places: Places = NOWHERE,
    *,
    addresses: bool = False,
) -> tuple[DomainRecord, ...]:
    """All it should have; `addresses`: in the place of names of ours, as far as they are known."""
    by_name = (f"a:{config.hostname}", *places.by_name)
    return wanted(
        domain.name,
        config.hostname,
        [(each.name, each.text) for each in map(record, to_publish(keys, now))],
        domain.challenge,
        bounce_host=domain.bounce_host,
        tracking=(domain.tracking_host, target(config)) if domain.tracking_host else None,
        senders=(addresses and places.by_address) or by_name,
        others=domain.spf,
        dmarc=dmarc.record(domain.dmarc, today(now), dmarc.addresses(domain)),
        web=places.web if addresses else (),
    )


def today(now: float) -> date:
    """The day of a time, in UTC."""
    return datetime.fromtimestamp(now, UTC).date()
