"""What a link of ours names: the message, the recipient, what the link is for, and which of its kind it is.

A value only; `relay/transform/token.py` writes it as text, signed, and reads it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

TOKEN_LENGTH = 36  # characters of a token, all of A-Z a-z 0-9 - _; always as many, so that lines keep their length


class Purpose(IntEnum):
    """What becomes of a request with such a token. The numbers stand in links that were sent: never change one."""

    CLICK = 1  # to the target of link `number`
    IMAGE = 2  # the picture that is target `number`, through us
    PIXEL = 3  # a picture of one pixel
    VIEW = 4  # the message as a page
    UNSUBSCRIBE = 5  # page and one-click endpoint
    ATTACHED = 6  # picture `number` of the message's page


@dataclass(frozen=True, slots=True)
class Token:
    purpose: Purpose
    message: str  # submission id
    recipient: int  # number from 1
    number: int = 0  # of the target in the content's list of targets, 0 to 65,535; 0 where there is none
