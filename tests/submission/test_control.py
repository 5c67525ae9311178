"""Control headers: what they set, and how they are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.account import ControlHeaders
from relay.model.options import Options
from relay.model.reply import Refused
from relay.submission.control.reader import Controls, read_controls
from relay.submission.control.registry import OPTIONS, find, header_of
from relay.transform.headers import read_header


def read(lines: str, rule: ControlHeaders = ControlHeaders.ON) -> Controls:
    return read_controls(read_header(lines.encode("utf-8", "surrogateescape")), rule)


def tags(lines: str) -> tuple[str, ...]:
    found: tuple[str, ...] = read(lines).values.get("tags", ())
    return found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("x-smtpeter-tags: a, b,,a\r\n", ("a", "b")),
        ("X-SMTPeter-Tags: a;b ; c\r\n", ("a", "b", "c")),
        ("X-SMTPETER-TAGS: a\r\nSubject: x\r\nx-smtpeter-tags: b,a\r\n", ("a", "b")),
        ("X-SMTPeter-T_a-GS: a\r\n", ("a",)),
        ("X_SMTPeter_Tags: a\r\nX-SMTPeter_Tags: b\r\nx_smtpeter-tags: c\r\n", ("a", "b", "c")),
        ("X-SMTPeter-Tags:\r\n", ()),
        ("X-SMTPeter-Tags: , ;\r\n", ()),
        ("X-SMTPeter-Tags: one,\r\n\ttwo,\r\n three\r\n", ("one", "two", "three")),
        ("X-SMTPeter-Tags: =?utf-8?Q?gr=C3=BCn,?= =?utf-8?Q?blau?=\r\n", ("grün", "blau")),
        ("X-SMTPeter-Tags: grün\r\n", ("grün",)),
        ("X-SMTPeter-Tags: " + "x" * 255 + "\r\n", ("x" * 255,)),
        ("X-SMTPeter-Tags: " + ",".join(map(str, range(25))) + "\r\n", tuple(map(str, range(25)))),
        ("Subject: x\r\n", ()),
    ],
)
def test_tags_are_read_however_they_are_written(lines: str, found: tuple[str, ...]) -> None:
    assert tags(lines) == found


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            "x-smtpeter-tags: has space\r\n",
            "x-smtpeter-tags: a tag has no white space, comma or semicolon: has space",
        ),
        ("X-SMTPeter-Tags: my_awes\r\n ome_tag\r\n", "a tag has no white space, comma or semicolon: my_awes ome_tag"),
        ("X-SMTPeter-Tags: a\x07b\r\n", "a tag has no control characters: a?b"),
        ("X-SMTPeter-Tags: =?utf-8?Q?a=0D=0ABcc:_b?=\r\n", "X-SMTPeter-Tags: a value has no NUL, CR or LF in it"),
        ("X-SMTPeter-Tags: " + "ü" * 128 + "\r\n", "a tag has at most 255 octets"),
        ("X-SMTPeter-Tags: " + ",".join(map(str, range(26))) + "\r\n", "a message has at most 25 tags, not 26"),
        ("X-SMTPeter-Tags: =?no-such?Q?x?=\r\n", "X-SMTPeter-Tags: an encoded word that cannot be read"),
        ("X-SMTPeter-Tag: a\r\n", "X-SMTPeter-Tag: no such control header; the nearest is X-SMTPeter-Tags"),
        (
            "X-SMTPeter-Smarthost: false\r\n",
            "X-SMTPeter-Smarthost: smarthost is not done here: a message cannot name the host that takes it",
        ),
        ("X-SMTPeter-: x\r\n", "X-SMTPeter-: no such control header"),
        ("X-SMTPeter-" + "z" * 5000 + ": x\r\n", "no such control header"),
    ],
)
def test_bad_values_and_unknown_names_are_refused_by_name(lines: str, text: str) -> None:
    with pytest.raises(Refused) as caught:
        read(lines)
    reply = caught.value.reply
    assert (reply.code, reply.status) == (554, "5.6.0")
    assert text in reply.text
    assert len(reply.octets()) <= 512


def test_too_much_of_them_is_refused() -> None:
    for lines in (
        "X-SMTPeter-Tags: " + "x" * 70_000 + "\r\n",
        "X-SMTPeter-Tags: a\r\n" * 501,
    ):
        with pytest.raises(Refused, match="over the limit") as caught:
            read(lines)
        assert (caught.value.reply.code, caught.value.reply.status) == (552, "5.3.4")


def test_the_source_is_the_header_as_it_was_written() -> None:
    controls = read("x-smtpeter-TAGS: a\r\nSubject: x\r\nX-SMTPeter-Tags: b\r\n")
    assert controls.sources == {"tags": "header x-smtpeter-TAGS"}
    assert [each.start for each in controls.fields] == [0, 32]
    assert read("X-SMTPeter-Tags:\r\n").sources == {}


def test_raw_latin1_is_taken_with_a_warning() -> None:
    controls = read("X-SMTPeter-Tags: gr\udcfcn\r\n")
    assert controls.values == {"tags": ("grün",)}
    assert controls.warnings == ("X-SMTPeter-Tags: not UTF-8, read as Latin-1",)


def test_a_credential_may_strip_them_unread_or_leave_them() -> None:
    lines = "X-SMTPeter-Nonsense: a b\r\nX-SMTPeter-Tags: x\r\nX-Other: y\r\n"
    stripped = read(lines, ControlHeaders.STRIP)
    assert [each.name for each in stripped.fields] == [b"x-smtpeter-nonsense", b"x-smtpeter-tags"]
    assert stripped.values == {}
    assert read(lines, ControlHeaders.PASS).fields == ()
    assert read(lines, ControlHeaders.PASS).values == {}


def test_headers_that_only_look_alike_are_not_ours() -> None:
    assert read("X-SMTPeterTags: a b\r\nX-SMTPeter: c\r\nSMTPeter-Tags: d\r\n").fields == ()


def test_the_table_fits_the_options() -> None:
    known = Options.__dataclass_fields__
    for option in OPTIONS:
        assert option.name in known or option.name in ("control_headers", "on_invalid")
        assert find(option.name) is option
        assert find(header_of(option).removeprefix("X-SMTPeter-")) is option
        assert option.help.endswith(".")


@given(st.text(max_size=200))
def test_any_value_is_read_or_refused(value: str) -> None:
    try:
        header = read_header(b"X-SMTPeter-Tags: " + value.encode("utf-8", "replace") + b"\r\n")
        found = read_controls(header, ControlHeaders.ON).values.get("tags", ())
    except Refused as refused:
        assert refused.reply.code in (552, 554)
        return
    assert all(each and not each.isspace() and "," not in each and ";" not in each for each in found)
    assert len(set(found)) == len(found)
