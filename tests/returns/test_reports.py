"""Reports of DMARC at the returns listener: which are taken, and what is none."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
from base64 import encodebytes
from pathlib import Path

import pytest

from relay.config.reports import Reports
from relay.model.clock import iso
from relay.model.event import EventName
from relay.model.reply import Refused
from relay.returns import reports
from relay.returns.reports import Taking, read
from relay.store.sqlite.reports_read import listing, report_xml
from tests.bounce.test_aggregate import CORPUS, sample, zipped
from tests.bounce.test_returned import POSTFIX
from tests.returns.stage import HOST, NOW, stage

TO = f"dmarc@{HOST}"
TODAY = iso(NOW)[:10]
ARF = {"failure-linkedin.eml", "failure-plain-text-no-arf-part.eml"}


def attached(file: bytes, kind: str = "application/gzip", encoding: str = "base64") -> bytes:
    """As Google and its like send it."""
    body = encodebytes(file).replace(b"\n", b"\r\n") if encoding == "base64" else file
    return (
        b"From: noreply@reports.example.net\r\nTo: dmarc@bounces.example.com\r\nMIME-Version: 1.0\r\n"
        b"Subject: Report domain: example.com Submitter: reports.example.net Report-ID: r-1\r\n"
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n'
        b"This is an aggregate report.\r\n--x\r\nContent-Type: " + kind.encode() + b"\r\nContent-Disposition: "
        b'attachment; filename="reports.example.net!example.com!1795000000!1795086399.xml.gz"\r\n'
        b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body + b"\r\n--x--\r\n"
    )


def alone(file: bytes, kind: str = "application/gzip") -> bytes:
    return (
        b"From: noreply@reports.example.net\r\nContent-Type: " + kind.encode() + b"\r\nContent-Transfer-Encoding: "
        b"base64\r\n\r\n" + encodebytes(file).replace(b"\n", b"\r\n")
    )


@pytest.mark.parametrize(
    "content",
    [
        attached(gzip.compress(sample())),
        attached(zipped(report=sample()), "application/zip"),
        attached(gzip.compress(sample()), "application/octet-stream"),
        attached(sample(), "text/xml", "8bit"),
        alone(gzip.compress(sample())),
        alone(zipped(report=sample()), "application/x-zip-compressed"),
        b"Content-Type: text/xml\r\n\r\n" + sample(),
    ],
    ids=["gzip", "zip", "octets", "xml", "gzip alone", "zip alone", "xml alone"],
)
async def test_a_report_is_kept_as_it_came_however_it_is_packed(tmp_path: Path, content: bytes) -> None:
    async with stage(tmp_path) as it:
        assert await it.hand_in(content, TO) == "250 2.0.0 Ok: noted"
        kept = report_xml(tmp_path, "shop", TODAY, "reports.example.net", "example.com", 0)
        assert kept.rstrip() == sample().rstrip()  # the line end of the last line may belong to the delimiter
        assert it.journal() == []


async def test_a_report_that_comes_again_is_kept_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        for _ in range(2):
            assert (await it.hand_in(alone(gzip.compress(sample())), TO.upper())).startswith("250")
        assert len(listing(tmp_path, "shop")) == 1


async def test_a_report_on_a_name_below_a_domain_of_ours_is_taken(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        assert (await it.hand_in(alone(sample(domain="News.Example.com")), TO)).startswith("250")
        (kept,) = listing(tmp_path, "shop")
        assert kept.domain == "news.example.com"


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (alone(sample(domain="example.net")), "550 5.7.1 example.net: reports on that domain are not taken here"),
        (alone(sample(domain="xexample.com")), "550 5.7.1 xexample.com: reports on that domain are not taken here"),
        (POSTFIX, "550 5.6.0 Not taken: no aggregate report of DMARC is in it"),
        (b"From: ann@example.net\r\n\r\nHello\r\n", "550 5.6.0 Not taken: no aggregate report of DMARC is in it"),
        (alone(sample()[:-30]), "550 5.6.0 Not taken: its XML is broken at line"),
        (alone(gzip.compress(sample())[:-9]), "550 5.6.0 Not taken: its gzip or zip is cut off"),
        (alone(gzip.compress(bytes(30 << 20))), "550 5.6.0 Not taken: its XML has over"),
        (alone(b"<?xml version='1.0'?><!DOCTYPE a><a/>"), "550 5.6.0 Not taken: its XML is not in UTF-8, or has a"),
        (b"no field\r\n\r\n" + sample(), "550 5.6.0 Not taken:"),
    ],
    ids=["another's", "like ours", "a bounce", "a person", "broken", "cut off", "a bomb", "document type", "no mail"],
)
async def test_what_is_no_report_of_ours_is_refused_and_leaves_nothing(
    tmp_path: Path, content: bytes, reply: str
) -> None:
    async with stage(tmp_path) as it:
        assert (await it.hand_in(content, TO)).startswith(reply)
        assert listing(tmp_path, "shop") == []
        assert not (tmp_path / "dmarc").exists()


async def test_only_hosts_of_verified_domains_take_reports(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        script = f"""
            S: 220 ...
            C: EHLO mx.example.net
            S+ 250
            C: MAIL FROM:<>
            S: 250 ...
            C: RCPT TO:<dmarc@other.example>
            S: 550 5.1.1 dmarc@other.example...
            C: RCPT TO:<{TO}>
            S: {{}}
            """
        await it.play(script.format("250 2.1.5 Ok"))
        it.unverify()
        await it.play(script.format(f"550 5.1.1 {TO}..."))


async def test_so_many_reports_a_day_come_to_one_address_and_no_more(tmp_path: Path) -> None:
    async with stage(tmp_path, kept=Reports(daily=2)) as it:
        for number in range(2):
            assert (await it.hand_in(alone(sample(ident=f"{number}")), TO)).startswith("250")
        await it.play(f"""
            S: 220 ...
            C: EHLO mx.example.net
            S+ 250
            C: MAIL FROM:<>
            S: 250 ...
            C: RCPT TO:<{TO}>
            S: 452 4.7.1 At most 2 reports a day to one address
            """)
        it.clock[0] += 86_400
        assert (await it.hand_in(alone(sample(ident="2")), TO)).startswith("250")


async def test_without_room_a_report_is_to_come_again(tmp_path: Path) -> None:
    async with stage(tmp_path, kept=Reports(count=1)) as it:
        assert (await it.hand_in(alone(sample()), TO)).startswith("250")
        assert (await it.hand_in(alone(sample(ident="2")), TO)).startswith("452 4.3.1")
        assert len(listing(tmp_path, "shop")) == 1


async def test_without_a_disk_a_report_is_to_come_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        (tmp_path / "dmarc").write_bytes(b"in the way")
        assert (await it.hand_in(alone(sample()), TO)).startswith("451 4.3.0")


async def test_a_return_path_beside_it_is_told_as_ever(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        message = await it.sent()
        reply = await it.hand_in(alone(sample()), TO, it.path(message), sender="ann@example.net")
        assert reply.startswith("250 2.0.0 Ok: queued as")
        assert it.journal()[-1].name is EventName.REPLIED
        assert len(listing(tmp_path, "shop")) == 1
        await it.hand_in(POSTFIX, TO, it.path(message))
        assert len(it.copies()) == 1  # refused as a whole


async def test_only_so_many_wait_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "WAITING", 2)
    taking = Taking(tmp_path, Reports(), lambda domain: "shop")
    try:
        taken = [asyncio.create_task(taking.take(alone(sample(ident=f"{number}")), NOW)) for number in range(3)]
        done = await asyncio.gather(*taken, return_exceptions=True)
    finally:
        taking.close()
    assert done[:2] == [None, None]
    assert isinstance(done[2], Refused) and str(done[2].reply).startswith("452 4.3.2")


def test_mail_of_real_services_is_read() -> None:
    files = sorted(CORPUS.glob("*.eml"))
    if not files:
        pytest.skip(f"the larger corpus is absent ({os.fspath(CORPUS)}); RELAY_CORPUS may name its directory")
    for path in files:
        octets = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
        if path.name in ARF:
            with pytest.raises(ValueError, match="no aggregate report"):
                read(octets)
        else:
            assert read(octets)[0].messages > 0, path.name
