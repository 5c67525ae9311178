"""Signatures that others find good, over everything awkward we have."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.model.account import Algorithm
from relay.model.reply import Refused
from relay.transform import relaxed as canonical
from relay.transform.dkim import Signer, sign
from relay.transform.draft import Draft
from relay.transform.headers import read_header
from relay.transform.keys import dns_name, dns_record, generate
from relay.transform.relaxed import body_hash, relaxed_value
from tests import corpus
from tests.transform.verifiers import dkimpy, keys, mail_dkim

AT = 1_795_000_000.0
CORPUS = {**corpus.own(), **corpus.shared()}


def signers() -> list[Signer]:
    return [Signer.load(each) for each in keys()]


def wire(content: bytes) -> bytes:
    """As it stands between DATA and the final dot: always with a line end behind it."""
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def readable(content: bytes) -> bytes:
    """With a From, which verifiers insist on and intake, too; empty where the header is refused anyway."""
    if not re.search(rb"(?im)^from:", content.partition(b"\r\n\r\n")[0]):
        content = b"From: me@example.com\r\n" + content
    try:
        return sign(content, signers(), AT)
    except Refused:
        return b""


def fit_for_dkimpy(content: bytes) -> bool:
    """Not what submission refuses, nor what begins with an mbox separator, which intake cuts off."""
    signed = readable(content)
    return bool(signed) and b"\nFrom " not in signed.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("name", [name for name, content in CORPUS.items() if fit_for_dkimpy(content)])
def test_dkimpy_finds_both_signatures_good(name: str) -> None:
    signed = readable(CORPUS[name])
    if b"\r\n\r\n" not in signed:
        signed = wire(signed) + b"\r\n"  # dkimpy wants the blank line, which changes no signature
    assert dkimpy(wire(signed), keys()) == [True, True]


def test_mail_dkim_finds_every_rsa_signature_good(tmp_path: Path) -> None:
    key = keys()[0]
    signer = Signer.load(key)
    names, contents = [], []
    for name, content in CORPUS.items():
        if readable(content):
            source = content if re.search(rb"(?im)^from:", content) else b"From: me@example.com\r\n" + content
            names.append(name)
            contents.append(wire(sign(source, [signer], AT)))
    assert len(names) >= len(corpus.own())
    results = mail_dkim(contents, [key], tmp_path)
    # Signatures that were in the message before follow ours, and are none of our business.
    bad = {name: result for name, result in zip(names, results, strict=True) if result.split()[0] != "pass"}
    assert bad == {}


@pytest.mark.skipif(not corpus.shared(), reason=corpus.SHARED_IS_ABSENT)
def test_the_larger_corpus_was_among_them() -> None:
    assert "nesting-thousands-deep" in CORPUS


def test_a_changed_message_is_found_out() -> None:
    signed = sign(CORPUS["newsletter"], signers(), AT)
    assert dkimpy(signed, keys()) == [True, True]
    for before, after in (
        (b"\r\n\r\nx", b"\r\n\r\ny"),
        (b"Subject: hi", b"Subject: ho"),
        (b"List-Unsubscribe: <https://example.com/u>", b"List-Unsubscribe: <https://evil.example/u>"),
        (b"One-Click", b"Two-Clicks"),
        (b"Feedback-ID: a", b"Feedback-ID: b"),
    ):
        assert before in signed
        assert dkimpy(signed.replace(before, after), keys()) == [False, False]


@pytest.mark.parametrize(
    "name", ["From", "To", "Cc", "Subject", "Date", "Reply-To", "Message-ID", "MIME-Version", "Content-Type"]
)
def test_a_field_that_readers_see_cannot_be_added_afterwards(name: str) -> None:
    signed = sign(CORPUS["plain"], signers(), AT)
    own, rest = signed[: signed.index(b"From: Me")], signed[signed.index(b"From: Me") :]
    for forged in (
        own + f"{name}: x@evil.example\r\n".encode() + rest,
        own + rest.replace(b"\r\n\r\n", b"\r\n" + f"{name}: x\r\n\r\n".encode(), 1),
    ):
        assert dkimpy(forged, keys()) == [False, False]


def test_what_servers_change_on_the_way_does_no_harm() -> None:
    signed = sign(CORPUS["white-space-everywhere"], signers(), AT)
    travelled = b"Received: by x\r\nX-Spam: no\r\n" + signed.replace(b"Subject: hi", b"subject:\r\n\thi ")
    assert dkimpy(travelled.replace(b"trailing   ", b"trailing") + b"\r\n\r\n", keys()) == [True, True]


def test_our_field_says_what_it_should_and_is_folded() -> None:
    field = Signer.load(keys()[0]).signature(CORPUS["plain"], AT + 0.9)
    assert field.endswith(b"\r\n")
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    assert b"".join(field.split()).startswith(
        b"DKIM-Signature:v=1;a=rsa-sha256;c=relaxed/relaxed;d=example.com;s=r1;t=1795000000;h=from:from:to:to:cc:"
        b"subject:subject:date:date:reply-to:message-id:message-id:mime-version:content-type;bh="
    )
    assert b" l=" not in field


@pytest.mark.parametrize("name", CORPUS)
def test_a_draft_is_signed_as_its_content_would_be(name: str) -> None:
    """With fields taken out, with others put on top, and as it came."""
    try:
        header = read_header(CORPUS[name])
    except Refused:
        return
    lines = (b"To: x@example.net\r\n", b"List-Id: x\r\n")
    for out, top in (((), ()), (header.fields[1::2], ()), ((), lines), (header.fields[::2], lines)):
        draft = Draft(header, b"Received: by relay.example; now\r\n", top, out)
        assert draft.signed(signers(), AT) == sign(draft.content(), signers(), AT)


def test_a_signer_says_when_a_key_is_of_no_use() -> None:
    rsa, ed25519 = keys()
    for key in (
        replace(rsa, private_pem="nonsense"),
        replace(rsa, private_pem=ed25519.private_pem),
        replace(ed25519, private_pem=rsa.private_pem),
    ):
        with pytest.raises(ValueError, match=r"the key \w1 of example.com (cannot be read|is no key for)"):
            Signer.load(key)


def test_without_signers_nothing_happens() -> None:
    assert sign(CORPUS["plain"], [], AT) == CORPUS["plain"]


def reference(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4, line by line and slow."""
    lines = body.split(b"\r\n")
    lines = [re.sub(rb"[ \t]+", b" ", each).removesuffix(b" ") for each in lines]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(each + b"\r\n" for each in lines)


