"""Prove a DKIM key: sign a message as the relay does, and have dkimpy verify it against the record we publish."""

from __future__ import annotations

import time

import dkim

from relay.model.account import DkimKey
from relay.transform.dkim import Signer
from relay.transform.keys import dns_name, dns_record


def prove(key: DkimKey) -> str:
    """What is wrong with the key, or nothing."""
    message = (
        f"From: postmaster@{key.domain}\r\nTo: postmaster@{key.domain}\r\nSubject: check\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nA message that is never sent.\r\n"
    ).encode()
    name = f"{dns_name(key)}.".encode()

    def look_up(asked: bytes, timeout: int = 5) -> bytes | None:
        return dns_record(key).encode() if asked == name else None

    try:
        signed = Signer.load(key).signature(message, time.time()) + message
    except ValueError as error:
        return f"cannot sign: {error}"
    if not dkim.verify(signed, dnsfunc=look_up):
        return "signs, but its signature does not verify with the record we publish"
    return ""
