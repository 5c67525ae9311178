"""Postfix + OpenDKIM as a system under test: Debian's packages, in a directory of the bench's own.

The machine's own Postfix is not touched: `postfix -c DIRECTORY` with its own queue, data directory, log and ports.
Root is needed, since Postfix changes users itself.

What is set, and why: see `MAIN` and `OPENDKIM`; it is what an administrator would set who wants speed and keeps
every promise. Left as it is: fsync of each queue file before the 250, one delivery process a connection.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from relay.model.account import LinkKey
from tests import packages
from tests.bench.accounting import Group, until
from tests.bench.system import PLAIN, SECURE, UNSIGNED, Door

MAIN = {
    "compatibility_level": "3.6",
    "myhostname": "postfix.test",
    "mydestination": "",  # nothing is local
    "inet_interfaces": "loopback-only",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8",
    "alias_maps": "",  # no look-ups in maps that are not used
    "alias_database": "",
    "local_recipient_maps": "",
    "smtpd_recipient_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject",
    "disable_dns_lookups": "yes",  # relay's smarthost is an address, too
    "smtpd_peername_lookup": "no",  # no reverse look-up of clients
    "in_flow_delay": "0",  # accept as fast as it can; a delay would only slow the clients down
    "default_process_limit": "200",  # never the limit here
    "max_use": "1000",  # a daemon serves more clients before it is replaced: fewer forks than at 100
    "qmgr_message_active_limit": "40000",
    "smtpd_client_connection_rate_limit": "0",
    "smtpd_client_connection_count_limit": "0",
    "default_destination_concurrency_limit": "20",
    "initial_destination_concurrency": "20",  # no slow start
    "smtp_connection_cache_on_demand": "yes",  # connections to the sink are kept while there is mail for it
    "smtp_tls_security_level": "none",
    "smtpd_milters": "",
    "non_smtpd_milters": "",
    "milter_default_action": "tempfail",  # unsigned mail would be no result
    "smtpd_tls_security_level": "may",
    "smtpd_tls_auth_only": "yes",
    "smtpd_tls_loglevel": "0",
    "smtpd_tls_session_cache_timeout": "3600s",  # session tickets; their keys are tlsmgr's
    "smtpd_sasl_type": "cyrus",
    "smtpd_sasl_path": "smtpd",
    "smtpd_sasl_local_domain": "bench",
    "smtpd_sasl_security_options": "noanonymous",
    "message_size_limit": "52428800",  # as relay's
    "mailbox_size_limit": "0",
}
OPENDKIM = {
    "Canonicalization": "relaxed/relaxed",
    "Domain": "example.com,example.org",
    "Selector": "bench",
    "Mode": "s",
    "Syslog": "yes",  # as Debian ships it
    "SyslogSuccess": "yes",
    "Background": "no",
    "InternalHosts": "127.0.0.0/8",
    "RequireSafeKeys": "no",
    "OversignHeaders": "From",  # as Debian ships it
    "UMask": "000",  # Postfix must reach the socket
}
SASL = """pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
log_level: 0
"""
MASTER = """127.0.0.1:{plain} inet n - n - - smtpd -o smtpd_milters=unix:{milter}
127.0.0.1:{starttls} inet n - n - - smtpd -o smtpd_milters=unix:{milter}
  -o smtpd_sasl_auth_enable=yes -o mynetworks=192.0.2.0/30
127.0.0.1:{unsigned} inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes -o mynetworks=192.0.2.0/30
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_USER, _PASSWORD = "bench", "bench-password-of-no-value"


