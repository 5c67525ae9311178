"""The options of a message while they are held against one another.

In:  the strongest value of each option, the envelope. Out: the same, changed step by step, and warnings.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from relay.model.address import printable
from relay.model.envelope import Envelope
from relay.model.reply import Refused
from relay.submission.control.layers import Answer, lacking


class Work:
    def __init__(self, answers: dict[str, Answer], envelope: Envelope) -> None:
        self.answers = answers
        self.envelope = envelope
        self.warnings: list[str] = []

    def value(self, name: str) -> Any:
        answer = self.answers.get(name)
        return None if answer is None else answer.value

    def asked(self, name: str) -> bool:
        """Whether the message itself says it, by whatever door."""
        answer = self.answers.get(name)
        return answer is not None and answer.layer.asked

    def put(self, name: str, value: Any) -> None:
        self.answers[name] = replace(self.answers[name], value=value)

    def imply(self, name: str, value: Any, by: str) -> None:
        """Give an option the value that another one stands for."""
        self.answers[name] = replace(self.answers[by], value=value)

    def warn(self, name: str, text: str) -> None:
        self.warnings.append(f"{self.answers[name].source}: {text}")

    def refuse(self, name: str, text: str) -> Refused:
        return Refused(554, "5.6.0", f"{printable(self.answers[name].source)}: {text}")

    def contradict(self, names: tuple[str, ...], text: str) -> Refused:
        """What to say of options that exclude one another: 554 of a message, 451 4.3.5 of defaults alone."""
        said = next((each for each in names if self.asked(each)), "")
        return self.refuse(said, text) if said else lacking(text, self.answers[names[0]].source)

    def each(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        return () if value is None else (value,) if isinstance(value, str) else tuple(value)

    def recipients(self) -> list[str]:
        """All who get the message, copies for archives apart."""
        chosen = self.value("recipients") or [each.address for each in self.envelope.recipients]
        return [*chosen, *self.each("extra_cc"), *self.each("extra_bcc")]

    def fitted(self, name: str) -> dict[str, Any]:
        """A map by recipient with the recipients' own spelling: exactly theirs, else in another case."""
        exact = set(self.recipients())
        folded = {each.lower(): each for each in reversed(self.recipients())}
        found: dict[str, Any] = {}
        for key, value in self.value(name).items():
            address = key if key in exact else folded.get(key.lower())
            if address is None:
                self.warn(name, f"{printable(key)} is no recipient, so {name} of it is left out")
            elif key == address or address not in found:
                found[address] = value
        return found
