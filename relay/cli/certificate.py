"""A self-signed certificate, so that TLS works from the first minute.

It names this machine and loopback, and stands as its own authority: clients that are given the file as CA can
verify it, Python 3.13's strict rules included (RFC 5280 sections 4.2.1.1 to 4.2.1.9). An operator replaces it
with one of a public authority, or points `tls.certificate` elsewhere.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 3650


def self_signed(hostname: str, at: float) -> tuple[bytes, bytes]:
    """PEM of an ECDSA P-256 certificate valid for ten years from `at`, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = _names(["localhost", hostname, socket.gethostname()])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    start = datetime.datetime.fromtimestamp(at, datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - datetime.timedelta(hours=1))  # clients whose clocks are a little slow
        .not_valid_after(start + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    plain = dict.fromkeys(each.rstrip(".").lower() for each in hosts)  # each once, in order
    names: list[x509.GeneralName] = [x509.DNSName(each) for each in plain if each.isascii() and each]
    return names + [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
