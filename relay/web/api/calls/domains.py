"""Sender domains: asked for, proved by a record in DNS, listed, changed, given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Literal

import msgspec

from relay.dns import dmarc
from relay.dns.answer import DnsFailure
from relay.dns.records import DomainRecord
from relay.dns.resolver import Resolver
from relay.manage.domain_settings import NOTHING, Settings
from relay.manage.domains import Domains
from relay.manage.keys import missing, new_keys
from relay.manage.names import plain
from relay.manage.ours import leaving
from relay.manage.wrong import Unfit
from relay.model.account import Domain, Scope
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.managed import told
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY = "Sender domains"
NAME = Param(name="name", help="the domain, as in me@NAME; U-labels are taken, too", example="example.com")
HOST_PATIENCE = 4.0  # seconds for the addresses of our own name
_CODES = ("not_found", "bad_value", "unavailable")


class DomainChanges(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Settings of a domain; what is not named stays."""

    bounces: str | None = None
    tracking: str | None = None
    https: bool | None = None
    policy: Literal["none", "quarantine", "reject"] | None = None
    percentage: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    startdate: str | None = None
    begindate: str | None = None
    enddate: str | None = None
    address: str | list[str] | None = None


class DomainShown(msgspec.Struct, kw_only=True):
    """A sender domain."""

    name: str
    approved: bool
    bounces: str
    bounces_used: bool  # it was seen to lead here
    tracking: str
    tracking_used: bool
    https: bool
    ips: list[str]
    policy: Literal["none", "quarantine", "reject"]
    percentage: int
    startdate: str | None
    enddate: str | None
    addresses: list[str]


class Record(msgspec.Struct):
    """A record to publish in DNS."""

    name: str
    type: str
    value: str


EXAMPLE: dict[str, Any] = {
    "name": "example.com",
    "approved": True,
    "bounces": "bounces.example.com",
    "bounces_used": True,
    "tracking": "clicks.example.com",
    "tracking_used": True,
    "https": True,
    "ips": ["192.0.2.10"],
    "policy": "quarantine",
    "percentage": 50,
    "startdate": "2026-12-01",
    "enddate": "2026-12-31",
    "addresses": ["dmarc@bounces.example.com", "postmaster@example.com"],
}


def named(asked: Asked) -> str:
    """The domain in the path, in A-labels. Raises Problem."""
    try:
        return plain(asked.path["name"])
    except ValueError as error:
        raise Problem("bad_value", f"name: {error}", field="name") from error


def domains(services: Services, asked: Asked, resolver: Resolver | None = None) -> Domains:
    """Those of the caller's account."""
    caller, asking = asked.caller, resolver or services.resolver()
    return Domains(services.registry, services.config, asking, caller.account, caller.who, asked.at)


@asynccontextmanager
async def live(services: Services) -> AsyncIterator[Resolver]:
    """A resolver that remembers nothing: whoever has just published a record is told of it at once, and not when
    "there is none" has grown old."""
    resolver = Resolver(services.config.dns, services.clock)
    try:
        yield resolver
    finally:
        await resolver.close()


@contextmanager
def dns_told() -> Iterator[None]:
    """A look-up without an answer is nobody's fault here."""
    try:
        yield
    except DnsFailure as error:
        raise Problem("unavailable", f"DNS gave no answer: {error.name} {error.kind}: {error.why}") from error


async def domain_post(services: Services, asked: Asked) -> Answer:
    name, settings = named(asked), _settings(asked.body)
    async with live(services) as resolver:
        with told(), dns_told():
            claimed = await _claimed(services, asked, domains(services, asked, resolver), name, settings)
    if isinstance(claimed, Domain):
        return answer(_described(claimed, await ips(services)))
    return answer(Record(claimed.name, claimed.kind, claimed.text), 202)


