"""What makes a run honest: every message once, whole, and signed so that others can verify it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dkim

from tests.bench.links import unstuffed

_WRONG = {
    "lost": "were accepted and did not arrive",
    "doubled": "arrived more than once",
    "cut": "arrived with another body",
    "unsigned": "arrived without a DKIM-Signature",
    "stray": "arrived that this run did not send",
}


def complaints(report: Mapping[str, Any]) -> list[str]:
    """What the sink's book says against a run."""
    return [f"{report[word]} messages {text}" for word, text in _WRONG.items() if report[word]]


def verify(wire: bytes, records: Mapping[bytes, bytes]) -> str:
    """Verify all signatures of a message by dkimpy; what is wrong, or nothing.

    Args:
        wire: content as the sink got it, dots doubled.
        records: DKIM records by name, with the dot at the end.
    """
    verifier = dkim.DKIM(unstuffed(wire))
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    if not count:
        return "no signature"
    for index in range(count):
        try:
            good = verifier.verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name))
        except (dkim.DKIMException, ValueError) as error:
            return f"signature {index + 1}: {error}"
        if not good:
            return f"signature {index + 1} does not verify"
    return ""
