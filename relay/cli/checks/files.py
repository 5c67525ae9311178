"""The data directory: there, ours, closed to others, with room on its disk; and every shard with an owner."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from relay.cli.frame import program
from relay.cli.possession import foreign, user
from relay.config import Config
from relay.manage.finding import Finding, fail, ok, warn

INODES = 20_000  # free ones under which large messages may soon find no file


def readable(config: Config) -> bool:
    """Whether there is something to look into."""
    return config.data.is_dir() and os.access(config.data, os.R_OK | os.X_OK, effective_ids=True)


def data_directory(config: Config) -> Iterator[Finding]:
    made = f"run `{program()} init`"
    if not config.data.is_dir():
        yield fail(str(config.data), "is not there", made)
    elif not os.access(config.data, os.W_OK | os.X_OK, effective_ids=True):
        yield fail(str(config.data), f"cannot be written to by this user{foreign(config.data)}")
    elif not (config.data / "registry.db").exists():
        yield fail(str(config.data / "registry.db"), "is not there", made)
    else:
        yield ok(str(config.data), "is there and can be written to")


def permissions(config: Config) -> Iterator[Finding]:
    """Secrets that others on this machine could read."""
    found = [*_open_files(config)]
    if mode := config.data.stat().st_mode & 0o077:
        found.append(warn(str(config.data), f"can be entered by others (mode {mode | 0o700:04o})", "chmod 700 it"))
    yield from found
    if not found:
        yield ok(str(config.data), "is closed to others")


def _open_files(config: Config) -> Iterator[Finding]:
    from relay.smtp.sni import pairs

    keys = [config.key]
    if config.certificates is not None and config.certificates.is_dir():
        keys += [each.key for each in pairs(config.certificates)]
    secrets = ("registry.db", "secrets.json", "access.json", "suppressions.db", "webhooks.db")
    for path in (*keys, *(config.data / name for name in secrets)):
        if not path.exists() or not (mode := path.stat().st_mode & 0o077):
            continue
        # The files lie in a directory of mode 0700; a mode of their own matters only without that.
        if path.parent == config.data and not config.data.stat().st_mode & 0o077:
            continue
        if path in keys and not mode & 0o007 and path.stat().st_uid != os.geteuid():
            continue  # of root, for our group: that is how ACME clients hand keys over
        yield fail(str(path), f"can be read by others (mode {mode | 0o600:04o})", "chmod 600 it")


def owners(config: Config) -> Iterator[Finding]:
    """Files that the owner of the data directory may be unable to read, as a relay that was run as root leaves."""
    owner = config.data.stat().st_uid
    paths = [each for pattern in ("*", "shards/*", "shards/*/*") for each in config.data.glob(pattern)]
    strange = [each for each in paths if each.lstat().st_uid != owner]
    if strange:
        others = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        whose = f"user {user(strange[0].lstat().st_uid)}, and {config.data} to user {user(owner)}"
        yield warn(f"{strange[0]}{others}", f"belongs to {whose}", f"chown -R {user(owner)} {config.data}")


def databases(config: Config) -> Iterator[Finding]:
    """The registry and the lists, every page of them."""
    from relay.store.sqlite.proving import faults

    found = [
        fail(str(each.path), f"{each.text}{foreign(each.path)}", each.advice)
        for each in faults(config.data, whole=True)
    ]
    yield from found or [ok("databases", "are whole")]


def disk(config: Config) -> Iterator[Finding]:
    """Room for mail; under `retention.min_free` none is taken any more."""
    at = os.statvfs(config.data)
    free, least = at.f_bavail * at.f_frsize, config.retention.min_free
    subject = f"disk of {config.data}"
    more = "make room, or shorten retention.contents"
    if free < least:
        yield fail(subject, f"has {_size(free)} free, under retention.min_free: no mail is taken", more)
    elif free < 4 * least:
        yield warn(subject, f"has {_size(free)} free; under {_size(least)} no mail is taken", more)
    else:
        yield ok(subject, f"has {_size(free)} free")
    if at.f_files and at.f_favail < INODES:  # some file systems do not count them
        yield warn(subject, f"has {at.f_favail} inodes left", "each large message needs one")


def shards(config: Config) -> Iterator[Finding]:
    """Each shard has an owner while the relay runs; those beyond the number of workers get one at its start."""
    from relay.store.running import running
    from relay.store.sqlite import existing_shards, shard_directory
    from relay.supervisor.roles import count_workers
    from relay.worker.context import WEB_SHARD

    runs, workers = running(config.data) is not None, count_workers(config)
    for shard in existing_shards(config.data):
        if runs and not _held(shard_directory(config.data, shard)):
            text = "has no owner, though the relay runs: its mail stays where it is"
            yield fail(f"shard {shard}", text, "restart the relay, and look at its log")
        elif not runs and shard >= workers and shard != WEB_SHARD and (waiting := _waiting(config, shard)):
            text = f"has no worker of its own, and {waiting} recipients wait in it"
            yield warn(f"shard {shard}", text, "a start of the relay adopts it")
        elif runs:
            yield ok(f"shard {shard}", "has an owner")


def _waiting(config: Config, shard: int) -> int:
    from relay.cli.shards import reader

    with reader(config, shard) as opened:
        return sum(number for state, number in opened.counts().items() if not state.final)


def _held(directory: Path) -> bool:
    from relay.store.sqlite.layout import LOCK

    try:
        handle = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A shared lock for a moment: an owner that starts just now tries again.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def _size(octets: int) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if octets < 1024:
            return f"{octets:.0f} {unit}"
        octets //= 1024
    return f"{octets} TiB"