async def _claimed(
    services: Services, asked: Asked, mine: Domains, name: str, settings: Settings
) -> Domain | DomainRecord:
    """The domain with its settings; or the record that it lacks. Raises as `Domains` does."""
    claimed = await mine.claim(name)
    if claimed.domain is None and settings != NOTHING:
        raise Unfit(f"{name} is not proved yet, and kept for another account; settings are taken once it is")
    if claimed.domain is not None:
        await _make_keys(services, asked, name)
    if claimed.record is None or settings != NOTHING:
        domain = await mine.change(name, settings)
    return domain if claimed.record is None else claimed.record


async def _make_keys(services: Services, asked: Asked, name: str) -> None:
    """The managed keys it lacks, which are both for one that was claimed just now."""
    registry = services.registry
    keys = registry.keys(name)
    if not (lacking := missing(keys)):
        return
    made = await services.threaded(new_keys, name, lacking, asked.at, {each.selector for each in keys})
    domains(services, asked).of(name)
    wanted = set(missing(registry.keys(name)))  # another request may have made them meanwhile
    for key in made:
        if key.algorithm in wanted:
            registry.add_key(key)


def _settings(body: DomainChanges | None) -> Settings:
    if body is None:
        return NOTHING
    if body.startdate is not None and body.begindate not in (None, body.startdate):
        raise Problem(
            "bad_value", "begindate: it is another name of startdate, and says otherwise", field="begindate"
        )
    addresses = [body.address] if isinstance(body.address, str) else body.address or []
    return Settings(
        bounces=body.bounces,
        tracking=body.tracking,
        https=body.https,
        policy=body.policy,
        percentage=body.percentage,
        startdate=body.begindate if body.startdate is None else body.startdate,
        enddate=body.enddate,
        addresses=tuple(addresses),
    )


async def ips(services: Services) -> list[str]:
    """The addresses mail leaves from, as far as they are known in time."""
    try:
        async with asyncio.timeout(HOST_PATIENCE):
            return await leaving(services.config, services.resolver())
    except TimeoutError:
        return []


def _described(domain: Domain, addresses: list[str]) -> DomainShown:
    return DomainShown(
        name=domain.name,
        approved=domain.verified is not None,
        bounces=domain.bounce_host,
        bounces_used=bool(domain.bounce_host) and domain.bounce_verified is not None,
        tracking=domain.tracking_host,
        tracking_used=bool(domain.tracking_host) and domain.tracking_verified is not None,
        https=domain.tracking_https,
        ips=addresses,
        policy=domain.dmarc.policy,  # type: ignore[arg-type]  # one of the three, or it was not kept
        percentage=domain.dmarc.percentage,
        startdate=domain.dmarc.start or None,
        enddate=domain.dmarc.end or None,
        addresses=list(dmarc.addresses(domain)),
    )


async def domain_get(services: Services, asked: Asked) -> Answer:
    domain = domains(services, asked).of(named(asked))
    return answer(_described(domain, await ips(services)))


async def domains_get(services: Services, asked: Asked) -> Answer:
    addresses = await ips(services)
    return answer([_described(each, addresses) for each in services.registry.domains(asked.caller.account)])


async def domain_delete(services: Services, asked: Asked) -> Answer:
    name = named(asked)
    domains(services, asked).remove(name)
    return answer({"name": name, "deleted": True})


async def domain_address_delete(services: Services, asked: Asked) -> Answer:
    name, address, mine = named(asked), asked.path["address"], domains(services, asked)
    if address in dmarc.ours(mine.of(name)):
        raise Problem("conflict", f"{address} is where reports come to us; it is there while the bounce host is")
    return answer(_described(mine.remove_address(name, address), await ips(services)))


