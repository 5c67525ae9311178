"""A message as a door hands it in, and what it hears back."""

from __future__ import annotations

from relay.model.account import Login
from relay.model.envelope import NO_PARAMETERS, Envelope, Parameters
from relay.model.light import light


@light(frozen=True, slots=True, kw_only=True)
class Submission:
    """A message as a door hands it in."""

    login: Login
    envelope: Envelope
    octets: bytes  # CRLF line ends
    at: float  # when its last octet came
    parameters: Parameters = NO_PARAMETERS  # of ESMTP
    helo: str = ""
    address: str = ""  # of the client
    peer: str = ""  # its address and port
    tls: str = ""  # protocol and cipher; "" in clear text
    esmtp: bool = True
    authenticated: bool = True  # by AUTH; False for a network that is bound to a credential
    listener: str = ""
    bare_lf: bool = False  # a bare LF was turned into CRLF
    warnings: tuple[str, ...] = ()  # of the door


@light(frozen=True, slots=True)
class Taken:
    id: str
    recipients: int
    warnings: tuple[str, ...] = ()
