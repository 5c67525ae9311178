"""`relay backup TARGET`: a copy of all that a relay knows, made while it runs.

The databases beside the shards are taken first, then shard after shard: so the report database has folded nothing
that the shards' copies do not hold (see `relay.store.sqlite.backup`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.frame import (
    CommandError,
    ConfigOption,
    ExitCode,
    JsonOption,
    config_path,
    program,
    relay_data,
    settings,
    store_errors,
)
from relay.cli.output import print_json
from relay.model.clock import iso, system_clock

if TYPE_CHECKING:
    from relay.cli.archive import Archive
    from relay.cli.progress import Progress
    from relay.config import Config

REPORT = "report.db"
_LEFT = frozenset({"access.json", "relay.lock", "assets/lock"})  # of the relay that runs
_CACHES = frozenset({"pictures"})  # directories of what is fetched again


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new directory, or a new file that ends in .tar.")
    ],
    without_report: Annotated[
        bool,
        typer.Option("--without-report", help="Leave out the report database, which search and statistics need."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy queue, registry, keys, suppressions, report database and configuration, also while the relay runs.

    Each part is a whole of one moment. It holds passwords' digests and private keys: keep it as you keep those.
    What is answered with 250 after it was made is not in it; what is delivered after it was made would be sent
    again by a relay that is restored from it, so see `relay restore --hold`.
    """
    from relay.cli.archive import making
    from relay.cli.files import private_files
    from relay.cli.progress import progress

    checked = settings(config)
    data = relay_data(checked)
    if target.resolve().is_relative_to(data.resolve()):
        raise CommandError(f"{target} lies in the data directory itself", ExitCode.USAGE)
    began = system_clock()
    try:
        with (
            store_errors(checked.data),
            private_files(),
            progress("backup", "bytes") as shown,
            making(target) as archive,
        ):
            shards = _fill(archive, checked, config_path(config), shown, with_report=not without_report)
            facts = {
                "relay": _version(),
                "began": iso(began),
                "ended": iso(system_clock()),
                "hostname": checked.hostname,
                "shards": shards,
            }
            archive.finish(facts)
    except FileExistsError as error:
        raise CommandError(f"{target} is there already; a backup needs a new name", ExitCode.REFUSED) from error
    if as_json:
        print_json({**facts, "target": str(target), "files": len(archive.files), "size": archive.octets})
        return
    print(f"{target}: {len(shards)} shards, {len(archive.files)} files, {archive.octets / 1e6:.1f} MB")
    print(f"To go back to it: {program()} restore {target} --data DIRECTORY --hold")


def _version() -> str:
    from relay import __version__

    return __version__


def _fill(archive: Archive, config: Config, path: Path, shown: Progress, *, with_report: bool) -> list[int]:
    from relay.store.sqlite import existing_shards, shard_directory
    from relay.store.sqlite.backup import snapshot_database, snapshot_shard

    data = config.data
    total = float(_size(data))
    for database in sorted(data.glob("*.db"), key=lambda each: (each.name != REPORT, each.name)):
        if database.name == REPORT and not with_report:
            continue
        snapshot_database(database, archive.work / "data" / database.name)
        archive.keep(f"data/{database.name}")
        shown.at(archive.octets, total, database.name)
    shards = sorted(existing_shards(data))
    for shard in shards:
        name = f"data/shards/{shard_directory(data, shard).name}"
        snapshot_shard(shard_directory(data, shard), archive.work / name)
        archive.keep(name)
        shown.at(archive.octets, total, f"shard {shard}")
    for source, name in (*_files(data), *_configuration(config, path)):
        copy = archive.work / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, copy)
        except FileNotFoundError:  # a hosted picture that nobody needs any more, just now
            continue
        archive.keep(name)
    return shards


def _files(data: Path) -> Iterator[tuple[Path, str]]:
    """What lies beside databases and shards: certificates, hosted pictures, secrets of the account demo, quotas."""
    for path in sorted(data.rglob("*")):
        inner = path.relative_to(data)
        database = len(inner.parts) == 1 and (path.name.endswith(".db") or ".db-" in path.name)
        passing = (
            str(inner) in _LEFT
            or inner.parts[0] in _CACHES
            or path.name.startswith(".")
            or path.name.endswith((".new", ".part"))
        )
        if path.is_file() and not path.is_symlink() and inner.parts[0] != "shards" and not database and not passing:
            yield path, f"data/{inner}"


def _configuration(config: Config, path: Path) -> Iterator[tuple[Path, str]]:
    """The file itself, and the certificates that lie elsewhere."""
    from relay.smtp.sni import pairs

    yield path, f"config/{path.name}"
    outside = [(each, each.name) for each in (config.certificate, config.key)]
    for directory in {each for each in (config.certificates, config.web_certificates) if each and each.is_dir()}:
        files = [file for pair in pairs(directory) for file in (pair.certificate, pair.key)]
        outside += [(each, f"{directory.name}/{each.relative_to(directory)}") for each in files]
    for each, name in outside:
        if each.is_file() and not each.resolve().is_relative_to(config.data.resolve()):
            yield each, f"config/{name}"


def _size(data: Path) -> int:
    """Octets there are now, about."""
    total = 0
    for path in data.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a content that went just now
            continue
    return total
