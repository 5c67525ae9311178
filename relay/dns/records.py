"""The records a domain needs so that its mail is ours to send and is believed, and the proof that it is ours.

In:  a domain, our host name, the DKIM records (name and text), the challenge, the host of our return paths.
Out: records to publish, each with what it is for; whether the challenge is published.

Standards: RFC 7208 (SPF), RFC 6376 section 3.6 (DKIM), RFC 7489 (DMARC).

Why so: SPF is suggested as `~all` and DMARC as `p=none`. A domain usually has other senders, too, that we
know nothing of, and a stricter record than its owner has checked would lose their mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from relay.dns.answer import Status
from relay.dns.resolver import Resolver

CHALLENGE_LABEL = "_relay-challenge"
STRING_OCTETS = 255  # of one character-string in a TXT record (RFC 1035 section 3.3.14)


class Purpose(StrEnum):
    CHALLENGE = "challenge"
    DKIM = "dkim"
    SPF = "spf"
    DMARC = "dmarc"
    BOUNCE_MX = "bounce-mx"
    BOUNCE_SPF = "bounce-spf"
    TRACKING = "tracking"


@dataclass(frozen=True, slots=True)
class DomainRecord:
    purpose: Purpose
    name: str  # without the dot at its end
    text: str  # of a TXT record, in one piece; of others as a zone file has it
    kind: str = "TXT"

    def zone_line(self) -> str:
        """The record as a zone file has it, texts in strings of at most 255 octets."""
        return f"{self.name}. IN {self.kind} {self.zone_data()}"

    def zone_data(self) -> str:
        """What stands behind the type there."""
        if self.kind != "TXT":
            return self.text
        parts = [self.text[at : at + STRING_OCTETS] for at in range(0, len(self.text), STRING_OCTETS)] or [""]
        strings = " ".join('"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in parts)
        return strings if len(parts) == 1 else f"( {strings} )"


@dataclass(frozen=True, slots=True)
class Way:
    """Where a name leads, and where it should."""

    found: tuple[str, ...]  # addresses
    ours: tuple[str, ...]

    @property
    def leads(self) -> bool:
        """To us, and nowhere else."""
        return bool(self.found) and set(self.found) <= set(self.ours)


@dataclass(frozen=True, slots=True)
class Proof:
    proved: bool
    said: tuple[str, ...]  # all texts of the challenge record; none where there is no record


def challenge_name(domain: str) -> str:
    return f"{CHALLENGE_LABEL}.{domain}"


def wanted(
    domain: str,
    hostname: str,
    dkim: Iterable[tuple[str, str]],
    challenge: str = "",
    bounce_host: str = "",
    tracking: tuple[str, str] | None = None,
    *,
    senders: Sequence[str] = (),
    others: Sequence[str] = (),
    dmarc: str = "v=DMARC1; p=none",
    web: Sequence[str] = (),
) -> tuple[DomainRecord, ...]:
    """All records a domain should have. Names are A-labels.

    Args:
        hostname: ours; its addresses are those mail leaves from.
        dkim: name and text of the record of each active key.
        challenge: left out when it is empty, as for a domain that was marked by hand.
        bounce_host: domain of our own return paths, where it has one.
        tracking: host of links in its mail, where it has one, and the name of ours it should lead to.
        senders: mechanisms of SPF that stand for us; without any the name of ours.
        others: those that stand for others who send for the domain.
        dmarc: text of the record.
        web: addresses the host of links should have, in the place of leading to a name.
    """
    us = " ".join(senders or (f"a:{hostname}",))
    records = [DomainRecord(Purpose.CHALLENGE, challenge_name(domain), challenge)] if challenge else []
    records += [DomainRecord(Purpose.DKIM, name, text) for name, text in dkim]
    records.append(DomainRecord(Purpose.SPF, domain, " ".join(("v=spf1", us, *others, "~all"))))
    records.append(DomainRecord(Purpose.DMARC, f"_dmarc.{domain}", dmarc))
    if bounce_host:
        records.append(DomainRecord(Purpose.BOUNCE_MX, bounce_host, f"10 {hostname}.", "MX"))
        # Nothing but this relay sends from there, so nobody else may.
        records.append(DomainRecord(Purpose.BOUNCE_SPF, bounce_host, f"v=spf1 {us} -all"))
    if tracking is not None and web:
        for each in web:
            records.append(DomainRecord(Purpose.TRACKING, tracking[0], each, "AAAA" if ":" in each else "A"))
    elif tracking is not None and tracking[0] != tracking[1]:
        records.append(DomainRecord(Purpose.TRACKING, tracking[0], f"{tracking[1]}.", "CNAME"))
    return tuple(records)


async def check_way(resolver: Resolver, host: str, ours: Iterable[str]) -> Way:
    """Where a host leads, by its own addresses or over an alias, beside those of names (or addresses) of ours.

    Raises as `check_challenge`.
    """
    known: list[str] = []
    for each in ours:
        try:
            known.append(ip_address(each).compressed)
        except ValueError:
            known += (await resolver.addresses(each, ipv6=True)).records
    found = (await resolver.addresses(host, ipv6=True)).records
    return Way(tuple(found), tuple(dict.fromkeys(known)))


async def check_challenge(resolver: Resolver, domain: str, token: str) -> Proof:
    """Whether the domain's challenge record says the token; other texts beside it do no harm.

    Raises:
        DnsFailure: nobody could tell; this is not a "no".
        ValueError: it is no domain name, or the token is empty.
    """
    if not token:
        raise ValueError("an empty challenge proves nothing")
    answer = await resolver.txt(challenge_name(domain))
    said = answer.records if answer.status is Status.FOUND else ()
    return Proof(token in {each.strip() for each in said}, said)
