"""From a host's address to a connection that is ready for MAIL.

In:  a hop (host, TLS demand, perhaps a login), who we are, and time limits.
Out: a `Connection`, on which dialogues are spoken; or `Unconnected`, with the answer that ended the try. Either
     way every step is in the conversation, secrets masked.

aiosmtplib greets, says EHLO (HELO if that is refused), STARTTLS and AUTH; then our own protocol takes the
transport over, since aiosmtplib speaks one command at a time and rewrites what it sends.

Opportunistic TLS (RFC 7435): any certificate is better than none. Where STARTTLS is refused we go on in clear
text; where the handshake breaks we connect to the same address again without it; both are told. A strict demand is
never met in clear text, whatever is remembered of the host: no delivery instead (4.7.5). `must` takes any
certificate, `verified` one that names the host.

Why so: with a login, an opportunistic connection that ended in clear text is given up. Whoever can break
the handshake would otherwise be handed the password; an operator who means it says `tls: none`. Opportunistic
contexts take keys that OpenSSL calls weak (security level 1): the alternative is clear text, not better keys.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import aiosmtplib

from relay.config import Egress
from relay.model.address import printable
from relay.model.reply import Reply
from relay.model.route import Host, TlsDemand
from relay.smtp.ahead import lost_step, shaken, unmannered
from relay.smtp.dialogue import RFC5321, Answer, Exchange, Group, Step, Timeouts, Trouble, shown
from relay.smtp.failures import Failed, Told, no_tls, unbound, unreachable
from relay.smtp.letter import Letter, Offers
from relay.smtp.replies import reply_of
from relay.smtp.speaker import Speaker
from relay.smtp.transaction import Dialogue, Result, transaction

Coming = Callable[["Connection"], Awaitable[Letter | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One address to connect to, and how."""

    host: Host
    tls: TlsDemand = TlsDemand.MAY
    implicit_tls: bool = False  # TLS from the first octet (RFC 8314)
    login: tuple[str, str] | None = None
    broken_tls: bool = False  # remembered: leave opportunistic TLS out


class Unconnected(Exception):
    """No connection that is ready for mail; `answer` says at which step and why."""

    def __init__(self, answer: Answer, conversation: list[str], tls_broken: str = "") -> None:
        super().__init__(str(answer.reply))
        self.answer = answer
        self.conversation = conversation
        self.tls_broken = tls_broken  # the handshake failed like this, before the clear-text try failed, too


@dataclass(slots=True, eq=False)
class _Begun:
    letter: Letter
    dialogue: Dialogue
    group: Group  # what went out of it


@dataclass(slots=True, eq=False)
class Connection:
    """A connection that is ready for MAIL."""

    hop: Hop
    speaker: Speaker
    offers: Offers
    tls: str  # "TLSv1.3 TLS_AES_256_GCM_SHA384", with " verified" where it was; "" in clear text
    opening: list[str]  # conversation up to here
    tls_broken: str = ""  # why we speak clear text where TLS was offered
    local: str = ""  # our own IP address
    used: int = 0  # transactions
    clean: bool = True
    ahead: bool = False  # the next letter's envelope may go out behind a message
    lost_step: str = ""  # how the server took that, if it could not
    _begun: _Begun | None = None  # a letter whose envelope went ahead

    @property
    def usable(self) -> bool:
        # Where an envelope went ahead, what has become of it is told by the next `send`.
        return self.clean and (self._begun is not None or self.speaker.usable)

    async def send(self, letter: Letter, record: Exchange, coming: Coming | None = None) -> Result:
        """Carry one letter; `record` takes what was said. Cancelled in the middle, abort the connection.

        `coming` is asked for the letter that is sent next over this connection, when the envelope of that one can go
        out behind this one's content. A result that is `void` is as if nothing had been sent.
        """
        self.clean = False
        begun, self._begun = self._begun, None
        early = begun is not None and begun.letter is letter
        try:
            if begun is not None and early:
                dialogue, group = begun.dialogue, begun.group
            else:
                dialogue = transaction(letter, self.offers)
                group = next(dialogue)
            while True:
                behind = None
                if group.content is not None and coming is not None and self.ahead:
                    behind = self._begin(await coming(self))
                group = dialogue.send(await self.speaker.exchange(group, record, behind))
        except StopIteration as end:
            result: Result = end.value
        self.used += 1
        self.clean = result.clean
        return self._in_step(result, early) if early or self._begun is not None else result

    def _begin(self, letter: Letter | None) -> Group | None:
        """The envelope of a letter, to be sent ahead; None where it has none that this server would take."""
        if letter is None:
            return None
        dialogue = transaction(letter, self.offers)
        try:
            group = next(dialogue)
        except StopIteration:
            return None
        self._begun = _Begun(letter, dialogue, group)
        return group

    def _in_step(self, result: Result, early: bool) -> Result:
        """Whether the answers count: to a letter whose envelope went ahead, or that has one behind it."""
        if early:
            self.lost_step = lost_step(result.answers, result.clean)
        void = bool(self.lost_step)
        if self._begun is not None and not void:
            self.lost_step = shaken(result.answers)
            void = any(each.step is Step.MESSAGE and unmannered(each) for each in result.answers)
        self.clean = result.clean and not self.lost_step
        return replace(result, void=void) if void else result

    def close(self) -> None:
        """Say goodbye if one can, and close; nobody has to wait for it."""
        if self.clean:
            self.speaker.quit()
        else:
            self.speaker.abort()


