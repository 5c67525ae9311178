"""Aggregate reports of DMARC that come to `dmarc@` a bounce host: taken out of their mail, checked, kept.

In:  mail as it came, and who has which domain.
Out: the report, on disk; or a refusal.

    a report on a verified domain of ours, or one below it     250, kept, but one that came before only once
    no report, or one that cannot be read                      550 5.6.0
    a report on anybody else's domain                          550 5.7.1
    no room, the disk failed, too many at once                 452, 451

Why so: the report is read before the 250, in a thread of this process, so what is no report is refused while its
sender listens, and nothing lies about that nobody could look at: there is no reader for mail to this address. One
report at a time is unpacked and read, since each may have 20 MiB; only so many wait for that. Anybody may write a
report, as with all of DMARC: what one says is a claim of its sender's, and only its domain is checked here.
"""

from __future__ import annotations

import asyncio
import binascii
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from relay.bounce.aggregate import is_packed, read_aggregate, unpack
from relay.config.reports import Reports
from relay.dns.dmarc import LOCAL_PART
from relay.model.address import printable
from relay.model.dmarc import Aggregate
from relay.model.reply import Refused
from relay.store.sqlite.reports import Room, add_report
from relay.transform.encoded import BASE64, SEVEN, decode
from relay.transform.headers import read_header
from relay.transform.mime import leaves

log = logging.getLogger("relay.returns")

LOCAL = LOCAL_PART  # before the @ of where reports come to
WAITING = 32  # reports at once in this process, the one that is read among them
PARTS = 20  # of a mail that are looked at; a report comes in the first or second
_MARK = b"\xef\xbb\xbf"


class Taking:
    """Of one process."""

    def __init__(self, data: Path, settings: Reports, owner: Callable[[str], str | None]) -> None:
        """`owner`: the account whose verified domain this is, or is below; asked on the event loop."""
        self._data = data
        self.settings = settings  # replaced when the configuration is reloaded
        self._owner = owner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reports")
        self._waiting = 0

    async def take(self, octets: bytes, at: float) -> None:
        """Returns when the report is on disk.

        Raises:
            Refused: it is not taken.
            StoreFull, StoreDown: it cannot be kept now.
        """
        if self._waiting >= WAITING:
            raise Refused(452, "4.3.2", "Too many reports at the moment; please try again later")
        self._waiting += 1
        try:
            await self._take(octets, at)
        finally:
            self._waiting -= 1

    async def _take(self, octets: bytes, at: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            report, xml = await loop.run_in_executor(self._thread, read, octets)
        except ValueError as why:
            raise Refused(550, "5.6.0", f"Not taken: {why}") from None
        account = self._owner(report.domain)
        if account is None:
            raise Refused(550, "5.7.1", f"{printable(report.domain)}: reports on that domain are not taken here")
        room = Room(self.settings.bytes, self.settings.count)
        new = await loop.run_in_executor(self._thread, add_report, self._data, account, report, xml, at, room)
        log.info(
            "%s reports on %s: %d messages%s",
            report.reporter,
            report.domain,
            report.messages,
            "" if new else "; that came before",
        )

    def close(self) -> None:
        """What is being written is written; what waits is not begun."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def read(octets: bytes) -> tuple[Aggregate, bytes]:
    """The report in a mail, and its XML. Raises ValueError: there is none, or it cannot be read."""
    xml = unpack(enclosed(octets))
    return read_aggregate(xml), xml


def enclosed(octets: bytes) -> bytes:
    """The file with the report: the first part that looks like one, whatever its type says. Raises ValueError."""
    content = octets.removeprefix(_MARK)
    try:
        parts = leaves(read_header(content))
    except Refused as refused:
        raise ValueError(refused.reply.text) from None
    for part in parts[:PARTS]:
        body = content[part.body : part.end]
        file = _decoded(body, part.value(content, b"content-transfer-encoding") or SEVEN)
        if is_packed(file):
            return file
    raise ValueError("no aggregate report of DMARC is in it, as XML or that in gzip or zip")


def _decoded(body: bytes, encoding: bytes) -> bytes:
    """As far as it can be; base64 with blanks and signs that are none in it, too."""
    if encoding.strip().lower() == BASE64:
        try:
            return binascii.a2b_base64(body)
        except binascii.Error:
            return b""
    text = decode(body, encoding)
    return body if text is None else text.octets
