"""The parameters of a request, read as the row of its call has them. Pure.

In:  text by name. Out: values by name; or Problem, which names the parameter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from relay.model.address import printable
from relay.web.api.call import Call, Kind, Param
from relay.web.api.problem import Problem

PARAMETERS = 200
TOKEN = "access_token"  # noqa: S105
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "": True, "false": False, "0": False, "no": False}


def split(query: bytes) -> dict[str, list[str]]:
    """All values by name. Raises Problem: it cannot be read."""
    if not query:
        return {}
    try:
        return parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS)
    except ValueError as error:  # UnicodeDecodeError is one, too
        raise Problem("bad_parameter", f"the query is no UTF-8, or has over {PARAMETERS} parameters") from error


def read_query(call: Call, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Raises Problem."""
    known = {each.name: each for each in call.query}
    values: dict[str, Any] = {}
    for name, texts in given.items():
        if name == TOKEN:
            continue
        param = known.get(name)
        if param is not None:
            values[name] = [value_of(param, each) for each in texts] if param.many else value_of(param, texts[-1])
        elif call.open_query:
            values[name] = texts[-1]
        else:
            raise Problem("bad_parameter", _unknown(name, known), field=printable(name, 60))
    for param in call.query:
        if param.name not in values:
            if param.required:
                raise Problem("bad_parameter", f"{param.name}: it is needed", field=param.name)
            values[param.name] = [] if param.many else param.default
    return values


def value_of(param: Param, text: str) -> Any:
    """Raises Problem."""
    value: Any = text
    match param.kind:
        case Kind.INTEGER:
            value = _number(param, text)
        case Kind.BOOLEAN:
            value = _BOOLEANS.get(text.lower())
            if value is None:
                raise _bad(param, text, "true or false")
        case Kind.DATE if not _DATE.fullmatch(text):
            raise _bad(param, text, "a date as YYYY-MM-DD")
    if param.choices and text not in param.choices:
        value = text.lower()  # SMTPeter's pages write `HTML` where they mean `html`
        if value not in param.choices:
            raise _bad(param, text, f"one of {', '.join(param.choices)}")
    return value


def _number(param: Param, text: str) -> int:
    bounds = (
        f"{param.least if param.least is not None else 'any'} to {param.most if param.most is not None else 'any'}"
    )
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise _bad(param, text, f"a whole number, {bounds}")
    number = int(text)
    below, above = param.least is not None and number < param.least, param.most is not None and number > param.most
    if below or above:
        raise _bad(param, text, f"a whole number, {bounds}")
    return number


def _bad(param: Param, text: str, wanted: str) -> Problem:
    return Problem("bad_parameter", f"{param.name}: expected {wanted}, not {printable(text, 60)!r}", field=param.name)


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:60], list(known), n=1)
    hint = (
        f"; the nearest is {near[0]}" if near else f"; there are {', '.join(known)}" if known else "; it takes none"
    )
    return f"{printable(name, 60)}: there is no such parameter{hint}"
