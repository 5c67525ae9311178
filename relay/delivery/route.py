"""Routes: where mail for a domain goes next, looked up once and kept for its time.

In:  a message and a recipient's domain. Out: a `Route` whose hosts stand in the order they are to be tried; or
NoRoute, with the reply, whose fault it is, and why.

    sandbox -> smarthost by the first rule that fits -> address literal -> MX; then what the message asks for

Hosts come by preference, in random order where it is equal, drawn anew for each call (RFC 5321 section 5.1);
the addresses of a host alternate between the families, IPv6 first. The site is the set of MX hosts, whether
or not each of them has an address at the moment: one DNS failure must not make a second site of a provider.

What is looked up does not depend on the message's own wishes (`wishes.py`): they pick the egress, with it perhaps
the version of IP, and make the TLS demand stricter, never looser. Mail that asks for an egress we have not, since it
was taken under another configuration, waits for one.

Why so: a domain whose MX records name hosts without any address is deferred, not returned. It exists and wants
mail; the mistake is usually young and about to be mended, and the deadline ends the waiting. A smarthost that
does not resolve, or is ourselves, is a mistake of the operator's: the sender's mail waits until it is mended.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from random import Random

from relay.config import Delivery, RouteRule, SmarthostTls
from relay.delivery.guard import Guard, Objection, is_own_address
from relay.delivery.rules import Rule
from relay.delivery.wishes import BOTH, NO_WISH, Wish, Wishes
from relay.dns.answer import Answer, DnsFailure, Mx, Status
from relay.dns.cache import Cache, Once
from relay.dns.mx import Exchanges, Kind, lookup, shuffled
from relay.dns.resolver import Resolver
from relay.model.address import domain_of, printable, readable_domain
from relay.model.clock import Clock
from relay.model.message import Message
from relay.model.outcome import Fault
from relay.model.reply import Reply
from relay.model.route import Host, NoRoute, Route, TlsDemand, Way

ROUTES = 10_000  # kept at most
SHORTEST, LONGEST = 5.0, 3600.0  # seconds a route is kept, whatever the DNS says

_TLS = {
    SmarthostTls.NONE: TlsDemand.NONE,
    SmarthostTls.MAY: TlsDemand.MAY,
    SmarthostTls.STARTTLS: TlsDemand.VERIFIED,
    SmarthostTls.TLS: TlsDemand.VERIFIED,
}
_Key = tuple[str, str]  # ("rule", its number) or ("domain", its name)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A route without the order of its hosts."""

    route: Route
    port: int
    hosts: tuple[tuple[Mx, tuple[str, ...]], ...]  # each with its addresses


@dataclass(frozen=True, slots=True)
class _Nowhere:
    reply: Reply
    fault: Fault
    reason: str

    def error(self) -> NoRoute:
        return NoRoute(self.reply, self.fault, self.reason)


_Found = tuple[_Plan | _Nowhere, float]  # and until when it holds


