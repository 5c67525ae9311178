"""Usual mail clients, each handing one ready message to the relay with STARTTLS and AUTH.

Each function takes a running relay and a message with CRLF line ends, and returns once the client says that
the relay has it. They verify the relay's certificate, as users should.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.e2e.harness import Relay
from tests.tools import node_modules, tool

Client = Callable[[Relay, bytes, str, Sequence[str]], None]


def _run(line: Sequence[str], given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
    done = subprocess.run(line, input=given, capture_output=True, timeout=60, env=environment, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, f"{line[0]} ended with {done.returncode}:\n{said}"
    return done.stdout


def swaks(relay: Relay, content: bytes, sender: str, to: Sequence[str]) -> None:
    access = relay.access
    file = relay.home / "swaks.eml"
    file.write_bytes(content.removesuffix(b"\r\n"))  # it ends what it sends with a line end of its own
    login = ["--auth", "LOGIN", "--auth-user", access["username"], "--auth-password", access["password"]]
    tls = ["--tls", "--tls-verify", "--tls-ca-path", str(relay.authority)]
    server = ["--server", "127.0.0.1", "--port", str(relay.port())]
    _run([tool("swaks"), *server, *tls, *login, "--from", sender, "--to", ",".join(to), "--data", f"@{file}"])


def msmtp(relay: Relay, content: bytes, sender: str, to: Sequence[str]) -> None:
    access = relay.access
    config = relay.home / "msmtprc"
    config.write_text(
        f"account default\nhost 127.0.0.1\nport {relay.port()}\ntls on\ntls_starttls on\n"
        f"tls_trust_file {relay.authority}\nauth plain\nuser {access['username']}\npassword {access['password']}\n"
    )
    config.chmod(0o600)
    _run([tool("msmtp"), "--file", str(config), "--from", sender, "--", *to], content)


def curl(relay: Relay, content: bytes, sender: str, to: Sequence[str]) -> None:
    access = relay.access
    recipients = [word for address in to for word in ("--mail-rcpt", address)]
    server = [f"smtp://127.0.0.1:{relay.port()}", "--ssl-reqd", "--cacert", str(relay.authority)]
    login = ["--user", f"{access['username']}:{access['password']}"]
    _run([tool("curl"), "-sS", *server, *login, "--mail-from", sender, *recipients, "--upload-file", "-"], content)


def smtplib(relay: Relay, content: bytes, sender: str, to: Sequence[str]) -> None:
    with relay.session() as client:
        assert client.sendmail(sender, list(to), content) == {}


def smtplib_tls(relay: Relay, content: bytes, sender: str, to: Sequence[str]) -> None:
    """From the first octet, as on port 465."""
    with relay.session("tls") as client:
        assert client.sendmail(sender, list(to), content) == {}


_NODE = """
const nodemailer = require("nodemailer");
const given = JSON.parse(require("fs").readFileSync(0));
const transport = nodemailer.createTransport({
  host: "127.0.0.1", port: given.port, secure: false, requireTLS: true, tls: {ca: given.authority},
  auth: {user: given.username, pass: given.password}
});
transport.sendMail({envelope: {from: given.sender, to: given.to}, raw: Buffer.from(given.content, "latin1")})
  .then(() => transport.close(), error => { console.error(error); process.exit(1); });
"""


def nodemailer(relay: Relay, content: bytes, sender: str, to: Sequence[str]) -> None:
    access = relay.access
    given = {
        "port": relay.port(),
        "authority": relay.authority.read_text(),
        "username": access["username"],
        "password": access["password"],
        "sender": sender,
        "to": list(to),
        "content": content.decode("latin-1"),
    }
    environment = {**relay.environment, "NODE_PATH": str(node_modules())}
    _run([tool("node"), "-e", _NODE], json.dumps(given).encode(), environment)


def relay_send(relay: Relay, content: bytes, sender: str, to: Sequence[str]) -> None:
    """Our own command."""
    relay.cli("send", "--from", sender, *(word for address in to for word in ("--to", address)), stdin=content)


CLIENTS: Mapping[str, Client] = {
    "swaks": swaks,
    "msmtp": msmtp,
    "curl": curl,
    "smtplib": smtplib,
    "smtplib_tls": smtplib_tls,
    "nodemailer": nodemailer,
    "relay_send": relay_send,
}


class Postfix:
    """A Postfix of the test's own, with the relay as its smart host. It takes mail by sendmail(1) only."""

    def __init__(self, relay: Relay, home: Path) -> None:
        """Needs root, and Postfix installed: its programs change to its own users."""
        self._home = home
        self._config = home / "etc"
        queue, data = home / "spool", home / "lib"
        for each in (self._config, queue, data):
            each.mkdir(parents=True)
        shutil.chown(data, "postfix")
        _let_through(home)
        access = relay.access
        shutil.copy(relay.authority, home / "cert.pem")
        (home / "cert.pem").chmod(0o644)
        passwords = self._config / "sasl_passwd"
        passwords.write_text(f"[localhost]:{relay.port()} {access['username']}:{access['password']}\n")
        (self._config / "main.cf").write_text(
            f"compatibility_level = 3.6\nmyhostname = app.test\nmydestination =\ninet_interfaces = loopback-only\n"
            f"inet_protocols = ipv4\nsmtp_host_lookup = native\nqueue_directory = {queue}\ndata_directory = {data}\n"
            f"maillog_file = {home}/maillog\nmaillog_file_prefixes = {home}\nsmtp_tls_loglevel = 1\n"
            # The recipe of the service we are compatible with:
            f"relayhost = [localhost]:{relay.port()}\nsmtp_sasl_auth_enable = yes\n"
            f"smtp_sasl_password_maps = hash:{passwords}\nsmtp_sasl_security_options = noanonymous\n"
            f"smtp_use_tls = yes\nsmtp_tls_CAfile = {home}/cert.pem\n"
        )
        (self._config / "master.cf").write_text(_MASTER)
        _run([tool("postmap"), "-c", str(self._config), f"hash:{passwords}"])

    def __enter__(self) -> Postfix:
        self._postfix("start")
        return self

    def __exit__(self, *_: object) -> None:
        self._postfix("abort")

    def _postfix(self, act: str) -> None:
        done = subprocess.run(
            [tool("postfix"), "-c", str(self._config), act], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.maillog

    @property
    def maillog(self) -> str:
        log = self._home / "maillog"
        return log.read_text(errors="replace") if log.exists() else "no maillog"

    def send(self, content: bytes, sender: str, to: Sequence[str]) -> None:
        _run([tool("sendmail"), "-C", str(self._config), "-i", "-f", sender, *to], content.replace(b"\r\n", b"\n"))


def _let_through(home: Path) -> None:
    """Postfix runs as users of its own: the way to its queue, made by pytest for root alone, must be open."""
    for each in (home, *home.parents):
        if each.stat().st_uid == 0 and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)


_MASTER = """\
pickup    unix  n  -  n  60  1  pickup
cleanup   unix  n  -  n  -   0  cleanup
qmgr      unix  n  -  n  300 1  qmgr
tlsmgr    unix  -  -  n  1000? 1 tlsmgr
rewrite   unix  -  -  n  -   -  trivial-rewrite
bounce    unix  -  -  n  -   0  bounce
defer     unix  -  -  n  -   0  bounce
trace     unix  -  -  n  -   0  bounce
smtp      unix  -  -  n  -   -  smtp
relay     unix  -  -  n  -   -  smtp
error     unix  -  -  n  -   -  error
retry     unix  -  -  n  -   -  error
scache    unix  -  -  n  -   1  scache
postlog   unix-dgram n - n  -   1  postlogd
"""
