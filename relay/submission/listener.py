"""The door of a submission listener: who may come in, log in and send, and what a session hears for its message.

In:  a session's questions (`relay.smtp.door.Door`).
Out: answers, leases given back, and `Submission`s for `Intake.take`.

Why so: a sender domain is refused at MAIL already, where the client has not sent the message yet; From can
only be seen later, and is `permit.py`'s. Such a refusal is journalled like that of a message. On a listener
without AUTH the network is the login: each session acts as the configured credential, which can be disabled
like any other. A credential that is disabled while its sessions are open ends them at their next MAIL. Clients
of `trusted` networks are not banned; the number of their sessions is limited all the same.
"""

from __future__ import annotations

import logging
from typing import Protocol

from relay import config
from relay.config import Auth
from relay.limits.interface import Limits
from relay.limits.turnstile import Turnstile
from relay.model.account import Login
from relay.model.clock import Clock
from relay.model.envelope import Envelope, Parameters
from relay.model.event import Event
from relay.model.reply import Refused, Reply
from relay.smtp.door import Arrived, Door, SessionInfo
from relay.smtp.networks import Networks, client_key
from relay.store.interface import StoreDown, StoreFull
from relay.store.refusal import refusal
from relay.submission.control.layers import priority
from relay.submission.control.options_timing import URGENT
from relay.submission.directory import Directory
from relay.submission.login import Logins, login_of, usable
from relay.submission.permit import check_sender
from relay.submission.rejections import refused_early
from relay.submission.submission import Submission, Taken

log = logging.getLogger("relay.submission")

GRANT = "priority-high"  # for what is urgent


class Taker(Protocol):
    """What the door needs of `Intake`."""

    async def take(self, submission: Submission) -> Taken: ...

    def rejected(self, event: Event) -> None: ...


class SubmissionDoor(Door):
    def __init__(
        self,
        *,
        listener: config.Listener,
        settings: config.Limits,
        sandbox: bool,  # the relay-wide one
        directory: Directory,
        logins: Logins,
        limits: Limits,
        intake: Taker,
        clock: Clock,
    ) -> None:
        self._listener = listener
        self._settings = listener.held_to(settings)
        self._sandbox = sandbox
        self._directory = directory
        self._logins = logins
        self._turnstile = Turnstile(limits)
        self._intake = intake
        self._clock = clock
        self._tried: dict[int, set[bytes]] = {}  # id of a session -> digests of what was wrong in it
        self._authenticated = listener.auth is Auth.REQUIRED
        self._trusted = Networks(listener.trusted)

    def reconfigure(self, settings: config.Limits, sandbox: bool) -> None:
        """Follow a new configuration; sessions that are open do so, too."""
        self._settings = self._listener.held_to(settings)
        self._sandbox = sandbox

    def admits(self, session: SessionInfo) -> bool:
        if session.address not in self._trusted and (ban := self._logins.ban(session.address)):
            raise Refused(421, "4.7.0", ban)
        if not self._turnstile.admits(session, client_key(session.address)):
            return False
        self._bind(session)
        return True

    async def opened(self, session: SessionInfo) -> None:
        limits = self._settings
        await self._turnstile.enter(
            session, client_key(session.address), of_one=limits.sessions_per_address, of_all=limits.sessions
        )
        self._bind(session)

    def closed(self, session: SessionInfo) -> None:
        self._tried.pop(id(session), None)
        self._turnstile.leave(session)

    def recalls(self, session: SessionInfo, username: str, password: str) -> Login | None:
        trusted = session.address in self._trusted
        return self._logins.recall(username, password, session.address, trusted=trusted)

    async def login(self, session: SessionInfo, username: str, password: str) -> Login:
        return await self._logins.check(
            username,
            password,
            session.address,
            listener=session.listener,
            trusted=session.address in self._trusted,
            tried=self._tried.setdefault(id(session), set()),  # bounded by the errors a session may make
        )

    def mail(self, session: SessionInfo, reverse_path: str) -> None:
        try:
            with self._directory:  # asked three times, by one state of it
                self._check_mail(_login(session), reverse_path)
        except Refused as refused:
            self._intake.rejected(refused_early(session, refused.reply, self._clock(), sender=reverse_path))
            raise

    def _check_mail(self, login: Login, reverse_path: str) -> None:
        credential = self._directory.credential(login.credential)
        if credential is None or not usable(credential, self._directory):
            raise Refused(421, "4.7.0", "This credential was disabled")
        sandbox = self._sandbox or credential.sandbox or login.sandbox
        check_sender(reverse_path, credential, self._directory, sandbox=sandbox)

    def priority(self, session: SessionInfo, asked: int) -> int:
        """Lowered, as RFC 6710 section 5.1 has it, where the message would be refused for want of a grant."""
        wanted, credential = priority(asked), self._directory.credential(_login(session).credential)
        if wanted < URGENT or credential is None or GRANT in credential.grants:
            return asked
        if credential.options.get("priority", 0) >= wanted:
            return asked
        return max(each for each in range(-9, 10) if priority(each) < URGENT)

    def rcpt(self, session: SessionInfo, reverse_path: str, address: str) -> None:
        """Any recipient is taken: the domain's own servers know best, and they are asked soon enough."""

    async def message(
        self, session: SessionInfo, envelope: Envelope, parameters: Parameters, arrived: Arrived
    ) -> Reply:
        submission = Submission(
            login=_login(session),
            envelope=envelope,
            parameters=parameters,
            octets=arrived.octets,
            at=self._clock(),
            helo=session.helo,
            address=session.address,
            peer=session.peer,
            tls=session.tls,
            esmtp=session.esmtp,
            authenticated=self._authenticated,
            listener=session.listener,
            bare_lf=arrived.bare_lf,
            warnings=arrived.warnings,
        )
        try:
            taken = await self._intake.take(submission)
        except (StoreFull, StoreDown) as fault:
            raise refusal(fault, log) from fault
        return Reply(250, "2.0.0", f"Ok: queued as {taken.id}{_counts(taken)}")

    def _bind(self, session: SessionInfo) -> None:
        """Where the network is the login. Raises Refused (421 4.3.5)."""
        if self._authenticated:
            return
        name = self._listener.credential
        with self._directory:
            credential = self._directory.credential(name)
            if credential is None or not usable(credential, self._directory):
                state = "unknown" if credential is None else "disabled"
                log.error("listener %s: credential %s is %s", self._listener.name, name, state)
                raise Refused(421, "4.3.5", "This listener is not in service: its credential cannot be used")
            session.login = login_of(credential)


def _login(session: SessionInfo) -> Login:
    assert session.login is not None  # the session asks for it before MAIL
    return session.login


def _counts(taken: Taken) -> str:
    recipients = f" ({taken.recipients} recipients)" if taken.recipients > 1 else ""
    number = len(taken.warnings)
    warnings = f" ({number} warning{'' if number == 1 else 's'})" if number else ""
    return recipients + warnings
