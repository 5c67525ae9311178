"""List-Unsubscribe, List-ID and Feedback-ID: what is added to a message, what is kept, and that it is signed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from relay.model.options import Options, Unsubscribe
from relay.model.token import TOKEN_LENGTH, Purpose
from relay.transform.dkim import Signer, sign
from relay.transform.edit import Hole, fill
from relay.transform.headers import read_header, splice
from relay.transform.listheaders import (
    ListFields,
    Wanted,
    allows_one_click,
    list_fields,
    sender_id,
    unsubscribe_uris,
    wanted,
)
from tests.transform.verifiers import dkimpy, keys

BASE = b"https://clicks.example.com"
TOKEN = b"T" * TOKEN_LENGTH
MINE = b"List-Unsubscribe: <https://clicks.example.com/" + TOKEN + b"-unsubscribe>"
CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
OWN = "List-Unsubscribe: <mailto:leave@example.com>,\r\n <https://example.com/leave>\r\n"


def message(lines: str = "") -> bytes:
    return f"From: me@example.com\r\n{lines}Subject: hi\r\n\r\nhello\r\n".encode()


def told(lines: str = "", **want: Any) -> ListFields:
    return list_fields(read_header(message(lines)), Wanted(**want))


def filled(found: ListFields) -> bytes:
    def token(hole: Hole) -> bytes:
        assert hole == Hole(Purpose.UNSUBSCRIBE)
        return TOKEN

    return b"".join(fill(each, token) for each in found.add)


def written(lines: str = "", **want: Any) -> bytes:
    """The whole message with its new fields."""
    found = told(lines, **want)
    return splice(read_header(message(lines)), found.remove, [filled(found)])


def test_nothing_wanted_is_nothing_done() -> None:
    assert told(OWN + "Feedback-ID: a:b:c:d\r\n") == ListFields()


def test_our_page_comes_first_with_one_click_and_the_address_after_it() -> None:
    assert filled(told(unsubscribe=True, base=BASE)) == MINE + b"\r\n" + CLICK
    both = filled(told(unsubscribe=True, base=BASE, mailto="leave@example.com?subject=x"))
    assert both == MINE + b",\r\n <mailto:leave@example.com?subject=x>\r\n" + CLICK
    assert filled(told(unsubscribe=True, base=BASE, one_click=False)) == MINE + b"\r\n"


def test_the_senders_own_page_takes_the_place_of_ours() -> None:
    found = told(unsubscribe=True, base=BASE, url="https://example.com/u?id=1")
    assert filled(found) == b"List-Unsubscribe: <https://example.com/u?id=1>\r\n" + CLICK
    assert found.warnings == ()
    plain = told(unsubscribe=True, base=BASE, url="http://example.com/u")
    assert filled(plain) == b"List-Unsubscribe: <http://example.com/u>\r\n"
    assert plain.warnings == (
        "unsubscribe: one click takes https, so http://example.com/u is named without List-Unsubscribe-Post",
    )


def test_a_pair_that_works_with_one_click_stays_as_it_is() -> None:
    assert told(OWN + CLICK.decode(), unsubscribe=True, base=BASE) == ListFields()
    spaced = "list-unsubscribe-post:  list-unsubscribe=one-click \r\n"
    assert told(OWN + spaced, unsubscribe=True, base=BASE) == ListFields()
    assert told(OWN, unsubscribe=True, base=BASE, one_click=False) == ListFields()


@pytest.mark.parametrize(
    "lines",
    [
        OWN,
        OWN + OWN + CLICK.decode(),
        OWN + "List-Unsubscribe-Post: yes\r\n",
        OWN.replace("https", "http") + CLICK.decode(),
    ],
)
def test_what_does_not_work_with_one_click_is_replaced_and_its_addresses_are_kept(lines: str) -> None:
    content = written(lines, unsubscribe=True, base=BASE)
    assert content.count(b"nsubscribe: ") == 1
    assert content.startswith(MINE + b",\r\n <mailto:leave@example.com>\r\n" + CLICK)
    assert content.count(CLICK) == 1
    assert content.endswith(b"From: me@example.com\r\nSubject: hi\r\n\r\nhello\r\n")
    (warning,) = told(lines, unsubscribe=True, base=BASE).warnings
    assert warning.endswith("://example.com/leave of the message gave way; unsubscribe_url keeps it")


def test_without_a_page_an_address_is_named_or_nothing_and_it_is_told() -> None:
    nothing = told(unsubscribe=True)
    assert (nothing.add, nothing.remove) == ((), ())
    assert nothing.warnings[0].startswith("unsubscribe: there is no host for links here")
    assert filled(told(unsubscribe=True, mailto="l@example.com")) == b"List-Unsubscribe: <mailto:l@example.com>\r\n"
    kept = told(OWN, unsubscribe=True)
    assert filled(kept) == b"List-Unsubscribe: <mailto:leave@example.com>\r\n"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.com", True),
        ("HTTPS://example.com", True),
        ("http://example.com", False),
        ("http://127.0.0.1:8025/x", True),
        ("http://[::1]:8025", True),
        ("http://localhost:8025", True),
        ("http://localhost.example.com", False),
        ("mailto:a@example.com", False),
        ("https://[", False),
    ],
)
def test_one_click_takes_https_or_this_machine(url: str, allowed: bool) -> None:
    assert allows_one_click(url) is allowed


def test_uris_of_the_message_are_read_with_folds_and_comments() -> None:
    lines = "List-Unsubscribe: (by mail) <mailto:a@\r\n example.com>, <https://e.com/a\r\n\tb>\r\n"
    assert unsubscribe_uris(read_header(message(lines))) == ("mailto:a@example.com", "https://e.com/ab")
    assert unsubscribe_uris(read_header(message())) == ()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("news.example.com", "List-ID: <news.example.com>"),
        ("News of Example <news.example.com>", "List-ID: News of Example <news.example.com>"),
        ('News, "weekly" <n.example.com>', 'List-ID: "News, \\"weekly\\"" <n.example.com>'),
        ("Grüße <n.example.com>", "List-ID: =?utf-8?B?R3LDvMOfZQ==?= <n.example.com>"),
    ],
)
def test_a_list_id_is_written_where_there_is_none(given: str, line: str) -> None:
    assert filled(told(list_id=given)) == line.encode() + b"\r\n"
    assert told("List-Id: <other.example.com>\r\n", list_id=given) == ListFields()


def test_long_values_are_folded() -> None:
    for name in ("word " * 45, "com,ma " * 30, "ünï " * 40):
        lines = filled(told(list_id=f"{name.strip()} <news.example.com>")).split(b"\r\n")
        assert all(len(each) <= 78 for each in lines)
        assert len(lines) > 3
        assert re.sub(rb"\r\n ", b" ", b"\r\n".join(lines)).count(b"\r\n") == 1
    long = filled(told(sender_id="shop-abcdef", generated=("c" * 90, "a" * 90, "s" * 90)))
    assert long == b"Feedback-ID:\r\n " + b":".join((b"c" * 40, b"a" * 40, b"s" * 40, b"shop-abcdef")) + b"\r\n"


def test_feedback_id_ends_in_our_sender_id_whoever_wrote_its_first_fields() -> None:
    made: dict[str, Any] = {"sender_id": "shop-abcdef", "generated": ("spring: 1", "shop", "bulk")}
    assert filled(told(**made)) == b"Feedback-ID: spring-1:shop:bulk:shop-abcdef\r\n"
    assert filled(told(**made, feedback="a:b")) == b"Feedback-ID: a:b::shop-abcdef\r\n"
    content = written("Feedback-ID: x:y:\r\n z:Theirs\r\nFeedback-ID: 2\r\n", **made)
    assert content.lower().count(b"feedback-id") == 1
    assert content.startswith(b"Feedback-ID: x:y:z:shop-abcdef\r\n")
    assert filled(told("Feedback-ID: x:y\r\n", **made)) == b"Feedback-ID: x:y::shop-abcdef\r\n"


def test_a_sender_id_is_5_to_15_characters_and_the_same_for_an_account_of_a_relay() -> None:
    found = {sender_id(host, name) for host in ("r.example", "s.example") for name in ("shop", "shöp: 1", "x" * 99)}
    assert len(found) == 6
    assert all(re.fullmatch(r"[a-z0-9-]{5,15}", each) for each in found)
    assert sender_id("R.example", "shop") == sender_id("r.example", "shop")


def test_options_say_what_is_wanted() -> None:
    assert wanted(Options(), base=BASE, account="shop", hostname="r.example") == Wanted(
        base=BASE, generated=("", "shop", "")
    )
    options = Options(unsubscribe=Unsubscribe.BOTH, campaign="c", stream="bulk", one_click=False)
    found = wanted(options, base=BASE, account="shop", hostname="r.example")
    assert found.unsubscribe
    assert not found.one_click
    assert (found.generated, found.sender_id) == (("c", "shop", "bulk"), sender_id("r.example", "shop"))
    assert not wanted(Options(unsubscribe=Unsubscribe.LINK), base=BASE, account="s", hostname="r").unsubscribe
    assert wanted(Options(feedback_id="a:b"), base=BASE, account="s", hostname="r").sender_id


def test_all_of_them_are_covered_by_the_signature_and_cannot_be_added_to() -> None:
    content = written(unsubscribe=True, base=BASE, list_id="n.example.com", sender_id="shop-abcdef")
    signed = sign(content, [Signer.load(each) for each in keys()], 1_795_000_000.0)
    assert dkimpy(signed, keys()) == [True, True]
    for name in (b"List-Unsubscribe", b"List-Unsubscribe-Post", b"List-ID", b"Feedback-ID"):
        changed = re.sub(rb"(?m)^(%b: ?)(.)" % name, rb"\1x\2", signed, count=1)
        assert changed != signed
        assert dkimpy(changed, keys()) == [False, False]
    for name in (b"List-Unsubscribe", b"List-Unsubscribe-Post", b"Feedback-ID"):
        assert dkimpy(name + b": x\r\n" + signed, keys()) == [False, False]