_NO_AUTH = Reply(454, "4.7.0", "the next hop offers no AUTH we know, which its route demands")


class Contexts:
    """TLS as clients of all egresses begin it; made once, since reading the authorities takes its time."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self.verifying = ssl.create_default_context(cafile=ca_file)
        self.verifying.minimum_version = ssl.TLSVersion.TLSv1_2
        self.taking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.taking.minimum_version = ssl.TLSVersion.TLSv1_2
        self.taking.check_hostname = False
        self.taking.verify_mode = ssl.CERT_NONE
        self.taking.set_ciphers("DEFAULT:@SECLEVEL=1")


class Client:
    """Makes connections of one egress."""

    def __init__(
        self,
        hostname: str,
        egress: Egress,
        *,
        connect_timeout: float,
        contexts: Contexts,
        timeouts: Timeouts = RFC5321,
    ) -> None:
        self._ehlo = egress.ehlo or hostname
        self._bind = {socket.AF_INET: egress.ipv4, socket.AF_INET6: egress.ipv6}
        self._connect_timeout = connect_timeout
        self._timeouts = timeouts
        self._contexts = contexts

    async def connect(self, hop: Hop) -> Connection:
        """Raises Unconnected."""
        said: list[str] = []
        broken = ""
        plain = hop.tls is TlsDemand.NONE or (hop.tls is TlsDemand.MAY and hop.broken_tls)
        try:
            try:
                return await self._open(hop, said, plain and not hop.implicit_tls, "")
            except Failed as failed:
                if failed.answer.trouble is not Trouble.TLS or hop.tls is not TlsDemand.MAY or hop.implicit_tls:
                    raise
                broken = failed.answer.reply.text
                said += [*shown(failed.answer), "-- the same host again, in clear text"]
                return await self._open(hop, said, True, broken)
        except Failed as failed:
            raise Unconnected(failed.answer, [*said, *shown(failed.answer)], broken) from failed

    async def _open(self, hop: Hop, said: list[str], plain: bool, broken: str) -> Connection:
        sock = await self._socket(hop.host, said)
        local: str = sock.getsockname()[0]
        smtp = aiosmtplib.SMTP(
            hostname=hop.host.name or hop.host.address,
            sock=sock,
            local_hostname=self._ehlo,
            timeout=self._timeouts.greeting,
            use_tls=hop.implicit_tls,
            start_tls=False,
            tls_context=self._context(hop),
        )
        ready = False
        try:
            offers, refused = await self._introduce(smtp, hop, said, plain)
            tls = _tls(smtp, verified=hop.tls is TlsDemand.VERIFIED)
            if hop.tls.strict and not tls:
                raise no_tls("no TLS came about, which this mail demands")
            if hop.login is not None:
                await self._login(smtp, hop, said, offers, tls)
            if smtp.transport is None or smtp.transport.is_closing():
                raise Failed(Answer(Step.EHLO, Reply(421, "4.4.2", "connection closed by the server"), Trouble.LOST))
            speaker = Speaker(cast(asyncio.Transport, smtp.transport), self._timeouts)
            ready = True
            return Connection(hop, speaker, offers, tls, said, broken or refused, local)
        finally:
            if not ready:
                _drop(smtp, sock)

    async def _socket(self, host: Host, said: list[str]) -> socket.socket:
        """A TCP connection from our own address. Raises Failed."""
        family = socket.AF_INET6 if ":" in host.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._bind[family]:
                try:
                    sock.bind((self._bind[family], 0))
                except OSError as error:
                    raise unbound(self._bind[family], error.strerror or str(error)) from error
            async with asyncio.timeout(self._connect_timeout):
                await asyncio.get_running_loop().sock_connect(sock, (host.address, host.port))
        except BaseException as error:
            sock.close()
            if isinstance(error, TimeoutError):
                why = f"no answer within {self._connect_timeout:g} s"
                raise unreachable(host, why) from error
            if isinstance(error, OSError):
                raise unreachable(host, os.strerror(error.errno) if error.errno else str(error)) from error
            raise
        said.append(f"-- connected to {host.name} [{host.address}]:{host.port}")
        return sock

    async def _introduce(self, smtp: aiosmtplib.SMTP, hop: Hop, said: list[str], plain: bool) -> tuple[Offers, str]:
        """Greeting, EHLO, TLS; what the server offers in the end, and why it refused STARTTLS."""
        with Told(Step.GREETING):
            greeting = await smtp.connect()
            said += shown(Answer(Step.GREETING, reply_of(greeting.code, greeting.message)))
        offers = await self._greet(smtp, said)
        if plain or hop.implicit_tls:
            return offers, ""
        if not offers.starttls:
            if hop.tls.strict:
                raise no_tls("the next hop does not offer STARTTLS, which this mail demands")
            return offers, ""
        said.append("C: STARTTLS")
        with Told(Step.STARTTLS):
            try:
                reply = await smtp.starttls(timeout=self._timeouts.starttls)
            except aiosmtplib.SMTPResponseException as refused:
                if not 200 <= refused.code <= 599:
                    raise _nonsense(refused.message) from refused
                answer = Answer(Step.STARTTLS, reply_of(refused.code, refused.message))
                if hop.tls.strict or answer.reply.code == 421:
                    raise Failed(answer) from refused
                said += [*shown(answer), "-- going on in clear text"]
                return offers, f"STARTTLS was refused: {answer.reply}"
            said += shown(Answer(Step.STARTTLS, reply_of(reply.code, reply.message)))
        said.append(f"-- {_tls(smtp, verified=hop.tls is TlsDemand.VERIFIED)}")
        return await self._greet(smtp, said), ""

    async def _greet(self, smtp: aiosmtplib.SMTP, said: list[str]) -> Offers:
        said.append(f"C: EHLO {self._ehlo}")
        with Told(Step.EHLO):
            try:
                reply = await smtp.ehlo(timeout=self._timeouts.ehlo)
            except aiosmtplib.SMTPHeloError as refused:
                answer = Answer(Step.EHLO, reply_of(refused.code, refused.message))
                if not answer.reply.permanent:
                    raise Failed(answer) from refused
                said += [*shown(answer), f"C: HELO {self._ehlo}"]
                reply = await smtp.helo(timeout=self._timeouts.ehlo)
                said += shown(Answer(Step.EHLO, reply_of(reply.code, reply.message)))
                return Offers()
            answer = Answer(Step.EHLO, reply_of(reply.code, reply.message))
            said += shown(answer)
            return Offers.of(answer.reply)

    async def _login(self, smtp: aiosmtplib.SMTP, hop: Hop, said: list[str], offers: Offers, tls: str) -> None:
        assert hop.login is not None
        if not tls and hop.tls is not TlsDemand.NONE:
            raise no_tls("no TLS came about, and the password is not sent in clear text")
        # One method and one try: another method would not make a wrong password right, and failures are counted.
        usual = ("plain", "login", "cram-md5") if tls else ("cram-md5", "plain", "login")
        method = next((each for each in usual if each in smtp.server_auth_methods), None)
        if not offers.auth or method is None:
            raise Failed(Answer(Step.AUTH, _NO_AUTH, Trouble.OURS))
        said.append(f"C: AUTH {method.upper()} ***")
        with Told(Step.AUTH):
            login = {"plain": smtp.auth_plain, "login": smtp.auth_login, "cram-md5": smtp.auth_crammd5}[method]
            heard = await login(*hop.login, timeout=self._timeouts.auth)
            said += shown(Answer(Step.AUTH, reply_of(heard.code, heard.message)))

    def _context(self, hop: Hop) -> ssl.SSLContext:
        return self._contexts.verifying if hop.tls is TlsDemand.VERIFIED else self._contexts.taking


def _tls(smtp: aiosmtplib.SMTP, *, verified: bool) -> str:
    cipher = smtp.transport.get_extra_info("cipher") if smtp.transport is not None else None
    return f"{cipher[1]} {cipher[0]}{' verified' if verified else ''}" if cipher else ""


def _nonsense(text: str) -> Failed:
    """What came in answer to STARTTLS is no reply: as good as a handshake that broke."""
    return Failed(Answer(Step.STARTTLS, Reply(451, "4.7.5", f"TLS: {printable(text, 150)}"), Trouble.TLS))


def _drop(smtp: aiosmtplib.SMTP, sock: socket.socket) -> None:
    """Close what did not become a connection, at once: the peer has nothing more to say to us."""
    transport = smtp.transport
    smtp.close()
    if transport is None:
        sock.close()
    else:
        cast(asyncio.Transport, transport).abort()
