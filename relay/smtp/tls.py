"""TLS as a server: a context for listeners, and a channel for each session.

Contexts are made before the workers fork (`sni.py`), so that they share the keys of session tickets: a client that
comes back to another worker resumes all the same. A renewed certificate is loaded into the same object, which
new handshakes use from then on.

Why so: the channel has no socket. The loops' own `start_tls` and its order of calls differ: under uvloop a client's
first octets can come before one can ask for them not to, and under both what it says right after its handshake comes
before one is told that there is TLS. Here octets go in and octets come out, in the same call, under any loop.

A handshake gives one ticket, where OpenSSL would give two: a resumed session gives the next one, and each costs a
twentieth of the handshake.

TLS 1.2 and up with OpenSSL's own choice of ciphers, without compression and renegotiation. A list of
our own would grow old; OpenSSL's is kept by people who watch.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

RECORD = 1 << 14  # octets that one record of TLS holds at most (RFC 8446 section 5.1)


def server_context(certificate: Path, key: Path, oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    """A context for our listeners.

    Raises:
        OSError: a file cannot be read, or holds no certificate or key (ssl.SSLError), or the two do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = oldest
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key)
    context.num_tickets = 1
    return context


class Channel:
    """One session's TLS: octets of the wire in, what the client says out; and the other way."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.begun = False  # octets came
        self.open = False  # the handshake is done
        self.eof = False  # the client will say no more

    @property
    def name(self) -> str:
        """Protocol and cipher, such as `TLSv1.3 TLS_AES_256_GCM_SHA384`."""
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else ''}"

    def receive(self, octets: bytes) -> bytes:
        """Plain text that these octets complete; afterwards `outgoing` may have an answer for the wire.

        Raises:
            ssl.SSLError: this is no TLS, or none that we speak.
        """
        self.begun = True
        incoming, tls = self._incoming, self._tls
        incoming.write(octets)
        pieces: list[bytes] = []
        try:
            if not self.open:
                tls.do_handshake()
                self.open = True
            # Asking once too often is an exception, which costs as much as a record.
            while incoming.pending or tls.pending():
                if not (piece := tls.read(RECORD)):
                    self.eof = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.eof = True
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def outgoing(self) -> bytes:
        """Octets for the wire."""
        return self._outgoing.read()

    def seal(self, octets: bytes) -> None:
        """Say this; `outgoing` has the octets for the wire. Raises ssl.SSLError."""
        taken = self._tls.write(octets)  # one record
        while taken < len(octets):
            taken += self._tls.write(memoryview(octets)[taken:])

    def close(self, octets: bytes) -> bytes:
        """Octets for the wire that say this and end the channel in order; nothing before its handshake is done."""
        if self.open:
            with suppress(ssl.SSLError):  # the client has not closed its side yet, and we do not wait for it
                self.seal(octets)
                self._tls.unwrap()
        return self._outgoing.read()
