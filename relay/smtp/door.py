"""What an SMTP session asks of the rooms above it, and the values it hands up.

The session knows the protocol and its limits; whether somebody may come in, log in, send as this sender
or hand in this message, it asks its `Door`. Submission implements one (`relay/submission/listener.py`);
the listener for returned mail is another (`relay/returns/listener.py`).

Every method may raise `Refused`, whose reply is sent as it is. Any other exception is a fault of ours:
the session logs it and answers 451 4.3.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from relay.model.account import Login
from relay.model.envelope import Envelope, Parameters
from relay.model.reply import Reply


@dataclass(slots=True)
class SessionInfo:
    """One SMTP connection from greeting to close."""

    listener: str  # its name in the configuration
    address: str  # of the client
    port: int
    helo: str = ""  # what it said in EHLO or HELO
    esmtp: bool = False
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" in clear text
    login: Login | None = None
    messages: int = 0  # accepted so far

    @property
    def peer(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came between DATA and its final dot, unstuffed, line ends as the listener's rule made them."""

    octets: bytes  # every line ends in CRLF, the last one included unless the content is empty
    bare_lf: bool = False  # a bare LF was turned into CRLF (authenticated submission only)
    warnings: tuple[str, ...] = field(default=())


class Door(Protocol):
    def admits(self, session: SessionInfo) -> bool:
        """A client connected: let it in, where that needs no wait. False: `opened` is asked next.

        Refused: it hears that reply (a 421, or 554) in place of the greeting.
        """
        return False

    async def opened(self, session: SessionInfo) -> None:
        """Let it in, or raise Refused."""

    def closed(self, session: SessionInfo) -> None:
        """The session ended, however. Called once for each `admits`, also for a refused one."""

    def recalls(self, session: SessionInfo, username: str, password: str) -> Login | None:
        """Who this is, where the same was asked and right lately. None: `login` is asked next."""
        return None

    async def login(self, session: SessionInfo, username: str, password: str) -> Login:
        """Check a user name and password. Raises Refused (535 5.7.8, or 454 4.7.0 when we cannot tell)."""

    def mail(self, session: SessionInfo, reverse_path: str) -> None:
        """May this session send as `reverse_path` ("" is the null one)?"""

    def priority(self, session: SessionInfo, asked: int) -> int:
        """What becomes of MT-PRIORITY (RFC 6710), -9 to 9: that or a lower one, which the client is told."""
        return asked

    def rcpt(self, session: SessionInfo, reverse_path: str, address: str) -> None:
        """May this message go to `address`?"""

    async def message(
        self, session: SessionInfo, envelope: Envelope, parameters: Parameters, arrived: Arrived
    ) -> Reply:
        """Take the message. Returns only once it is on disk, with the 250."""
