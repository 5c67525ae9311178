"""May this credential ask for this value?

In:  an option, the value a message asks for, the default it would have otherwise, the credential.
Out: nothing, or Refused: 550 5.7.1 naming the option, and the grant or the list it lacks.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from relay.model.account import Credential
from relay.model.address import printable
from relay.model.reply import Refused
from relay.submission.control.layers import Answer
from relay.submission.control.option import Listed, Option, Scope, allows, values_of
from relay.submission.control.registry import named

_EVERY = object()


def check(
    option: Option, answer: Answer, base: Any, credential: Credential, forbid: Iterable[str], scope: Scope
) -> None:
    """Refuse what is forbidden, lacks its grant, or is not on the list.

    Raises:
        Refused: 550 5.7.1.
    """
    value = answer.value
    if _forbidden(forbid, option, value):
        raise _refused(f"option {option.name}: the operator of this relay forbids {_what(option, value)}", answer)
    if _forbidden(credential.forbidden, option, value):
        raise _refused(f"option {option.name}: this credential may not ask for {_what(option, value)}", answer)
    rule = option.permission
    needed = rule.needs(value, base, scope)
    if needed and rule.grant and rule.grant not in credential.grants:
        raise _refused(f"option {option.name} needs grant {rule.grant}", answer)
    listed = credential.allowed.get(option.name, ())
    held = (rule.listed is Listed.NEEDED and needed) or (rule.listed is not Listed.NO and listed)
    if held or rule.always:
        for each in values_of(value):
            if (held or each in rule.always) and not allows(listed, each):
                shown = printable(each, 60)
                raise _refused(f"option {option.name}: {shown} is not on the list of this credential", answer)


def _refused(text: str, answer: Answer) -> Refused:
    return Refused(550, "5.7.1", f"{text} ({printable(answer.source)})")


def _what(option: Option, value: Any) -> str:
    return printable(str(value), 60) if isinstance(value, str | int) else "it"


def _forbidden(entries: Iterable[str], option: Option, value: Any) -> bool:
    for entry in entries:
        name, wanted = read_forbidden(entry)
        if name == option.name and (
            wanted is _EVERY or wanted == value or (isinstance(value, tuple) and set(value) & set(wanted))
        ):
            return True
    return False


@lru_cache(maxsize=4096)
def read_forbidden(entry: str) -> tuple[str, Any]:
    """An entry of a list of forbidden options: `option`, or `option=value`.

    Raises:
        Refused: 451 4.3.5 it names no option, or a value it cannot have: what was meant, nobody knows.
    """
    name, equals, value = entry.partition("=")
    found = named(name.strip())
    if found is None:
        raise Refused(451, "4.3.5", f"the list of forbidden options has {printable(entry)}, which is no option")
    try:
        return found.option.name, found.read(value.strip()) if equals else _EVERY
    except ValueError as error:
        raise Refused(451, "4.3.5", f"the list of forbidden options: {printable(entry)}: {error}") from error
