"""Signatures as independent verifiers see them: the Standard Webhooks library, and draft-cavage written anew here."""

from __future__ import annotations

import base64
import hashlib
import re
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from standardwebhooks import Webhook as Judge
from standardwebhooks import WebhookVerificationError

from relay.config import Dns
from relay.dns.resolver import Resolver
from relay.model.account import Algorithm, KeyState
from relay.model.webhook import Format, Secret, Shape, Signature
from relay.report.webhooks import sign
from relay.transform.keys import generate
from tests.http.site import Got, site
from tests.peers.dns import DnsServer
from tests.report.stage import event, new_ids
from tests.report.webhooks.stage import SECRET, stage

OTHER = sign.new_secret(b"o" * 32)


def test_the_standard_judge_takes_a_standard_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    body = '{"a":"ä"}'.encode()
    now = time.time()
    headers = sign.standard("evt_0-1", body, (Secret(SECRET, now),), now)
    assert Judge(SECRET).verify(body, headers) == {"a": "ä"}
    with pytest.raises(WebhookVerificationError):
        Judge(SECRET).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Judge(OTHER).verify(body, headers)


def test_while_secrets_are_exchanged_both_sign_and_afterwards_the_new_one_alone() -> None:
    import time

    now = time.time()
    both = (Secret(OTHER, now), Secret(SECRET, now - 9, until=now + 60))
    headers = sign.standard("evt_0-1", b"{}", both, now)
    assert len(headers["webhook-signature"].split()) == 2
    for each in (SECRET, OTHER):
        Judge(each).verify(b"{}", headers)
    later = sign.standard("evt_0-1", b"{}", both, now + 61)
    assert len(later["webhook-signature"].split()) == 1
    with pytest.raises(ValueError, match="no secret"):
        sign.standard("evt_0-1", b"{}", (), now)


def verify(got: Got, keys: dict[str, str]) -> None:
    """draft-cavage-http-signatures-11 sections 2.3 and 2.5, as a receiver would write it. Raises AssertionError, and
    InvalidSignature."""
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', got.headers["signature"]))
    assert parameters["algorithm"] == "rsa-sha256"
    covered = parameters["headers"].split(" ")
    assert {"(request-target)", "host", "date", "x-copernica-id", "digest"} <= set(covered)
    assert covered == [each.lower() for each in covered]
    algorithm, _, digest = got.headers["digest"].partition("=")
    assert algorithm.lower() == "sha-256"
    assert base64.b64decode(digest) == hashlib.sha256(got.body).digest()
    lines = [
        f"(request-target): {got.method.lower()} {got.target}"
        if name == "(request-target)"
        else f"{name}: {got.headers[name]}"
        for name in covered
    ]
    tags = dict(each.partition("=")[::2] for each in keys[parameters["keyId"]].split(";"))  # not trimmed, on purpose
    assert tags["v"] == "DKIM1"
    public = load_der_public_key(base64.b64decode(tags["p"]))
    assert isinstance(public, RSAPublicKey)
    public.verify(base64.b64decode(parameters["signature"]), "\n".join(lines).encode(), PKCS1v15(), SHA256())


async def test_smtpeters_signature_is_verified_with_the_key_from_dns(tmp_path: Path) -> None:
    key = generate("hooks.example.com", "wh1", Algorithm.RSA, 1.0)
    with DnsServer() as dns:
        record = sign.key_record(key)
        dns.set(sign.key_name(key), "TXT", f'"{record[:250]}" "{record[250:]}"')
        async with site() as there, stage(tmp_path) as here:
            here.hooks.add_key(key)
            here.hook(
                there.url("/a%20b/hook.php?x=1&y=%2F"),
                shape=Shape.SMTPETER,
                signature=Signature.SMTPETER,
                format=Format.FORM,
                events=frozenset({"delivery"}),
            )
            await here.tell(event("delivered", new_ids().new(), recipient=1, to="ann@example.net", reply="250 Ok"))
            (got,) = there.got
            resolver = Resolver(Dns(servers=(dns.address,)), here.clock)
            (text,) = (await resolver.txt("wh1._domainkey.hooks.example.com")).records
            await resolver.close()
        verify(got, {"wh1._domainkey.hooks.example.com": text})
        assert got.target == "/a%20b/hook.php?x=1&y=%2F"
        assert got.headers["x-copernica-id"] == "environment-demo"
        assert got.headers["host"] == f"127.0.0.1:{there.port}"
        assert abs(parsedate_to_datetime(got.headers["date"]).timestamp() - here.clock()) < 2
        assert got.headers["content-length"] == str(len(got.body))
        got.headers["x-nonce"] += "0"
        with pytest.raises(InvalidSignature):
            verify(got, {"wh1._domainkey.hooks.example.com": text})


async def test_an_older_key_signs_until_it_is_retired(tmp_path: Path) -> None:
    old, new = (generate("hooks.example.com", f"wh{n}", Algorithm.RSA, float(n)) for n in (1, 2))
    async with site() as there, stage(tmp_path) as here:
        for key in (old, new):
            here.hooks.add_key(key)
        here.hook(there.url(), signature=Signature.SMTPETER)
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        here.hooks.set_key_state(old.selector, KeyState.RETIRED)
        await here.tell(event("delivered", new_ids().new(), recipient=1))
        signed = [re.findall('keyId="([^"]*)"', each.headers["signature"])[0] for each in there.got]
        assert signed == [sign.key_name(old), sign.key_name(new)]
        for each in there.got:
            verify(each, {sign.key_name(key): sign.key_record(key) for key in (old, new)})
