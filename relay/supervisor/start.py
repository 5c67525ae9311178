"""The relay as a program: from a configuration file to the last child's end.

In:  the path of the configuration file.
Out: the exit code: 0 after an orderly end, 1 when it cannot be started, with the reasons on standard error.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from relay.config import Config, ConfigError, ListenerKind, load
from relay.config.outside import unresolved
from relay.limits.broker import SAVED, Broker
from relay.model.clock import system_clock
from relay.report import log
from relay.smtp.sni import Certificates
from relay.store.running import AlreadyRunning, Running
from relay.store.sqlite import existing_shards
from relay.store.sqlite.proving import faults
from relay.submission.control.policy import policy_faults
from relay.supervisor.child import Role
from relay.supervisor.keeper import Keeper
from relay.supervisor.renew import moved, renewed
from relay.supervisor.roles import count_workers, roles
from relay.supervisor.service import Notifier, inherited
from relay.supervisor.sockets import CannotListen, Sockets, open_sockets
from relay.worker import mail, reporter, web
from relay.worker.context import Context

logger = logging.getLogger("relay.supervisor")


class CannotStart(Exception):
    """The relay cannot be started; `lines` say why, each for itself."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def start(config_path: Path, ready: Callable[[Mapping[str, int]], None] | None) -> int:
    """See `relay.supervisor.run`."""
    try:
        return _start(config_path, ready)
    except CannotStart as fault:
        for line in fault.lines:
            sys.stderr.write(f"relay: {line}\n")
        return 1


def _start(config_path: Path, ready: Callable[[Mapping[str, int]], None] | None) -> int:
    try:
        config = _load(config_path)
    except ConfigError as error:
        raise CannotStart(*error.lines) from error
    log.setup(config.log, "supervisor")
    if hidden := list(unresolved(config)):
        lines = [f"{config_path}: {key}: no service manager gave us this credential" for key in hidden]
        raise CannotStart(*lines, "credential: works with LoadCredential= in the unit; elsewhere use file: or a path")
    if not config.data.is_dir():
        raise CannotStart(f"the data directory {config.data} is not there: `relay init` makes it")
    notifier = Notifier(os.environ)
    try:
        with Running(config.data):
            _must_be_whole(config.data)
            workers = count_workers(config)
            certificates, web_certificates = _certificates(config), _web_certificates(config)
            with contextlib.closing(open_sockets(config, workers, inherited(os.environ))) as sockets:
                relay = _Relay(config_path, config, sockets, certificates, web_certificates)
                return _keep(relay, workers, ready, notifier)
    except (AlreadyRunning, CannotListen) as error:
        raise CannotStart(str(error)) from error


def _must_be_whole(data: Path) -> None:
    """Raises CannotStart: else every worker would end with it, and be started again, for ever."""
    if lines := [f"{each.path} {each.text}; {each.advice}" for each in faults(data, whole=False) if each.lasting]:
        raise CannotStart(*lines)


def _load(path: Path) -> Config:
    """The configuration, with what it says of options held against those there are. Raises ConfigError."""
    config = load(path)
    if faults := [f"{path}: {each}" for each in policy_faults(config.options)]:
        raise ConfigError(faults)
    return config


@dataclass(slots=True)
class _Relay:
    """What the keeper asks for that is ours to know: sockets, certificates, the configuration file."""

    path: Path
    asked: Config  # as the file said, the last time it was used
    sockets: Sockets
    tls: Certificates | None
    web_tls: Certificates | None = None  # of links over https
    sharers: int = 1

    def context(self, role: Role, config: Config, control: socket.socket, limits: socket.socket) -> Context:
        return Context(
            name=role.name,
            config=config,
            control=control,
            limits=limits,
            sharers=self.sharers,
            shard=role.shard,
            adopted=role.adopted,
            listeners=role.listeners,
            http=role.http,
            https=role.https,
            tls=self.tls if role.listeners else self.web_tls if role.https else None,
        )

    def leave(self, role: Role) -> None:
        own = {sock for _, sock in role.listeners} | {role.http, role.https}
        for sock in self.sockets.all():
            if sock not in own:
                sock.close()

    def reload(self, now: Config) -> Config | None:
        """Read the file again. None, and a log line for each reason, when it cannot be used."""
        try:
            new = _load(self.path)
            if self.tls is not None:
                self.tls.reload(new.certificate, new.key, new.certificates)
            if self.web_tls is not None:
                self.web_tls.reload(new.certificate, new.key, new.web_certificates)
        except ConfigError as error:
            for line in error.lines:
                logger.error("not reloaded: %s", line)
            return None
        except OSError as error:
            logger.error("not reloaded: %s", _certificate_fault(new, error))
            return None
        config, waits = renewed(now, new, self.asked)
        for name in waits:
            what = f": {', '.join(moved(new, self.asked))}" if name == "listeners" else ""
            logger.warning("%s: a change of `%s` waits for a restart%s", self.path, name, what)
        log.setup(config.log, "supervisor")
        logger.info("reloaded %s", self.path)
        return config


def _keep(relay: _Relay, workers: int, ready: Callable[[Mapping[str, int]], None] | None, notifier: Notifier) -> int:
    config = relay.sockets.config
    relay.sharers = workers + 1  # the web worker delivers, too
    ports = {each.name: each.port for each in config.listeners} | {"http": config.http.port}
    if config.http.https.port is not None:
        ports["https"] = config.http.https.port
    with selectors.DefaultSelector() as selector:
        keeper = Keeper(
            config,
            roles(
                relay.sockets,
                workers,
                existing_shards(config.data),
                mail=mail.run,
                web=web.run,
                reporter=reporter.run,
            ),
            selector,
            Broker(selector, system_clock, config.data / SAVED),
            make_context=relay.context,
            leave=relay.leave,
            reload=relay.reload,
            ready=(lambda: ready(ports)) if ready else (lambda: None),
            notifier=notifier,
        )
        return keeper.run()


def _certificates(config: Config) -> Certificates | None:
    versions = {each.minimum_tls for each in config.listeners if each.kind is not ListenerKind.PLAIN}
    return _read(config, config.certificates, versions) if versions else None


def _web_certificates(config: Config) -> Certificates | None:
    if config.http.https.port is None:
        return None
    return _read(config, config.web_certificates, {config.http.https.minimum_tls})


def _read(config: Config, directory: Path | None, versions: Iterable[str]) -> Certificates:
    try:
        return Certificates(config.certificate, config.key, directory, versions)
    except OSError as error:
        raise CannotStart(_certificate_fault(config, error)) from error


def _certificate_fault(config: Config, error: OSError) -> str:
    for directory in (config.certificates, config.web_certificates):
        if directory is not None and str(error.filename) == str(directory):
            return f"the directory of certificates {directory}: {error.strerror}"
    return f"certificate {config.certificate} and key {config.key}: {error}"
