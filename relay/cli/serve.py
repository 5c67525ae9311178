"""`relay serve`: run the relay in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import typer

from relay.cli.frame import CommandError, ConfigOption, ExitCode, config_path, program, settings


def serve(config: ConfigOption = None) -> None:
    """Run the relay in the foreground.

    SIGTERM and Ctrl-C end it: work under way is finished first, for `processes.drain` at most. SIGHUP reads
    configuration and certificates again.
    """
    from relay.cli.access import remove_access, write_access
    from relay.cli.banner import banner
    from relay.cli.demo import read_secrets
    from relay.cli.files import private_files
    from relay.config.outside import unresolved
    from relay.store.running import running
    from relay.supervisor import run

    path = config_path(config)
    checked = settings(config)
    _must_be_ours(checked.data)
    hidden = set(unresolved(checked))  # the start tells of those
    files = {"data": checked.data / "registry.db", "tls.certificate": checked.certificate, "tls.key": checked.key}
    for key, needed in files.items():
        if key not in hidden and not needed.exists():
            raise CommandError(f"{needed} is not there: run `{program()} init --config {path}` first")

    answers = False

    def ready(ports: Mapping[str, int]) -> None:
        nonlocal answers
        answers = True
        try:
            access = write_access(checked, ports, read_secrets(checked.data))
        except OSError as error:  # a full disk, say; it only spares others the search for our ports
            logging.getLogger("relay.cli").error("access.json cannot be written: %s", error)
            return
        with contextlib.suppress(OSError):  # who started us does not read; the mail goes on
            print(banner(checked, access), flush=True)

    if running(checked.data) is None:  # else the file is that relay's, and the start below fails
        remove_access(checked.data)
    try:
        with private_files():
            code = run(path, ready=ready)
    finally:
        if answers:
            remove_access(checked.data)
    raise typer.Exit(code)


def _must_be_ours(data: Path) -> None:
    """Raises CommandError for root on data of another user, who could not read what root would leave there."""
    from relay.cli.possession import user

    if os.geteuid() != 0 or not data.is_dir() or (owner := data.stat().st_uid) == 0:
        return
    name = user(owner)
    raise CommandError(
        f"{data} belongs to user {name}, who could not read what root writes there; "
        f"run it as that user: sudo -u {name} {program()} serve",
        ExitCode.REFUSED,
    )
