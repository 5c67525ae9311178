"""Put together what everybody says of the options of a message, and decide what may be asked.

In:  what control headers, ESMTP parameters and properties ask for; the credential, its account and domain; the
     operator's policy.
Out: the options with the provenance of each, and warnings; or Refused.

    layers -> the strongest value of each -> grants, lists, forbidden ones -> conflicts, deadlines -> Resolved

A value that is forced or a default needs no grant, nor does what a preset or a stream brings: its owner made it.

Why so: a sandbox is never loosened: the strictest wish of all layers holds (off, then hold, then what never leaves),
so that neither a header nor a preset can let test mail out. `deliver_by` and `deliver_within` are two answers
to one question: that of the stronger layer holds alone, and the earlier one where both are of one layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from relay.config import Limits, OptionPolicy, Retention
from relay.model.account import Account, Credential, Domain, Preset
from relay.model.address import printable
from relay.model.envelope import NO_PARAMETERS, Envelope, Parameters
from relay.model.light import light
from relay.model.options import NOTHING, NOTHING_ASKED, Options, Resolved, Sandbox
from relay.model.reply import Refused
from relay.submission.control.collector import NOTHING_GIVEN, Given, read_properties
from relay.submission.control.conflicts import definite, settle
from relay.submission.control.layers import Answer, Layer, defaults, esmtp, first, stream
from relay.submission.control.option import Door, Scope
from relay.submission.control.permission import check
from relay.submission.control.reader import Controls
from relay.submission.control.registry import BY_NAME

WARNINGS = 20
KEPT = float(Retention().contents)

POLICY = "operator policy"
DOOR = "default of the API"
_DEADLINES = {"deliver_by": "deliver_within", "deliver_within": "deliver_by"}
_FREE_TO_LEAVE = (Sandbox.OFF, Sandbox.HOLD)  # the laxest first; all others never leave


@light(frozen=True, slots=True)
class Holder:
    """Whose message it is, and whose defaults hold."""

    credential: Credential
    account: Account
    domain: Domain | None  # of the author, where it is the account's
    preset: Callable[[str], Preset | None]  # of the account, by name


def resolve(
    controls: Controls,
    parameters: Parameters,
    envelope: Envelope,
    *,
    holder: Holder,
    policy: OptionPolicy,
    limits: Limits,
    now: float,
    properties: Mapping[str, Any] | None = None,
    retention: float = KEPT,
    door: Mapping[str, Any] | None = None,
) -> Resolved:
    """The options of a message.

    Args:
        properties: options of a REST request.
        retention: seconds the relay keeps contents where nothing else is said.
        door: what holds at the door the message came by, where nobody says otherwise.

    Raises:
        Refused: 550 5.7.1 what the credential may not ask for; 554 5.6.0 a bad property, or options that contradict
            one another; 554 5.5.3 too many recipients; 451 4.3.5 defaults that cannot be read.
    """
    if not door and _nothing_asked(controls, parameters, envelope, holder, policy, properties):
        return NOTHING_ASKED
    given = read_properties(properties, holder.credential.on_invalid) if properties else NOTHING_GIVEN
    layers = _layers(controls, parameters, envelope, holder, policy, given)
    if door:
        layers.append(defaults(door, Door.ACCOUNT, DOOR))
    answers = definite(_answers(layers), now)
    warnings = [*controls.warnings, *given.warnings, *_overruled(layers, answers)]
    scope = Scope(now, retention, holder.domain.name if holder.domain is not None else "")
    for name, answer in answers.items():
        if answer.layer.asked:
            check(BY_NAME[name], answer, _base(layers, name), holder.credential, policy.forbid, scope)
    settled = settle(answers, envelope, holder.credential, limits, now, strict=controls.strict or given.strict)
    if not settled.answers and not warnings and not settled.warnings:
        return NOTHING_ASKED
    return Resolved(
        options=Options(**{name: each.value for name, each in settled.answers.items()}),
        sources={name: each.source for name, each in settled.answers.items()},
        warnings=_few([*warnings, *settled.warnings]),
    )


def _few(warnings: list[str]) -> tuple[str, ...]:
    """So many as anybody reads: they are kept with the message, and its sender decides how many there are."""
    if len(warnings) <= WARNINGS:
        return tuple(warnings)
    return (*warnings[: WARNINGS - 1], f"and {len(warnings) - WARNINGS + 1} more warnings like these")


def _nothing_asked(
    controls: Controls,
    parameters: Parameters,
    envelope: Envelope,
    holder: Holder,
    policy: OptionPolicy,
    properties: Mapping[str, Any] | None,
) -> bool:
    return not (
        controls.values
        or controls.warnings
        or parameters is not NO_PARAMETERS
        or envelope.envid is not None
        or properties
        or holder.credential.options
        or holder.account.options
        or (holder.domain is not None and holder.domain.options)
        or policy.force
        or policy.defaults
    )


def _layers(
    controls: Controls,
    parameters: Parameters,
    envelope: Envelope,
    holder: Holder,
    policy: OptionPolicy,
    given: Given,
) -> list[Layer]:
    """All voices, the strongest first."""
    asked: list[Layer] = []
    if policy.force:
        asked.append(defaults(policy.force, Door.ACCOUNT, POLICY))
    if (said := esmtp(parameters, envelope)) is not None:
        asked.append(said)
    if controls.values:
        asked.append(Layer(controls.values, "header", controls.sources, asked=True))
    if given.values:
        asked.append(Layer(given.values, "property", given.sources, asked=True))
    held = standing(holder, policy)
    if (answer := first([*asked, *held], "preset")) is not None:
        held.insert(0, _preset(holder, answer))
    if (answer := first([*asked, *held], "stream")) is not None:
        at = 1 if held and held[0].name.startswith("preset ") else 0
        held.insert(at, stream(policy, answer))
    return asked + held


def standing(holder: Holder, policy: OptionPolicy) -> list[Layer]:
    """The defaults, without preset and stream."""
    layers: list[Layer] = []
    if holder.credential.options:
        name = f"credential {holder.credential.username}"
        layers.append(defaults(holder.credential.options, Door.CREDENTIAL, name))
    if holder.domain is not None and holder.domain.options:
        layers.append(defaults(holder.domain.options, Door.DOMAIN, f"domain {holder.domain.name}"))
    if holder.account.options:
        layers.append(defaults(holder.account.options, Door.ACCOUNT, f"account {holder.account.name}"))
    if policy.defaults:
        layers.append(defaults(policy.defaults, Door.ACCOUNT, "relay defaults"))
    return layers


def _preset(holder: Holder, answer: Answer) -> Layer:
    name, asked = answer.value, answer.layer.asked
    if asked and name.lower() not in {each.lower() for each in holder.credential.presets}:
        shown = printable(name)
        raise Refused(550, "5.7.1", f"preset {shown} is not among those of this credential ({answer.source})")
    found = holder.preset(name)
    if found is None:
        text = f"the account has no preset {printable(name)} ({answer.source})"
        raise Refused(554, "5.6.0", text) if asked else Refused(451, "4.3.5", text)
    return defaults(found.options, Door.PRESET, f"preset {name}")


def _answers(layers: Sequence[Layer]) -> dict[str, Answer]:
    """The strongest value of each option, in the order of the registry."""
    answers: dict[str, Answer] = {}
    said = {name for layer in layers for name in layer.values}
    for name in BY_NAME:
        if name in said and (answer := first(layers, name)) is not None:
            answers[name] = answer
    if "sandbox" in answers:
        answers["sandbox"] = strictest(layers)
    _one_deadline(layers, answers)
    return answers


def strictest(layers: Sequence[Layer]) -> Answer:
    found = [each for layer in layers if (each := first([layer], "sandbox")) is not None]
    return max(found, key=lambda each: strictness(each.value))  # of equals the first, which is the strongest


def strictness(value: Sandbox) -> int:
    """How far mail is kept from leaving: 0, 1 or 2."""
    return _FREE_TO_LEAVE.index(value) if value in _FREE_TO_LEAVE else len(_FREE_TO_LEAVE)


def _one_deadline(layers: Sequence[Layer], answers: dict[str, Answer]) -> None:
    if "deliver_by" in answers and "deliver_within" in answers:
        by, within = (layers.index(answers[each].layer) for each in ("deliver_by", "deliver_within"))
        if by != within:
            del answers["deliver_within" if by < within else "deliver_by"]


def _overruled(layers: Sequence[Layer], answers: Mapping[str, Answer]) -> list[str]:
    """What the message asked for and does not get."""
    warnings = []
    for layer in layers:
        for name in layer.values if layer.asked else ():
            answer = answers.get(name) or answers.get(_DEADLINES.get(name, ""))
            if answer is not None and answer.layer is not layer and answer.value != layer.values[name]:
                warnings.append(f"{layer.source(name)}: {name} is decided by {answer.source}")
    return warnings


def _base(layers: Sequence[Layer], name: str) -> Any:
    """What an option would be if the message said nothing."""
    answer = first([each for each in layers if not each.asked and each.name != POLICY], name)
    return getattr(NOTHING, name) if answer is None else answer.value
