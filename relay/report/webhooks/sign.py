"""How a receiver knows that a request is ours. Pure; time and nonce are given.

In:  a body and where it goes. Out: the header fields that go along.

Standard Webhooks v1: `webhook-id`, `webhook-timestamp` and `webhook-signature`, the HMAC-SHA256 of
`id.timestamp.body`; while secrets are exchanged there is a signature with each of the two.

SMTPeter's: `Signature` by draft-cavage-http-signatures-11 with `Digest` (RFC 3230), an RSA key whose public half
stands in DNS as for DKIM, at the name in `keyId`.

Why so: SMTPeter's own verifier looks fields up by the names as they stand in `headers`, among names in lower case,
and knows the digest's algorithm in lower case only; RFC 3230 has that name in any case. So both are in lower case
here. It also does not trim the tags of the record, so that has no blanks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from relay.http.client import checked
from relay.model.account import DkimKey
from relay.model.webhook import Secret

PREFIX = "whsec_"
SECRET_OCTETS = 32
OVERLAP = 86_400.0  # seconds for which a secret that was replaced still signs
SIGNED = ("(request-target)", "host", "date", "content-length", "content-type", "x-copernica-id", "digest", "x-nonce")


def new_secret(octets: bytes) -> str:
    return PREFIX + base64.b64encode(octets).decode("ascii")


def standard(ident: str, body: bytes, secrets: Sequence[Secret], now: float) -> dict[str, str]:
    """`ident` has no dot. Raises ValueError: no secret signs."""
    at = str(int(now))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(each.text), f"{ident}.{at}.".encode() + body, "sha256")).decode()
        for each in secrets
        if each.until is None or each.until > now
    ]
    if not signatures:
        raise ValueError("the webhook has no secret")
    return {"webhook-id": ident, "webhook-timestamp": at, "webhook-signature": " ".join(signatures)}


def smtpeter(
    url: str, body: bytes, content_type: str, account: str, key: DkimKey, now: float, nonce: str
) -> dict[str, str]:
    target = checked(url)
    fields = {
        "host": target.host_port_subcomponent or "",
        "date": formatdate(now, usegmt=True),
        "content-length": str(len(body)),
        "content-type": content_type,
        "x-copernica-id": f"environment-{quote(account)}",
        "digest": "sha-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode("ascii"),
        "x-nonce": nonce,
    }
    text = signing_text(f"post {target.raw_path_qs}", fields)
    private = _private(key.private_pem)
    signature = base64.b64encode(private.sign(text.encode("utf-8"), PKCS1v15(), SHA256())).decode("ascii")
    fields["signature"] = (
        f'keyId="{key_name(key)}",algorithm="rsa-sha256",headers="{" ".join(SIGNED)}",signature="{signature}"'
    )
    return {_NAMES[name]: value for name, value in fields.items()}


_NAMES = {
    "host": "Host",
    "date": "Date",
    "content-length": "Content-Length",
    "content-type": "Content-Type",
    "x-copernica-id": "X-Copernica-ID",
    "digest": "Digest",
    "x-nonce": "X-Nonce",
    "signature": "Signature",
}


def signing_text(target: str, fields: Mapping[str, str]) -> str:
    """What is signed: a line a name of `SIGNED`, without a line end behind the last."""
    return "\n".join(f"{name}: {target if name == '(request-target)' else fields[name]}" for name in SIGNED)


def key_name(key: DkimKey) -> str:
    """Where its record stands in DNS."""
    return f"{key.selector}._domainkey.{key.domain}"


def key_record(key: DkimKey) -> str:
    """The text of that record."""
    return f"v=DKIM1;k=rsa;p={key.public_base64}"


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the webhook's secret is no base64") from error


@lru_cache(maxsize=8)
def _private(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode("ascii"), None)
    assert isinstance(key, RSAPrivateKey)
    return key
