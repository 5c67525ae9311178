"""Who may send as whom, and with which key it is signed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from relay.model.account import Credential
from relay.model.options import NOTHING, Options
from relay.model.reply import Refused
from relay.store.sqlite import SqliteRegistry
from relay.submission.choice import Choice, Chooser
from relay.submission.directory import Directory
from relay.submission.permit import Permit, author_of, check_sender, permit
from relay.transform.headers import read_header
from tests.submission.accounts import APP, furnished

OTHER = replace(APP, username="x", account="other")


def granted(*grants: str) -> Credential:
    return replace(APP, grants=frozenset(grants))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqliteRegistry]:
    registry = furnished(tmp_path)
    yield registry
    registry.close()


@pytest.fixture
def directory(registry: SqliteRegistry) -> Directory:
    return Directory(registry)


def ask(
    directory: Directory,
    author: str,
    envelope: str = "me@example.com",
    *,
    credential: Credential = APP,
    sandbox: bool = False,
    options: Options = NOTHING,
    hostname: str = "relay.example",
) -> tuple[Permit, Choice]:
    """What is permitted, and who signs it."""
    address = author_of(read_header(f"From: {author}\r\n".encode()))
    granted = permit(address, envelope, credential, directory, sandbox=sandbox)
    return granted, Chooser(directory, hostname).choose(granted.domain, options, credential, sandbox=sandbox)


def names(choice: Choice) -> list[str]:
    return [f"{each.selector} {each.domain}" for each in choice.signers]


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
    granted, choice = ask(directory, author, envelope)
    assert granted.domain is not None and granted.domain.name == "example.com"
    assert names(choice) == ["r1 example.com", "e1 example.com"]
    assert granted.warnings == choice.warnings == ()


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
    with pytest.raises(Refused, match=r"special\.example\.com has no usable DKIM key"):
        ask(directory, "me@x.special.example.com", "", credential=OTHER)
    with pytest.raises(Refused, match="not a verified domain of account other"):
        ask(directory, "me@example.com", "", credential=OTHER)


def test_a_verified_domain_without_a_key_is_put_off_and_the_operator_told(
    directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "relay.submission"), pytest.raises(Refused) as caught:
        ask(directory, "me@keyless.example")
    assert str(caught.value.reply).startswith("451 4.7.5 keyless.example has no usable DKIM key")
    assert "relay dkim make keyless.example" in caplog.text


def test_the_sandbox_lets_all_through_and_says_what_is_missing(directory: Directory) -> None:
    granted, choice = ask(directory, "me@example.com", sandbox=True)
    assert granted.warnings == choice.warnings == ()
    granted, choice = ask(directory, "me@stranger.example", "x@elsewhere.example", sandbox=True)
    assert names(choice) == ["r1 example.com", "e1 example.com"]
    assert [each.split(";")[0] for each in granted.warnings] == [
        "would be refused outside the sandbox: 550 5.7.1 From: stranger.example is not a verified domain of account "
        "demo",
        "would be refused outside the sandbox: 550 5.7.1 the envelope sender: elsewhere.example is not a verified "
        "domain of account demo",
    ]
    assert choice.warnings == ("signed with the demo key of example.com",)
    granted, _ = ask(directory, "me@example.com", "x@elsewhere.example", sandbox=True)
    [warning] = granted.warnings
    assert "the envelope sender: elsewhere.example is not a verified domain" in warning
    _, choice = ask(directory, "me@keyless.example", "", sandbox=True)
    assert choice.warnings[0].endswith("no DKIM key; relay dkim make keyless.example")
    _, choice = ask(directory, "me@x.example", "", credential=OTHER, sandbox=True)
    assert choice == Choice((), ("signed by nobody: the account has no key",))


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
def test_exactly_one_author_is_wanted_everywhere(header: str, text: str) -> None:
    with pytest.raises(Refused) as caught:
        author_of(read_header(header.encode()))
    assert (caught.value.reply.code, caught.value.reply.status) == (554, "5.6.0")
    assert text in caught.value.reply.text


def test_a_group_of_one_is_an_author() -> None:
    assert author_of(read_header(b"From: Team: Me <me@example.com>;\r\n")) == "me@example.com"


def test_mail_can_be_answered_before_the_message_comes(directory: Directory) -> None:
    check_sender("", APP, directory, sandbox=False)
    check_sender("me@example.com", APP, directory, sandbox=False)
    check_sender("me@stranger.example", APP, directory, sandbox=True)
    with pytest.raises(Refused, match=r"relay domain add stranger\.example"):
        check_sender("me@stranger.example", APP, directory, sandbox=False)
    for grant in ("any-sender", "envelope"):
        check_sender("me@stranger.example", granted(grant), directory, sandbox=False)
    with pytest.raises(Refused, match="not a verified domain"):
        check_sender("me@stranger.example", granted("recipients"), directory, sandbox=False)


def test_any_sender_is_signed_as_the_relay_itself(directory: Directory, caplog: pytest.LogCaptureFixture) -> None:
    anybody = granted("any-sender")
    for author in ("me@stranger.example", "me@other.example", "me@pending.example"):
        found, choice = ask(directory, author, "x@y.example", credential=anybody, hostname="mx.example.com")
        assert (found, names(choice)) == (Permit(None), ["r1 example.com", "e1 example.com"])
    with caplog.at_level(logging.ERROR, "relay.submission"), pytest.raises(Refused) as caught:
        ask(directory, "me@stranger.example", credential=anybody)
    assert str(caught.value.reply) == (
        "451 4.7.5 this relay has no domain of its own yet to sign such mail with; relay domain add relay.example"
    )
    assert "relay.example is in no verified domain" in caplog.text
    with pytest.raises(Refused, match=r"keyless\.example has no usable DKIM key"):
        ask(directory, "me@stranger.example", credential=anybody, hostname="mx.keyless.example")
    # Its own domains are signed as themselves.
    found, choice = ask(directory, "me@example.com", credential=anybody)
    assert found.domain is not None and found.domain.name == "example.com"
    assert names(choice)[0] == "r1 example.com"


def test_the_grant_envelope_frees_the_reverse_path_and_nothing_else(directory: Directory) -> None:
    found, _ = ask(directory, "me@example.com", "x@elsewhere.example", credential=granted("envelope"))
    assert found.domain is not None
    with pytest.raises(Refused, match="From: elsewhere"):
        ask(directory, "x@elsewhere.example", credential=granted("envelope"))


@pytest.mark.parametrize(
    ("options", "signers"),
    [
        (Options(dkim=False), []),
        (Options(dkim_key="e1"), ["e1 example.com"]),
        (Options(dkim_key="Example.COM, E1"), ["e1 example.com"]),
        (Options(dkim_extra=("example.com,e1",)), ["r1 example.com", "e1 example.com"]),
        (Options(dkim=False, dkim_extra=("example.com,e1",)), ["e1 example.com"]),
        (Options(dkim_key="r1", dkim_extra=("example.com,e1",)), ["r1 example.com", "e1 example.com"]),
    ],
)
def test_a_message_may_choose_among_the_keys_of_its_account(
    directory: Directory, options: Options, signers: list[str]
) -> None:
    assert names(ask(directory, "me@example.com", options=options)[1]) == signers


def test_keys_that_always_sign_do_so_beside_all_others_of_their_account(
    directory: Directory, registry: SqliteRegistry
) -> None:
    good = registry.keys("example.com")[0]
    registry.add_key(replace(good, domain="keyless.example", selector="all", custom=True, always=True))
    assert names(ask(directory, "me@example.com")[1])[-1] == "all keyless.example"
    assert names(ask(directory, "me@example.com", options=Options(dkim_key="r1"))[1]) == [
        "r1 example.com",
        "all keyless.example",
    ]
    assert names(ask(directory, "me@example.com", options=Options(dkim=False))[1]) == []
    assert len(names(ask(directory, "me@keyless.example")[1])) == 1


@pytest.mark.parametrize(
    ("options", "reply"),
    [
        (Options(dkim_key="e9"), "554 5.6.0 dkim_key: example.com has no active key e9"),
        (Options(dkim_key="old"), "554 5.6.0 dkim_key: example.com has no active key old"),
        (Options(dkim_key="broken"), "451 4.7.5 dkim_key: the key broken of example.com cannot be used"),
        (
            Options(dkim_key="other.example,o1"),
            "550 5.7.1 dkim_key: other.example is no verified domain of account demo",
        ),
        (Options(dkim_extra=("nowhere.example,o1",)), "550 5.7.1 dkim_extra: nowhere.example is no verified domain"),
        (Options(dkim_key="pending.example,e1"), "550 5.7.1 dkim_key: pending.example is no verified domain"),
        (Options(dkim_key="a b,e1"), "554 5.6.0 dkim_key: not a domain name"),
    ],
)
def test_a_key_that_cannot_sign_is_named(
    directory: Directory, registry: SqliteRegistry, options: Options, reply: str
) -> None:
    good = registry.keys("example.com")[0]
    registry.add_key(replace(good, selector="old"))
    registry.retire_key("example.com", "old")
    registry.add_key(replace(good, selector="broken", private_pem="nonsense"))
    with pytest.raises(Refused) as caught:
        ask(directory, "me@example.com", options=options)
    assert str(caught.value.reply).startswith(reply)


def test_the_relays_own_domain_may_sign_beside_an_accounts(directory: Directory) -> None:
    options = Options(dkim_extra=("example.com,r1",))
    credential = replace(OTHER, grants=frozenset({"any-sender", "dkim"}))
    _, choice = ask(directory, "me@x.example", credential=credential, options=options, hostname="mx.example.com")
    assert names(choice) == ["r1 example.com", "e1 example.com"]
    with pytest.raises(Refused, match=r"example\.com is no verified domain of account other"):
        ask(directory, "me@x.example", credential=credential, options=options, sandbox=True)
    with pytest.raises(Refused, match="give domain,selector"):
        ask(directory, "me@x.example", credential=credential, options=Options(dkim_key="r1"), hostname="example.com")
