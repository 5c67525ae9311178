"""`relay restore SOURCE --data DIRECTORY`: go back to a backup."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from relay.cli.frame import CommandError, ExitCode, JsonOption, store_errors
from relay.cli.output import print_json
from relay.model.clock import system_clock


def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="What `relay backup` made.")],
    data: Annotated[
        Path, typer.Option("--data", metavar="DIRECTORY", help="The data directory to make; absent or empty.")
    ],
    hold: Annotated[
        bool, typer.Option("--hold", help="Hold all mail that waits in it, until it is released.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a data directory from a backup, every file checked.

    An old queue sends again what was delivered since. With --hold nothing is sent until you have looked at it:
    `relay queue list --state held`, then `relay queue release` or `relay queue delete`. The configuration is in the
    backup, too, and is not put anywhere.
    """
    from relay.cli.archive import BadArchive

    if not source.exists():
        raise CommandError(f"{source} is not there", ExitCode.NOT_FOUND)
    before = _must_be_empty(data)
    try:
        manifest = _restore(source, data)
        held = _hold(data) if hold else 0
    except BaseException as error:
        _empty(data, keep=before)
        if isinstance(error, BadArchive):
            raise CommandError(f"{error}; nothing was restored") from error
        raise
    _give_to_owner(data)
    waiting = _waiting(data)
    _say(data, manifest, waiting, held, hold, as_json)


def _must_be_empty(data: Path) -> bool:
    """Whether it is there. Raises CommandError."""
    if not data.exists():
        return False
    if not data.is_dir() or any(data.iterdir()):
        raise CommandError(f"{data} is not empty; a backup is restored into an empty directory", ExitCode.REFUSED)
    return True


def _restore(source: Path, data: Path) -> Mapping[str, Any]:
    from relay.cli import archive
    from relay.cli.files import make_directory, private_files
    from relay.cli.progress import progress

    with private_files(), progress("restore", "bytes") as shown:
        make_directory(data)
        data.chmod(0o700)
        return archive.restore(source, "data", data, lambda done: shown.at(done))


def _hold(data: Path) -> int:
    from relay.cli.progress import progress
    from relay.store.sqlite import existing_shards, shard_directory
    from relay.store.sqlite.backup import hold_all

    held = 0
    shards = sorted(existing_shards(data))
    with store_errors(data), progress("hold", "recipients") as shown:
        for shard in shards:
            held += hold_all(shard_directory(data, shard), system_clock())
            shown.at(held, doing=f"shard {shard}")
    return held


def _waiting(data: Path) -> int:
    """Recipients that would be sent to as soon as a relay starts on it."""
    from relay.store.sqlite import existing_shards, shard_directory
    from relay.store.sqlite.backup import waiting

    with store_errors(data):
        return sum(waiting(shard_directory(data, shard)) for shard in existing_shards(data))


def _empty(data: Path, *, keep: bool) -> None:
    """Take back what a restore that failed has written."""
    for each in list(data.iterdir()) if data.is_dir() else []:
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    if data.is_dir() and not keep:
        data.rmdir()


def _give_to_owner(data: Path) -> None:
    """What root restores belongs to whom the directory belongs to."""
    if os.geteuid() != 0:
        return
    owner = data.stat()
    if owner.st_uid:
        for each in data.rglob("*"):
            os.chown(each, owner.st_uid, owner.st_gid)


def _say(data: Path, manifest: Mapping[str, Any], waiting: int, held: int, hold: bool, as_json: bool) -> None:
    facts = {name: value for name, value in manifest.items() if name != "files"}
    if as_json:
        print_json({"data": str(data), "held": held, "waiting": waiting, "backup": facts})
    else:
        print(f"{data}: the relay {facts.get('hostname')} as of {facts.get('began')}, {held} recipients held")
    if waiting and not hold:
        sys.stdout.flush()
        typer.echo(
            f"relay: {waiting} recipients wait in it, and are sent to once a relay starts on it: also those who got "
            "their mail since the backup was made. Restore it with --hold to look at them first.",
            err=True,
        )