@given(st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r", b"\n", b".", b"\xff"])).map(b"".join))
@settings(max_examples=500)
def test_the_fast_body_form_is_the_slow_one(body: bytes) -> None:
    assert body_hash(body) == hashlib.sha256(reference(body)).digest()


@given(
    st.lists(st.sampled_from([b"a", b" ", b"  ", b"   ", b"\t", b"\r\n", b" \r\n", b"\r", b"\n"])).map(b"".join),
    st.integers(1, 9),
)
@settings(max_examples=500)
def test_a_body_of_many_blocks_is_hashed_as_one_of_a_single_block(body: bytes, octets: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "BLOCK", octets)
        patch.setattr(canonical, "_TAIL", octets)
        assert body_hash(b"A: b\r\n\r\n" + body, 8) == hashlib.sha256(reference(body)).digest()


def test_values_are_relaxed() -> None:
    assert relaxed_value(b" \t a  b\r\n\t c \r\n \r\n d\t") == b"a b c d"


def test_a_key_has_a_record_for_the_zone() -> None:
    rsa, ed25519 = keys()
    assert dns_record(ed25519).startswith("v=DKIM1; k=ed25519; p=")
    assert len(dns_record(ed25519)) == 66
    assert dns_record(rsa).startswith("v=DKIM1; k=rsa; p=")
    assert dns_name(rsa) == "r1._domainkey.example.com"


def test_names_of_keys_are_checked() -> None:
    key = generate("Bücher.example", "S1", Algorithm.ED25519, 1.0)
    assert (key.domain, key.selector, key.created) == ("xn--bcher-kva.example", "s1", 1.0)
    for domain, selector in (("example.com", "a b"), ("example.com", ""), ("example.com", "x" * 64), ("a b", "s")):
        with pytest.raises(ValueError, match="not a"):
            generate(domain, selector, Algorithm.ED25519, 1.0)
