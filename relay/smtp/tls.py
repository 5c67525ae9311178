"""TLS as a server: one context for all listeners of the machine.

The supervisor makes it before the workers fork, so that they share the keys of session tickets: a client that
comes back to another worker resumes all the same. A renewed certificate is loaded into the same object, which
new handshakes use from then on.

Why so: TLS 1.2 and up with OpenSSL's own choice of ciphers, without compression and renegotiation. A list of
our own would grow old; OpenSSL's is kept by people who watch.
"""

from __future__ import annotations

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context for our listeners.

    Raises:
        OSError: a file cannot be read, or holds no certificate or key (ssl.SSLError), or the two do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key)
    return context


def reload(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Use a renewed certificate for the handshakes to come.

    Raises:
        OSError: as above; the old certificate stays in use.
    """
    server_context(certificate, key)  # a broken pair must not reach the context that is in use
    context.load_cert_chain(certificate, key)
