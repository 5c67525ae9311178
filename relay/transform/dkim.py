"""DKIM signatures: relaxed/relaxed, rsa-sha256 (2048 bits and up) and ed25519-sha256.

In:  a content with CRLF line ends, the signers of its domain, the time.
Out: the content with one DKIM-Signature a signer on top. Nothing else changes.

Standards: RFC 6376 (DKIM), RFC 8301 (no SHA-1, no short keys), RFC 8463 (Ed25519).

Why so: header fields a reader is shown are oversigned, that is named once more than they stand there, so
that nobody can add a second From or Subject to a signed message. Body and header are made canonical once for
all signers: after that a signature is one operation on a key object, which the caller keeps (reading RSA keys
from PEM costs a hundred signatures). No l=: octets added behind a signed length would look signed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from relay.model.account import Algorithm, DkimKey
from relay.model.address import ascii_domain
from relay.transform.headers import Field, Header, read_header
from relay.transform.relaxed import body_hash, relaxed_value

RSA_BITS = 1024  # RFC 8301 section 3.2: signers must not go below; we make 2048

OVERSIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"reply-to",
    b"message-id",
    b"mime-version",
    b"content-type",
)
SIGNED = frozenset(  # when present: RFC 6376 section 5.4.1; and all List-* fields, see _chosen
    {
        b"resent-date",
        b"resent-from",
        b"resent-sender",
        b"resent-to",
        b"resent-cc",
        b"in-reply-to",
        b"references",
        b"feedback-id",
    }
)
_FIRST = frozenset(OVERSIGNED)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key ready for use."""

    domain: str  # A-labels
    selector: str
    algorithm: Algorithm
    _sign: Callable[[bytes], bytes]

    @classmethod
    def load(cls, key: DkimKey) -> Signer:
        """Make the key object. Costs about a millisecond, so keep the result.

        Raises:
            ValueError: the key cannot be read, is of another kind than it says, or is too short.
        """
        try:
            # Without the primality tests, which take 40 ms: keys are ours, and a wrong one shows at its first use.
            private = load_pem_private_key(key.private_pem.encode(), None, unsafe_skip_rsa_key_validation=True)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"the key {key.selector} of {key.domain} cannot be read: {error}") from error
        if key.algorithm is Algorithm.ED25519 and isinstance(private, Ed25519PrivateKey):
            sign = _ed25519(private)
        elif key.algorithm is Algorithm.RSA and isinstance(private, RSAPrivateKey) and private.key_size >= RSA_BITS:
            sign = _rsa(private)
        else:
            raise ValueError(f"the key {key.selector} of {key.domain} is no key for {key.algorithm}")
        return cls(ascii_domain(key.domain), key.selector, key.algorithm, sign)

    def signature(self, content: bytes, at: float) -> bytes:
        """The complete DKIM-Signature field with its CRLF."""
        return self.sign(Material.of(content), at)

    def sign(self, material: Material, at: float) -> bytes:
        """The same from what several signers share."""
        tags = (
            f"DKIM-Signature: v=1; a={self.algorithm}; c=relaxed/relaxed; d={self.domain};\r\n"
            f" s={self.selector}; t={int(at)};\r\n"
            f" h={material.names};\r\n"
            f" bh={material.body_hash};\r\n"
            " b="
        ).encode("ascii")
        # Each of our folds is CRLF and one space, so relaxing the field means dropping the CRLFs.
        own = b"dkim-signature:" + tags.replace(b"\r\n", b"")[len(b"DKIM-Signature: ") :]
        value = base64.b64encode(self._sign(material.fields + own))
        return tags + b"\r\n ".join(value[at : at + 72] for at in range(0, len(value), 72)) + b"\r\n"


@dataclass(frozen=True, slots=True)
class Material:
    """What is signed of a content, whoever signs."""

    names: str  # the value of h=, folded
    fields: bytes  # relaxed, each with CRLF
    body_hash: str  # the value of bh=

    @classmethod
    def of(cls, content: bytes) -> Material:
        header = read_header(content)
        names, fields = _chosen(header)
        digest = base64.b64encode(body_hash(content, header.body)).decode("ascii")
        return cls(_folded(names), fields, digest)


def sign(content: bytes, signers: Sequence[Signer], at: float) -> bytes:
    """The content with a signature of each signer on top, the first signer's first."""
    if not signers:
        return content
    material = Material.of(content)
    return b"".join((*(each.sign(material, at) for each in signers), content))


def _chosen(header: Header) -> tuple[list[bytes], bytes]:
    """The names for h=, and the fields they mean in relaxed form.

    Of fields with the same name the last one is signed first (RFC 6376 section 5.4.2).
    """
    names: list[bytes] = []
    fields: list[bytes] = []
    kept: dict[bytes, list[Field]] = {name: [] for name in OVERSIGNED}
    for field in header.fields:
        if field.name in _FIRST or field.name in SIGNED or _is_list(field.name):
            kept.setdefault(field.name, []).append(field)
    for name, given in kept.items():
        for field in reversed(given):
            names.append(name)
            fields.append(name + b":" + relaxed_value(header.value(field)) + b"\r\n")
        if name in _FIRST:
            names.append(name)
    return names, b"".join(fields)


def _is_list(name: bytes) -> bool:
    return name.startswith(b"list-")


def _folded(names: Sequence[bytes]) -> str:
    lines, line = [], ""
    for name in names:
        word = name.decode("ascii")
        if line and len(line) + len(word) > 70:
            lines.append(line)
            line = ""
        line += f"{word}:"
    lines.append(line.removesuffix(":"))
    return "\r\n ".join(lines)


def _rsa(private: RSAPrivateKey) -> Callable[[bytes], bytes]:
    padding, algorithm = PKCS1v15(), hashes.SHA256()
    return lambda data: private.sign(data, padding, algorithm)


def _ed25519(private: Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    # RFC 8463 section 3: what Ed25519 signs is the SHA-256 of the header, not the header.
    return lambda data: private.sign(hashlib.sha256(data).digest())