def missing() -> str:
    """Why Postfix cannot be measured here, or nothing. What is not installed is installed, where it may be."""
    return "Postfix changes users itself and so needs root" if os.geteuid() != 0 else packages.for_bench()


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class PostfixSystem:
    name = "postfix"

    def __init__(self, home: Path, sink: int, certificate: tuple[Path, Path]) -> None:
        self.home = home
        self.etc = home / "etc"
        self.milter = home / "run" / "opendkim.sock"
        self.group = Group(self.name)
        self.opendkim: subprocess.Popen[bytes] | None = None
        self.doors = {
            PLAIN: Door(port=_free()),
            SECURE: Door(port=_free(), username=f"{_USER}@bench", password=_PASSWORD),
            UNSIGNED: Door(port=_free(), username=f"{_USER}@bench", password=_PASSWORD),
        }
        self.records: dict[bytes, bytes] = {}
        self._certificate = certificate
        self.settings: dict[str, Any] = {
            "main.cf": {
                **MAIN,
                "relayhost": f"[127.0.0.1]:{sink}",
                "queue_directory": str(home / "spool"),
                "data_directory": str(home / "data"),
                "maillog_file": str(home / "log" / "mail.log"),
                "maillog_file_prefixes": str(home / "log"),
                "cyrus_sasl_config_path": str(self.etc / "sasl"),
                "smtpd_tls_cert_file": str(self.etc / "cert.pem"),
                "smtpd_tls_key_file": str(self.etc / "key.pem"),
            },
            "master.cf": MASTER,
            "opendkim.conf": OPENDKIM,
            "smtpd.conf": SASL,
        }

    def start(self) -> None:
        self._directories()
        self._configure()
        self._sign()
        done = subprocess.run(
            self.group.command([_program("postfix") or "postfix", "-c", str(self.etc), "start"]),
            capture_output=True,
            text=True,
            timeout=60,
        )
        log = self.home / "log" / "mail.log"
        if done.returncode:
            said = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"postfix start: {done.returncode} {done.stderr} {said}")
        self.group.add(self.master)
        for door in self.doors.values():
            until(partial(_answers, door.port), f"Postfix on port {door.port}")

    @property
    def master(self) -> int:
        """Process id of master(8)."""
        return int((self.home / "spool/pid/master.pid").read_text())

    def _directories(self) -> None:
        owner = pwd.getpwnam("postfix")
        for name in ("", "etc", "etc/sasl", "spool", "data", "log", "run"):
            path = self.home / name
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
        os.chown(self.home / "data", owner.pw_uid, owner.pw_gid)
        (self.home / "run").chmod(0o777)  # opendkim makes its socket here

    def _configure(self) -> None:
        main = self.settings["main.cf"]
        (self.etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in main.items()))
        ports = {name: door.port for name, door in self.doors.items()}
        (self.etc / "master.cf").write_text(MASTER.format(milter=self.milter, **ports))
        for source, name in zip(self._certificate, ("cert.pem", "key.pem"), strict=True):
            shutil.copyfile(source, self.etc / name)
        (self.etc / "key.pem").chmod(0o600)
        database = self.etc / "sasl" / "sasldb2"
        (self.etc / "sasl" / "smtpd.conf").write_text(f"{SASL}sasldb_path: {database}\n")
        line = [_program("saslpasswd2") or "saslpasswd2", "-p", "-c", "-f", str(database), "-u", "bench", _USER]
        subprocess.run(line, input=_PASSWORD.encode(), check=True, capture_output=True)
        shutil.chown(database, "postfix")

    def _sign(self) -> None:
        """A new rsa-2048 key, and opendkim with it."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = self.etc / "dkim.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        path.chmod(0o600)
        shutil.chown(path, "opendkim")
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        record = b"".join(public.splitlines()[1:-1])
        names = (b"bench._domainkey.example.com.", b"bench._domainkey.example.org.")
        self.records = dict.fromkeys(names, b"v=DKIM1; k=rsa; p=" + record)
        words = {**OPENDKIM, "KeyFile": path, "Socket": f"local:{self.milter}", "UserID": "opendkim"}
        config = self.etc / "opendkim.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in words.items()))
        with (self.home / "log" / "opendkim.log").open("ab") as log:
            self.opendkim = process = subprocess.Popen(
                self.group.command([_program("opendkim") or "opendkim", "-f", "-x", str(config)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.group.add(process.pid)
        until(lambda: self.milter.exists() or process.poll() is not None, "opendkim's socket")
        if process.poll() is not None:
            raise RuntimeError(f"opendkim ended: {(self.home / 'log' / 'opendkim.log').read_text()}")

    def stop(self) -> None:
        if (self.home / "spool/pid/master.pid").exists():
            line = [_program("postfix") or "postfix", "-c", str(self.etc), "stop"]
            subprocess.run(line, capture_output=True, timeout=60, check=False)
        if self.opendkim is not None:
            self.opendkim.terminate()
            try:
                self.opendkim.wait(10)
            except subprocess.TimeoutExpired:
                self.opendkim.kill()
                self.opendkim.wait(10)
        self.group.close()

    def link_keys(self) -> Sequence[LinkKey]:
        return ()


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            return client.recv(4) == b"220 "
    except OSError:
        return False
