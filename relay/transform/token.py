"""Links of ours: the token in them, signed, as text of always `TOKEN_LENGTH` characters.

In:  a key and a `Token`. Out: 36 characters; and from 36 characters the `Token` again, if one of our keys signed it.

27 octets as urlsafe base64, which needs no padding and has one spelling only:

    1   version (high four bits) and purpose (low four)
    1   number of the key, its low eight bits
    10  submission id
    3   recipient's number
    2   number of the target
    10  keyed BLAKE2b of all of this (80 bits)

Why so: what a link leads to is asked of the store and never read from the link, so there is nothing to redirect to
that a message of ours did not hold. 80 bits are guessed in 2^79 requests on average; each costs one over the network,
and a hit would show one picture or page of one message.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct

from relay.model.account import LinkKey
from relay.model.token import TOKEN_LENGTH, Purpose, Token

VERSION = 1
RECIPIENTS = 1 << 24  # a recipient's number is less
TARGETS = 1 << 16  # a target's number is less

_MAC = 10  # octets
_PERSON = b"relay link"  # so that no other use of a key makes what is a token
_HEAD = Struct(">BB10sIH")  # the recipient's number begins with an octet that is left out: three are enough
_TEXT = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_SHIFTS = (70, 60, 50, 40, 30, 20, 10, 0)


def make(key: LinkKey, token: Token) -> bytes:
    """The text of a token.

    Raises:
        ValueError: its message is no submission id, or a number is out of range.
    """
    if not 0 < token.recipient < RECIPIENTS or not 0 <= token.number < TARGETS or len(token.message) != 16:
        raise ValueError(f"no link can name {token}")
    try:
        message = int(token.message, 32).to_bytes(10, "big")
    except (ValueError, OverflowError) as error:  # a sign is a number, too
        raise ValueError(f"no link can name {token}") from error
    packed = _HEAD.pack(VERSION << 4 | token.purpose, key.number & 255, message, token.recipient, token.number)
    head = packed[:12] + packed[13:]
    return urlsafe_b64encode(head + blake2b(head, digest_size=_MAC, key=key.secret, person=_PERSON).digest())


def read(text: str, keys: Iterable[LinkKey]) -> Token:
    """The token of a text.

    Raises:
        ValueError: none of these keys signed it.
    """
    if _TEXT.fullmatch(text) is None:
        raise ValueError("not a token")
    octets = urlsafe_b64decode(text)
    head, mac = octets[:-_MAC], octets[-_MAC:]
    for key in keys:
        if key.number & 255 == head[1] and compare_digest(
            blake2b(head, digest_size=_MAC, key=key.secret, person=_PERSON).digest(), mac
        ):
            break
    else:
        raise ValueError("not a token of ours")
    if head[0] >> 4 != VERSION:
        raise ValueError(f"a token of version {head[0] >> 4}, which this relay does not know")
    number = int.from_bytes(head[2:12], "big")
    message = "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])
    # Purpose() is a ValueError, too, where a later relay signed for a purpose this one does not know.
    return Token(
        Purpose(head[0] & 15), message, int.from_bytes(head[12:15], "big"), int.from_bytes(head[15:17], "big")
    )
