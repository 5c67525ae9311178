"""The SMTP session: what a client may say when, and what it hears.

In:  lines and contents from `Wire`, answers of the `Door`.
Out: replies; and for each message an `Envelope` and its `Arrived` content, handed to the Door.

Of aiosmtpd remain its class and vocabulary: a method `smtp_VERB` for each command, and AUTH. Commands run in place
and do not wait; one that must starts the session's work.

Standards: RFC 5321, RFC 6409 (submission), RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 2920 (PIPELINING),
RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 2034 (ENHANCEDSTATUSCODES), RFC 3030 (CHUNKING).
What MAIL and RCPT may say stands in `commands.py` and `parameters.py`, AUTH in `authentication.py`.

Why so: a command ends in CR LF, and one that ends in LF alone is refused with a text that says so; nothing
that was sent along with STARTTLS is read, and the session ends there (RFC 3207 section 4.2, and the injections of
2011 and 2021). A BDAT that cannot be read ends the session, too: nobody could tell how much of what follows is
content. A message whose chunk was refused is over, and the chunks of it that are under way count as one mistake
together. A recipient given twice gets one copy. Refused commands count towards `errors`, and a message that
is taken forgives them: an application that sends for hours makes a mistake now and then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, ClassVar

from relay.model.address import printable
from relay.model.envelope import NO_PARAMETERS, Envelope, Parameters, Recipient, Ret
from relay.model.reply import Refused, Reply
from relay.smtp.authentication import Authenticating
from relay.smtp.chunks import Chunks, parse_bdat
from relay.smtp.commands import Mail, parse_mail, parse_rcpt
from relay.smtp.data import Collector, no_memory
from relay.smtp.door import Arrived
from relay.smtp.parameters import NO_WISHES
from relay.smtp.service import Service
from relay.smtp.wire import Contents

# Octets of a command with its CRLF. RFC 5321 has 512; SIZE, BODY, SMTPUTF8, AUTH=, RET, ENVID, BY, HOLDUNTIL and
# MT-PRIORITY add some 740 to MAIL, NOTIFY and ORCPT some 540 to RCPT. The command AUTH may have more.
COMMAND = 2048
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_HELO = re.compile(r"[!-~]{1,255}")
_BEFORE_TLS = frozenset({b"BDAT", b"EHLO", b"HELO", b"NOOP", b"QUIT", b"RSET", b"STARTTLS", b"HELP"})
# A browser made to post to a mail port sends these first, and a message further down.
_HTTP = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"PATCH"})
_LONG = frozenset({b"AUTH"})

_Command = Callable[["Session", str], Coroutine[Any, Any, None]]


class Session(Authenticating):
    commands: ClassVar[dict[bytes, _Command]]
    # State that few sessions ever have stands in the class until it is set: an object of more than 30 attributes
    # loses the fast way to all of them.
    _notified: set[str] | None = None  # those whose NOTIFY was given
    _chunks: Chunks | None = None  # of a message of which some have come
    _spoilt = False  # a chunk of a message was refused; others of it may be under way

    def __init_subclass__(cls) -> None:
        cls.commands = _commands(cls)

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._mail: Mail | None = None
        self._recipients: dict[str, Recipient] = {}
        self._secure_first = service.secure_first

    def secured(self) -> None:
        self._secure_first = False
        self._set_rset_state()
        self.info.helo, self.info.esmtp = "", False
        if self.service.auth:  # elsewhere the network is the login, and stays
            self.info.login = None

    def cut(self) -> None:
        super().cut()
        if self._chunks is not None:
            self._chunks.release()

    # Commands.

    def line(self, line: bytes) -> None:
        if not line.endswith(b"\r"):
            return self._misread(line, Reply(500, "5.5.2", "End each command with CR LF, not with LF alone"))
        verb, _, octets = line[:-1].partition(b" ")
        verb = verb.upper()
        if len(line) >= COMMAND and verb not in _LONG:
            return self._misread(line, Reply(500, "5.5.2", f"Command longer than {COMMAND} octets"))
        command = self.commands.get(verb)
        if command is None:
            return self._unknown(verb, line)
        argument = octets.decode("utf-8", "surrogateescape").strip(" ")
        if not argument.isprintable() and _CONTROL.search(argument):
            reply = Reply(500, "5.5.2", "A command has no NUL, no CR and no other control character")
            return self._misread(line, reply)
        if self._secure_first and verb not in _BEFORE_TLS:
            return self.refuse(Reply(530, "5.7.0", "Must issue a STARTTLS command first"))
        return self._step(command(self, argument))

    def _step(self, command: Coroutine[Any, Any, None]) -> None:
        try:
            command.send(None)
        except StopIteration:
            return
        except Refused as refused:
            return self.refuse(refused.reply)
        except Exception:
            return self.fault()
        command.close()
        raise RuntimeError(f"{command} waits; it must start work instead")

    def _misread(self, line: bytes, reply: Reply) -> None:
        """A command nobody understands. What follows one that may have been BDAT is not for us to read."""
        if line.lstrip()[:4].upper() == b"BDAT":
            return self.farewell(reply)
        return self.refuse(reply)

    def _unknown(self, verb: bytes, line: bytes) -> None:
        if verb in _HTTP:
            return self.farewell(Reply(554, "5.5.0", "This is SMTP, not HTTP"))
        shown = printable(verb.decode("ascii", "replace"), 20) or "nothing"
        return self._misread(line, Reply(500, "5.5.2", f"No such command: {shown}"))

    async def smtp_EHLO(self, hostname: str) -> None:
        self._greeted(hostname, esmtp=True)
        info = self.info
        self.say(self.service.ehlo(secure=bool(info.tls), known=info.login is not None))

    async def smtp_HELO(self, hostname: str) -> None:
        self._greeted(hostname, esmtp=False)
        self.say(f"250 {self.service.hostname}\r\n".encode())

    def _greeted(self, name: str, *, esmtp: bool) -> None:
        if _HELO.fullmatch(name) is None:
            raise Refused(501, "5.5.4", "Syntax: EHLO name, in ASCII and without spaces")
        self._set_rset_state()
        self.info.helo, self.info.esmtp = name, esmtp

    async def smtp_STARTTLS(self, arg: str) -> None:
        if not self.service.starttls:
            raise Refused(502, "5.5.1", "STARTTLS is not offered here")
        if self.info.tls:
            raise Refused(503, "5.5.1", "TLS is in use already")
        if arg:
            raise Refused(501, "5.5.4", "Syntax: STARTTLS")
        if self._behind:
            self.farewell(Reply(554, "5.5.1", "Nothing may follow STARTTLS before the handshake"))
            return
        self.say(b"220 2.0.0 Ready to start TLS\r\n")
        self.flush()
        self.secure()

    def _ready_for_mail(self) -> None:
        if not self.info.helo:
            raise Refused(503, "5.5.1", "EHLO first")
        if self.info.login is None and self.service.login_needed:
            raise Refused(530, "5.7.0", "Authentication required")

    async def smtp_MAIL(self, arg: str | None) -> None:
        self._ready_for_mail()
        if self._mail is not None:
            raise Refused(503, "5.5.1", "MAIL was given already; RSET to begin anew")
        limits = self.service.limits
        mail = parse_mail(arg or "", esmtp=self.info.esmtp, offers=self.service.offers, now=self.service.clock())
        if mail.size is not None and mail.size > limits.size:
            raise Refused(552, "5.3.4", f"A message has at most {limits.size} octets")
        if self.info.messages >= limits.messages_per_session:
            return self.farewell(
                Reply(421, "4.7.0", f"{limits.messages_per_session} messages in a session are enough")
            )
        self.service.door.mail(self.info, mail.reverse_path)
        self._mail = mail
        if self._spoilt:
            self._spoilt = False
        if mail.wishes.parameters.priority is not None:
            return self._prioritize(mail, mail.wishes.parameters, mail.wishes.parameters.priority)
        return self.say(b"250 2.1.0 Ok\r\n")

    def _prioritize(self, mail: Mail, parameters: Parameters, asked: int) -> None:
        given = self.service.door.priority(self.info, asked)
        if given == asked:
            return self.say(b"250 2.1.0 Ok\r\n")
        wishes = replace(mail.wishes, parameters=replace(parameters, priority=given))
        self._mail = replace(mail, wishes=wishes)
        return self.say(f"250 2.3.6 {given} is the priority of this message\r\n".encode())  # RFC 6710 section 4.1

    async def smtp_RCPT(self, arg: str | None) -> None:
        self._ready_for_mail()
        mail, service = self._mail, self.service
        if mail is None:
            raise Refused(503, "5.5.1", "MAIL first")
        if self._chunks is not None:
            raise Refused(503, "5.5.1", "No RCPT between the chunks of a message")
        address, notify, original = parse_rcpt(
            arg or "",
            esmtp=self.info.esmtp,
            offers=service.offers,
            smtputf8=mail.smtputf8,
            hostname=service.hostname,
        )
        if address not in self._recipients:
            if len(self._recipients) >= service.limits.recipients:
                raise Refused(452, "4.5.3", f"A message has at most {service.limits.recipients} recipients")
            service.door.rcpt(self.info, mail.reverse_path, address)
            if notify is None:
                recipient = Recipient(address=address, original=original)
            else:
                recipient = Recipient(address=address, notify=notify, original=original)
                if self._notified is None:
                    self._notified = set()
                self._notified.add(address)
            self._recipients[address] = recipient
        self.say(b"250 2.1.5 Ok\r\n")

    def _ready_for_content(self) -> None:
        self._ready_for_mail()
        if self._mail is None:
            raise Refused(503, "5.5.1", "MAIL first")
        if not self._recipients:
            raise Refused(554, "5.5.1", "No valid recipients")

    async def smtp_DATA(self, arg: str) -> None:
        self._ready_for_content()
        if self._chunks is not None:
            raise Refused(503, "5.5.1", "No DATA after BDAT; go on with BDAT, or begin anew with RSET")
        if arg:
            raise Refused(501, "5.5.4", "Syntax: DATA")
        if self.service.budget.full:
            raise no_memory()
        self.say(b"354 End data with <CR><LF>.<CR><LF>\r\n")
        self.collect(Collector(self.service.rule, self.service.budget))

    async def smtp_BDAT(self, arg: str) -> None:
        try:
            size, last = parse_bdat(arg)
        except ValueError:
            return self.farewell(Reply(501, "5.5.4", "Syntax: BDAT octets [LAST]"))
        service, chunks = self.service, self._chunks
        if chunks is None:
            chunks = Chunks(service.rule, service.budget)
            try:
                self._ready_for_chunks()
            except Refused as refused:
                chunks.drop(refused)
        chunks.expect(size, last)
        if size:
            self.collect(chunks)
        else:
            self.content(chunks)
        return None

    def _ready_for_chunks(self) -> None:
        if self._secure_first:
            raise Refused(530, "5.7.0", "Must issue a STARTTLS command first")
        if self._spoilt:
            raise Refused(503, "5.5.1", "A chunk of this message was refused; begin anew with MAIL")
        if self.info.helo and not self.info.esmtp:
            raise Refused(503, "5.5.1", "BDAT only after EHLO")
        self._ready_for_content()
        if self.service.budget.full:
            raise no_memory()

    def content(self, collector: Contents) -> None:
        if isinstance(collector, Chunks):
            if collector.refusal is not None:
                return self._refuse_chunk(collector, collector.refusal.reply)
            if not collector.last:
                self._chunks = collector
                return self.say(f"250 2.0.0 {collector.size} octets received\r\n".encode())
            if self._chunks is not None:
                self._chunks = None
        return self._take(collector)

    def _refuse_chunk(self, chunks: Chunks, reply: Reply) -> None:
        known = self._spoilt
        self._set_rset_state()
        self._spoilt = not chunks.last
        if known:
            self.say(reply.octets())
        else:
            self.refuse(reply)

    def _take(self, collector: Contents) -> None:
        mail, recipients, notified = self._mail, self._recipients, self._notified
        assert mail is not None
        self._set_rset_state()
        arrived = None
        if not collector.large:
            try:
                arrived = collector.finish()
            except Refused as refused:
                return self.refuse(refused.reply)
        envelope = Envelope(
            reverse_path=mail.reverse_path,
            recipients=tuple(recipients.values()),
            body=mail.body,
            smtputf8=mail.smtputf8,
        )
        wishes, parameters = mail.wishes, NO_PARAMETERS
        if wishes is not NO_WISHES:
            envelope = replace(envelope, envid=wishes.envid, ret=wishes.ret or Ret.HDRS)
            parameters = wishes.parameters
        if notified:
            parameters = replace(parameters, notified=frozenset(notified))
        return self.work(self._hand_in(envelope, parameters, arrived, collector))

    async def _hand_in(
        self, envelope: Envelope, parameters: Parameters, arrived: Arrived | None, collector: Contents
    ) -> None:
        """`arrived`: what the collector made of it, where that is done."""
        try:
            if arrived is None:
                arrived = await self.service.budget.in_thread(collector.arrived)
            reply = await self.service.door.message(self.info, envelope, parameters, arrived)
        finally:
            collector.release()
        self.info.messages += 1
        self._errors = 0
        self.say(reply.octets())

    async def smtp_RSET(self, arg: str) -> None:
        if arg:
            raise Refused(501, "5.5.4", "Syntax: RSET")
        self._set_rset_state()
        self.say(b"250 2.0.0 Ok\r\n")

    def _set_rset_state(self) -> None:
        self._mail, self._recipients = None, {}
        if self._notified is not None:
            self._notified = None
        if self._spoilt:
            self._spoilt = False
        if self._chunks is not None:
            self._chunks.release()
            self._chunks = None

    @property
    def in_transaction(self) -> bool:
        return self._mail is not None

    async def smtp_NOOP(self, arg: str) -> None:
        self.say(b"250 2.0.0 Ok\r\n")

    async def smtp_QUIT(self, arg: str) -> None:
        if arg:
            raise Refused(501, "5.5.4", "Syntax: QUIT")
        self.say(b"221 2.0.0 Bye\r\n")
        self.farewell()

    async def smtp_HELP(self, arg: str) -> None:
        names = " ".join(sorted(name.decode() for name in self.commands if name != b"EXPN"))
        self.say(f"214 2.0.0 Commands: {names}\r\n".encode())

    async def smtp_VRFY(self, arg: str) -> None:
        if not arg:
            raise Refused(501, "5.5.4", "Syntax: VRFY address")
        self.say(b"252 2.5.0 Send mail to it, and you will see\r\n")

    async def smtp_EXPN(self, arg: str) -> None:
        raise Refused(502, "5.5.1", "EXPN is not offered here")


def _commands(cls: type[Session]) -> dict[bytes, _Command]:
    return {name.removeprefix("smtp_").encode(): getattr(cls, name) for name in dir(cls) if name.startswith("smtp_")}


Session.commands = _commands(Session)
