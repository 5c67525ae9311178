"""Certificates by name, renewed under way, and the oldest TLS of a listener."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from relay.smtp.sni import Certificates, pairs
from tests.smtp.conversation import TLS, Stage, stage


@dataclass(frozen=True)
class Issuer:
    """An authority, and files it issues certificates into."""

    authority: trustme.CA
    root: Path

    def issue(self, certificate: Path, key: Path, *names: str) -> None:
        certificate.parent.mkdir(parents=True, exist_ok=True)
        issued = self.authority.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
        certificate.write_bytes(issued.cert_chain_pems[0].bytes())
        key.write_bytes(issued.private_key_pem.bytes())

    def pair(self, name: str, *names: str) -> None:
        self.issue(self.directory / f"{name}.pem", self.directory / f"{name}.key", *(names or (name,)))

    @property
    def directory(self) -> Path:
        return self.root / "names"

    @property
    def default(self) -> tuple[Path, Path]:
        return self.root / "cert.pem", self.root / "key.pem"

    def certificates(self, *versions: str) -> Certificates:
        return Certificates(*self.default, self.directory, versions or ["1.2"])


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    made = Issuer(trustme.CA(key_type=trustme.KeyType.ECDSA), tmp_path)
    made.issue(*made.default, "mx.example")
    made.directory.mkdir()
    return made


@asynccontextmanager
async def served(issuer: Issuer, certificates: Certificates, version: str = "1.2") -> AsyncIterator[Stage]:
    client = ssl.create_default_context()
    issuer.authority.configure_trust(client)
    async with stage(TLS, tls=(certificates.context(version), client)) as here:
        yield here


@dataclass(frozen=True)
class Seen:
    names: tuple[str, ...]
    serial: int
    reused: bool
    session: ssl.SSLSession | None


async def shown(here: Stage, name: str | None, session: ssl.SSLSession | None = None) -> Seen:
    """What a client sees that asks for a name, and how the server greets it."""
    context = here.client_tls
    assert context is not None
    context.check_hostname = False

    def talk() -> Seen:
        with (
            socket.create_connection(("127.0.0.1", here.server.port), 10) as sock,
            context.wrap_socket(sock, server_hostname=name, session=session) as secured,
        ):
            assert secured.recv(100).startswith(b"220 ")
            der = secured.getpeercert(binary_form=True)
            assert der is not None
            found = x509.load_der_x509_certificate(der)
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            called = tuple(sorted(names.get_values_for_type(x509.DNSName)))
            return Seen(called, found.serial_number, bool(secured.session_reused), secured.session)

    return await asyncio.to_thread(talk)


async def test_a_client_gets_the_certificate_of_the_name_it_asks_for(issuer: Issuer) -> None:
    issuer.pair("mail.example.org", "mail.example.org", "smtp.example.org")
    issuer.pair("anything", "*.example.net")
    issuer.issue(
        issuer.directory / "live.example" / "fullchain.pem",
        issuer.directory / "live.example" / "privkey.pem",
        "live.example",
    )
    async with served(issuer, issuer.certificates()) as here:
        for asked, names in [
            ("mail.example.org", ("mail.example.org", "smtp.example.org")),
            ("SMTP.Example.ORG", ("mail.example.org", "smtp.example.org")),
            ("a.example.net", ("*.example.net",)),
            ("a.b.example.net", ("mx.example",)),
            ("example.net", ("mx.example",)),
            ("live.example", ("live.example",)),
            ("elsewhere.example", ("mx.example",)),
            (None, ("mx.example",)),
        ]:
            assert (await shown(here, asked)).names == names, asked


async def test_the_pair_that_is_called_so_goes_before_those_that_only_fit(issuer: Issuer) -> None:
    issuer.pair("a.example", "a.example", "b.example")
    issuer.pair("b.example", "b.example")
    async with served(issuer, issuer.certificates()) as here:
        assert (await shown(here, "b.example")).names == ("b.example",)
        assert (await shown(here, "a.example")).names == ("a.example", "b.example")


async def test_what_changes_on_disk_is_served_once_it_is_at_rest(issuer: Issuer) -> None:
    issuer.pair("a.example")
    certificates = issuer.certificates()
    async with served(issuer, certificates) as here:
        first, default = await shown(here, "a.example"), await shown(here, None)
        issuer.pair("a.example")
        issuer.pair("b.example")
        issuer.issue(*issuer.default, "mx.example")
        certificates.look()
        assert (await shown(here, "a.example")).serial == first.serial
        assert (await shown(here, None)).serial == default.serial
        certificates.look()
        assert (await shown(here, "a.example")).serial != first.serial
        assert (await shown(here, None)).serial != default.serial
        assert (await shown(here, "b.example")).names == ("b.example",)
        for each in issuer.directory.glob("b.example.*"):
            each.unlink()
        certificates.look()
        assert (await shown(here, "b.example")).names == ("mx.example",)


async def test_a_process_that_begins_later_serves_what_is_there_by_then(issuer: Issuer) -> None:
    issuer.pair("a.example")
    certificates = issuer.certificates()
    async with served(issuer, certificates) as here:
        first, default = await shown(here, "a.example"), await shown(here, None)
        issuer.pair("a.example")
        issuer.issue(*issuer.default, "mx.example")
        certificates.catch_up()
        assert (await shown(here, "a.example")).serial != first.serial
        assert (await shown(here, None)).serial != default.serial


async def test_a_broken_pair_is_told_once_and_the_old_one_serves_on(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.pair("a.example")
    certificates = issuer.certificates()
    async with served(issuer, certificates) as here:
        first, default = await shown(here, "a.example"), await shown(here, None)
        (issuer.directory / "a.example.key").write_text("broken")
        issuer.default[1].unlink()
        with caplog.at_level(logging.ERROR, "relay.smtp"):
            for _ in range(5):
                certificates.look()
        told = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
        assert len(told) == 2
        assert all("the old one stays in use" in each for each in told)
        assert (await shown(here, "a.example")).serial == first.serial
        assert (await shown(here, None)).serial == default.serial
        issuer.pair("a.example")
        for _ in range(2):
            certificates.look()
        assert (await shown(here, "a.example")).serial != first.serial


async def test_a_pair_that_was_broken_from_the_start_is_told_and_left_out(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.pair("a.example")
    (issuer.directory / "b.example.pem").write_text("no certificate")
    with caplog.at_level(logging.ERROR, "relay.smtp"):
        certificates = issuer.certificates()
    (told,) = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert "b.example.pem" in told
    assert certificates.served("a.example") is not None
    assert certificates.served("b.example") is None


def test_a_reload_reads_all_at_once_or_changes_nothing(issuer: Issuer) -> None:
    issuer.pair("a.example")
    certificates = issuer.certificates()
    before = certificates.served("a.example")
    with pytest.raises(OSError):
        certificates.reload(*issuer.default, issuer.root / "absent")
    with pytest.raises(OSError):
        certificates.reload(issuer.default[0], issuer.root / "absent.pem", issuer.directory)
    assert certificates.served("a.example") is before
    issuer.pair("b.example")
    certificates.reload(*issuer.default, issuer.directory)
    assert certificates.served("a.example") not in (None, before)
    assert certificates.served("b.example") is not None
    certificates.reload(*issuer.default, None)
    assert certificates.served("a.example") is None


def test_a_directory_that_is_lost_is_told_once_and_its_pairs_serve_on(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.pair("a.example")
    certificates = issuer.certificates()
    os.rename(issuer.directory, issuer.root / "away")
    with caplog.at_level(logging.ERROR, "relay.smtp"):
        for _ in range(3):
            certificates.look()
    told = [each.getMessage() for each in caplog.records]
    assert sum("the old ones stay in use" in each for each in told) == 1
    assert certificates.served("a.example") is not None
    with pytest.raises(FileNotFoundError):
        issuer.certificates()


def test_other_files_in_the_directory_do_not_matter(issuer: Issuer) -> None:
    issuer.pair("a.example")
    (issuer.directory / "README").write_text("hello")
    (issuer.directory / "empty").mkdir()
    assert [each.name for each in pairs(issuer.directory)] == ["a.example"]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_is_resumed_under_a_name_also_after_its_certificate_was_read_anew(
    issuer: Issuer, newest: ssl.TLSVersion
) -> None:
    """Its ticket was sealed with the keys of the context all workers share, not with those of the pair's."""
    issuer.pair("a.example")
    certificates = issuer.certificates()
    async with served(issuer, certificates) as here:
        assert here.client_tls is not None
        here.client_tls.maximum_version = newest
        first = await shown(here, "a.example")
        certificates.reload(*issuer.default, issuer.directory)
        second = await shown(here, "a.example", first.session)
    assert (first.reused, second.reused) == (False, True)


async def test_a_listener_may_ask_for_a_newer_tls(issuer: Issuer) -> None:
    issuer.pair("a.example")
    certificates = issuer.certificates("1.2", "1.3")
    for version, fits in (("1.2", True), ("1.3", False)):
        async with served(issuer, certificates, version) as here:
            assert here.client_tls is not None
            here.client_tls.maximum_version = ssl.TLSVersion.TLSv1_2
            for name in ("a.example", None):
                if fits:
                    assert (await shown(here, name)).names
                else:
                    with pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"):
                        await shown(here, name)
