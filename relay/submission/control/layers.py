"""Who says what of the options of a message, the strongest voice first.

In:  what the doors gave; the operator's policy; the defaults of credential, domain and account.
Out: layers of values, each with a name for provenance; or Refused where defaults of ours cannot be read.

    operator's forced values > ESMTP parameters > control headers > properties >
    preset > stream > credential > domain > account > the relay's defaults

Why so: defaults that cannot be read are our fault, and mail sent without them would be sent otherwise than its
owner decided; so it waits at its sender's with a 451 until they are mended.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.config.schema import OptionPolicy, Stream
from relay.model.address import printable
from relay.model.envelope import Envelope, Notify, Parameters
from relay.model.reply import Refused
from relay.submission.control.option import Door
from relay.submission.control.registry import BY_NAME, parse_setting

REMEMBERED = 1000  # sets of defaults

log = logging.getLogger("relay.submission")

BY_MESSAGE = ("ESMTP ", f"{Door.HEADER} ", f"{Door.PROPERTY} ")  # how sources begin that are the message's own words
BUILT_IN_STREAMS: Mapping[str, Stream] = {
    "transactional": Stream(),
    "bulk": Stream(options={"priority": 3, "unsubscribe": "both"}),
}


@dataclass(frozen=True, slots=True)
class Layer:
    values: Mapping[str, Any]
    name: str  # where its values come from
    sources: Mapping[str, str] | None = None  # the same, value by value, where they differ
    asked: bool = False  # by the message, and so held to grants

    def source(self, option: str) -> str:
        return self.name if self.sources is None else self.sources.get(option, self.name)


@dataclass(frozen=True, slots=True)
class Answer:
    """The value an option has in the strongest layer that has one."""

    value: Any
    layer: Layer
    source: str


def first(layers: Sequence[Layer], option: str) -> Answer | None:
    for layer in layers:
        if option in layer.values:
            return Answer(layer.values[option], layer, layer.source(option))
    return None


def lacking(text: str, source: str) -> Refused:
    """What an option names is not there: 554 5.6.0, or 451 4.3.5 where a default names it, not the message.

    `source`: of the option, as `Resolved` has it; "" is the message. It is its owner who has to mend a default, and
    mail that was returned meanwhile would not come back.
    """
    if not source or source.startswith(BY_MESSAGE):
        return Refused(554, "5.6.0", text)
    return Refused(451, "4.3.5", f"{text} ({printable(source)})")


_remembered: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}


def defaults(options: Mapping[str, Any], door: Door, name: str) -> Layer:
    """A layer of values as the registry or the configuration keeps them.

    Raises:
        Refused: 451 4.3.5 they cannot be read.
    """
    known = _remembered.get(id(options))
    if known is not None and known[0] is options:
        return Layer(known[1], name)
    values: dict[str, Any] = {}
    for each, value in options.items():
        try:
            option, _ = parse_setting(each, value, door)
            if option in ("control_headers", "on_invalid"):
                raise ValueError(f"{option}: stands on the credential itself, not among its defaults")
            values[option] = BY_NAME[option].read(value)
        except ValueError as error:
            log.error("the defaults of %s cannot be read, so its mail is put off with 451: %s", name, error)
            raise Refused(451, "4.3.5", f"the defaults of {name} cannot be read: {error}") from error
    if len(_remembered) >= REMEMBERED:
        _remembered.clear()
    _remembered[id(options)] = (options, values)  # holds on to them, so the id stays theirs
    return Layer(values, name)


def esmtp(parameters: Parameters, envelope: Envelope) -> Layer | None:
    """What MAIL and RCPT said. NOTIFY counts here only where it speaks of all recipients with one voice."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}

    def put(option: str, value: Any, parameter: str) -> None:
        values[option] = value
        sources[option] = f"ESMTP parameter {parameter}"

    if parameters.hold_until is not None:
        put("send_at", parameters.hold_until, "HOLDFOR or HOLDUNTIL")
    if parameters.by is not None and parameters.by.give_up:
        put("deliver_by", parameters.by.at, "BY")
    if parameters.priority is not None:
        put("priority", priority(parameters.priority), "MT-PRIORITY")
    if parameters.ret:
        put("dsn_ret", envelope.ret, "RET")
    if envelope.envid is not None:
        put("dsn_envid", envelope.envid, "ENVID")
    if parameters.notified and (notify := _one_voice(parameters, envelope)) is not None:
        put("dsn_notify", notify, "NOTIFY")
    return Layer(values, "ESMTP", sources, asked=True) if values else None


def priority(wanted: int) -> int:
    """MT-PRIORITY (RFC 6710), -9 to 9, as one of ours, 0 to 9; 0 is 5, the normal one, and -9 and 9 the ends."""
    return (wanted + 9) * 5 // 9 if wanted <= 0 else 5 + -(-wanted * 4 // 9)


def _one_voice(parameters: Parameters, envelope: Envelope) -> Notify | None:
    said = {each.notify for each in envelope.recipients}
    everybody = all(each.address in parameters.notified for each in envelope.recipients)
    return said.pop() if everybody and len(said) == 1 else None


def stream(policy: OptionPolicy, answer: Answer) -> Layer:
    """The options of the stream somebody named.

    Raises:
        Refused: 554 5.6.0 there is none of that name.
    """
    streams = {**BUILT_IN_STREAMS, **{name.lower(): each for name, each in policy.streams.items()}}
    found = streams.get(answer.value)
    if found is None:
        known = ", ".join(sorted(streams))
        text = f"no stream is called {printable(answer.value)} ({answer.source}); there are {printable(known, 200)}"
        raise Refused(554 if answer.layer.asked else 451, "5.6.0" if answer.layer.asked else "4.3.5", text)
    return defaults(found.options, Door.PRESET, f"stream {answer.value}")
