"""Who may send as whom, and with which key it is signed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.model.account import Login
from relay.model.reply import Refused
from relay.submission.directory import Directory
from relay.submission.permit import Permit, author_of, check_sender, permit
from relay.transform.headers import read_header
from tests.submission.accounts import DEMO, furnished


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    registry = furnished(tmp_path)
    yield Directory(registry)
    registry.close()


def ask(
    directory: Directory, author: str, envelope: str = "me@example.com", *, login: Login = DEMO, sandbox: bool = False
) -> Permit:
    return permit(read_header(f"From: {author}\r\n".encode()), envelope, login, directory, sandbox=sandbox)


@pytest.mark.parametrize(
    ("author", "envelope"),
    [
        ("me@example.com", "me@example.com"),
        ("Me <ME@Example.COM>", "bounces@example.com"),
        ("me@example.com", ""),
        ("me@news.example.com", "me@a.b.example.com"),
        ("me@unproven.example.com", "me@example.com"),
        ("me@example.com", "me@keyless.example"),
    ],
)
def test_verified_domains_and_their_subdomains_may_send(directory: Directory, author: str, envelope: str) -> None:
    granted = ask(directory, author, envelope)
    assert [(each.domain, each.selector) for each in granted.signers] == [
        ("example.com", "r1"),
        ("example.com", "e1"),
    ]
    assert granted.warnings == ()


@pytest.mark.parametrize(
    ("author", "envelope", "text"),
    [
        (
            "me@stranger.example",
            "me@example.com",
            "From: stranger.example is not a verified domain of account demo; relay domain add stranger.example",
        ),
        ("me@example.com", "me@stranger.example", "the envelope sender: stranger.example is not a verified domain"),
        ("me@other.example", "", "relay domain add other.example"),
        ("me@special.example.com", "", "From: special.example.com is not a verified domain of account demo"),
        ("me@x.special.example.com", "", "From: x.special.example.com is not a verified domain of account demo"),
        ("me@pending.example", "", "From: pending.example is not verified yet; relay domain verify pending.example"),
        ("me@com", "", "From: com is not a verified domain"),
        ("me@badexample.com", "", "From: badexample.com is not a verified domain"),
        ("me@[192.0.2.1]", "", "From: [192.0.2.1] is not a verified domain"),
    ],
)
def test_other_domains_may_not_and_the_reply_names_the_remedy(
    directory: Directory, author: str, envelope: str, text: str
) -> None:
    with pytest.raises(Refused) as caught:
        ask(directory, author, envelope)
    assert (caught.value.reply.code, caught.value.reply.status) == (550, "5.7.1")
    assert text in caught.value.reply.text


def test_a_nearer_verified_domain_of_another_account_is_theirs(directory: Directory) -> None:
    other = Login(account="other", credential="x")
    with pytest.raises(Refused, match=r"special\.example\.com has no usable DKIM key"):
        ask(directory, "me@x.special.example.com", "", login=other)
    with pytest.raises(Refused, match="not a verified domain of account other"):
        ask(directory, "me@example.com", "", login=other)


def test_a_verified_domain_without_a_key_is_put_off_and_the_operator_told(
    directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "relay.submission"), pytest.raises(Refused) as caught:
        ask(directory, "me@keyless.example")
    assert str(caught.value.reply).startswith("451 4.7.5 keyless.example has no usable DKIM key")
    assert "relay dkim make keyless.example" in caplog.text


def test_the_sandbox_lets_all_through_and_says_what_is_missing(directory: Directory) -> None:
    assert ask(directory, "me@example.com", sandbox=True).warnings == ()
    stranger = ask(directory, "me@stranger.example", "x@elsewhere.example", sandbox=True)
    assert [each.domain for each in stranger.signers] == ["example.com", "example.com"]
    assert [each.split(";")[0] for each in stranger.warnings] == [
        "would be refused outside the sandbox: 550 5.7.1 From: stranger.example is not a verified domain of account "
        "demo",
        "would be refused outside the sandbox: 550 5.7.1 the envelope sender: elsewhere.example is not a verified "
        "domain of account demo",
        "signed with the demo key of example.com",
    ]
    keyless = ask(directory, "me@keyless.example", "", sandbox=True)
    assert keyless.warnings[0].endswith("no DKIM key; relay dkim make keyless.example")
    nobody = ask(directory, "me@x.example", "", login=Login(account="other", credential="x"), sandbox=True)
    assert nobody.signers == ()
    assert nobody.warnings[-1] == "signed by nobody: the account has no key"


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Subject: x\r\n", "the message has no From field"),
        ("From: a@example.com\r\nFROM: b@example.com\r\n", "the message has 2 From fields"),
        ("From: a@example.com, b@example.com\r\n", "From: 2 addresses; it needs exactly one"),
        ("From: Nobody:;\r\n", "From: no address in it"),
        ("From:\r\n", "From: no address in it"),
        ("From: John Doe\r\n", "From: not an address: John Doe (expected name@domain)"),
        ("From: boss@bank.example <me@example.com>\r\n", "quotation marks"),
    ],
)
def test_exactly_one_author_is_wanted_everywhere(directory: Directory, header: str, text: str, sandbox: bool) -> None:
    with pytest.raises(Refused) as caught:
        permit(read_header(header.encode()), "", DEMO, directory, sandbox=sandbox)
    assert (caught.value.reply.code, caught.value.reply.status) == (554, "5.6.0")
    assert text in caught.value.reply.text


def test_a_group_of_one_is_an_author() -> None:
    assert author_of(read_header(b"From: Team: Me <me@example.com>;\r\n")) == "me@example.com"


def test_mail_can_be_answered_before_the_message_comes(directory: Directory) -> None:
    check_sender("", DEMO, directory, sandbox=False)
    check_sender("me@example.com", DEMO, directory, sandbox=False)
    check_sender("me@stranger.example", DEMO, directory, sandbox=True)
    with pytest.raises(Refused, match=r"relay domain add stranger\.example"):
        check_sender("me@stranger.example", DEMO, directory, sandbox=False)
