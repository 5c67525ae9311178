"""Files of suppressions: ours, and the exports of other services."""

from __future__ import annotations

import pytest

from relay.manage.suppression_files import Bad, Usual, read
from relay.manage.suppressions import COLUMNS, row
from relay.manage.times import instant
from relay.model.suppression import Cause, Suppression

NOW = instant("2026-05-01T08:00:00Z")


def taken(text: str, cause: str = "") -> list[Suppression | Bad]:
    usual = Usual(account="shop", cause=cause, created=NOW)
    return list(read(text.splitlines(keepends=True), frozenset({"shop"}), usual))


def entries(text: str, cause: str = "") -> list[Suppression]:
    found = taken(text, cause)
    assert not [each for each in found if isinstance(each, Bad)], found
    return [each for each in found if isinstance(each, Suppression)]


def test_an_address_a_line_is_enough() -> None:
    assert [each.address for each in entries("Ann@Example.net\n\n@gone.example\n")] == [
        "ann@example.net",
        "@gone.example",
    ]


def test_bounces_of_sendgrid_keep_their_reason_and_their_time() -> None:
    (found,) = entries('status,reason,email,created\n5.1.1,"550 no such user",ann@example.net,1700000000\n', "bounce")
    assert (found.address, found.cause, found.note) == ("ann@example.net", Cause.BOUNCE, "5.1.1 550 no such user")
    assert found.created == 1_700_000_000
    assert found.account == "shop"


def test_spam_reports_of_sendgrid_are_complaints() -> None:
    (found,) = entries("email,ip,created\nann@example.net,192.0.2.7,1700000000\n")
    assert found.cause is Cause.COMPLAINT


def test_bounces_of_mailgun_are_bounces() -> None:
    (found,) = entries(
        'address,code,error,created_at\nann@example.net,550,"No such mailbox","Fri, 21 Oct 2011 11:02:55 GMT"\n'
    )
    assert (found.cause, found.note) == (Cause.BOUNCE, "550 No such mailbox")
    assert found.created == instant("2011-10-21T11:02:55Z")


def test_unsubscribes_of_mailgun_are_of_the_groups_their_tags_name() -> None:
    lines = (
        '{"address": "ann@example.net", "tags": ["*"], "created_at": "Fri, 21 Oct 2011 11:02:55 UTC"}\n'
        '{"address": "bob@example.net", "tags": ["news", "offers"], "created_at": "Fri, 21 Oct 2011 11:02:55 UTC"}\n'
    )
    assert [(each.address, each.group, each.cause) for each in entries(lines)] == [
        ("ann@example.net", "", Cause.UNSUBSCRIBE),
        ("bob@example.net", "news", Cause.UNSUBSCRIBE),
        ("bob@example.net", "offers", Cause.UNSUBSCRIBE),
    ]


def test_postmark_tells_causes_and_who_asked() -> None:
    lines = (
        "EmailAddress,SuppressionReason,Origin,CreatedAt\n"
        "ann@example.net,HardBounce,Recipient,2019-12-17T08:58:33-05:00\n"
        "bob@example.net,SpamComplaint,Recipient,2019-12-17T08:58:33-05:00\n"
        "eve@example.net,ManualSuppression,Recipient,2019-12-17T08:58:33-05:00\n"
        "tom@example.net,ManualSuppression,Customer,2019-12-17T08:58:33-05:00\n"
    )
    assert [each.cause for each in entries(lines)] == [
        Cause.BOUNCE,
        Cause.COMPLAINT,
        Cause.UNSUBSCRIBE,
        Cause.HAND,
    ]
    assert entries(lines)[0].created == instant("2019-12-17T13:58:33Z")


def test_our_own_columns_come_as_json_objects_too() -> None:
    (found,) = entries('\ufeff{"address": "ann@example.net", "stream": "Bulk", "until": "30d", "note": "x"}\n')
    assert (found.stream, found.note, found.until) == ("bulk", "x", NOW + 30 * 86400)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("address,reason\nann@example.net,x\n", 1, "no column reason"),
        ("not an address\n", 1, "expected"),
        ("address\nann@example.net,2\n", 2, "2 values for 1 columns"),
        ('[{"address": "ann@example.net"}]\n', 1, "not a list"),
        ('{"address": "ann@example.net"}\n{"address"\n', 2, "not a JSON object"),
        ('{"address": "ann@example.net", "colour": "red"}\n', 1, "no property colour"),
        ('{"stream": "bulk"}\n', 1, "there is no address"),
        ("email,created\nann@example.net,yesterday\n", 2, "created"),
        ("address,until\nann@example.net,99999999999d\n", 2, "1970 and 9999"),
        ("address,created\nann@example.net,0001-01-01\n", 2, "1970 and 9999"),
        ("address,account\nann@example.net,other\n", 2, "no account other"),
        ("address,cause\nann@example.net,bounse\n", 2, "did you mean bounce"),
    ],
)
def test_what_a_line_cannot_say_is_told_with_its_number(text: str, line: int, why: str) -> None:
    bad = [each for each in taken(text) if isinstance(each, Bad)]
    assert [each.line for each in bad] == [line]
    assert why in bad[0].why


def test_bad_lines_take_nothing_from_the_others() -> None:
    found = taken("ann@example.net\nno address\nbob@example.net\n")
    assert [isinstance(each, Bad) for each in found] == [False, True, False]


def test_an_address_that_begins_as_a_comment_does_comes_back_from_an_export() -> None:
    (given,) = entries('{"address": "#ann@example.net", "note": "x"}\n')
    text = ",".join(COLUMNS) + "\n# a comment, with a comma\n#bob@example.net\n" + ",".join(row(given)) + "\n"
    assert entries(text) == [given]
    assert entries("address\n#ann@example.net\n# ann\nbob@example.net\n")[0].address == "bob@example.net"
