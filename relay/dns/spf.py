"""May an address send for a domain, by its SPF record? And mechanisms that people write, checked.

In:  a domain, an address, and a resolver; or the name and the value of a mechanism.
Out: the result (RFC 7208 section 2.6) and, where it is no plain answer, why; the mechanism as a record has it.

Enough of RFC 7208 for records as people write them: all, ip4, ip6, a, mx, include, exists and redirect, at most ten
look-ups. Macros and `ptr` depend on each message, so a record that comes to them is `unknown` here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from relay.dns.answer import Status
from relay.dns.resolver import Resolver
from relay.model.address import ascii_domain, printable

LOOKUPS = 10  # RFC 7208 section 4.6.4
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


_MECHANISMS = ("include", "a", "mx", "ip4", "ip6", "exists", "ptr")
COUNTED = frozenset({"include", "a", "mx", "exists", "ptr"})  # those that cost a look-up
_LENGTHS = re.compile(r"(?:/(?P<v4>\d{1,3}))?(?://(?P<v6>\d{1,3}))?", re.ASCII)
_MACRO = re.compile(r"%(?:%|_|-|\{[slodipvh](?:[1-9]\d?\d?)?r?[.\-+,/_=]*\})", re.ASCII | re.IGNORECASE)


class SpfError(Exception):
    """`permerror`, or `unknown` where we do not go on; the text says why."""

    def __init__(self, result: str, why: str) -> None:
        super().__init__(why)
        self.result = result


@dataclass(frozen=True, slots=True)
class Verdict:
    result: str  # pass, fail, softfail, neutral, none, permerror, unknown
    why: str = ""


async def evaluate(resolver: Resolver, domain: str, address: str) -> Verdict:
    """What a receiver makes of mail from the domain that comes from the address. Raises DnsFailure."""
    try:
        return Verdict(await _Evaluation(resolver, address).of(domain))
    except SpfError as error:
        return Verdict(error.result, str(error))
    except ValueError as error:
        return Verdict("permerror", str(error))


async def records(resolver: Resolver, domain: str) -> list[str]:
    """The SPF records of a domain; there should be one. Raises DnsFailure, ValueError."""
    texts = (await resolver.txt(domain)).records
    return [each for each in texts if each.lower() == "v=spf1" or each.lower().startswith("v=spf1 ")]


def mechanism(name: str, value: str) -> str:
    """`ip4` and `192.0.2.0/24` as a record has them. `a`, `mx` and `ptr` need no value.

    Raises ValueError: no such mechanism, or a value that it cannot have.
    """
    name, value = name.lower(), value.strip()
    if name not in _MECHANISMS:
        raise ValueError(f"expected one of {', '.join(_MECHANISMS)}, not {printable(name, 40)!r}")
    if name in ("ip4", "ip6"):
        return f"{name}:{_network(value, 4 if name == 'ip4' else 6)}"
    target, slash, lengths = value.partition("/")
    if slash and name not in ("a", "mx"):
        raise ValueError(f"{name} has no prefix length")
    _check_lengths(f"{slash}{lengths}")
    if not target and name in ("include", "exists"):
        raise ValueError(f"{name} needs a domain")
    return f"{name}{f':{_target(target)}' if target else ''}{slash}{lengths}"


def mechanism_name(text: str) -> str:
    """Of a mechanism as a record has it."""
    return text.partition(":")[0].partition("/")[0]


def _network(value: str, version: int) -> str:
    try:
        network = ipaddress.ip_interface(value)
    except ValueError:
        network = None
    if network is None or network.version != version or "%" in value or not _plain_length(value):
        wanted = "192.0.2.0/24" if version == 4 else "2001:db8::/32"
        raise ValueError(f"expected an address or network such as {wanted}, not {printable(value, 60)!r}")
    return value


def _plain_length(value: str) -> bool:
    """A netmask of four numbers is none."""
    _, slash, length = value.partition("/")
    return not slash or (length.isascii() and length.isdigit())


def _check_lengths(text: str) -> None:
    found = _LENGTHS.fullmatch(text)
    if found is None or int(found["v4"] or 0) > 32 or int(found["v6"] or 0) > 128:
        raise ValueError(f"expected a prefix length such as /24 or //64, not {printable(text, 40)!r}")


def _target(text: str) -> str:
    plain, macros = _MACRO.subn("x", text)
    if "%" in plain:
        raise ValueError(f"not a macro of SPF: {printable(text, 60)!r}")
    checked = ascii_domain(plain)
    if "." not in checked and not macros:
        raise ValueError(f"not a domain name: {printable(text, 60)!r} has no dot")
    return text if macros else checked


class _Evaluation:
    def __init__(self, resolver: Resolver, address: str) -> None:
        self._resolver = resolver
        self._address = ipaddress.ip_address(address)
        self._lookups = 0

    async def of(self, domain: str) -> str:
        found = await records(self._resolver, domain)
        if not found:
            return "none"
        if len(found) > 1:
            raise SpfError("permerror", f"{domain} has {len(found)} SPF records")
        redirect = ""
        for word in found[0].split()[1:]:
            if "=" in word.partition(":")[0].partition("/")[0]:
                name, _, value = word.partition("=")
                redirect = value if name.lower() == "redirect" else redirect
                continue
            sign = word[0] if word[0] in _RESULTS else "+"
            if await self._matches(word.removeprefix(sign), domain):
                return _RESULTS[sign]
        if redirect:
            self._count(redirect)
            result = await self.of(redirect)
            if result == "none":
                raise SpfError("permerror", f"redirect={redirect} has no SPF record")
            return result
        return "neutral"

    async def _matches(self, mechanism: str, domain: str) -> bool:
        word, _, prefix = mechanism.partition("/") if not mechanism.lower().startswith("ip") else (mechanism, "", "")
        name, _, value = word.partition(":")
        name, target = name.lower(), value or domain
        if name == "all":
            return True
        if name in ("ip4", "ip6"):
            network = ipaddress.ip_network(value, strict=False)
            return network.version == self._address.version and self._address in network
        if name not in ("a", "mx", "include", "exists"):
            raise SpfError("unknown" if name == "ptr" else "permerror", f"the mechanism {mechanism} of {domain}")
        self._count(target)
        if name == "include":
            result = await self.of(target)
            if result == "none":
                raise SpfError("permerror", f"include:{target} has no SPF record")
            return result == "pass"
        if name == "exists":
            return bool((await self._resolver.addresses(target, ipv6=False)).records)
        hosts = [target]
        if name == "mx":
            hosts = [each.host for each in (await self._resolver.mx(target)).records if each.host][:LOOKUPS]
        return any([await self._at(host, prefix) for host in hosts])

    async def _at(self, host: str, prefix: str) -> bool:
        v4, _, v6 = prefix.partition("//") if not prefix.startswith("/") else ("", "", prefix[1:])
        length = (v4 or "32") if self._address.version == 4 else (v6 or "128")
        answer = await self._resolver.addresses(host, ipv6=self._address.version == 6)
        if answer.status is not Status.FOUND:
            return False
        networks = [
            ipaddress.ip_network(f"{each}/{length if _same(each, self._address) else 32}", strict=False)
            for each in answer.records
        ]
        return any(net.version == self._address.version and self._address in net for net in networks)

    def _count(self, target: str) -> None:
        if "%" in target:
            raise SpfError("unknown", f"the macro in {target}")
        self._lookups += 1
        if self._lookups > LOOKUPS:
            raise SpfError("permerror", f"more than {LOOKUPS} look-ups")


def _same(one: str, other: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ipaddress.ip_address(one).version == other.version
