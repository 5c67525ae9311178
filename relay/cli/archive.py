"""A backup as it lies somewhere: a directory or a tar file, with a manifest of all that is in it.

    manifest.json     when and of what it was made; size and SHA-256 of each file
    data/             what the data directory gets back
    config/           the configuration, and certificates from outside the data directory

In:  pieces, made one after the other.
Out: the archive, which appears whole or not at all; and back: its files, checked.

Why so: a tar file is filled piece by piece from a directory beside it, so that it needs room for its largest shard
twice, and not for all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from relay.store.sqlite.layout import sync

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK = 1 << 20  # octets copied at once
LARGEST_MANIFEST = 256 << 20  # octets; some 150 a file


class BadArchive(Exception):
    """That is no backup, or it is damaged."""


@dataclass(frozen=True, slots=True)
class Kept:
    size: int
    sha256: str


class Archive:
    """One that is being made. `work` is where its pieces are put, under their names."""

    def __init__(self, work: Path, tar: tarfile.TarFile | None) -> None:
        self.work = work
        self.files: dict[str, Kept] = {}
        self._tar = tar

    @property
    def octets(self) -> int:
        return sum(each.size for each in self.files.values())

    def keep(self, name: str) -> None:
        """A piece is complete: a file, or a directory with all below."""
        top = self.work / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_dir():
                continue
            path.chmod(0o600)
            inner = str(path.relative_to(self.work))
            self.files[inner] = _digest(path)
            if self._tar is not None:
                self._tar.add(path, arcname=inner, filter=_ours)
                path.unlink()

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest, last of all."""
        listed = {name: {"size": each.size, "sha256": each.sha256} for name, each in self.files.items()}
        written = json.dumps({"format": FORMAT, **facts, "files": listed}, indent=1).encode() + b"\n"
        path = self.work / MANIFEST
        path.write_bytes(written)
        path.chmod(0o600)
        if self._tar is not None:
            self._tar.add(path, arcname=MANIFEST, filter=_ours)
            path.unlink()


@contextmanager
def making(target: Path) -> Iterator[Archive]:
    """At `target`: a tar file where its name ends so, else a directory. What is there already stays.

    Raises:
        FileExistsError: there is something.
        OSError: it cannot be written; nothing is left behind.
    """
    is_tar = target.name.endswith(".tar")
    if target.exists() and (is_tar or not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(17, "is there already", str(target))
    work = target.with_name(f"{target.name}.part")
    file = target.with_name(f"{target.name}.partial")
    _drop(work, file)
    work.mkdir(mode=0o700, parents=True)
    try:
        if is_tar:
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                    yield Archive(work, tar)
                stream.flush()
                os.fsync(stream.fileno())
            shutil.rmtree(work)
            file.rename(target)
        else:
            yield Archive(work, None)
            _sync_all(work)
            work.rename(target)
        sync(target.parent)
    except BaseException:
        _drop(work, file)
        raise


def restore(source: Path, wanted: str, target: Path, told: Callable[[int], None]) -> Mapping[str, Any]:
    """Write the files below `wanted` (as `data`) into a directory that is empty; the manifest.

    `told` hears how many octets were written.

    Raises:
        BadArchive: it is none, or what is in it is not what was put there. What was written stays.
    """
    try:
        manifest, found = _extract(source, wanted, target, told)
    except (tarfile.TarError, EOFError) as error:
        raise BadArchive(f"{source} is no backup, or was cut off: {error}") from error
    if manifest is None:
        raise BadArchive(f"{source} has no {MANIFEST}: it is no backup of this program, or was cut off")
    _compare(source, manifest, wanted, found)
    _sync_all(target)
    return manifest


def _extract(
    source: Path, wanted: str, target: Path, told: Callable[[int], None]
) -> tuple[Mapping[str, Any] | None, dict[str, Kept]]:
    """Raises BadArchive, tarfile.TarError."""
    found: dict[str, Kept] = {}
    manifest: Mapping[str, Any] | None = None
    total = 0
    for name, stream in _members(source):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise BadArchive(f"{source} has a file {name!r}, which no backup has")
        if name == MANIFEST:
            manifest = _manifest(stream, source)
        elif path.parts[0] == wanted and len(path.parts) > 1:
            found[name] = _write(stream, target.joinpath(*path.parts[1:]))
            total += found[name].size
            told(total)
    return manifest, found


def _compare(source: Path, manifest: Mapping[str, Any], wanted: str, found: Mapping[str, Kept]) -> None:
    listed = {
        name: Kept(each["size"], each["sha256"])
        for name, each in manifest["files"].items()
        if PurePosixPath(name).parts[0] == wanted
    }
    for name in sorted(listed.keys() | found.keys()):
        if name not in found:
            raise BadArchive(f"{source}: {name} is missing")
        if name not in listed:
            raise BadArchive(f"{source}: {name} is not in its manifest")
        if listed[name] != found[name]:
            raise BadArchive(f"{source}: {name} is not what was put there")


def _members(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Raises tarfile.TarError."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    yield str(path.relative_to(source)), stream
        return
    with tarfile.open(source, mode="r|") as tar:
        for member in tar:
            if member.isreg() and (opened := tar.extractfile(member)) is not None:
                yield member.name, opened


def _manifest(stream: IO[bytes], source: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads(stream.read(LARGEST_MANIFEST))
        if manifest["format"] != FORMAT:
            raise BadArchive(f"{source} has format {manifest['format']}, this program knows {FORMAT}")
        if not isinstance(manifest["files"], dict):
            raise ValueError("no list of files")
    except (ValueError, KeyError, TypeError) as error:
        raise BadArchive(f"{source}: its {MANIFEST} cannot be read: {error}") from error
    found: Mapping[str, Any] = manifest
    return found


def _write(stream: IO[bytes], path: Path) -> Kept:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Kept(size, digest.hexdigest())


def _digest(path: Path) -> Kept:
    with path.open("rb") as file:
        return Kept(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _ours(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of this machine's users."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _drop(work: Path, file: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    with suppress(FileNotFoundError):
        file.unlink()


def _sync_all(directory: Path) -> None:
    for each in (directory, *directory.rglob("*")):
        if each.is_dir() or each.name == MANIFEST:
            sync(each)
