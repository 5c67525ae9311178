"""What a sender domain should have in DNS, and how it stands there now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Literal

import msgspec

from relay.dns.answer import DnsFailure
from relay.dns.records import DomainRecord, Purpose
from relay.manage.advice import NOWHERE, advised, today
from relay.manage.finding import Finding, Level, fail, ok, warn
from relay.manage.keys import newest
from relay.manage.ours import leaving, places
from relay.manage.standing import Standing
from relay.model.account import DkimKey, Domain, KeyState, Scope
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Call, Shown
from relay.web.api.calls.domains import HOST_PATIENCE, NAME, Record, domains, live, named
from relay.web.api.services import Services

FAMILY = "DNS"
PATIENCE = 8.0  # seconds that DNS has for all there is to look up
_CODES = ("not_found", "bad_value", "unavailable")
_Verdict = Literal["ok", "error"]


class DnsStatus(msgspec.Struct, kw_only=True):
    """How a domain stands in DNS."""

    dmarc: _Verdict
    dkim: _Verdict
    spf: _Verdict
    mx: _Verdict  # of the bounce host
    a: _Verdict  # of the host of links
    caa: _Verdict  # of the host of links, where they begin with https
    validation: _Verdict  # the domain is approved
    remarks: dict[str, str]  # by the names above: what is wrong, or could be better


async def dns_recommended_get(services: Services, asked: Asked) -> Answer:
    return answer(await _records(services, asked, addresses=False))


async def dns_selfhosted_get(services: Services, asked: Asked) -> Answer:
    return answer(await _records(services, asked, addresses=True))


async def _records(services: Services, asked: Asked, *, addresses: bool) -> list[Record]:
    domain = domains(services, asked).of(named(asked))
    try:
        async with asyncio.timeout(HOST_PATIENCE):
            found = await places(services.config, services.resolver())
    except TimeoutError:
        found = NOWHERE
    keys = services.registry.keys(domain.name)
    records = advised(domain, keys, services.config, asked.at, found, addresses=addresses)
    return [_shown(each) for each in records if each.purpose is not Purpose.CHALLENGE or domain.verified is None]


def _shown(record: DomainRecord) -> Record:
    """Without the dot at the end of a name, as forms of DNS providers want it."""
    return Record(record.name, record.kind, record.text if record.kind == "TXT" else record.text.removesuffix("."))


async def dns_status_get(services: Services, asked: Asked) -> Answer:
    domain = domains(services, asked).of(named(asked))
    keys = services.registry.keys(domain.name)
    async with live(services) as resolver:
        standing = Standing(services.config, resolver, today(asked.at))
        looks = _looks(standing, domain, keys, asked.at)
        found = dict(zip(looks, await asyncio.gather(*map(_in_time, looks.values())), strict=True))
    found["validation"] = [_validation(domain)]
    verdicts = {name: "ok" if all(map(_fine, each)) else "error" for name, each in found.items()}
    remarks = {name: text for name, each in found.items() if (text := _sentences(each))}
    return answer({**verdicts, "remarks": remarks})


def _looks(
    standing: Standing, domain: Domain, keys: list[DkimKey], now: float
) -> dict[str, Awaitable[list[Finding]]]:
    host = domain.tracking_host
    return {
        "dmarc": _one(standing.dmarc(domain)),
        "dkim": _dkim(standing, domain, keys, now),
        "spf": _spf(standing, domain),
        "mx": standing.bounces(domain) if domain.bounce_host else _nothing(),
        "a": _one(standing.tracking(domain)) if host else _nothing(),
        "caa": _one(standing.authorities(host)) if host and domain.tracking_https else _nothing(),
    }


async def _in_time(look: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await look
    except TimeoutError:
        return [fail("DNS", "gave no answer in time")]
    except DnsFailure as error:  # without the address of our resolver
        return [fail("DNS", f"gave no answer: {error.name} {error.kind}: {error.why}")]
    except ValueError as error:
        return [fail("DNS", f"cannot be asked: {error}")]


async def _one(look: Awaitable[Finding]) -> list[Finding]:
    return [await look]


async def _nothing() -> list[Finding]:
    """There is no such host, so nothing is wrong with it."""
    return []


async def _dkim(standing: Standing, domain: Domain, keys: list[DkimKey], now: float) -> list[Finding]:
    signing = [*newest(keys), *(each for each in keys if each.custom and each.signs(now))]
    if not signing:
        return [fail(domain.name, "has no key that signs its mail")]
    found = list(await asyncio.gather(*map(standing.key, signing)))
    for each in keys:
        if each.state is KeyState.PENDING:
            text = "is a new key, and takes its turn once its record is published"
            found.append(warn(each.selector, text, sound=True))
    return found


async def _spf(standing: Standing, domain: Domain) -> list[Finding]:
    return [await standing.spf(domain.name, await leaving(standing.config, standing.resolver))]


def _validation(domain: Domain) -> Finding:
    if domain.verified is None:
        return fail(domain.name, "is not approved yet: publish its challenge and call POST /domain again")
    return ok(domain.name, "is approved")


def _fine(finding: Finding) -> bool:
    return finding.level is Level.OK or finding.sound


def _sentences(found: Iterable[Finding]) -> str:
    return "; ".join(f"{each.subject} {each.text}" for each in found if each.level is not Level.OK)


_HELP = (
    "Records of the keys that sign its mail, or will; of SPF with our addresses and the further mechanisms of "
    "`/spf/NAME`; of DMARC as it should be today, whose percentage climbs from day to day if that was asked for; of "
    "the bounce host and the host of links; and, until the domain is approved, the one that proves it. A record of "
    "SPF or DMARC that is there already is changed, and never doubled. "
)
_TXT = [
    {
        "name": "r20261121._domainkey.example.com",
        "type": "TXT",
        "value": "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A...",
    },
]
_DMARC = {
    "name": "_dmarc.example.com",
    "type": "TXT",
    "value": "v=DMARC1; p=quarantine; pct=25; rua=mailto:dmarc@bounces.example.com",
}
_MX = {"name": "bounces.example.com", "type": "MX", "value": "10 relay.example.net"}
_RECOMMENDED = [
    *_TXT,
    {"name": "example.com", "type": "TXT", "value": "v=spf1 a:relay.example.net include:_spf.example.org ~all"},
    _DMARC,
    _MX,
    {"name": "bounces.example.com", "type": "TXT", "value": "v=spf1 a:relay.example.net -all"},
    {"name": "clicks.example.com", "type": "CNAME", "value": "relay.example.net"},
]
_SELFHOSTED = [
    *_TXT,
    {"name": "example.com", "type": "TXT", "value": "v=spf1 ip4:192.0.2.10 include:_spf.example.org ~all"},
    _DMARC,
    _MX,
    {"name": "bounces.example.com", "type": "TXT", "value": "v=spf1 ip4:192.0.2.10 -all"},
    {"name": "clicks.example.com", "type": "A", "value": "192.0.2.10"},
]

CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/dns/{name}/recommended",
        name="dns_recommended_get",
        family=FAMILY,
        summary="Records to publish, by names of ours",
        help=(
            f"{_HELP}Where a record can lead to a name of this relay it does (`a:` in SPF, a CNAME for links), so "
            "that it follows when our addresses change. Keys are TXT records here, too: the relay serves no DNS of "
            "its own, so a CNAME would have nothing to lead to."
        ),
        scope=Scope.READ,
        handler=dns_recommended_get,
        params=(NAME,),
        answers=(Shown(help="The records.", shape=list[Record], example=_RECOMMENDED),),
        codes=_CODES,
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/dns/{name}/selfhosted",
        name="dns_selfhosted_get",
        family=FAMILY,
        summary="Records to publish, by addresses of ours",
        help=(
            f"{_HELP}Addresses stand in the place of names: `ip4:` and `ip6:` in SPF, A and AAAA for links; the MX "
            "record must have a name, as DNS wants it. Addresses that nobody knows (our name does not resolve now) "
            "leave the name."
        ),
        scope=Scope.READ,
        handler=dns_selfhosted_get,
        params=(NAME,),
        answers=(Shown(help="The records.", shape=list[Record], example=_SELFHOSTED),),
        codes=_CODES,
        smtpeter=True,
    ),
    Call(
        method="GET",
        path="/dns/{name}/status",
        name="dns_status_get",
        family=FAMILY,
        summary="What DNS says now",
        help=(
            "Looked up while you wait, 10 s at most; what got no answer is `error`. `dmarc`: a policy is published, "
            "here or above, no weaker than the one of today. `dkim`: every key that signs now is published. `spf`: "
            "every address mail leaves from passes. `mx`: the bounce host leads here. `a`: the host of links leads "
            "here. `caa`: where links begin with https, some authority may certify their host. `validation`: the "
            "domain is approved. A host that the domain does not have is `ok`. `remarks` has a sentence for each "
            "that is wrong, or could be better."
        ),
        scope=Scope.READ,
        handler=dns_status_get,
        params=(NAME,),
        answers=(
            Shown(
                help="A verdict for each kind of record.",
                shape=DnsStatus,
                example={
                    "dmarc": "error",
                    "dkim": "ok",
                    "spf": "ok",
                    "mx": "ok",
                    "a": "ok",
                    "caa": "ok",
                    "validation": "ok",
                    "remarks": {"dmarc": "DMARC of example.com is not published"},
                },
            ),
        ),
        codes=_CODES,
        smtpeter=True,
    ),
)
