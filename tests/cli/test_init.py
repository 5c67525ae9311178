"""`relay init` makes everything once."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from relay.manage.secret import token_digest
from relay.model.account import Algorithm, Scope
from relay.store.sqlite import open_registry
from tests.cli.conftest import Cli


def test_the_first_run_makes_the_account_demo(ready: Cli) -> None:
    secrets = json.loads((ready.home / "var/secrets.json").read_text())
    registry = open_registry(ready.home / "var/registry.db")
    assert [each.name for each in registry.accounts()] == ["demo"]
    domain = registry.domain("example.com")
    assert (domain.account, domain.verified_by) == ("demo", "hand (relay init)")
    assert domain.verified is not None
    assert {each.algorithm for each in registry.keys("example.com")} == set(Algorithm)
    credential = registry.credential(secrets["username"])
    assert PasswordHasher().verify(credential.password_hash, secrets["password"])
    assert credential.grants == frozenset()
    token = registry.token(secrets["token"].partition(".")[0])
    assert token.digest == token_digest(secrets["token"])
    assert token.scopes == {Scope.SEND, Scope.READ, Scope.MANAGE}
    assert token.credential == secrets["username"]
    assert secrets["sender"] == "me@example.com"
    registry.close()


def test_a_token_of_a_time_when_tokens_had_no_credential_gets_the_one_of_demo(ready: Cli) -> None:
    secrets = json.loads((ready.home / "var/secrets.json").read_text())
    registry = open_registry(ready.home / "var/registry.db")
    before = registry.token(secrets["token"].partition(".")[0])
    registry.update_token(replace(before, credential=""))
    ready("init")
    assert registry.token(before.id) == before
    registry.close()


def test_secrets_can_be_read_by_their_owner_only(ready: Cli) -> None:
    for name in ("secrets.json", "registry.db", "tls/key.pem"):
        assert (ready.home / "var" / name).stat().st_mode & 0o777 == 0o600, name


def test_the_data_directory_is_made_for_its_owner_only(cli: Cli) -> None:
    (cli.home / "var").rmdir()
    cli("init", "--config", "config/local.yaml")
    assert (cli.home / "var").stat().st_mode & 0o777 == 0o700


def test_an_empty_data_directory_is_closed_to_others(cli: Cli) -> None:
    (cli.home / "var").chmod(0o755)
    cli("init")
    assert (cli.home / "var").stat().st_mode & 0o777 == 0o700
    (cli.home / "var").chmod(0o750)  # somebody's choice, which a second run leaves alone
    cli("init")
    assert (cli.home / "var").stat().st_mode & 0o777 == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_neither_serves_data_of_another_user_nor_takes_its_secrets_away(ready: Cli) -> None:
    os.chown(ready.home / "var", 65534, 65534)
    ready("serve", code=4)
    assert "var belongs to user nobody" in ready.errors
    ready("credential", "rotate", "demo")
    assert (ready.home / "var/secrets.json").stat().st_uid == 65534


def test_what_is_made_is_closed_to_others_whatever_the_umask(cli: Cli) -> None:
    before = os.umask(0)
    try:
        cli("init")
        assert os.umask(0) == 0  # as it was
    finally:
        os.umask(before)
    made = [each for each in (cli.home / "var").rglob("*") if each.name != "cert.pem"]
    assert {each.stat().st_mode & 0o077 for each in made} == {0}


def test_several_at_once_make_it_once(cli: Cli) -> None:
    program = [sys.executable, "-m", "relay", "init", "--json"]
    started = [subprocess.Popen(program, stdout=subprocess.PIPE) for _ in range(3)]
    made = [json.loads(each.communicate(timeout=60)[0])["certificate_made"] for each in started]
    assert [each.returncode for each in started] == [0, 0, 0]
    assert sorted(made) == [False, False, True]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("var/tls/cert.pem", "var/tls/key.pem")  # the two fit


def test_a_second_run_changes_nothing(ready: Cli) -> None:
    before = contents(ready.home / "var")
    ready("init")
    assert contents(ready.home / "var") == before


def contents(data: Path) -> dict[str, object]:
    registry = open_registry(data / "registry.db")
    try:
        kept = [registry.accounts(), registry.domains(), registry.keys(), registry.credentials(), registry.tokens()]
        return {"registry": kept, **{name: (data / name).read_bytes() for name in ("secrets.json", "tls/cert.pem")}}
    finally:
        registry.close()


def test_a_password_that_was_rotated_stays_the_new_one(ready: Cli) -> None:
    rotated = ready.json("credential", "rotate", "demo")["password"]
    ready("init")
    assert json.loads((ready.home / "var/secrets.json").read_text())["password"] == rotated
    registry = open_registry(ready.home / "var/registry.db")
    assert PasswordHasher().verify(registry.credential("demo").password_hash, rotated)
    registry.close()


def test_a_credential_that_was_disabled_stays_disabled(ready: Cli) -> None:
    ready("credential", "disable", "demo")
    ready("init")
    assert ready.json("credential", "list")[0]["disabled"] is True


def test_lost_secrets_are_made_anew(ready: Cli) -> None:
    (ready.home / "var/secrets.json").unlink()
    ready("init")
    secrets = json.loads((ready.home / "var/secrets.json").read_text())
    registry = open_registry(ready.home / "var/registry.db")
    assert PasswordHasher().verify(registry.credential("demo").password_hash, secrets["password"])
    registry.close()


def test_bare_makes_no_account(cli: Cli) -> None:
    assert cli("init", "--bare").endswith("Next: relay account add NAME\n")
    assert not (cli.home / "var/secrets.json").exists()
    assert cli.json("account", "list") == []


def test_the_certificate_names_this_machine_and_stands_as_its_own_authority(ready: Cli) -> None:
    path = ready.home / "var/tls/cert.pem"
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "relay.test"} <= set(names.get_values_for_type(x509.DNSName))
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    client = ssl.create_default_context(cafile=str(path))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path, ready.home / "var/tls/key.pem")
    for name in ("localhost", "127.0.0.1"):
        shake_hands(client, server, name)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [ours, theirs]
    for _ in range(6):
        for each in list(waiting):
            try:
                each.do_handshake()
                waiting.remove(each)
            except ssl.SSLWantReadError:
                continue
    assert waiting == []


def test_half_a_certificate_is_not_replaced(ready: Cli) -> None:
    (ready.home / "var/tls/key.pem").unlink()
    ready("init", code=1)
    assert "key.pem is not" in ready.errors
