"""What an account may set for a domain of its own. Pure.

In:  the domain as it is, and what shall change.
Out: the domain as it shall be, its hosts not looked up yet; or `Wrong`, which names the property.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from relay.dns.dmarc import POLICIES, addresses
from relay.manage.names import kindred, organisation, plain
from relay.manage.wrong import Wrong
from relay.model.account import Dmarc, Domain
from relay.model.address import parse_path, printable

ADDRESSES = 10  # that get reports of one domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """None: it stays. Empty: there is none from then on."""

    bounces: str | None = None  # bounce host
    tracking: str | None = None  # host of links
    https: bool | None = None
    policy: str | None = None  # DMARC, as the four below
    percentage: int | None = None
    startdate: str | None = None  # YYYY-MM-DD, UTC
    enddate: str | None = None
    addresses: tuple[str, ...] = ()  # that get reports, too; added to those there are


NOTHING = Settings()


def settled(domain: Domain, settings: Settings, today: date) -> Domain:
    """Raises Wrong."""
    found = domain
    if settings.bounces is not None and (host := _host("bounces", settings.bounces, domain)) != domain.bounce_host:
        found = replace(found, bounce_host=host, bounce_verified=None)
    if (
        settings.tracking is not None
        and (host := _host("tracking", settings.tracking, domain)) != domain.tracking_host
    ):
        found = replace(found, tracking_host=host, tracking_verified=None)
    if settings.https is not None:
        found = replace(found, tracking_https=settings.https)
    return replace(found, dmarc=_dmarc(found, settings, today))


def _host(field: str, name: str, domain: Domain) -> str:
    if not name.strip():
        return ""
    try:
        host = plain(name)
    except ValueError as error:
        raise Wrong(field, str(error)) from error
    if not kindred(host, domain.name):
        shared = organisation(domain.name)
        raise Wrong(field, f"expected a host of the organisation of {domain.name}, such as x.{shared}, not {host}")
    return host


def _dmarc(domain: Domain, settings: Settings, today: date) -> Dmarc:
    dmarc = domain.dmarc
    if settings.policy is not None:
        if settings.policy not in POLICIES:
            raise Wrong("policy", f"expected one of {', '.join(POLICIES)}, not {printable(settings.policy, 40)!r}")
        dmarc = replace(dmarc, policy=settings.policy)
    if settings.percentage is not None:
        if not 0 <= settings.percentage <= 100:
            raise Wrong("percentage", f"expected 0 to 100, not {settings.percentage}")
        dmarc = replace(dmarc, percentage=settings.percentage)
    if settings.startdate is not None:
        dmarc = replace(dmarc, start=_date("startdate", settings.startdate))
    if settings.enddate is not None:
        end = _date("enddate", settings.enddate)
        dmarc = replace(dmarc, end=end, start=dmarc.start or (today.isoformat() if end else ""))
    if dmarc.end and dmarc.end < dmarc.start:
        field = "startdate" if settings.enddate is None else "enddate"
        raise Wrong(field, f"the climb would end on {dmarc.end}, before it starts on {dmarc.start}")
    return replace(dmarc, addresses=_addresses(domain, settings.addresses))


def _date(field: str, text: str) -> str:
    if not text:
        return ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise Wrong(field, f"expected a date as YYYY-MM-DD, not {printable(text, 40)!r}")
    return text


def _addresses(domain: Domain, added: tuple[str, ...]) -> tuple[str, ...]:
    found = list(domain.dmarc.addresses)
    ours = set(addresses(domain)) - set(found)
    for each in added:
        try:
            address = parse_path(each.strip())
        except ValueError as error:
            raise Wrong("address", f"{printable(each, 80)!r}: {error}") from error
        if address not in found and address not in ours:
            found.append(address)
    if len(found) > ADDRESSES:
        raise Wrong("address", f"a domain has {ADDRESSES} report addresses at most")
    return tuple(found)
