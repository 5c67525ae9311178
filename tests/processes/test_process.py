"""What every child process does around its own work."""

from __future__ import annotations

import logging
import ssl
import sys

import pytest

from relay.worker.process import unraisable


@pytest.fixture
def hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", unraisable)


def hello(name: bytes) -> bytes:
    """The begin of a TLS handshake that asks for a certificate of this name (RFC 8446 section 4.1.2, RFC 6066)."""
    listed = b"\0" + len(name).to_bytes(2) + name
    extension = b"\0\0" + (len(listed) + 2).to_bytes(2) + len(listed).to_bytes(2) + listed
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\xc0\x2f" + b"\x01\0"
    body += len(extension).to_bytes(2) + extension
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


@pytest.mark.usefixtures("hooked")
def test_a_client_that_asks_for_a_name_outside_ascii_leaves_no_trace(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda *_: None
    incoming = ssl.MemoryBIO()
    incoming.write(hello(b"\xff.example"))
    with pytest.raises(ssl.SSLError, match="CALLBACK_FAILED"):
        context.wrap_bio(incoming, ssl.MemoryBIO(), server_side=True).do_handshake()
    assert capfd.readouterr().err == ""
    assert caplog.records == []


@pytest.mark.usefixtures("hooked")
def test_an_exception_that_nobody_gets_is_a_record_of_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("on the way out")

    made = Broken()
    del made
    assert capfd.readouterr().err == ""
    [record] = caplog.records
    assert (record.name, record.levelno) == ("relay.process", logging.ERROR)
    assert record.exc_info is not None and str(record.exc_info[1]) == "on the way out"