class Router:
    """One a process; belongs to the event loop that asks first."""

    def __init__(
        self,
        config: Delivery,
        sandbox: bool,
        hostname: str,
        own_ports: frozenset[int],
        resolver: Resolver,
        clock: Clock,
        *,
        random: Random | None = None,
        own_address: Callable[[str], bool] = is_own_address,
    ) -> None:
        """`own_ports` are those of our listeners; `own_address` tells whether an interface has an address."""
        self._config = config
        self._resolver = resolver
        self._clock = clock
        self._random = random or Random()
        self._guard = Guard(hostname, own_ports, allow_private=config.allow_private, own_address=own_address)
        self._rules = [Rule(each) for each in config.routes]
        self._wishes = Wishes(config)
        self._sandbox = sandbox
        self._in_sandbox = Route(way=Way.SANDBOX, egress=config.egress.name, site="sandbox")
        self._cache: Cache[_Key, _Plan | _Nowhere] = Cache(ROUTES)
        self._once: Once[_Key, _Plan | _Nowhere] = Once()

    async def route(self, message: Message, domain: str) -> Route:
        """Where mail of this message for this domain goes.

        Raises:
            NoRoute: nowhere now (4yz), or nowhere at all (5yz).
        """
        if self._sandbox or message.sandbox:
            return self._in_sandbox
        sender = domain_of(message.envelope.reverse_path)
        number = next((n for n, rule in enumerate(self._rules) if rule.fits(domain, sender)), None)
        key = ("domain", domain) if number is None else ("rule", str(number))
        plan = self._cache.get(key, self._clock())
        if plan is None:
            rule = None if number is None else self._rules[number].rule
            plan = await self._once.get(key, lambda: self._look_up(key, rule))
        if isinstance(plan, _Nowhere):
            raise plan.error()
        hosts = self._in_order(plan)
        wish = self._wishes.of(message)
        if wish is NO_WISH:
            return replace(plan.route, hosts=hosts)
        return as_wished(plan.route, hosts, wish, domain)

    async def close(self) -> None:
        """Stop the look-ups under way."""
        await self._once.close()

    async def _look_up(self, key: _Key, rule: RouteRule | None) -> _Plan | _Nowhere:
        try:
            found, until = await (self._by_rule(rule) if rule else self._by_domain(key[1]))
        except DnsFailure as failure:
            text = f"DNS gave no answer about {failure.name} {failure.kind} ({failure.why})"
            found, until = _Nowhere(Reply(451, "4.4.3", text), Fault.SITE, "dns"), 0.0
        now = self._clock()
        self._cache.put(key, found, min(now + LONGEST, max(now + SHORTEST, until)))
        return found

    def _in_order(self, plan: _Plan) -> tuple[Host, ...]:
        addresses = dict(plan.hosts)
        return tuple(
            Host(mx.host, address, plan.port)
            for mx in shuffled(addresses, self._random)
            for address in _alternating(addresses[mx], self._random)
        )

    async def _by_rule(self, rule: RouteRule) -> _Found:
        hop = rule.smarthost
        route = Route(
            way=Way.SMARTHOST,
            egress=self._config.egress.name,
            site=f"smarthost:{rule.name}",
            tls=_TLS[hop.tls],
            implicit_tls=hop.tls is SmarthostTls.TLS,
            login=(hop.username, hop.password) if hop.username else None,
            rule=rule.name,
        )
        name = hop.host.removeprefix("[").removesuffix("]")
        try:
            answer = await self._hop_addresses(name)
        except ValueError:
            answer = Answer(Status.NO_DOMAIN, (), 0.0)
        if answer.status is not Status.FOUND:
            return _nowhere(
                451, "4.4.4", f"smarthost {printable(hop.host)} has no address", "smarthost"
            ), answer.until
        return self._guarded(route, [(Mx(0, name), answer.records)], hop.port, name), answer.until

    async def _hop_addresses(self, host: str) -> Answer[str]:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return await self._resolver.addresses(host, self._config.ipv6)
        return Answer(Status.FOUND, (str(address),), self._clock() + LONGEST)

    async def _by_domain(self, domain: str) -> _Found:
        route = Route(way=Way.MX, egress=self._config.egress.name, site=domain)
        shown = readable_domain(printable(domain))
        if domain.startswith("["):
            return self._by_literal(route, domain)
        try:
            exchanges = await lookup(self._resolver, domain, self._random)
        except ValueError:
            return _nowhere(550, "5.1.2", f"{shown} is no domain name", "no-such-domain"), 0.0
        if exchanges.kind is Kind.NO_DOMAIN:
            return _nowhere(550, "5.1.2", f"domain {shown} does not exist", "no-such-domain"), exchanges.until
        if exchanges.kind is Kind.NULL:
            return _nowhere(556, "5.1.10", f"domain {shown} takes no mail (null MX)", "null-mx"), exchanges.until
        if not exchanges.hosts:
            named = ", ".join(exchanges.unusable)
            text = f"the MX records of {shown} name no mail host ({named})"
            return _nowhere(550, "5.4.4", text, "no-mail-host"), exchanges.until
        hosts = self._before(exchanges.hosts, [mx for mx in exchanges.hosts if self._guard.is_us(mx.host)])
        if not hosts:
            return _loop(shown), exchanges.until
        route = replace(route, site=",".join(sorted(mx.host for mx in hosts)))
        return await self._by_hosts(route, hosts, exchanges, shown)

    async def _by_hosts(self, route: Route, hosts: Sequence[Mx], exchanges: Exchanges, shown: str) -> _Found:
        resolved = await asyncio.gather(*(self._addresses(mx.host) for mx in hosts))
        answers = [each for each in resolved if isinstance(each, Answer)]
        until = min((each.until for each in answers), default=0.0)
        until = min(until, exchanges.until)
        found = [
            (mx, answer.records)
            for mx, answer in zip(hosts, resolved, strict=True)
            if isinstance(answer, Answer) and answer.status is Status.FOUND
        ]
        if found:
            return self._guarded(route, found, self._config.mx_port, shown), until
        for each in resolved:
            if isinstance(each, DnsFailure):
                raise each
        if exchanges.kind is Kind.IMPLICIT:
            return _nowhere(
                550, "5.4.4", f"domain {shown} has no mail host (no MX, A or AAAA)", "no-mail-host"
            ), until
        text = f"no mail host of {shown} has an address ({', '.join(mx.host for mx in hosts)})"
        return _nowhere(451, "4.4.4", text, "no-mx-address"), until

    async def _addresses(self, host: str) -> Answer[str] | DnsFailure:
        """A failure is a value here: one host that fails must not hide the others."""
        try:
            return await self._resolver.addresses(host, self._config.ipv6)
        except DnsFailure as failure:
            return failure

    def _by_literal(self, route: Route, domain: str) -> _Found:
        """`user@[192.0.2.1]` (RFC 5321 section 4.1.3): that address and no look-up."""
        until = self._clock() + LONGEST
        text = domain.removeprefix("[").removesuffix("]")
        if text[:5].lower() == "ipv6:":
            text = text[5:]
        try:
            address = str(ipaddress.ip_address(text))
        except ValueError:
            shown = printable(domain)
            return _nowhere(550, "5.1.2", f"{shown} is no address literal", "no-such-domain"), until
        found = self._guarded(route, [(Mx(0, address), (address,))], self._config.mx_port, domain)
        return found, until

    def _guarded(
        self, route: Route, hosts: Sequence[tuple[Mx, tuple[str, ...]]], port: int, shown: str
    ) -> _Plan | _Nowhere:
        """Leave out what must not be called: ourselves with all that is not better, and private addresses."""
        chosen = route.way is Way.SMARTHOST
        allowed: dict[Mx, tuple[str, ...]] = {}
        ours: list[Mx] = []
        for mx, addresses in hosts:
            objections = {each: self._guard.objection(each, port, chosen=chosen) for each in addresses}
            if Objection.OURSELVES in objections.values():
                ours.append(mx)
            allowed[mx] = tuple(each for each in addresses if objections[each] is None)
        better = self._before([mx for mx, _ in hosts], ours)
        kept = tuple((mx, allowed[mx]) for mx in better if allowed[mx])
        if kept:
            return _Plan(route, port, kept)
        if not better and chosen:
            return _nowhere(451, "4.4.6", f"smarthost {shown} is this relay itself", "loop")
        if not better:
            return _loop(shown)
        return _nowhere(550, "5.4.4", f"the mail hosts of {shown} are not on the Internet", "private-address")

    @staticmethod
    def _before(hosts: Iterable[Mx], ours: Sequence[Mx]) -> list[Mx]:
        """Hosts that are better than every one of ours: mail must get nearer, or it goes in circles."""
        bound = min((mx.preference for mx in ours), default=None)
        return [mx for mx in hosts if bound is None or mx.preference < bound]