CALLS: tuple[Call, ...] = (
    Call(
        method="POST",
        path="/domain/{name}",
        name="domain_post",
        family=FAMILY,
        summary="Ask for a domain, prove it, change it",
        help=(
            "The first call, without a body, answers 202 with a TXT record. Once that is published the same call "
            "finds it and answers 200 with the domain, approved: mail may be sent from it and from all names below "
            "it. A domain that another account has proved is 409; one that it has only asked for is of whoever "
            "proves it. The record may be taken away afterwards.\n\n"
            "Any call may bring settings, each optional. `bounces` is the host bounces come back to (default "
            "bounces.NAME), `tracking` the host of links and pictures (default clicks.NAME): hosts of the same "
            "organisation as NAME, kept as they are given and used once DNS leads them here, which every call looks "
            "up again until it is so (`bounces_used`, `tracking_used`); one that is in use is not replaced by one "
            "that does not lead here (422). Empty text ends the use of one. `https`: links begin with https (default "
            "false), for which the relay needs a certificate of the host.\n\n"
            "`policy` (default none) and `percentage` (default 100) are the DMARC policy wanted. With `startdate` "
            "(or `begindate`) and `enddate`, days in UTC, its percentage climbs day by day from 0 on the first to "
            "the target on the last; a start left out is today. The record of the day is in `/dns/NAME/recommended`; "
            "publishing it stays with the owner of the domain. `address` adds one that gets DMARC reports, or a list "
            "of them, once the domain is approved (else 409); an address in another organisation gets them only if "
            "that says so in its own DNS (RFC 7489 section 7.1).\n\n"
            "A domain comes with DKIM keys, RSA and Ed25519, whose records are advised from the start."
        ),
        scope=Scope.MANAGE,
        handler=domain_post,
        params=(NAME,),
        body=Body(
            help="settings",
            shape=DomainChanges,
            example={"bounces": "bounces.example.com", "policy": "quarantine", "percentage": 50, "https": True},
            required=False,
        ),
        answers=(
            Shown(help="The domain, approved.", shape=DomainShown, example=EXAMPLE),
            Shown(
                help="Not approved yet: publish this record, and call again.",
                status=202,
                shape=Record,
                example={
                    "name": "_relay-challenge.example.com",
                    "type": "TXT",
                    "value": "relay-verify=7kq2mzr5t8wvx3hy9bncd4fgjp6sauei",
                },
            ),
        ),
        codes=(*_CODES, "conflict", "unknown_property"),
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/domain/{name}",
        name="domain_get",
        family=FAMILY,
        summary="Show a domain",
        help=(
            "`ips` are the addresses its mail leaves from, as far as this machine or its name in DNS tell; "
            "`addresses` get its DMARC reports: ours first, `dmarc@` its bounce host, then those that were added."
        ),
        scope=Scope.READ,
        handler=domain_get,
        params=(NAME,),
        answers=(Shown(help="The domain.", shape=DomainShown, example=EXAMPLE),),
        codes=_CODES,
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/domains",
        name="domains_get",
        family=FAMILY,
        summary="List domains",
        help="All of the account, approved or not, by name.",
        scope=Scope.READ,
        handler=domains_get,
        answers=(Shown(help="The domains.", shape=list[DomainShown], example=[EXAMPLE]),),
        codes=("unavailable",),
        smtpeter=True,
    ),
    Call(
        method="DELETE",
        path="/domain/{name}",
        name="domain_delete",
        family=FAMILY,
        summary="Remove a domain",
        help=(
            "With its keys, its own ones, too: nothing can be sent from it from then on, and links in mail that was "
            "sent, if they lead to its host, work no longer. What is queued is delivered: it is signed already."
        ),
        scope=Scope.MANAGE,
        handler=domain_delete,
        params=(NAME,),
        answers=(
            Shown(help="It is gone.", shape=dict[str, str | bool], example={"name": "example.com", "deleted": True}),
        ),
        codes=_CODES,
        smtpeter=True,
    ),
    Call(
        method="DELETE",
        path="/domain/{name}/{address}",
        name="domain_address_delete",
        family=FAMILY,
        summary="Remove a report address",
        help=(
            "The address gets no DMARC reports once the record without it is published. Ours cannot be removed (409)."
        ),
        scope=Scope.MANAGE,
        handler=domain_address_delete,
        params=(NAME, Param(name="address", help="as `addresses` shows it", example="postmaster@example.com")),
        answers=(
            Shown(
                help="The domain as it is now.",
                shape=DomainShown,
                example={**EXAMPLE, "addresses": ["dmarc@bounces.example.com"]},
            ),
        ),
        codes=(*_CODES, "conflict"),
        smtpeter=True,
    ),
)
