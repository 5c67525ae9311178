"""DKIM keys: make them, read those that somebody brings, and say what the records that publish them hold.

In:  domain, selector and algorithm, or the octets of a private key. Out: a key for the registry; name and text of
its TXT record.

Standards: RFC 6376 section 3.6.1 (the record), RFC 8463 section 4 (Ed25519), RFC 8301 (key sizes).
"""

from __future__ import annotations

import base64
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from relay.model.account import Algorithm, DkimKey
from relay.model.address import ascii_domain, printable

RSA_BITS = 2048  # what every verifier takes, and what one TXT record holds with ease
RSA_LEAST, RSA_MOST = 1024, 4096  # RFC 8301 section 3.2: signers must not go below; verifiers need not go above
_ED25519_OCTETS = 32
_ED25519_INFO = bytes.fromhex("302a300506032b6570032100")  # what stands before them (RFC 8410 section 4)
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")


def generate(domain: str, selector: str, algorithm: Algorithm, at: float) -> DkimKey:
    """A new key. RSA takes some tenths of a second.

    Raises:
        ValueError: domain or selector is no name.
    """
    name = selector_name(selector)
    if algorithm is Algorithm.RSA:
        return _key(domain, name, generate_private_key(public_exponent=65537, key_size=RSA_BITS), at)
    return _key(domain, name, Ed25519PrivateKey.generate(), at)


def brought(domain: str, selector: str, octets: bytes, at: float) -> DkimKey:
    """A key somebody else made: PKCS#1 or PKCS#8, PEM or DER, or the 32 octets of an Ed25519 key. RSA takes some
    tenths of a second, in which it is proved to be one.

    Raises:
        ValueError: it is none, is encrypted, or has a size that is not used; domain or selector is no name.
    """
    name = selector_name(selector)
    private: object
    try:
        if len(octets) == _ED25519_OCTETS:
            private = Ed25519PrivateKey.from_private_bytes(octets)
        elif octets.lstrip().startswith(b"-----BEGIN "):
            private = load_pem_private_key(octets, None)
        else:
            private = load_der_private_key(octets, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("expected a private key, not encrypted: PKCS#1 or PKCS#8, as PEM or DER") from error
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("expected an RSA or Ed25519 key")
    if isinstance(private, RSAPrivateKey) and not RSA_LEAST <= private.key_size <= RSA_MOST:
        raise ValueError(f"expected an RSA key of {RSA_LEAST} to {RSA_MOST} bits, not {private.key_size}")
    return _key(domain, name, private, at)


def selector_name(selector: str) -> str:
    """In lower case. Raises ValueError."""
    name = selector.lower()
    if len(name) > 63 or _SELECTOR.fullmatch(name) is None:
        raise ValueError(f"not a selector: {printable(selector, 70)!r} (letters, digits and hyphens, at most 63)")
    return name


def _key(domain: str, selector: str, private: RSAPrivateKey | Ed25519PrivateKey, at: float) -> DkimKey:
    rsa = isinstance(private, RSAPrivateKey)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if rsa else (Encoding.Raw, PublicFormat.Raw)
    return DkimKey(
        domain=ascii_domain(domain),
        selector=selector,
        algorithm=Algorithm.RSA if rsa else Algorithm.ED25519,
        private_pem=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"),
        public_base64=base64.b64encode(private.public_key().public_bytes(*form)).decode("ascii"),
        created=at,
    )


def public_pem(key: DkimKey) -> str:
    """The public half as other programs take it: PEM, SubjectPublicKeyInfo."""
    octets = base64.b64decode(key.public_base64)
    if key.algorithm is Algorithm.ED25519:
        octets = _ED25519_INFO + octets
    text = base64.b64encode(octets).decode("ascii")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def rsa_bits(key: DkimKey) -> int:
    """Of its modulus; 0 for keys of another kind."""
    if key.algorithm is not Algorithm.RSA:
        return 0
    public = load_der_public_key(base64.b64decode(key.public_base64))
    return public.key_size if isinstance(public, RSAPublicKey) else 0


def dns_name(key: DkimKey) -> str:
    """Where the record stands: `selector._domainkey.domain`."""
    return f"{key.selector}._domainkey.{key.domain}"


def dns_record(key: DkimKey) -> str:
    """The text of the TXT record, in one piece."""
    kind = "rsa" if key.algorithm is Algorithm.RSA else "ed25519"
    return f"v=DKIM1; k={kind}; p={key.public_base64}"
