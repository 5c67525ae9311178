"""Look-ups: MX, addresses and TXT, remembered for their time to live.

In:  a domain, in A-labels or U-labels.
Out: an `Answer`; or DnsFailure, which is never confused with "no such domain" or "no such data".

A question goes to the servers in turn, each with a short time-out that doubles a round, until one says yes
or no; `dns.timeout` is the bound over all. A server that did not answer is asked last for a while. Those who
ask the same at the same time share one question; questions at once are bounded; so is the memory.

Standards: RFC 1035, RFC 2308 (negative answers are kept for the SOA's time), RFC 8020 (NXDOMAIN).

Why so: negative answers are held to the same bounds as others, at most `dns.max_ttl`: a new domain should
not wait for hours. A failure is not kept here; the router keeps it for some seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CAA
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.reversename
import dns.ttl

from relay.config import Dns
from relay.dns.answer import Answer, Caa, DnsFailure, Mx, Status
from relay.dns.cache import Cache, Once
from relay.dns.servers import Server, Servers
from relay.dns.wire import PAYLOAD, Unanswered, ask
from relay.model.address import ascii_domain
from relay.model.clock import Clock

__all__ = ["Answer", "DnsFailure", "Mx", "Resolver", "Status"]

QUESTIONS = 200  # under way at once
FIRST_TRY = 2.0  # seconds for a server in the first round
SLOW = 30.0  # seconds for which a server that did not answer is asked last
ALIASES = 8  # CNAME steps that we follow beyond those of one reply

_Record = TypeVar("_Record")
_Question = tuple[str, dns.rdatatype.RdataType]


class Resolver:
    """One a process; belongs to the event loop that asks first."""

    def __init__(self, config: Dns, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._servers = Servers(config.servers)
        self._slow: dict[Server, float] = {}
        self._cache: Cache[_Question, Answer[Any]] = Cache(config.cache)
        self._once: Once[_Question, Answer[Any]] = Once()
        self._places = asyncio.Semaphore(QUESTIONS)

    async def mx(self, domain: str) -> Answer[Mx]:
        """MX records in no particular order.

        Raises:
            DnsFailure: no answer.
            ValueError: it is no domain name.
        """
        return await self._look_up(domain, dns.rdatatype.MX, _mx)

    async def txt(self, name: str) -> Answer[str]:
        """TXT records, the strings of each joined (RFC 7208 section 3.3). Raises as `mx`."""
        return await self._look_up(name, dns.rdatatype.TXT, _txt)

    async def addresses(self, name: str, ipv6: bool) -> Answer[str]:
        """AAAA records, if wanted, and A records after them. Raises as `mx`.

        When one of the two fails and the other has addresses, they are the answer: half a host is a host.
        It is a failure when the other has none.
        """
        if not ipv6:
            return await self._look_up(name, dns.rdatatype.A, _address)
        kinds = dns.rdatatype.AAAA, dns.rdatatype.A
        both = await asyncio.gather(*(self._look_up(name, kind, _address) for kind in kinds), return_exceptions=True)
        answers = [each for each in both if isinstance(each, Answer)]
        found = [each for each in answers if each.status is Status.FOUND]
        if found:
            records = tuple(record for each in found for record in each.records)
            return Answer(Status.FOUND, records, min(each.until for each in answers))
        for error in both:
            if isinstance(error, BaseException):
                raise error
        # A name without the one type and "without itself" for the other: some servers answer so. It exists.
        statuses = {each.status for each in answers}
        status = Status.NO_DATA if Status.NO_DATA in statuses else Status.NO_DOMAIN
        return Answer(status, (), min(each.until for each in answers))

    async def names(self, address: str) -> Answer[str]:
        """What PTR records call an IP address, lower case, without the dot at the end. Raises as `mx`."""
        name = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        return await self._look_up(name, dns.rdatatype.PTR, _name)

    async def caa(self, name: str) -> Answer[Caa]:
        """CAA records of exactly this name (RFC 8659). Raises as `mx`."""
        return await self._look_up(name, dns.rdatatype.CAA, _caa)

    async def close(self) -> None:
        """Stop the questions under way."""
        await self._once.close()

    async def _look_up(
        self, name: str, kind: dns.rdatatype.RdataType, read: Callable[[dns.rdata.Rdata], _Record]
    ) -> Answer[_Record]:
        question = ascii_domain(name), kind
        kept = self._cache.get(question, self._clock())
        if kept is not None:
            return kept

        async def resolve() -> Answer[_Record]:
            answer = await self._resolve(question, read)
            self._cache.put(question, answer, answer.until)
            return answer

        return await self._once.get(question, resolve)

    async def _resolve(self, question: _Question, read: Callable[[dns.rdata.Rdata], _Record]) -> Answer[_Record]:
        """One answer, over aliases if there are any, within the time for a question."""
        name, kind = question
        try:
            target = dns.name.from_text(name)
        except dns.exception.DNSException as error:
            raise ValueError(f"not a domain name: {name} ({error})") from error
        shortest = dns.ttl.MAX_TTL
        try:
            async with asyncio.timeout(self._config.timeout), self._places:
                for _ in range(ALIASES + 1):
                    reply = await self._ask(name, target, kind)
                    chain = reply.resolve_chaining()
                    shortest = min(shortest, chain.minimum_ttl)
                    if chain.answer is not None:
                        records = tuple(read(each) for each in chain.answer)
                        return Answer(Status.FOUND, records, self._until(shortest))
                    if reply.rcode() == dns.rcode.NXDOMAIN:
                        return Answer(Status.NO_DOMAIN, (), self._until(shortest))
                    if chain.canonical_name == target:
                        return Answer(Status.NO_DATA, (), self._until(shortest))
                    target = chain.canonical_name  # an alias whose target the reply left out
        except TimeoutError as error:
            raise DnsFailure(name, kind.name, "timed out") from error
        except (dns.exception.DNSException, ValueError) as error:
            raise DnsFailure(name, kind.name, f"malformed reply ({type(error).__name__})") from error
        raise DnsFailure(name, kind.name, "too many aliases")

    def _until(self, ttl: int) -> float:
        if ttl == dns.ttl.MAX_TTL:  # a negative answer without SOA: nothing tells how long it holds
            ttl = 0
        return self._clock() + max(self._config.min_ttl, min(self._config.max_ttl, ttl))

    async def _ask(self, name: str, target: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.message.QueryMessage:
        """A reply that says yes or no. The caller bounds the time."""
        servers = self._in_turn()
        seconds = FIRST_TRY
        failure = DnsFailure(name, kind.name, "no server")
        while servers:
            for server in list(servers):
                try:
                    return await self._ask_one(server, target, kind, seconds)
                except _Failing as failing:  # it answered, and will say the same again
                    failure = DnsFailure(name, kind.name, failing.why, str(server))
                    servers.remove(server)
                except Unanswered as silent:
                    failure = DnsFailure(name, kind.name, silent.why, str(server))
                    self._slow[server] = self._clock() + SLOW
                    if silent.why != "timed out":
                        servers.remove(server)
            seconds *= 2
        raise failure

    def _in_turn(self) -> list[Server]:
        now = self._clock()
        self._slow = {server: until for server, until in self._slow.items() if until > now}
        return sorted(self._servers.list(), key=lambda server: server in self._slow)

    async def _ask_one(
        self, server: Server, target: dns.name.Name, kind: dns.rdatatype.RdataType, seconds: float
    ) -> dns.message.QueryMessage:
        reply = await ask(server, _query(target, kind, edns=True), seconds)
        if reply.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP):
            # A server from before EDNS (RFC 6891 section 7).
            reply = await ask(server, _query(target, kind, edns=False), seconds)
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not isinstance(
            reply, dns.message.QueryMessage
        ):
            raise _Failing(dns.rcode.to_text(reply.rcode()))
        if _referral(reply):
            raise _Failing("referral instead of an answer")
        self._slow.pop(server, None)
        return reply


class _Failing(Exception):
    """The server answered, and its answer is that it cannot."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _referral(reply: dns.message.Message) -> bool:
    """The server is no resolver: it names others. Taken for "no data" this would return good mail."""
    types = {each.rdtype for each in reply.authority}
    return not reply.answer and dns.rdatatype.NS in types and dns.rdatatype.SOA not in types


