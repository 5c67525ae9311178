"""Aggregate reports of DMARC: what they say, however they are packed, and what is none."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from relay.bounce.aggregate import (
    LARGEST,
    SENDERS,
    domain_of,
    is_packed,
    policy_names,
    read_aggregate,
    unpack,
)
from relay.model.dmarc import OTHERS, Sending

CORPUS = Path(os.environ.get("RELAY_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "dmarc"
BROKEN = {"aggregate-ikea.xml", "aggregate-invalid-utf8.xml", "aggregate-invalid-xml.xml"}


def record(count: str = "2", dkim: str = "pass", spf: str = "fail", author: str = "example.com") -> str:
    return f"""<record><row><source_ip>192.0.2.1</source_ip><count>{count}</count>
<policy_evaluated><disposition>none</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row>
<identifiers><envelope_from>bounces.example.com</envelope_from><header_from>{author}</header_from></identifiers>
<auth_results><spf><domain>bounces.example.com</domain><result>pass</result></spf></auth_results></record>"""


def sample(
    *records: str, domain: str = "example.com", ident: str = "r-1", email: str = "dmarc@reports.example.net"
) -> bytes:
    """A report of Example Mail, as RFC 7489 has it."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback><version>1.0</version><report_metadata><org_name>Example Mail</org_name><email>{email}</email>
<report_id>{ident}</report_id><date_range><begin>1795000000</begin><end>1795086399</end></date_range>
</report_metadata><policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp>
<pct>100</pct></policy_published>{"".join(records or (record(),))}</feedback>
""".replace("\n", "\r\n").encode()


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    return packed.getvalue()


def test_a_report_says_who_reports_on_what_and_how_much_failed() -> None:
    report = read_aggregate(sample(record(), record("3", "fail", "PASS"), record("4", author="News.Example.com ")))
    assert (report.organization, report.email) == ("Example Mail", "dmarc@reports.example.net")
    assert (report.reporter, report.id, report.domain, report.policy) == (
        "reports.example.net",
        "r-1",
        "example.com",
        "none",
    )
    assert (report.begin, report.end, report.messages) == (1795000000.0, 1795086399.0, 9)
    assert report.sendings == (Sending("example.com", 5, 2, 3), Sending("news.example.com", 4, 4, 0))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda octets: zipped(report=octets)])
def test_it_comes_plain_in_gzip_or_in_zip(pack: object) -> None:
    packed = pack(sample())  # type: ignore[operator]
    assert is_packed(packed)
    assert unpack(packed) == sample()


def test_a_zip_that_was_written_as_a_stream_is_read() -> None:
    class Stream(io.RawIOBase):
        octets = b""

        def writable(self) -> bool:
            return True

        def write(self, given: object) -> int:
            self.octets += bytes(given)  # type: ignore[call-overload]
            return len(given)  # type: ignore[arg-type]

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", sample())
    assert unpack(stream.octets) == sample()


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (gzip.compress(bytes(LARGEST + 1)), "over 20971520 octets"),
        (zipped(bomb=bytes(LARGEST + 1)), "over 20971520 octets"),
        (b"<feedback>" + bytes(LARGEST), "over 20971520 octets"),
        (gzip.compress(sample())[:-20], "cut off"),
        (zipped(report=sample())[:200], "cut off"),
        (b"PK\x03\x04", "cut off"),
        (b"\x1f\x8bnothing", "broken"),
        (zipped(one=sample(), two=sample()), "more than one file"),
        (b"PK\x03\x04\x14\x00\x01\x00\x08\x00" + bytes(30), "encrypted"),
    ],
)
def test_what_cannot_be_unpacked_within_bounds_is_refused(octets: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        unpack(octets)


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        (b"", "broken"),
        (b"<feedback/>", "names no domain"),
        (sample(domain="not a domain"), "names no domain"),
        (sample().replace(b"1795000000", b"soon"), "no time at report_metadata/date_range/begin"),
        (sample(email="").replace(b"Example Mail", b""), "who reports"),
        (sample()[:-20], "broken at line"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + sample(), "document type"),
        (sample().decode().encode("utf-16"), "not in UTF-8"),
        (sample().replace(b"UTF-8", b"x-nobody-knows"), "broken|encoding"),
        (b"<a>" * 100, "nested too deep"),
        (b"<a " + b" ".join(b"b%d='>'" % number for number in range(40_000)) + b"/>", "a tag or comment of over"),
        (b"<a><!--" + bytes(400_000).replace(b"\0", b"x") + b"--></a>", "a tag or comment of over"),
    ],
)
def test_what_is_no_report_says_why(xml: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_aggregate(xml)


def test_an_xml_of_countless_pieces_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.bounce.aggregate.PIECES", 1000)
    for pieces in (b"<b/>" * 1001, b"\n" * 1001):
        with pytest.raises(ValueError, match="over 1000 pieces"):
            read_aggregate(b"<a>" + pieces)


def test_a_document_type_in_an_encoding_that_hides_it_is_refused() -> None:
    inside = '<!DOCTYPE a [<!ENTITY b "c">]>'.encode("cp037")
    declared = b'<?xml version="1.0" encoding="cp037"?>'
    for xml in (declared + inside, declared.decode().encode("cp037") + inside):
        with pytest.raises(ValueError, match=r"document type|broken|encoding"):
            read_aggregate(xml)


def test_only_so_many_domains_are_told_apart() -> None:
    records = [record("1", author=f"s{number}.example.com") for number in range(SENDERS + 50)]
    sendings = read_aggregate(sample(*records)).sendings
    assert len(sendings) == SENDERS + 1
    assert sendings[-1] == Sending(OTHERS, 50, 50, 0)


def test_counts_that_are_none_count_nothing_and_large_ones_stay_in_range() -> None:
    report = read_aggregate(sample(record("-5"), record("1e9"), record("9" * 17), record("9" * 17)))
    assert report.messages == 1 << 53


def test_names_of_domains_are_compared_in_one_form() -> None:
    assert domain_of(" Grün.Example. ") == "xn--grn-ioa.example"
    assert [domain_of(each) for each in ("", "localhost", "a b.example", "a..b", "-", "x" * 300 + ".de")] == [""] * 6
    assert policy_names("a.b.example.com") == ["a.b.example.com", "b.example.com", "example.com"]


def test_reports_of_real_services_are_read_but_for_the_broken_ones() -> None:
    files = sorted(each for each in CORPUS.glob("aggregate-*") if each.suffix != ".eml")
    if not files:
        pytest.skip("the larger corpus is absent; RELAY_CORPUS may name a directory with dmarc/aggregate-*")
    broken = set()
    for path in files:
        octets = path.read_bytes()
        assert is_packed(octets), path.name
        try:
            report = read_aggregate(unpack(octets))
        except ValueError:
            broken.add(path.name)
            continue
        assert report.reporter and report.id and report.messages > 0, path.name
        assert report.begin <= report.end
    assert broken == BROKEN