def as_wished(route: Route, hosts: tuple[Host, ...], wish: Wish, domain: str) -> Route:
    """The route as the message wants it. Raises NoRoute."""
    if wish.egress is None:
        text = f"no egress of this relay is of {printable(wish.said)}, which the message asks for"
        raise NoRoute(Reply(451, "4.3.5", text), Fault.NONE, "egress")
    egress = wish.egress or route.egress
    if wish.family != BOTH:
        hosts = tuple(each for each in hosts if (":" in each.address) is (wish.family == 6))
        if not hosts:
            shown = readable_domain(printable(domain))
            kind = f"IPv{wish.family} address, the only kind egress {egress} sends from"
            raise NoRoute(Reply(451, "4.4.4", f"no mail host of {shown} has an {kind}"), Fault.SITE, "egress")
    tls = route.tls.at_least(wish.tls)
    return replace(route, hosts=hosts, egress=egress, family=wish.family, tls=tls, tls_asked=tls is not route.tls)


def _alternating(addresses: Sequence[str], random: Random) -> list[str]:
    """IPv6, IPv4, IPv6, ...; in random order within a family."""
    families = [[each for each in addresses if (":" in each) is six] for six in (True, False)]
    for each in families:
        random.shuffle(each)
    return [address for pair in zip_longest(*families) for address in pair if address is not None]


def _nowhere(code: int, status: str, text: str, reason: str) -> _Nowhere:
    return _Nowhere(Reply(code, status, text), Fault.SITE if code < 500 else Fault.RECIPIENT, reason)


def _loop(shown: str) -> _Nowhere:
    return _nowhere(554, "5.4.6", f"mail for {shown} loops back to myself", "loop")
