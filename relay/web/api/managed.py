"""What the calls share that change an account: how far a token reaches, how lists are paged, how faults are told.

In:  services, what was asked.
Out: a `Reach`; a page of things and where the next one begins; Problem in place of what `manage` raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from relay.manage.reach import Reach, Usual
from relay.manage.wrong import Beyond, Unfit, Wrong
from relay.model.account import Credential
from relay.store.interface import NotFound
from relay.web.api.call import Asked, Kind, Param
from relay.web.api.problem import Problem
from relay.web.api.services import Services

T = TypeVar("T")

LIMIT = Param(
    name="limit",
    help="At most so many.",
    example="100",
    kind=Kind.INTEGER,
    default=100,
    least=1,
    most=1000,
)
AFTER = Param(name="after", help="What `next` of the page before said: go on there.", example="", default="")
GIVES = (
    "A token gives nothing that its own credential has not: no grant, no value on a list that goes with one, no "
    "default that would need one; nor does it take away what binds its own credential (sandbox, `forbidden`, "
    "`lifetime`, defaults that need a grant to loosen). Such a request gets 403 with the code `scope`. Grants are "
    "the operator's to give, by command."
)


@contextmanager
def told() -> Iterator[None]:
    """What `manage` raises, as an answer."""
    try:
        yield
    except Wrong as error:
        raise Problem("bad_value", f"{error.field}: {error.message}", field=error.field) from error
    except Beyond as error:
        raise Problem("scope", f"{error.field}: {error.message}", field=error.field) from error
    except Unfit as error:
        raise Problem("conflict", str(error)) from error


def reach(services: Services, asked: Asked) -> Reach:
    """Raises Problem: the credential of the token is not there any more, so nobody knows how far it reaches."""
    token, registry, config = asked.caller.token, services.registry, services.config
    own: Credential | None = None
    if token.credential:
        try:
            own = registry.credential(token.credential)
        except NotFound as error:
            raise Problem("scope", f"the credential of this token, {token.credential}, is not there") from error
    account = registry.account(token.account)
    options, domains = config.options, registry.domains(token.account)
    usual = Usual.of(account, options.defaults, options.forbid, config.retention.contents, domains)
    return Reach(token=token, own=own, usual=usual, now=asked.at, presets=tuple(registry.presets(token.account)))


def page(things: Sequence[T], name: Callable[[T], str], asked: Asked) -> tuple[list[T], str | None]:
    """Those behind `after`, by name, `limit` at most; and what is `after` of the next page, None at the end."""
    after, limit = asked.query["after"], asked.query["limit"]
    rest = sorted((each for each in things if name(each) > after), key=name)
    found = rest[:limit]
    return found, name(found[-1]) if len(rest) > limit else None


def given(body: msgspec.Struct) -> dict[str, Any]:
    """What a request says, without what it leaves out."""
    found = {name: getattr(body, name) for name in body.__struct_fields__}
    return {name: value for name, value in found.items() if value is not msgspec.UNSET}


def few(number: int, most: int, what: str) -> None:
    """Raises Problem: there are as many as there may be."""
    if number >= most:
        raise Problem("conflict", f"the account has {number} {what}, and {most} are as many as there may be")
