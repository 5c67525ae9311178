"""TLS and PROXY headers that failed, told in the log: one line each, and no more of them than a reader could use.

In:  what is wrong with a client's octets. Out: a line at info, with address, listener and a reason in words.

Why so: a client that does not trust our certificate says no word of SMTP, so this line is all an operator has to
go by. Scanners fail handshakes all day; past `LINES` in `WINDOW` seconds a listener only counts, and tells the
number with the next line.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable

LINES = 20
WINDOW = 60.0  # seconds

log = logging.getLogger("relay.smtp")

_DISTRUST = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED")
_PLAIN = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "BAD_RECORD_TYPE"})
_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "TLSV1_ALERT_PROTOCOL_VERSION", "UNKNOWN_PROTOCOL"})
CLOSED = "the client closed the connection during the handshake; it may not trust our certificate"
SILENT = "the client did not finish the handshake in time"


class Handshakes:
    """The failures of one listener."""

    def __init__(self, listener: str, now: Callable[[], float], what: str = "TLS") -> None:
        """`now`: a clock that only goes forward, in seconds."""
        self._what = what
        self._listener = listener
        self._now = now
        self._since = now()
        self._told = 0
        self._untold = 0

    def failed(self, address: str, reason: str) -> None:
        now = self._now()
        if now - self._since >= WINDOW:
            self._since, self._told = now, 0
        if self._told >= LINES:
            self._untold += 1
            return
        self._told += 1
        more, self._untold = (f" (and {self._untold} more before)" if self._untold else ""), 0
        log.info("%s failed address=%s listener=%s: %s%s", self._what, address, self._listener, reason, more)


def reason_of(error: ssl.SSLError) -> str:
    """What went wrong, in an operator's words."""
    name = error.reason or ""
    words = name.lower().replace("_", " ") or str(error)
    if "ALERT" in name and name.endswith(_DISTRUST):
        return f"the client does not trust our certificate ({words})"
    if name in _PLAIN:
        return f"what came is no TLS, perhaps plain text on a port for TLS ({words})"
    if name in _OLD:
        return f"the client speaks no TLS of version 1.2 or up ({words})"
    return words
