"""AUTH of a session: what a client says to log in, and what it hears until the Door decides.

In:  the AUTH command and the answers to its challenges. Out: a user name and a password for `Door.login`.

Of aiosmtpd remains AUTH LOGIN, which speaks by `push` and `challenge_auth`; its PLAIN takes any authorization
identity for nothing.

Standards: RFC 4954 (AUTH), RFC 4616 (PLAIN). LOGIN has none, and old programs speak nothing else.

Why so: SCRAM-SHA-256 and OAUTHBEARER are not offered: no well-kept library has the server's side of them, SCRAM
needs verifiers that cannot be made from the argon2id hashes we keep, and a bearer token needs somebody to issue it.
Nobody may act as another: an authorization identity that is not the user's own fails like a wrong password, and
before that is looked at, so that it costs no examination and tells nothing of it.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import AnyStr

from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword, _Missing

from relay.model.account import Login
from relay.model.reply import Refused
from relay.smtp.reception import Receiving

_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


class Authenticating(Receiving):
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    @property
    def in_transaction(self) -> bool:
        """MAIL was given, and its message has not come yet."""
        raise NotImplementedError

    async def smtp_AUTH(self, arg: str) -> None:
        service, info, words = self.service, self.info, arg.split()
        if not service.auth:
            why = "; your network is your login" if service.login_needed else ""
            raise Refused(503, "5.5.1", f"AUTH is not offered here{why}")
        if not service.auth_offered(secure=bool(info.tls)):
            raise Refused(530, "5.7.0", "Must issue a STARTTLS command first")
        if not info.esmtp:
            raise Refused(503, "5.5.1", "EHLO first")
        if info.login is not None:
            raise Refused(503, "5.5.1", "Already authenticated")
        if self.in_transaction:
            raise Refused(503, "5.5.1", "No AUTH during a mail transaction")
        if not 1 <= len(words) <= 2:
            raise Refused(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
        mechanism = words[0].upper()
        if mechanism not in ("PLAIN", "LOGIN"):
            raise Refused(504, "5.5.4", "Mechanisms are PLAIN and LOGIN")
        if words[1:] == ["="]:  # an initial response of no octet (RFC 4954 section 4)
            words[1] = ""
        if mechanism == "PLAIN" and len(words) == 2:
            return self._present(*_plain(_decoded(words[1].encode("utf-8", "surrogateescape"))))
        return self.work(self._log_in(mechanism, words))

    async def _log_in(self, mechanism: str, words: list[str]) -> None:
        speak = self.auth_PLAIN if mechanism == "PLAIN" else self.auth_LOGIN
        result = await speak(None, words)
        if not result.success:  # it was said why
            self.count_error()
            return
        username, password = result.auth_data or (b"", b"")
        await self._ask(_text(username), _text(password))

    def _present(self, username: bytes, password: bytes) -> None:
        """What a client said at once. A Door that remembers it costs no wait."""
        name, word = _text(username), _text(password)
        login = self.service.door.recalls(self.info, name, word)
        if login is None:
            return self.work(self._ask(name, word))
        return self._logged_in(login)

    async def _ask(self, username: str, password: str) -> None:
        self._logged_in(await self.service.door.login(self.info, username, password))

    def _logged_in(self, login: Login) -> None:
        self.info.login = login
        self.say(b"235 2.7.0 Authentication successful\r\n")

    async def auth_PLAIN(self, _: object, args: list[str]) -> AuthResult:
        """For a client that waits for a challenge. Raises Refused, as `_plain` does."""
        answer = await self.challenge_auth("")
        if isinstance(answer, _Missing):
            return AuthResult(success=False)
        return self._authenticate("PLAIN", LoginPassword(*_plain(answer)))

    async def push(self, status: AnyStr) -> None:
        self.say((status.encode() if isinstance(status, str) else status) + b"\r\n")

    async def challenge_auth(
        self, challenge: str | bytes, encode_to_b64: bool = True, log_client_response: bool = False
    ) -> _Missing | bytes:
        """Put a challenge to the client; its decoded answer, or MISSING when the refusal is said already.

        Nothing of it is ever logged.
        """
        octets = challenge.encode() if isinstance(challenge, str) else challenge
        self.say(b"334 " + (b64encode(octets) if encode_to_b64 else octets) + b"\r\n")
        answer = (await self.answer()).strip(b" \r")
        if answer == b"*":
            self.say(b"501 5.7.0 AUTH cancelled\r\n")
            return MISSING
        if (decoded := _decoded(answer)) is None:
            self.say(b"501 5.5.2 Can't decode base64\r\n")
            return MISSING
        return decoded

    def _authenticate(self, mechanism: str, auth_data: LoginPassword) -> AuthResult:
        return AuthResult(success=True, auth_data=auth_data)  # the Door decides, once both are known


def _plain(answer: bytes | None) -> tuple[bytes, bytes]:
    """User name and password of `[authorization identity] NUL user name NUL password` (RFC 4616 section 2).

    Raises:
        Refused: 501 5.5.2 it is nothing of the kind; 535 5.7.8 the identity is another's.
    """
    if answer is None:
        raise Refused(501, "5.5.2", "Can't decode base64")
    parts = answer.split(b"\0")
    if len(parts) != 3:
        raise Refused(501, "5.5.2", "Can't split auth value")
    identity, username, password = parts
    if identity and identity.lower() != username.lower():
        raise Refused(535, "5.7.8", "Nobody may act as another: leave the authorization identity empty")
    return username, password


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Refused(501, "5.5.2", "User name and password are UTF-8") from None


def _decoded(answer: bytes) -> bytes | None:
    """None for what is no base64."""
    return None if _BASE64.fullmatch(answer) is None or len(answer) % 4 else b64decode(answer)
