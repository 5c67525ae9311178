"""DKIM signatures: relaxed/relaxed, rsa-sha256 (2048 bits and up) and ed25519-sha256.

In:  a content with CRLF line ends, the signers of its domain, the time.
Out: the content with one DKIM-Signature a signer on top. Nothing else changes.

Standards: RFC 6376 (DKIM), RFC 8301 (no SHA-1, no short keys), RFC 8463 (Ed25519).

Why so: header fields a reader is shown are oversigned, that is named once more than they stand there, so
that nobody can add a second From or Subject to a signed message; and so are those by which a recipient leaves a
list, where they stand there. Body and header are made canonical once for
all signers, and which fields are signed is decided once for all headers of one shape: after that a signature is
one operation on a key object, which the caller keeps (reading RSA keys from PEM costs a hundred signatures).
No l=: octets added behind a signed length would look signed.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
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
from relay.model.light import light
from relay.transform.headers import Shape, read_header
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
SIGNED = frozenset(  # when present: RFC 6376 section 5.4.1; and all List-* fields
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
FENCED = frozenset({b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id"})  # oversigned, when present
_FIRST = frozenset(OVERSIGNED)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key ready for use."""

    domain: str  # A-labels
    selector: str
    algorithm: Algorithm
    _sign: Callable[[bytes], bytes]
    _field: bytes  # the beginning of our field, up to t=
    _relaxed: bytes  # the same in relaxed form

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
        domain = ascii_domain(key.domain)
        tags = f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={domain};\r\n s={key.selector}; t=".encode("ascii")
        return cls(
            domain,
            key.selector,
            key.algorithm,
            sign,
            b"DKIM-Signature: " + tags,
            b"dkim-signature:" + tags.replace(b"\r\n", b""),
        )

    def signature(self, content: bytes, at: float) -> bytes:
        """The complete DKIM-Signature field with its CRLF."""
        return self.sign(Material.of(content), at)

    def sign(self, material: Material, at: float) -> bytes:
        """The same from what several signers share."""
        told = b"%d;\r\n h=%b;\r\n bh=%b;\r\n b=" % (at, material.names, material.body_hash)
        # Each of our folds is CRLF and one space, so relaxing the field means dropping the CRLFs.
        value = b2a_base64(self._sign(material.fields + self._relaxed + told.replace(b"\r\n", b"")), newline=False)
        lines = [value[at : at + 72] for at in range(0, len(value), 72)]
        return self._field + told + b"\r\n ".join(lines) + b"\r\n"


@light(frozen=True, slots=True)
class Material:
    """What is signed of a content, whoever signs."""

    names: bytes  # the value of h=, folded
    fields: bytes  # relaxed, each with CRLF
    body_hash: bytes  # the value of bh=

    @classmethod
    def of(cls, content: bytes) -> Material:
        header = read_header(content)
        return cls.of_fields(header.shape, header.values, content, header.body)

    @classmethod
    def of_fields(cls, shape: Shape, values: Sequence[bytes], content: bytes, body: int) -> Material:
        """Of fields that stand, or will stand, before the body that begins at `body` of the content."""
        chosen = shape.known(_chosen)
        fields = b"".join([name + relaxed_value(values[place]) + b"\r\n" for name, place in chosen.fields])
        return cls(chosen.names, fields, b2a_base64(body_hash(content, body), newline=False))


def sign(content: bytes, signers: Sequence[Signer], at: float) -> bytes:
    """The content with a signature of each signer on top, the first signer's first."""
    if not signers:
        return content
    material = Material.of(content)
    return b"".join((*(each.sign(material, at) for each in signers), content))


@dataclass(frozen=True, slots=True)
class _Chosen:
    names: bytes  # for h=, folded
    fields: tuple[tuple[bytes, int], ...]  # `name:` and number of each field that is signed, in order


def _chosen(shape: Shape) -> _Chosen:
    """What is signed of fields with these names.

    Of fields with the same name the last one is signed first (RFC 6376 section 5.4.2).
    """
    names: list[bytes] = []
    fields: list[tuple[bytes, int]] = []
    for name in dict.fromkeys((*OVERSIGNED, *shape.places)):
        # A semicolon, which a name may have, would end h=.
        if name in _FIRST or name in SIGNED or (name.startswith(b"list-") and b";" not in name):
            places = shape.places.get(name, ())
            fields += [(name + b":", place) for place in reversed(places)]
            names += [name] * (len(places) + (name in _FIRST or name in FENCED))
    return _Chosen(_folded(names), tuple(fields))


def _folded(names: Sequence[bytes]) -> bytes:
    lines, line = [], b""
    for name in names:
        if line and len(line) + len(name) > 70:
            lines.append(line)
            line = b""
        line += name + b":"
    lines.append(line.removesuffix(b":"))
    return b"\r\n ".join(lines)


def _rsa(private: RSAPrivateKey) -> Callable[[bytes], bytes]:
    padding, algorithm = PKCS1v15(), hashes.SHA256()
    return lambda data: private.sign(data, padding, algorithm)


def _ed25519(private: Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    # RFC 8463 section 3: what Ed25519 signs is the SHA-256 of the header, not the header.
    return lambda data: private.sign(hashlib.sha256(data).digest())
