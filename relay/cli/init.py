"""`relay init`: make the data directory once, so that the relay can start. A second run changes nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from relay.cli.frame import CommandError, ConfigOption, JsonOption, program, settings, store_errors
from relay.cli.output import print_fields, print_json


def init(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    bare: Annotated[bool, typer.Option("--bare", help="Without the account demo; for real delivery.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing when all is well.")] = False,
) -> None:
    """Make the data directory: registry, certificate, and the account demo.

    The account demo has the domain example.com (marked verified by hand), DKIM keys for it, a credential and a
    token; their secrets are in secrets.json in the data directory. What is there already stays as it is.
    """
    from relay.cli.demo import found_demo, secrets_path
    from relay.cli.files import alone, close_directory, make_directory, private_files
    from relay.config.outside import unresolved
    from relay.model.clock import system_clock
    from relay.store.sqlite import open_registry

    checked = settings(config)
    try:
        make_directory(checked.data)
        close_directory(checked.data)
        with private_files(), alone(checked.data):  # of two at once, each would make half
            handed = {"tls.certificate", "tls.key"} & set(unresolved(checked))  # the service gets them from elsewhere
            made = not handed and _certificate(checked.certificate, checked.key, checked.hostname)
            with store_errors(), closing(open_registry(checked.data / "registry.db")) as registry:
                secrets = None if bare else found_demo(registry, checked.data, system_clock())
    except OSError as error:
        raise CommandError(f"{error.filename or checked.data}: {error.strerror or error}") from error
    if quiet:
        return
    done = {
        "data": str(checked.data),
        "certificate": str(checked.certificate),
        "certificate_made": made,
        "account": secrets and "demo",
        "username": secrets and secrets.username,
        "secrets": secrets and str(secrets_path(checked.data)),
    }
    if bare and not as_json:
        print_fields({name: done[name] for name in ("data", "certificate", "certificate_made")})
        print(f"\nNext: {program()} account add NAME")
        return
    print_json(done) if as_json else print_fields(done)


def _certificate(certificate: Path, key: Path, hostname: str) -> bool:
    """Make a self-signed certificate where there is none. True when it was made now."""
    from relay.cli.certificate import self_signed
    from relay.cli.files import make_directory, write_private
    from relay.model.clock import system_clock

    if certificate.exists() != key.exists():
        there, missing = (certificate, key) if certificate.exists() else (key, certificate)
        raise CommandError(f"{there} is there, and {missing} is not: bring both, or remove it to have both made")
    if certificate.exists():
        return False
    chain, private = self_signed(hostname, system_clock())
    for path in (certificate, key):
        make_directory(path.parent)
    write_private(key, private)
    write_private(certificate, chain)
    certificate.chmod(0o644)  # clients on this machine are given it as their CA
    return True
