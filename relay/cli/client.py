"""A small SMTP client for `relay send`: where the server is, and one message handed in.

Out: a receipt with the id of the reply; or Refusal, with the reply; or Unreachable.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relay.cli.possession import told
from relay.config import Config, ListenerKind

_QUEUED = re.compile(r"queued as ([0-9a-v]{16})")
_TIMEOUT = 60.0  # seconds for each command; the relay answers the dot once the message is on disk
_GREETING = 10.0  # seconds for the connection and the first line; what speaks another protocol never sends one


class Refusal(Exception):
    """The server said no; the text is its reply."""


class Unreachable(Exception):
    """There is no server, or it went away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    host: str
    port: int
    implicit_tls: bool
    authority: Path | None
    login: tuple[str, str] | None
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    id: str  # "" when the server's reply names none of ours
    reply: str
    refused: dict[str, str] = field(default_factory=dict)  # recipient -> reply


def server_of(
    config: Config | None, *, host: str, port: int, login: tuple[str, str] | None, ca_file: Path | None
) -> Server:
    """What options say, completed by `access.json` of the relay that runs here; then by the configuration."""
    if config is None:
        return Server(host=host, port=port or 587, implicit_tls=port == 465, authority=ca_file, login=login)
    from relay.cli.access import reachable, read_access

    access = read_access(config.data) or {}
    listeners = {each.name: each for each in config.listeners}
    ports = {name: int(access.get("ports", {}).get(name, each.port)) for name, each in listeners.items()}
    by_kind = sorted(listeners.values(), key=lambda each: list(ListenerKind).index(each.kind))
    chosen = port or (587 if host else ports[by_kind[0].name])
    tls_ports = {ports[each.name] for each in by_kind if each.kind is ListenerKind.TLS} | {465}
    if login is None and "username" in access:
        login = (access["username"], access["password"])
    return Server(
        host=host or access.get("host") or reachable(by_kind[0].address),
        port=chosen,
        implicit_tls=chosen in tls_ports,
        authority=ca_file or (None if host else config.certificate),
        login=login,
        sender=access.get("sender", ""),
    )


def hand_in(server: Server, reverse_path: str, recipients: Sequence[str], octets: bytes) -> Receipt:
    """One session, one message.

    Raises:
        Refusal: of the login, the sender, all recipients or the message.
        Unreachable: no connection, no TLS, or the connection broke.
    """
    where = f"{server.host}:{server.port}"
    try:
        context = ssl.create_default_context(cafile=str(server.authority) if server.authority else None)
        client = _connect(server, context)
        try:
            receipt = _transaction(client, server, reverse_path, recipients, octets)
            client.quit()
            return receipt
        finally:
            client.close()
    except smtplib.SMTPConnectError as error:
        said = _reply(error.smtp_code, error.smtp_error)
        if 400 <= error.smtp_code < 600:
            raise Refusal(said) from error
        raise Unreachable(f"{where}: that is no SMTP server: {said}") from error
    except smtplib.SMTPResponseException as error:
        raise Refusal(_reply(error.smtp_code, error.smtp_error)) from error
    except smtplib.SMTPServerDisconnected as error:
        raise Unreachable(f"{where}: the connection was lost: {error}") from error
    except smtplib.SMTPException as error:  # no AUTH or no STARTTLS is offered
        raise Refusal(f"{where}: {error}") from error
    except ssl.SSLCertVerificationError as error:
        hint = "name the authority of the server's certificate with --ca-file PATH"
        raise Unreachable(f"{where}: TLS failed: {error}\n{hint}") from error
    except ssl.SSLError as error:
        raise Unreachable(f"{where}: TLS failed: {error}") from error
    except OSError as error:
        raise Unreachable(f"no relay answers at {where}: {told(error)}") from error


def _connect(server: Server, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.implicit_tls:
        return _patient(smtplib.SMTP_SSL(server.host, server.port, timeout=_GREETING, context=context))
    client = _patient(smtplib.SMTP(server.host, server.port, timeout=_GREETING))
    client.ehlo_or_helo_if_needed()
    if server.login is not None or client.has_extn("starttls"):
        client.starttls(context=context)  # a login never goes in clear text
    return client


def _patient(client: smtplib.SMTP) -> smtplib.SMTP:
    """It has greeted; what it is asked to do may take longer."""
    if client.sock is not None:
        client.sock.settimeout(_TIMEOUT)
    return client


def _transaction(
    client: smtplib.SMTP, server: Server, reverse_path: str, recipients: Sequence[str], octets: bytes
) -> Receipt:
    if server.login is not None:
        client.login(*server.login)
    client.ehlo_or_helo_if_needed()
    options = []
    if client.has_extn("8bitmime") and not octets.isascii():
        options.append("BODY=8BITMIME")
    if client.has_extn("smtputf8") and not "".join([reverse_path, *recipients]).isascii():
        options.append("SMTPUTF8")
        client.command_encoding = "utf-8"
    _need(client.mail(reverse_path, options))
    refused = {}
    for address in recipients:
        code, said = client.rcpt(address)
        if code >= 400:
            refused[address] = _reply(code, said)
    if len(refused) == len(recipients):
        raise Refusal("\n".join(f"{address}: {reply}" for address, reply in refused.items()))
    code, said = _need(client.data(octets))
    found = _QUEUED.search(said.decode(errors="replace"))
    return Receipt(found[1] if found else "", _reply(code, said), refused)


def _need(answer: tuple[int, bytes]) -> tuple[int, bytes]:
    if answer[0] >= 400:
        raise smtplib.SMTPResponseException(answer[0], answer[1])
    return answer


def _reply(code: int, said: bytes | str) -> str:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{code} {words}"
