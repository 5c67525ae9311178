"""SPF: others who send for a domain."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from relay.manage.spf import added
from relay.model.account import Domain, Scope
from relay.web.api.answers import answer
from relay.web.api.call import Answer, Asked, Body, Call, Shown
from relay.web.api.calls.domains import NAME, domains, named
from relay.web.api.managed import told
from relay.web.api.services import Services

FAMILY = "SPF"
_CODES = ("not_found", "bad_value", "unavailable")
_EXAMPLE = ["ip4:192.0.2.0/24", "mx:mail.example.com"]
_Values = str | list[str] | None


class Mechanisms(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Values by the name of their mechanism, one or several."""

    include: _Values = None
    a: _Values = None
    mx: _Values = None
    ip4: _Values = None
    ip6: _Values = None
    exists: _Values = None
    ptr: _Values = None


async def spf_get(services: Services, asked: Asked) -> Answer:
    return answer(domains(services, asked).of(named(asked)).spf)


async def spf_post(services: Services, asked: Asked) -> Answer:
    domain = domains(services, asked).of(named(asked))
    body: Mechanisms = asked.body if asked.body is not None else Mechanisms()
    more: dict[str, list[str]] = {}
    for name in body.__struct_fields__:
        given = getattr(body, name)
        more[name] = [given] if isinstance(given, str) else given or []
    with told():
        found = added(domain.spf, more)
    return _kept(services, asked, domain, found)


async def spf_delete(services: Services, asked: Asked) -> Answer:
    return _kept(services, asked, domains(services, asked).of(named(asked)), ())


def _kept(services: Services, asked: Asked, domain: Domain, spf: tuple[str, ...]) -> Answer:
    if spf != domain.spf:
        services.registry.update_domain(replace(domain, spf=spf))
        detail = {"domain": domain.name, "spf": list(spf)}
        services.registry.audit(asked.at, asked.caller.who, "domain set", detail)
    return answer(spf)


CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/spf/{name}",
        name="spf_get",
        family=FAMILY,
        summary="List further mechanisms",
        help=(
            "Who else sends for the domain: they stand in the SPF record that `/dns/NAME/recommended` shows, behind "
            "ours. The relay looks at no SPF record when it sends; receivers do."
        ),
        scope=Scope.READ,
        handler=spf_get,
        params=(NAME,),
        answers=(Shown(help="The mechanisms, in order.", shape=list[str], example=_EXAMPLE),),
        codes=_CODES,
        smtpeter=True,
    ),
    Call(
        method="POST",
        path="/spf/{name}",
        name="spf_post",
        family=FAMILY,
        summary="Add mechanisms",
        help=(
            "Those that are there already stay, and are not doubled. Each value is checked as RFC 7208 has it; `a`, "
            "`mx` and `ptr` may be empty text, which is the domain itself. At most 9 may cost receivers a look-up "
            "(`include`, `a`, `mx`, `exists`, `ptr`), for they make 10 and one is ours; at most 40 in all."
        ),
        scope=Scope.MANAGE,
        handler=spf_post,
        params=(NAME,),
        body=Body(
            help="mechanisms by name",
            shape=Mechanisms,
            example={"ip4": ["192.0.2.0/24"], "mx": "mail.example.com"},
        ),
        answers=(Shown(help="All that are there now.", shape=list[str], example=_EXAMPLE),),
        codes=(*_CODES, "unknown_property", "missing"),
        smtpeter=True,
    ),
    Call(
        method="DELETE",
        path="/spf/{name}",
        name="spf_delete",
        family=FAMILY,
        summary="Clear mechanisms",
        help="Nobody else sends for the domain; ours stay.",
        scope=Scope.MANAGE,
        handler=spf_delete,
        params=(NAME,),
        answers=(Shown(help="None are left.", shape=list[str], example=[]),),
        codes=_CODES,
        smtpeter=True,
    ),
)
