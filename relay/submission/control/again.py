"""The options of a message that left before: as they were decided then, as far as its sender may have them now.

In:  the options that hold again, with who set each; the credential that sends it now, its account and domain; the
     operator's policy.
Out: the options with the provenance of each; or Refused.

What the message itself asked for then counts as asked for now, and is held to the grants of whoever sends it again;
so is what came from the defaults of another credential, or from a preset that this one may not name. What the
operator forces is forced now as well, and the strictest sandbox of all holds.

Why so: a credential could otherwise have by a message of another what it may not ask for: a route, an archive, a
list that is passed over, mail out of its sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relay.config import OptionPolicy
from relay.model.account import Credential
from relay.model.options import NOTHING, NOTHING_ASKED, Options, Resolved
from relay.submission.control.layers import BY_MESSAGE, Answer, Layer, defaults, first
from relay.submission.control.option import Door, Scope
from relay.submission.control.permission import check
from relay.submission.control.registry import BY_NAME
from relay.submission.control.resolve import KEPT, POLICY, Holder, standing, strictest


def resolve_again(
    then: Resolved, spent: frozenset[str], holder: Holder, policy: OptionPolicy, now: float, retention: float = KEPT
) -> Resolved:
    """`spent`: options that do not hold again, whoever sets them.

    Raises:
        Refused: 550 5.7.1 what the credential may not ask for; 451 4.3.5 defaults that cannot be read.
    """
    values = {name: getattr(then.options, name) for name in then.sources}
    old = Layer(values, "before", then.sources)
    ours = standing(holder, policy)
    forced = [defaults(policy.force, Door.ACCOUNT, POLICY)] if policy.force else []
    answers: dict[str, Answer] = {}
    for name in BY_NAME:
        if name not in spent and (answer := first([*forced, old], name)) is not None:
            answers[name] = answer
    scope = Scope(now, retention, holder.domain.name if holder.domain is not None else "")
    for name, answer in answers.items():
        if answer.layer is old and _asked(answer.source, holder.credential):
            check(BY_NAME[name], answer, _base(ours, name), holder.credential, policy.forbid, scope)
    if any("sandbox" in each.values for each in (*forced, old, *ours)):
        answers["sandbox"] = strictest([*forced, old, *ours])
    if not answers:
        return NOTHING_ASKED
    return Resolved(
        options=Options(**{name: each.value for name, each in answers.items()}),
        sources={name: each.source for name, each in answers.items()},
    )


def _asked(source: str, credential: Credential) -> bool:
    """Whether it takes what this credential may ask for: it is no default that holds for it, too."""
    kind, _, name = source.partition(" ")
    if kind == "credential":
        return name.lower() != credential.username.lower()
    if kind == "preset":
        return name.lower() not in {each.lower() for each in credential.presets}
    return source.startswith(BY_MESSAGE)


def _base(layers: Sequence[Layer], name: str) -> Any:
    answer = first(layers, name)
    return getattr(NOTHING, name) if answer is None else answer.value
