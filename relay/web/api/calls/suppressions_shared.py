"""What the calls on suppressions share: which entries are meant, how one is shown, what the audit keeps."""

from __future__ import annotations

from typing import Any

from relay.manage.suppression_lists import Wanted
from relay.manage.suppressions import normal
from relay.model.suppression import Cause
from relay.submission.control.grammar import lower_name
from relay.web.api.call import Asked, Param
from relay.web.api.problem import Problem
from relay.web.api.services import Services

FAMILY = "Suppressions"
SHOWN: dict[str, Any] = {
    "address": "ann@example.net",
    "account": "shop",
    "stream": "",
    "group": "",
    "cause": "bounce",
    "note": "550 5.1.1 no such user",
    "until": None,
    "created": "2026-05-01T08:00:00.000Z",
}


CAUSE = Param(
    name="cause",
    help="Only entries of this cause.",
    example="bounce",
    choices=tuple(each.value for each in Cause),
)
STREAM = Param(
    name="stream", help="Only entries of this stream; empty: those that hold for every one.", example="bulk"
)
GROUP = Param(
    name="group", help="Only entries of this suppression group; empty: those that hold for every one.", example="news"
)
FILTERS = (
    Param(name="address", help="Only entries that concern it, its domain's too.", example="ann@example.net"),
    CAUSE,
    STREAM,
    GROUP,
)


def wanted_of(asked: Asked) -> Wanted:
    """Raises Problem."""
    query = asked.query
    address = query.get("address") or ""
    return Wanted(
        address=address_of(address, "address") if address else "",
        cause=query.get("cause") or "",
        stream=_name("stream", query.get("stream")),
        group=_name("group", query.get("group")),
    )


def _name(what: str, given: str | None) -> str | None:
    if not given:
        return given
    try:
        return lower_name(given)
    except ValueError as error:
        raise Problem("bad_parameter", f"{what}: {error}", field=what) from error


def address_of(given: str, field: str = "address") -> str:
    try:
        return normal(given)
    except ValueError as error:
        raise Problem("bad_parameter", f"{field}: {error}", field=field) from error


def audit(services: Services, asked: Asked, act: str, detail: dict[str, Any]) -> None:
    told_of = {name: value for name, value in detail.items() if value}
    services.registry.audit(asked.at, asked.caller.who, act, {"account": asked.caller.account, **told_of})
