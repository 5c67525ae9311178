"""The certificates of our listeners: there, with their keys, in their time, for our name, with a way to a root."""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from relay.cli.frame import program
from relay.config import Config, ListenerKind
from relay.config.outside import unresolved
from relay.manage.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SOON = 14 * 86_400  # seconds before a certificate's end when it is time to renew
_RENEW = "renew it; the relay sees the new files by itself, or at SIGHUP"


def certificates(config: Config) -> Iterator[Finding]:
    web = config.http.https.port is not None
    if all(each.kind is ListenerKind.PLAIN for each in config.listeners) and not web:
        return
    if not set(unresolved(config)) & {"tls.certificate", "tls.key"}:
        yield from pair(config.certificate, config.key, config.hostname, public=not config.sandbox.enabled)
    if config.certificates is not None:
        yield from directory(config.certificates, "tls.directory", public=not config.sandbox.enabled)
    if web and config.web_certificates is not None and config.web_certificates != config.certificates:
        yield from directory(config.web_certificates, "http.https.directory", public=not config.sandbox.enabled)


def directory(folder: Path, key: str, *, public: bool) -> Iterator[Finding]:
    """Those for other names (SNI). `key`: of the configuration."""
    from relay.smtp.sni import pairs

    try:
        found = list(pairs(folder))
    except OSError as error:
        yield fail(str(folder), f"cannot be read: {error.strerror}", f"make it, or take {key} out")
        return
    if not found:
        yield warn(str(folder), "holds no certificate", "NAME.pem and NAME.key, or NAME/fullchain.pem")
    for each in found:
        yield from pair(each.certificate, each.key, each.name, public=public)


def pair(certificate: Path, key: Path, name: str, *, public: bool) -> Iterator[Finding]:
    """One chain with its key. `public`: clients that know nothing of us should believe it, too."""
    missing = [each for each in (certificate, key) if not each.exists()]
    for path in missing:
        yield fail(str(path), "is not there", f"run `{program()} init`, or bring your own")
    if missing:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        chain = _read(certificate)
    except (ssl.SSLError, OSError, ValueError) as error:
        yield fail(str(certificate), f"does not work with {key}: {error}", "give the pair that belongs together")
        return
    found = [*_dates(certificate, chain), *_order(certificate, chain)]
    if public and not found:
        found += _believed(certificate, chain, name)
    yield from found
    if not found:
        yield ok(str(certificate), f"fits its key and is good until {_day(chain[0].not_valid_after_utc)}")


def _read(path: Path) -> Sequence[Certificate]:
    from cryptography import x509

    return x509.load_pem_x509_certificates(path.read_bytes())


def _dates(path: Path, chain: Sequence[Certificate]) -> Iterator[Finding]:
    now = time.time()
    for number, each in enumerate(chain):
        what = "" if number == 0 else f"holds {each.subject.rfc4514_string()}, which "
        end = each.not_valid_after_utc
        if end.timestamp() <= now:
            yield fail(str(path), f"{what}expired on {_day(end)}", _RENEW)
        elif end.timestamp() - now < SOON:
            yield warn(str(path), f"{what}expires on {_day(end)}", _RENEW)
        if each.not_valid_before_utc.timestamp() > now:
            yield fail(str(path), f"{what}is not valid before {_day(each.not_valid_before_utc)}", "look at the clock")


def _order(path: Path, chain: Sequence[Certificate]) -> Iterator[Finding]:
    for each, issuer in itertools.pairwise(chain):
        try:
            each.verify_directly_issued_by(issuer)
        except Exception as error:  # InvalidSignature, ValueError, TypeError: all of them mean no
            name = each.subject.rfc4514_string()
            yield warn(
                str(path),
                f"is no chain: {name} is not issued by the one that follows ({type(error).__name__})",
                "our own certificate first, then each issuer",
            )


def _believed(path: Path, chain: Sequence[Certificate], name: str) -> Iterator[Finding]:
    """By a client that trusts the authorities of this system."""
    from cryptography import x509
    from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

    leaf = chain[0]
    if leaf.issuer == leaf.subject:
        yield warn(
            str(path),
            "vouches for itself: each client has to be told to trust it",
            "get one of a public authority, as with an ACME client",
        )
        return
    roots = ssl.get_default_verify_paths().cafile
    if not roots or not Path(roots).is_file():
        return
    try:
        store = Store(x509.load_pem_x509_certificates(Path(roots).read_bytes()))
        verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(name))
        verifier.verify(leaf, list(chain[1:]))
    except (VerificationError, ValueError) as error:
        reason = str(error).removeprefix("validation failed: ").splitlines()[0] or type(error).__name__
        yield warn(
            str(path),
            f"would not be believed for {name} by a client that trusts public authorities: {reason}",
            "the file needs the whole chain (fullchain.pem), and the certificate this name",
        )


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
