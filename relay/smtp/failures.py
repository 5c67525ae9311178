"""What goes wrong between connect and the first MAIL, as the answer of the step it happened in.

In:  exceptions of sockets, TLS and aiosmtplib. Out: `Failed`, with one `Answer`.
"""

from __future__ import annotations

import ssl

import aiosmtplib

from relay.model.address import printable
from relay.model.reply import Reply
from relay.model.route import Host
from relay.smtp.dialogue import Answer, Step, Trouble
from relay.smtp.replies import Garbled, reply_of


class Failed(Exception):
    """The connection will not come about, or ended before it was ready."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class Told:
    """Turns whatever a step raises into its answer."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Failed) or not isinstance(error, Exception):
            return
        raise Failed(_answer(self._step, error)) from error


def _answer(step: Step, error: Exception) -> Answer:
    if isinstance(error, aiosmtplib.SMTPConnectError) and isinstance(error.__cause__, ssl.SSLError):
        return _answer(Step.STARTTLS, error.__cause__)  # TLS from the first octet
    match error:
        case aiosmtplib.SMTPResponseException() if error.code == -1 or not 200 <= error.code <= 599:
            return Answer(step, Reply(421, "4.5.0", f"{_line(error.message)} ({step})"), Trouble.GARBLED)
        case aiosmtplib.SMTPResponseException():
            return Answer(step, reply_of(error.code, error.message))
        case Garbled():
            return Answer(step, Reply(421, "4.5.0", str(error)), Trouble.GARBLED)
        case ssl.SSLCertVerificationError():
            return Answer(step, Reply(451, "4.7.5", f"certificate: {error.verify_message}"), Trouble.TLS)
        case ssl.SSLError():
            why = (error.reason or str(error)).replace("_", " ").lower()
            return Answer(step, Reply(451, "4.7.5", f"TLS handshake failed: {why}"), Trouble.TLS)
        case _ if step is Step.STARTTLS:
            return Answer(step, Reply(451, "4.7.5", f"TLS handshake failed: {_why(error)}"), Trouble.TLS)
        case TimeoutError():
            return Answer(step, Reply(421, "4.4.2", f"no reply within the time limit ({step})"), Trouble.SILENT)
        case OSError():
            return Answer(step, Reply(421, "4.4.2", f"connection lost ({step})"), Trouble.LOST)
        case _:
            return Answer(step, Reply(421, "4.5.0", f"{_why(error)} ({step})"), Trouble.GARBLED)


def _why(error: Exception) -> str:
    return _line(str(error) or type(error).__name__)


def _line(text: str) -> str:
    """What libraries say, which quote the peer as it is, on one line that forges nothing in a log."""
    return printable(" ".join(text.split()), 180)


def unreachable(host: Host, why: str) -> Failed:
    """No TCP connection to this address."""
    reply = Reply(421, "4.4.1", f"cannot connect to {host.name} [{host.address}]:{host.port}: {why}")
    return Failed(Answer(Step.CONNECT, reply, Trouble.CONNECT))


def unbound(address: str, why: str) -> Failed:
    """The address we should leave from is not ours now: a fault of this machine's, which says nothing of the host."""
    reply = Reply(451, "4.3.5", f"cannot send from {address}: {why}")
    return Failed(Answer(Step.CONNECT, reply, Trouble.OURS))


def no_tls(why: str) -> Failed:
    """TLS that is demanded did not come about."""
    return Failed(Answer(Step.STARTTLS, Reply(451, "4.7.5", why), Trouble.OURS))