def _query(target: dns.name.Name, kind: dns.rdatatype.RdataType, *, edns: bool) -> dns.message.Message:
    return dns.message.make_query(target, kind, use_edns=0 if edns else False, payload=PAYLOAD if edns else None)


def _mx(record: dns.rdata.Rdata) -> Mx:
    assert isinstance(record, dns.rdtypes.ANY.MX.MX)
    return Mx(record.preference, record.exchange.to_text(omit_final_dot=True).lower().removesuffix("."))


def _txt(record: dns.rdata.Rdata) -> str:
    assert isinstance(record, dns.rdtypes.ANY.TXT.TXT)
    return b"".join(record.strings).decode("utf-8", "replace")


def _address(record: dns.rdata.Rdata) -> str:
    assert isinstance(record, dns.rdtypes.IN.A.A | dns.rdtypes.IN.AAAA.AAAA)
    return str(record.address)


def _caa(record: dns.rdata.Rdata) -> Caa:
    assert isinstance(record, dns.rdtypes.ANY.CAA.CAA)
    return Caa(record.tag.decode("ascii", "replace").lower(), record.value.decode("utf-8", "replace"))


def _name(record: dns.rdata.Rdata) -> str:
    assert isinstance(record, dns.rdtypes.ANY.PTR.PTR)
    return record.target.to_text(omit_final_dot=True).lower()
