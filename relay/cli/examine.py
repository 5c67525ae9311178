"""What `relay check` looks at, each as a function from the configuration to findings.

An error keeps the relay from doing its work, or opens it to others; a warning is for the operator to judge.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from relay.cli.frame import program
from relay.cli.possession import foreign, user
from relay.config import Config, ListenerKind

_SOON = 14 * 86_400  # seconds before a certificate's end when it is time to renew


@dataclass(frozen=True, slots=True)
class Finding:
    level: str  # "error" or "warning"
    subject: str  # a key of the configuration, a file, or a domain
    text: str


def examine(config: Config) -> list[Finding]:
    """Everything, in the order an operator would go about it."""
    found = [*settings_for_tests(config), *data_directory(config)]
    if config.data.is_dir() and os.access(config.data, os.R_OK | os.X_OK, effective_ids=True):
        found += [*certificate(config), *permissions(config), *owners(config), *shards(config)]
    return found


def settings_for_tests(config: Config) -> Iterator[Finding]:
    """Settings that are there to run everything on one machine."""
    for key, used, why in (
        ("dns.servers", bool(config.dns.servers), "these resolvers decide where all mail goes"),
        ("delivery.mx_port", config.delivery.mx_port != 25, "mail for the Internet is taken on port 25 only"),
        ("delivery.allow_private", config.delivery.allow_private, "whoever runs a domain can point us inside"),
        ("tls.ca_file", config.tls.ca_file is not None, "next hops are checked against these authorities only"),
    ):
        if used:
            yield Finding("warning", key, f"is set, as for tests: {why}")
    if config.sandbox.enabled:
        yield Finding("warning", "sandbox.enabled", "is set: nothing leaves this relay")
    for listener in config.listeners:
        if listener.auth_without_tls:
            yield Finding(
                "warning",
                f"listeners.{listener.name}.auth_without_tls",
                "is set: passwords cross the network in clear text",
            )


def data_directory(config: Config) -> Iterator[Finding]:
    if not config.data.is_dir():
        yield Finding("error", str(config.data), f"is not there: run `{program()} init`")
    elif not os.access(config.data, os.W_OK | os.X_OK, effective_ids=True):
        yield Finding("error", str(config.data), f"cannot be written to by this user{foreign(config.data)}")
    elif not (config.data / "registry.db").exists():
        yield Finding("error", str(config.data / "registry.db"), f"is not there: run `{program()} init`")


def certificate(config: Config) -> Iterator[Finding]:
    """Whether it is there, fits its key, and is in its time."""
    if all(each.kind is ListenerKind.PLAIN for each in config.listeners):
        return
    missing = [each for each in (config.certificate, config.key) if not each.exists()]
    for path in missing:
        yield Finding("error", str(path), f"is not there: run `{program()} init`, or bring your own")
    if missing:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.certificate, config.key)
    except (ssl.SSLError, OSError) as error:
        yield Finding("error", str(config.certificate), f"does not work with {config.key}: {error}")
        return
    yield from _dates(config.certificate)


def _dates(path: Path) -> Iterator[Finding]:
    from cryptography import x509

    leaf = x509.load_pem_x509_certificates(path.read_bytes())[0]
    now, end = time.time(), leaf.not_valid_after_utc.timestamp()
    day = datetime.fromtimestamp(end, UTC).date()
    if end <= now:
        yield Finding("error", str(path), f"expired on {day}")
    elif end - now < _SOON:
        yield Finding("warning", str(path), f"expires on {day}")
    if leaf.not_valid_before_utc.timestamp() > now:
        yield Finding("error", str(path), f"is not valid before {leaf.not_valid_before_utc.date()}")


def permissions(config: Config) -> Iterator[Finding]:
    """Secrets that others on this machine could read."""
    for path in (config.key, *(config.data / name for name in ("registry.db", "secrets.json", "access.json"))):
        if path.exists() and (mode := path.stat().st_mode & 0o077):
            # The registry lies in a directory of mode 0700; a file of its own mode matters only without that.
            if path.parent == config.data and not config.data.stat().st_mode & 0o077:
                continue
            yield Finding("error", str(path), f"can be read by others (mode {mode | 0o600:04o}); chmod 600 it")
    if mode := config.data.stat().st_mode & 0o077:
        yield Finding(
            "warning", str(config.data), f"can be entered by others (mode {mode | 0o700:04o}); chmod 700 it"
        )


def owners(config: Config) -> Iterator[Finding]:
    """Files that the owner of the data directory may be unable to read, as a relay that was run as root leaves."""
    owner = config.data.stat().st_uid
    paths = [each for pattern in ("*", "shards/*", "shards/*/*") for each in config.data.glob(pattern)]
    strange = [each for each in paths if each.lstat().st_uid != owner]
    if strange:
        others = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        whose = f"user {user(strange[0].lstat().st_uid)}, and {config.data} to user {user(owner)}"
        yield Finding("warning", f"{strange[0]}{others}", f"belongs to {whose}; chown -R {user(owner)} {config.data}")


def shards(config: Config) -> Iterator[Finding]:
    """Shards beyond the number of workers: their mail is sent once a worker adopts them at start."""
    from relay.cli.shards import reader
    from relay.store.sqlite import existing_shards
    from relay.supervisor.roles import count_workers

    workers = count_workers(config)
    for shard in existing_shards(config.data):
        if shard < workers:
            continue
        with reader(config, shard) as opened:
            waiting = sum(number for state, number in opened.counts().items() if not state.final)
        if waiting:
            text = f"has no worker of its own, and {waiting} recipients wait in it; a start of the relay adopts it"
            yield Finding("warning", f"shard {shard}", text)
