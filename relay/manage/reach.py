"""How far a token reaches: what it may give to credentials, presets and other tokens of its account. Pure.

In:  the token, the credential its mail is sent as, what is before and what shall be.
Out: nothing, or `Beyond` naming the property at fault.

Grants are the operator's. So a token gives nothing that its own credential has not: no grant, no value that goes with
one, no default that would need one; and it takes nothing away by which its own credential is bound: its sandbox, what
it may not ask for, its lifetime, defaults that a message needs a grant to loosen. A token without a credential has no
grants, and is bound by nothing but that. Only what a change adds is looked at: a credential with grants from the
operator can be renamed, paused or bound closer by any token of the account, but not loosened; and its use (a new
password, a token on it, more scopes for such a token, an end of its pause) is for those who have as much. A token
that is bound makes none that manages and is not: such a one gets a credential.

Why so: who may manage may otherwise make itself a credential for anything, and a scope would be no bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from relay.manage.wrong import Beyond
from relay.model.account import Account, Credential, Domain, Preset, Scope, Token
from relay.model.options import NOTHING
from relay.model.reply import Refused
from relay.submission.control.layers import Answer, Layer
from relay.submission.control.option import Listed, allows
from relay.submission.control.option import Scope as Circumstances
from relay.submission.control.permission import check
from relay.submission.control.registry import BY_NAME
from relay.submission.control.resolve import strictness

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What holds for mail of the account where nobody says otherwise, and what nobody may ask for."""

    options: Mapping[str, Any]  # in JSON's types
    forbid: tuple[str, ...] = ()  # by the operator
    retention: float = 0.0  # seconds that contents are kept
    domains: tuple[Mapping[str, Any], ...] = ()  # defaults of the account's domains, which a credential's go before

    @classmethod
    def of(
        cls,
        account: Account,
        defaults: Mapping[str, Any],
        forbid: tuple[str, ...],
        retention: float,
        domains: Iterable[Domain] = (),
    ) -> Usual:
        return cls(
            options={**defaults, **account.options},
            forbid=forbid,
            retention=retention,
            domains=tuple([each.options for each in domains if each.options]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    token: Token
    own: Credential | None  # None: it has none
    usual: Usual
    now: float
    presets: tuple[Preset, ...] = ()  # of the account

    def fresh(self, bare: Credential) -> Credential:
        """A new credential, bound from the start as the token's own is."""
        if self.own is None:
            return bare
        return replace(
            bare,
            sandbox=self.own.sandbox,
            forbidden=self.own.forbidden,
            lifetime=self.own.lifetime,
            allowed=dict(self.own.allowed),
            options={
                name: value for name, value in self.own.options.items() if self._looser(name, self._base(name), value)
            },
        )

    def change(self, before: Credential, after: Credential) -> None:
        """Whether it may make the one of the other. Raises Beyond."""
        if before.disabled and not after.disabled:
            self.use(after, "disabled")
        self._grants(after.grants - before.grants)
        self._lists(before, after)
        self._bounds(before, after)
        self._held(before.options, after.options)
        self.defaults(before.options, after.options)
        self._presets(after.presets - before.presets)

    def use(self, credential: Credential, field: str) -> None:
        """Whether it may have the use of a credential: nothing in it is beyond its own. Raises Beyond."""
        bare = Credential(
            username=credential.username, account=credential.account, password_hash="", created=credential.created
        )
        try:
            self.change(self.fresh(bare), credential)
        except Beyond as error:
            raise Beyond(field, f"credential {credential.username} has more than this token: {error}") from error

    def scopes(self, wanted: Iterable[Scope]) -> None:
        """Raises Beyond."""
        if more := sorted(each.value for each in set(wanted) - self.token.scopes):
            raise Beyond("scopes", f"this token cannot give {', '.join(more)}, which it has not itself")

    def extend(self, before: Token, after: Token, credential: Credential | None) -> None:
        """Whether it may make the one token of the other; `credential`: of `after`. Raises Beyond."""
        added = after.scopes - before.scopes
        self.scopes(added)
        if credential is not None and (added or after.credential != before.credential):
            self.use(credential, "credential")

    def needed(self, token: Token) -> bool:
        """Whether a token has to have a credential, by which it is bound as this one is: it manages, and has none."""
        return Scope.MANAGE in token.scopes and not token.credential and self.own is not None

    def defaults(self, before: Mapping[str, Any], after: Mapping[str, Any], field: str = "options") -> None:
        """Whether it may set these options where they need no grant when a message is sent. Raises Beyond."""
        own = self.own or _NOBODY
        circumstances = Circumstances(self.now, self.usual.retention, "")
        for name, value in after.items():
            if name in before and before[name] == value:
                continue
            option = BY_NAME[name]
            for held in (own.options, *self.usual.domains):
                if name in held and self._looser(name, option.read(value), held[name]):
                    raise Beyond(f"{field}.{name}", f"a default holds mail to {held[name]!s:.60} here")
            asked = Answer(option.read(value), Layer({}, "default", asked=True), "default")
            try:
                check(option, asked, self._base(name), own, self.usual.forbid, circumstances)
            except Refused as error:
                said = error.reply.text.removesuffix(" (default)")
                raise Beyond(f"{field}.{name}", f"{said}; the credential of this token has it not") from error

    def _held(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """A default that no message of its own may loosen, it takes away nowhere."""
        for name, value in (self.own or _NOBODY).options.items():
            if name in before and name not in after and self._looser(name, self._base(name), value):
                raise Beyond(f"options.{name}", f"this token's own credential is held to {value!s:.60} by default")

    def _looser(self, name: str, shall: Any, value: Any) -> bool:
        """Whether it takes a grant it has not to have `shall` where `value` is the default."""
        option, own = BY_NAME[name], self.own or _NOBODY
        was = option.read(value)
        if name == "sandbox":
            return strictness(shall) < strictness(was)
        rule = option.permission
        circumstances = Circumstances(self.now, self.usual.retention, "")
        lacks = bool(rule.grant) and rule.grant not in own.grants
        if shall is None:  # nobody says
            shall = {"retention": self.usual.retention, "max_attempts": inf}.get(name)
        return lacks and shall not in (None, was) and rule.needs(shall, was, circumstances)

    def _base(self, name: str) -> Any:
        if name in self.usual.options:
            return BY_NAME[name].read(self.usual.options[name])
        return getattr(NOTHING, name)

    def _grants(self, added: frozenset[str]) -> None:
        mine = self.own.grants if self.own is not None else frozenset()
        if more := sorted(added - mine):
            raise Beyond("grants", f"this token's own credential lacks {', '.join(more)}; the operator gives grants")

    def _lists(self, before: Credential, after: Credential) -> None:
        mine = self.own or _NOBODY
        for name in sorted({*before.allowed, *after.allowed, *mine.allowed}):
            was, shall = before.allowed.get(name, ()), after.allowed.get(name, ())
            if was == shall:
                continue
            rule = BY_NAME[name].permission
            lacks = rule.grant in after.grants and rule.grant not in mine.grants
            held = bool(mine.allowed.get(name)) or rule.listed is Listed.NEEDED or bool(rule.always) or lacks
            more = [
                each for each in shall if each not in was and held and not _within(mine.allowed.get(name, ()), each)
            ]
            if more:
                raise Beyond(f"allowed.{name}", f"{more[0][:60]} is not on the list of this token's own credential")
            widens = rule.listed is Listed.NARROWS and (not rule.grant or rule.grant in after.grants)
            if was and not shall and widens and (mine.allowed.get(name) or lacks):
                raise Beyond(f"allowed.{name}", "without a list it would have more than this token's own credential")

    def _bounds(self, before: Credential, after: Credential) -> None:
        own = self.own or _NOBODY
        stronger = sorted((before.grants & after.grants) - own.grants)
        why = f"it has {', '.join(stronger)}, which this token's own credential lacks" if stronger else ""
        if before.sandbox and not after.sandbox and (own.sandbox or stronger):
            raise Beyond("sandbox", why or "this token's own credential is in the sandbox, so it lets nobody out")
        gone = before.forbidden - after.forbidden
        if lost := sorted(gone if stronger else gone & own.forbidden):
            raise Beyond("forbidden", why or f"this token's own credential may not ask for {', '.join(lost)}, either")
        longest = before.lifetime if stronger else own.lifetime
        if longest is None or after.lifetime == before.lifetime:
            return
        if after.lifetime is None or after.lifetime > longest:
            raise Beyond("lifetime", why or f"this token's own credential has {longest:g} s at most")

    def _presets(self, added: frozenset[str]) -> None:
        mine = self.own.presets if self.own is not None else frozenset()
        known = {each.name: each for each in self.presets}
        for name in sorted(added - mine):
            if name in known:
                self.defaults({}, known[name].options, f"presets.{name}")


def _within(patterns: tuple[str, ...], value: str) -> bool:
    """Whether all that a value of a list lets through is let through by these."""
    if value in patterns or "*" in patterns:
        return True
    return not (_WILD & set(value)) and allows(patterns, value)


_NOBODY = Credential(username="", account="", password_hash="", created=0.0)
