"""Certificates of the listeners: the default one, and those for other names a client may ask for (SNI).

In:  the default pair, and a directory of pairs: `NAME.pem` with `NAME.key`, or `NAME/fullchain.pem` with
     `NAME/privkey.pem`, as ACME clients lay them out.
Out: a TLS context for each oldest version, which serves the pair that fits the name asked for.

The supervisor makes it before the workers fork, so that all of them share the keys of session tickets: those
belong to the context a handshake began with, whichever certificate it then serves. Each worker looks at the files
every `LOOK_EVERY` seconds (`look`); SIGHUP reads them at once (`reload`).

Why so: a pair serves the names in its certificate (the client checks those, and nothing else), and its own name in
any case; `*.example.net` stands for one label. A changed pair is read once its files have stayed the same for a whole
look, since the certificate is often written a moment before the key. What cannot be read is told once, and the old
pair serves on.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from relay.smtp import tls

LOOK_EVERY = 5.0  # seconds

log = logging.getLogger("relay.smtp")

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_Stamp = tuple[tuple[int, int, int], ...]  # of both files: time of change in ns, inode, octets


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain, and its key; both PEM."""

    name: str
    certificate: Path
    key: Path

    def stamp(self) -> _Stamp:
        """What changes when a file does; () while one is missing."""
        try:
            stats = [each.stat() for each in (self.certificate, self.key)]
        except OSError:
            return ()
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in stats)

    def __str__(self) -> str:
        return f"{self.certificate} with {self.key}"


@dataclass(frozen=True, slots=True)
class _Loaded:
    context: ssl.SSLContext
    names: frozenset[str]


class Certificates:
    def __init__(self, certificate: Path, key: Path, directory: Path | None, versions: Iterable[str]) -> None:
        """`versions`: the oldest ones that listeners ask for, "1.2" or "1.3".

        Raises:
            OSError: the default pair or the directory cannot be used. A broken pair in there is told in the log.
        """
        self._bases = {each: tls.server_context(certificate, key, _VERSIONS[each]) for each in versions}
        for base in self._bases.values():
            base.sni_callback = self._asked
        self._default = Pair("", certificate, key)
        self._directory = directory
        self._loaded: dict[Pair, _Loaded] = {}
        self._table: dict[str, ssl.SSLContext] = {}
        self._seen: dict[Pair, _Stamp] = {}  # at the last look
        self._tried: dict[Pair, _Stamp] = {self._default: self._default.stamp()}  # when it was read, well or not
        self._lost = False  # the directory was not there at the last look
        if directory is not None:
            self._read(list(pairs(directory)))

    def context(self, version: str) -> ssl.SSLContext:
        """That for a listener which speaks this version and up."""
        return self._bases[version]

    def served(self, name: str) -> ssl.SSLContext | None:
        """The context of the pair for a name; None: the default one."""
        name = name.lower().rstrip(".")
        found = self._table.get(name)
        return found if found is not None else self._table.get(f"*.{name.partition('.')[2]}")

    def reload(self, certificate: Path, key: Path, directory: Path | None) -> None:
        """Read everything anew, for the handshakes to come.

        Raises:
            OSError: the default pair or the directory cannot be used; all stays as it was.
        """
        found = list(pairs(directory)) if directory is not None else []
        self._serve_default(Pair("", certificate, key))
        self._directory = directory
        self._forget(found)
        self._read(found)

    def look(self) -> None:
        """Use what has changed on disk, once it is at rest."""
        try:
            found = list(pairs(self._directory)) if self._directory is not None else []
            self._lost = False
        except OSError as error:
            if not self._lost:
                log.error("certificates: %s: %s; the old ones stay in use", self._directory, error.strerror)
            self._lost, found = True, list(self._loaded)
        if self._due(self._default):
            try:
                self._serve_default(self._default)
                log.info("certificate %s was read anew", self._default)
            except OSError as error:
                log.error("certificate %s: %s; the old one stays in use", self._default, error)
        due = [pair for pair in found if self._due(pair)]
        gone = self._forget(found)
        if due or gone:
            self._read(due)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look()

    def catch_up(self) -> None:
        """Use what is on disk now: for a process that begins long after these were read."""
        self.look()
        self.look()

    def _due(self, pair: Pair) -> bool:
        """Whether it is not as it was when it was read, and has been at rest since the last look."""
        stamp, before = pair.stamp(), self._seen.get(pair)
        self._seen[pair] = stamp
        return stamp == before and stamp != self._tried.get(pair)

    def _serve_default(self, pair: Pair) -> None:
        """Raises OSError; the old one stays in use."""
        self._tried[pair] = pair.stamp()
        tls.server_context(pair.certificate, pair.key)  # a broken pair must not reach a context that is in use
        for base in self._bases.values():
            base.load_cert_chain(pair.certificate, pair.key)
        self._default = pair

    def _forget(self, found: Sequence[Pair]) -> bool:
        """Serve no pair that is not among these; returns whether one was served."""
        known = {*found, self._default}
        gone = self._loaded.keys() - known
        for pair in gone:
            log.info("certificate %s is gone", pair)
        for memory in (self._loaded, self._seen, self._tried):
            for pair in memory.keys() - known:
                del memory[pair]
        return bool(gone)

    def _read(self, found: Sequence[Pair]) -> None:
        for pair in found:
            self._tried[pair] = pair.stamp()
            try:
                self._loaded[pair] = loaded = _load(pair)
            except (OSError, ValueError) as error:
                kept = "; the old one stays in use" if pair in self._loaded else ""
                log.error("certificate %s: %s%s", pair, error, kept)
            else:
                log.info("certificate %s serves %s", pair, ", ".join(sorted(loaded.names)))
        self._table = _table(self._loaded)

    def _asked(self, channel: ssl.SSLObject, name: str | None, base: ssl.SSLContext) -> None:
        """A handshake began, and the client said whom it wants to speak to."""
        context = self.served(name) if name and self._table else None
        if context is not None:
            channel.context = context


def pairs(directory: Path) -> Iterator[Pair]:
    """Those in a directory, by name. Raises OSError."""
    for entry in sorted(directory.iterdir()):
        if entry.suffix == ".pem":
            yield Pair(entry.stem.lower(), entry, entry.with_suffix(".key"))
        elif (entry / "fullchain.pem").exists():
            yield Pair(entry.name.lower(), entry / "fullchain.pem", entry / "privkey.pem")


def served_by(pair: Pair) -> frozenset[str]:
    """The names a pair serves, `*.example.net` among them. Raises OSError, ValueError."""
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    try:
        names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
        assert isinstance(names, x509.SubjectAlternativeName)
        named = {each.lower() for each in names.get_values_for_type(x509.DNSName)}
    except x509.ExtensionNotFound:  # of an age when names stood elsewhere
        named = set()
    return frozenset(named | {pair.name})


def _load(pair: Pair) -> _Loaded:
    """Raises OSError, ValueError."""
    names = served_by(pair)
    return _Loaded(tls.server_context(pair.certificate, pair.key), names)


def _table(loaded: dict[Pair, _Loaded]) -> dict[str, ssl.SSLContext]:
    """Who serves a name; where several could, the one that is called so, else the first."""
    table: dict[str, ssl.SSLContext] = {}
    for pair in sorted(loaded, key=lambda each: each.name):
        for name in loaded[pair].names:
            table.setdefault(name, loaded[pair].context)
    return table | {pair.name: each.context for pair, each in loaded.items()}
