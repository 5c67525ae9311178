"""For any message and options that ask for nothing, what leaves minus the added fields is what came."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.config import Content, Limits, LongLines, OptionPolicy
from relay.model.account import Account, ControlHeaders
from relay.model.envelope import NO_PARAMETERS, Envelope, Recipient
from relay.model.options import NOTHING, NOTHING_ASKED, Options
from relay.model.reply import Refused
from relay.submission.control.reader import read_controls
from relay.submission.control.resolve import Holder, resolve
from relay.submission.variants import finish
from relay.transform.dkim import Signer
from relay.transform.headers import read_header
from relay.transform.hygiene import REMOVED, Arrival
from tests.corpus import SHARED_IS_ABSENT, own, shared
from tests.submission.accounts import APP, AT
from tests.submission.house import PLAIN, House, submission
from tests.submission.test_intake_options import EVERYTHING, allow
from tests.transform.verifiers import dkimpy, keys

ARRIVAL = Arrival(hostname="relay.example", id="0" * 16, at=AT, recipient="ann@example.net")
SIGNERS = [Signer.load(each) for each in keys()]
POLICY, LIMITS = OptionPolicy(), Limits()
HOLDER = Holder(APP, Account(name="demo", created=AT), None, lambda _: None)

# Options that ask for what would be anyway, or for what no recipient sees.
SILENT = (
    "Tags: a, b",
    "Campaign: spring",
    "Metadata: k=v",
    "Ref: 1",
    "SendAt: +2h",
    "DeliverWithin: 4h",
    "Priority: 3",
    "RequireTLS: must",
    "DsnNotify: FAILURE",
    "DsnEnvid: x",
    "TrackBounces: no",
    "PreserveRecipients: yes",
    "KeepMessageId: yes",
    "Sandbox: off",
    "Dkim: on",
    "StripHeaders: X-Not-There",
    "Retention: 30d",
    "Tags:",
    "Options: {}",
)

NAMES = st.sampled_from(
    ["X-One", "Subject", "To", "Cc", "Reply-To", "Comments", "List-Id", "X-Two", "Received", "Date"]
)
VALUES = st.from_regex(rb"\A[ -~\x80-\xff]{0,40}(?:\r\n[ \t][!-~\x80-\xff]{1,20}){0,2}\Z")
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
BODIES = st.one_of(
    st.from_regex(rb"\A(?:[ -~\x80-\xff\t]{0,60}\r\n){0,6}\Z"),  # as a session hands it up
    st.sampled_from([b"", b"\r\n", b".\r\n..\r\n", b"\r\n\r\n", b" \t\r\n"]),
)


def without_ours(content: bytes, original: bytes) -> bytes:
    """The content without the fields we put on top: signatures, Received, and what was missing."""
    had = {each.name for each in read_header(original).fields}
    ours = [b"dkim-signature"] * len(SIGNERS) + [b"received"]
    ours += [name for name in (b"date", b"message-id") if name not in had]
    top = read_header(content).fields[: len(ours)]
    assert [each.name for each in top] == ours
    return content[top[-1].end :]


def expected(original: bytes) -> bytes:
    """The message without what may never go out: the fields that hygiene and the control headers' rule take."""
    header = read_header(original)
    kept, at = [], header.start
    for each in header.fields:
        if each.name in REMOVED or each.name.startswith(b"x-smtpeter-"):
            kept.append(original[at : each.start])
            at = each.end
    return b"".join((*kept, original[at:]))


def leave(octets: bytes) -> tuple[bytes, Options]:
    """What a message becomes, and the options it has."""
    header = read_header(octets)
    controls = read_controls(header, ControlHeaders.ON)
    envelope = Envelope(reverse_path="", recipients=(Recipient(address="ann@example.net"),))
    resolved = resolve(controls, NO_PARAMETERS, envelope, holder=HOLDER, policy=POLICY, limits=LIMITS, now=AT)
    finished = finish(header, ARRIVAL, controls.fields, Content(long_lines=LongLines.PASS), SIGNERS, resolved.options)
    return finished.contents[0], resolved.options


@given(FIELDS, BODIES, st.lists(st.sampled_from(SILENT), max_size=4, unique=True), st.data())
@settings(max_examples=150, deadline=None)
def test_what_leaves_minus_the_added_fields_is_what_came(
    fields: list[tuple[str, bytes]], body: bytes, controls: list[str], data: st.DataObject
) -> None:
    lines = [b"From: Me <me@example.com>\r\n"]
    lines += [name.encode() + b":" + value + b"\r\n" for name, value in fields]
    for each in controls:
        lines.insert(data.draw(st.integers(0, len(lines))), b"X-SMTPeter-" + each.encode() + b"\r\n")
    octets = b"".join(lines) + b"\r\n" + body
    content, options = leave(octets)
    assert without_ours(content, octets) == expected(octets)
    assert b"smtpeter" not in content.partition(b"\r\n\r\n")[0].lower()
    assert dkimpy(content, keys()) == [True, True]
    if not controls:
        assert options is NOTHING


@pytest.mark.parametrize("name", sorted(own()))
def test_awkward_messages_leave_as_they_came(name: str) -> None:
    octets = re.sub(rb"\r?\n", b"\r\n", own()[name])
    content, options = leave(octets)
    assert options is NOTHING
    assert without_ours(content, octets) == expected(octets)
    content, options = leave(b"X-SMTPeter-Tags: a\r\n" + octets)
    assert options.tags == ("a",)
    assert without_ours(content, octets) == expected(octets)


def test_the_larger_corpus_leaves_as_it_came() -> None:
    corpus = shared()
    if not corpus:
        pytest.skip(SHARED_IS_ABSENT)
    taken = 0
    for octets in corpus.values():
        try:
            header = read_header(octets)
        except Refused:
            continue
        if any(each.name.startswith(b"x-smtpeter-") for each in header.fields):
            continue
        content, _ = leave(octets)
        assert without_ours(content, octets) == expected(octets)
        taken += 1
    assert taken


async def test_a_message_that_asks_for_nothing_takes_the_short_way(house: House) -> None:
    taken = await house.intake().take(submission())
    message = house.room.offered[0].message
    assert message.resolved is NOTHING_ASKED
    assert (await house.queue.content(taken.id, 0)).endswith(PLAIN)


async def test_silent_options_change_no_octet_the_recipient_sees(house: House) -> None:
    allow(house)
    assert EVERYTHING  # every grant is there, so that none is refused for want of one
    for line in SILENT:
        taken = await house.intake().take(submission(f"X-SMTPeter-{line}\r\n".encode() + PLAIN))
        assert (await house.queue.content(taken.id, 0)).endswith(b"\r\n" + PLAIN)
