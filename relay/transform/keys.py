"""DKIM keys: make them, and say what the records that publish them hold.

In:  domain, selector and algorithm. Out: a key for the registry; name and text of its TXT record.

Standards: RFC 6376 section 3.6.1 (the record), RFC 8463 section 4 (Ed25519), RFC 8301 (key sizes).
"""

from __future__ import annotations

import base64
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from relay.model.account import Algorithm, DkimKey
from relay.model.address import ascii_domain

RSA_BITS = 2048  # what every verifier takes, and what one TXT record holds with ease
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")


def generate(domain: str, selector: str, algorithm: Algorithm, at: float) -> DkimKey:
    """A new key. RSA takes some tenths of a second.

    Raises:
        ValueError: domain or selector is no name.
    """
    selector = selector.lower()
    if len(selector) > 63 or _SELECTOR.fullmatch(selector) is None:
        raise ValueError(f"not a selector: {selector!r} (letters, digits and hyphens, at most 63)")
    private: RSAPrivateKey | Ed25519PrivateKey
    if algorithm is Algorithm.RSA:
        private = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return DkimKey(
        domain=ascii_domain(domain),
        selector=selector,
        algorithm=algorithm,
        private_pem=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"),
        public_base64=base64.b64encode(public).decode("ascii"),
        created=at,
    )


def dns_name(key: DkimKey) -> str:
    """Where the record stands: `selector._domainkey.domain`."""
    return f"{key.selector}._domainkey.{key.domain}"


def dns_record(key: DkimKey) -> str:
    """The text of the TXT record, in one piece."""
    kind = "rsa" if key.algorithm is Algorithm.RSA else "ed25519"
    return f"v=DKIM1; k={kind}; p={key.public_base64}"
