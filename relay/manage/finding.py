"""What a check found, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"  # for the operator to judge
    FAIL = "fail"  # it keeps the relay from its work, or opens it to others


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    subject: str  # a key of the configuration, a file, a name in DNS
    text: str  # continues the subject: "is not there"
    advice: str = ""  # what to do
    sound: bool = False  # a warning that finds no fault with the subject itself

    def line(self) -> str:
        return f"{self.level}: {self.subject} {self.text}" + (f"; {self.advice}" if self.advice else "")


def ok(subject: str, text: str) -> Finding:
    return Finding(Level.OK, subject, text)


def warn(subject: str, text: str, advice: str = "", *, sound: bool = False) -> Finding:
    return Finding(Level.WARN, subject, text, advice, sound)


def fail(subject: str, text: str, advice: str = "") -> Finding:
    return Finding(Level.FAIL, subject, text, advice)
