"""Our own return paths: the address on the wire to which bounces come back, one for each recipient.

The same with another letter is an address to unsubscribe by, for List-Unsubscribe.

In:  a recipient's id and a key. Out: a local part, such as `b3-0r2k9v1m00000001-7-` and 24 characters of MAC; and
     from a local part the recipient's id again, if it is ours and not too old.

Only what bears our MAC is taken back (HMAC-SHA256, 120 of its bits), so nobody can make the relay forward mail to
its clients, or report bounces, without having had a message of ours. At most 60 octets, letters, digits and
hyphens: what every server takes, and in any case of letters, since some change it on the way.

Why so: the number of the key stands in the address, so that reading needs one look and not one for each key. How
long an address holds hangs on its key alone, and not on the age of the message: scheduled mail leaves long after it
was taken, with the newest key of that day.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32hexencode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from relay.model.account import ReturnKey

VALID = 60 * 86_400.0  # seconds a key is good for reading once a newer one has replaced it
_MAC = 15  # octets: 24 characters without padding
_PATH = re.compile(r"([bu])([1-9][0-9]{0,8})-([0-9a-v]{16}-[1-9][0-9]{0,6})-([0-9a-v]{24})")


class Way(StrEnum):
    """What mail to such an address is for; the first letter of it."""

    BOUNCE = "b"  # reports and answers: the reverse-path on the wire
    UNSUBSCRIBE = "u"  # in List-Unsubscribe: who writes there wants no more


@dataclass(frozen=True, slots=True)
class ReturnPath:
    recipient: str  # its id: `<submission>-<number>`
    way: Way = Way.BOUNCE


def make(key: ReturnKey, recipient_id: str, way: Way = Way.BOUNCE) -> str:
    """The local part for a recipient (`<submission>-<number>`)."""
    return f"{way.value}{key.number}-{recipient_id}-{_mac(key, recipient_id, way)}"


def read(local_part: str, keys: Sequence[ReturnKey], now: float) -> ReturnPath:
    """What a local part stands for.

    Raises:
        ValueError: it is none of ours, or too old; the text says which.
    """
    found = _PATH.fullmatch(local_part.lower()) if len(local_part) <= 64 else None
    if found is None:
        raise ValueError("not a return path of this relay")
    way, number, recipient_id = Way(found[1]), int(found[2]), found[3]
    key = next((each for each in keys if each.number == number), None)
    # A key we do not know is compared with, too, so that the answer takes as long.
    right = hmac.compare_digest(_mac(key or _NOBODY, recipient_id, way), found[4])
    if key is None or not right:
        raise ValueError("not a return path of this relay")
    newer = [each.created for each in keys if each.number > number]
    if newer and now - min(newer) > VALID:
        raise ValueError("this return path is no longer valid")
    return ReturnPath(recipient_id, way)


def _mac(key: ReturnKey, recipient_id: str, way: Way) -> str:
    said = f"{_SAID[way]} {key.number} {recipient_id}".encode()
    digest = hmac.new(key.secret, said, hashlib.sha256).digest()[:_MAC]
    return b32hexencode(digest).decode().lower()


_SAID = {Way.BOUNCE: "return path", Way.UNSUBSCRIBE: "unsubscribe path"}  # neither's MAC is good for the other
_NOBODY = ReturnKey(number=0, secret=bytes(32), created=0.0)
